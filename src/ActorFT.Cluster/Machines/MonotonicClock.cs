using System.Diagnostics;

namespace ActorFT.Cluster.Machines;

/// <summary>The shell's only clock: nanoseconds since an arbitrary moment, never falling.</summary>
public static class MonotonicClock
{
    private static readonly double s_nsPerTick = 1e9 / Stopwatch.Frequency;

    /// <summary>Now.</summary>
    public static ulong NowNs => (ulong)(Stopwatch.GetTimestamp() * s_nsPerTick);
}
