using ActorFT.Cluster.Status;

namespace ActorFT.PairBench.Parts;

/// <summary>A booted guest that does nothing: what its log takes, and what its leader costs.</summary>
internal static class IdlePart
{
    public static IEnumerable<Measurement> Measure(Options options, Action<string> say)
    {
        using BenchPair pair = new("actorft.run=idle");
        List<double> traffic = [], cores = [];
        for (int run = 0; run < options.Runs; run++)
        {
            (_, NodeStatus began) = pair.NextStatus(pair.Leader);
            double cpu = pair.ProcessorSeconds(pair.Leader);
            (_, NodeStatus ended) = pair.StatusOf(pair.Leader, began.AtUnixMs + (long)(options.Seconds * 1000));
            cores.Add((pair.ProcessorSeconds(pair.Leader) - cpu) * 1e5 / (ended.AtUnixMs - began.AtUnixMs));
            traffic.Add(Traffic.MegabitsPerSecond(began, ended));
            say($"idle {run + 1} of {options.Runs}: {traffic[^1]:F3} Mbit/s");
        }

        return [new("log, idle, each link", "Mbit/s", traffic, 0.5), new("leader of an idle machine", "% of a core", cores)];
    }
}
