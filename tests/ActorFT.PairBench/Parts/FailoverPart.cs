using System.Diagnostics;
using ActorFT.Cluster.Status;

namespace ActorFT.PairBench.Parts;

/// <summary>
/// The guest prints a counter as fast as it can. Its leader is killed, then stopped, again and again; the time is from the signal to
/// the first byte that the other server puts out. Between episodes: how long outputs were held, and what the log takes.
/// </summary>
internal static class FailoverPart
{
    private const int StatusMs = 2000;

    public static IEnumerable<Measurement> Measure(Options options, Action<string> say)
    {
        using BenchPair pair = new("actorft.run=counter", statusMs: StatusMs);
        List<double> killed = [], killedNew = [], stopped = [], holdP50 = [], holdP99 = [], traffic = [];
        for (int episode = 0; episode < options.Episodes; episode++)
        {
            MeasureOutputs(pair, holdP50, holdP99, traffic);
            (double first, double fresh) = Fail(pair, isKill: true);
            killed.Add(first);
            killedNew.Add(fresh);
            say($"kill {episode + 1} of {options.Episodes}: {first:F0} ms");
        }

        for (int episode = 0; episode < options.Silences; episode++)
        {
            stopped.Add(Fail(pair, isKill: false).FirstMs);
            say($"silence {episode + 1} of {options.Silences}: {stopped[^1]:F0} ms");
        }

        return
        [
            new("failover after SIGKILL: first output", "ms", killed, 300, 1000),
            new("failover after SIGKILL: first new output", "ms", killedNew),
            new("failover after silence (SIGSTOP)", "ms", stopped, 1500),
            new("output held, printing all the time, just after a server came back, p50 of 2 s", "ms", holdP50),
            new("output held, printing all the time, just after a server came back, p99 of 2 s", "ms", holdP99),
            new("log, printing all the time, each link", "Mbit/s", traffic, 20),
        ];
    }

    private static (double FirstMs, double NewMs) Fail(BenchPair pair, bool isKill)
    {
        pair.WaitUntilWhole();
        string victim = pair.Leader, survivor = pair.Follower;
        ConsoleTail old = new(pair.Pair.ConsolePath(victim)), tail = new(pair.Pair.ConsolePath(survivor));
        tail.ReadLines(); // what it wrote when it led before
        long since = Stopwatch.GetTimestamp();
        (double, double) result = default;
        long? seen = null;
        void Survive() => result = tail.WaitForNew(since, () => seen ??= ConsoleTail.LastCounter(old.ReadLines(), 0), 120,
            () => $"{victim} led; {pair.Pair.Describe()}");
        if (isKill) pair.KillAndRestart(victim, Survive);
        else pair.FreezeAndThaw(victim, Survive);
        return result;
    }

    private static void MeasureOutputs(BenchPair pair, List<double> holdP50, List<double> holdP99, List<double> traffic)
    {
        (_, NodeStatus before) = pair.NextStatus(pair.Leader); // ends an interval in which it was not protected yet
        (MachineStatus machine, NodeStatus node) = pair.StatusOf(pair.Leader, before.AtUnixMs + 1);
        holdP50.Add(machine.HoldP50Ms);
        holdP99.Add(machine.HoldP99Ms);
        traffic.Add(Traffic.MegabitsPerSecond(before, node));
    }
}
