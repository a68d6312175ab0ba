using ActorFT.Cluster.Status;

namespace ActorFT.PairBench.Parts;

/// <summary>
/// Both vCPUs compute SHA-256 without end. Duplex and simplex take turns in one run of one machine, the leader on core 0, the follower on
/// core 1: instructions retired per second by the leader's own counters.
/// </summary>
internal static class ThroughputPart
{
    // Hosts whose speed changes within a minute exist: more neighbours for a median.
    private const int TurnsOfARun = 2;

    private const string Work = "w(){ while :; do sha256sum /bin/busybox >/dev/null; done; }; w & w";

    public static IEnumerable<Measurement> Measure(Options options, Action<string> say)
    {
        using BenchPair pair = new(ActorFT.EndToEnd.Machines.Guest.Command(Work));
        List<double> ratios = [], cpuRatios = [], duplexes = [], simplexes = [], traffic = [], cores = [], fresh = [];
        pair.PutOnCore(pair.Leader, 0);
        int turns = TurnsOfARun * options.Runs;
        for (int turn = 1; turn <= turns; turn++)
        {
            pair.PutOnCore(pair.Follower, 1);
            // A follower that has just come runs code that .NET has not compiled well yet.
            Window first = Take(pair, options.Seconds), duplex = first, simplex = default;
            for (int warm = 0; warm < options.WarmUps; warm++) duplex = Take(pair, options.Seconds);
            pair.KillAndRestart(pair.Follower, () => simplex = TakeSimplex(pair, options.Seconds));
            duplexes.Add(duplex.Rate / 1e6);
            simplexes.Add(simplex.Rate / 1e6);
            ratios.Add(duplex.Rate / simplex.Rate);
            cpuRatios.Add(duplex.RatePerCore / simplex.RatePerCore);
            traffic.Add(duplex.Megabits);
            cores.Add(duplex.Cores);
            fresh.Add(first.Rate / simplex.Rate);
            say($"turn {turn} of {turns}: duplex {first.Rate / 1e6:F0}, warm {duplex.Rate / 1e6:F0} M/s, simplex {simplex.Rate / 1e6:F0} M/s; leader and follower had {duplex.Cores:F2} and {duplex.FollowerCores:F2} of a core, pace {duplex.Pace} %, lag {duplex.LagMs:F0} ms; alone {simplex.Cores:F2}");
        }

        return
        [
            new("throughput, duplex / simplex, by the clock", "ratio", ratios, 0.90, IsMoreBetter: true),
            new("throughput, duplex / simplex, per second of the leader's processor time", "ratio", cpuRatios),
            new("throughput, duplex / simplex, just after the follower came", "ratio", fresh),
            new("duplex", "M instr/s", duplexes),
            new("simplex", "M instr/s", simplexes),
            new("what the leader got of its core in duplex", "cores", cores),
            new("log, computing, each link", "Mbit/s", traffic, 20),
        ];
    }

    private readonly record struct Window(double Rate, double Cores, double FollowerCores, double Megabits, int Pace, double LagMs)
    {
        public double RatePerCore => Rate / Cores;
    }

    // A host's cores are not equally fast, and no pair can be faster than the slower of its servers: on both, and the slower one counts.
    private static Window TakeSimplex(BenchPair pair, double seconds)
    {
        Window first = Take(pair, seconds);
        pair.PutOnCore(pair.Leader, 1);
        Window second = Take(pair, seconds);
        pair.PutOnCore(pair.Leader, 0);
        return second.Rate < first.Rate ? second : first;
    }

    private static Window Take(BenchPair pair, double seconds)
    {
        (MachineStatus first, NodeStatus began) = pair.NextStatus(pair.Leader);
        double cpuBefore = pair.ProcessorSeconds(pair.Leader), followerBefore = pair.ProcessorSeconds(pair.Follower);
        (MachineStatus last, NodeStatus ended) = pair.StatusOf(pair.Leader, began.AtUnixMs + (long)(seconds * 1000));
        double cpu = pair.ProcessorSeconds(pair.Leader) - cpuBefore, took = (ended.AtUnixMs - began.AtUnixMs) / 1e3;
        double retired = last.Vcpus.Sum(vcpu => (double)vcpu.Retired) - first.Vcpus.Sum(vcpu => (double)vcpu.Retired);
        return new Window(retired / took, cpu / took, (pair.ProcessorSeconds(pair.Follower) - followerBefore) / took, Traffic.MegabitsPerSecond(began, ended), last.PacePercent, last.LagNs / 1e6);
    }
}
