namespace ActorFT.Storage.Mirror;

/// <summary>
/// How many bytes of a resync may be under way at a time. Pure: fed with what ended and how long it took. It begins small, grows while regions come soon, so
/// that neither devices nor the link wait for each other, and shrinks where they come late: on a slow link or device more under way would only wait longer.
/// </summary>
public sealed class ResyncWindow
{
    private const long SoonMs = 500, LateMs = 1_000;

    private readonly long _least, _most;

    /// <summary>Begins with the least.</summary>
    /// <param name="leastBytes">At least so many.</param>
    /// <param name="mostBytes">At most so many; never less than the least.</param>
    public ResyncWindow(long leastBytes, long mostBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(leastBytes, 1);
        (_least, _most, Bytes) = (leastBytes, Math.Max(leastBytes, mostBytes), leastBytes);
    }

    /// <summary>Bytes that may be under way.</summary>
    public long Bytes { get; private set; }

    /// <summary>A region has ended.</summary>
    /// <param name="bytes">Its length.</param>
    /// <param name="tookMs">From its beginning.</param>
    public void Ended(long bytes, long tookMs)
    {
        if (tookMs <= SoonMs) Bytes = Math.Min(_most, Bytes + bytes);
        else if (tookMs > LateMs) Bytes = Math.Max(_least, Bytes - bytes / 2);
    }

    /// <summary>A region did not come.</summary>
    public void Missed() => Bytes = _least;
}
