using System.Diagnostics;

namespace ActorFT.Node.Running;

/// <summary>
/// The real, monotonic clock in a machine's scale: nanoseconds since power-on. Runs on while the machine is idle or being
/// saved; starts at the machine's own time, so that a restored machine's time goes on from where it was saved.
/// </summary>
internal sealed class RoundClock
{
    private readonly ulong _startNs;
    private readonly long _startTimestamp;
    private readonly Func<long> _timestampNs;

    /// <summary>Starts the clock.</summary>
    /// <param name="startNs">The machine's time now.</param>
    /// <param name="timestampNs">A monotonic source in nanoseconds; null for the host's.</param>
    public RoundClock(ulong startNs, Func<long>? timestampNs = null)
    {
        _timestampNs = timestampNs ?? HostNs;
        _startNs = startNs;
        _startTimestamp = _timestampNs();
    }

    /// <summary>Now.</summary>
    public ulong NowNs => _startNs + (ulong)Math.Max(0, _timestampNs() - _startTimestamp);

    private static long HostNs() => (long)((Int128)Stopwatch.GetTimestamp() * 1_000_000_000 / Stopwatch.Frequency);
}
