using ActorFT.Cluster.Status;

namespace ActorFT.PairBench.Parts;

/// <summary>
/// How long outputs are held in lockstep, once both servers run code that .NET has compiled well: a guest that prints without pause, window
/// by window, by the leader's own counters (the latest 4096 outputs of each).
/// </summary>
internal static class HoldPart
{
    private const int WindowMs = 2000, Windows = 10, MaxWarmUps = 10;

    public static IEnumerable<Measurement> Measure(Options options, Action<string> say)
    {
        using BenchPair pair = new("actorft.run=counter", statusMs: WindowMs);
        List<double> p50 = [], p99 = [];
        int warmUps = Math.Min(MaxWarmUps, options.WarmUps * 3);
        for (int window = -warmUps; window < Windows; window++)
        {
            MachineStatus machine = pair.NextStatus(pair.Leader).Machine;
            say($"{(window < 0 ? "warm-up" : "window")}: p50 {machine.HoldP50Ms:F2} ms, p99 {machine.HoldP99Ms:F1} ms");
            if (window < 0) continue;
            p50.Add(machine.HoldP50Ms);
            p99.Add(machine.HoldP99Ms);
        }

        return [new("output held, printing all the time, warm, p50 of 2 s", "ms", p50, 2), new("output held, printing all the time, warm, p99 of 2 s", "ms", p99, 10)];
    }
}
