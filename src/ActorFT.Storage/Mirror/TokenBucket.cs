namespace ActorFT.Storage.Mirror;

/// <summary>
/// A throttle fed with time: says how long to wait before so many bytes may go. Pure: no clock of its own.
/// (The generic cell rate algorithm: one number, the time at which all taken so far is paid for.)
/// </summary>
public sealed class TokenBucket
{
    private readonly long _burstUs;
    private long _paidAtUs = long.MinValue / 2;

    /// <summary>Creates the bucket, full.</summary>
    /// <param name="bytesPerSecond">The rate; 0 for no limit.</param>
    /// <param name="burstBytes">What may go at once after a pause.</param>
    public TokenBucket(long bytesPerSecond, long burstBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytesPerSecond);
        ArgumentOutOfRangeException.ThrowIfNegative(burstBytes);
        BytesPerSecond = bytesPerSecond;
        _burstUs = CostUs(burstBytes);
    }

    /// <summary>The rate; 0 for no limit.</summary>
    public long BytesPerSecond { get; }

    /// <summary>Takes the bytes and returns the milliseconds to wait before they go, rounded up.</summary>
    public long Take(long nowMs, long bytes)
    {
        if (BytesPerSecond == 0) return 0;
        long nowUs = nowMs * 1000;
        _paidAtUs = Math.Max(_paidAtUs, nowUs - _burstUs) + CostUs(bytes);
        return Math.Max(0, (_paidAtUs - nowUs + 999) / 1000);
    }

    private long CostUs(long bytes) => BytesPerSecond == 0 ? 0 : (long)((Int128)bytes * 1_000_000 / BytesPerSecond);
}
