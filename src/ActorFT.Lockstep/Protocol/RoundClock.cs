namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// Stamps rounds. Machine time is real time: the leader's monotonic clock plus an offset. A follower learns the leader's
/// offset from the records it gets, so that a promoted one goes on from real time (the outage has passed for the guest too),
/// and never below the last round's time.
/// Invariant: times given never fall.
/// </summary>
internal sealed class RoundClock
{
    // Records arrive later than they were stamped, so every observation is at or below the truth: the highest of the last
    // 10 to 20 s is the best, and clocks that drift apart cannot pin it for ever.
    private const ulong WindowNs = 10_000_000_000;

    private readonly bool _goesBack;
    private ulong _lastNs, _windowStartNs;
    private long _offset, _best = long.MinValue, _bestBefore = long.MinValue;

    public RoundClock(bool goesBack) => _goesBack = goesBack;

    /// <summary>The time of the latest round.</summary>
    public ulong LastNs => _lastNs;

    /// <summary>Begins at power-on or at a loaded state: that time is now.</summary>
    public void Start(ulong timeNs, ulong nowNs)
    {
        _lastNs = timeNs;
        _offset = (long)timeNs - (long)nowNs;
        _best = _bestBefore = long.MinValue;
        _windowStartNs = nowNs;
    }

    /// <summary>A follower received a round of this time.</summary>
    public void Observe(ulong timeNs, ulong nowNs)
    {
        if (nowNs - _windowStartNs > WindowNs) (_bestBefore, _best, _windowStartNs) = (_best, long.MinValue, nowNs);
        _best = Math.Max(_best, (long)timeNs - (long)nowNs);
    }

    /// <summary>A round of this time was executed.</summary>
    public void Executed(ulong timeNs) => _lastNs = Math.Max(_lastNs, timeNs);

    /// <summary>A follower begins to lead: from here on its own clock, at the leader's offset, is the machine's.</summary>
    public void TakeOver(ulong nowNs)
    {
        long observed = Math.Max(_best, _bestBefore);
        if (observed != long.MinValue) _offset = observed;
        // Not ahead of the leader's clock, yet never back: the first rounds may share the last one's time.
        if ((long)nowNs + _offset < (long)_lastNs && !_goesBack) _offset = (long)_lastNs - (long)nowNs;
        if (_goesBack) (_offset, _lastNs) = (_offset - 5_000_000, 0);
    }

    /// <summary>The time for a round that begins now.</summary>
    public ulong Stamp(ulong nowNs) => Math.Max(_lastNs, (ulong)Math.Max(0, (long)nowNs + _offset));
}
