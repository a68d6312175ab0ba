namespace ActorFT.Machine.Memory;

/// <summary>
/// Looks slowly and for ever at memory that nobody writes: a bit that flips there shows in no digest, for only written pages are hashed
/// anew. Hashes a few pages a call, at a rate, and compares. Touches neither guest state nor what is digested, so that the two servers may
/// scrub at different times, or one not at all.
/// </summary>
public sealed class MemoryScrub
{
    /// <summary>Pages hashed in one call, at most, however long ago the last call was: a round hardly waits.</summary>
    public const int MaxPagesAtOnce = 16;

    /// <summary>Flags looked at in one call, at most: memory that was never touched is passed over quickly, but not in one go.</summary>
    public const int MaxFlagsAtOnce = 1024;

    private readonly double _pagesPerNs;
    private double _allowance;
    private ulong _continuedNs;
    private int _next;

    /// <summary>Creates it.</summary>
    /// <param name="bytesPerSecond">Memory hashed, at most; 0 scrubs nothing.</param>
    public MemoryScrub(ulong bytesPerSecond) => _pagesPerNs = bytesPerSecond / 1e9 / GuestMemory.PageBytes;

    /// <summary>How often all pages were gone through.</summary>
    public long Passes { get; private set; }

    /// <summary>Goes on from where the last call ended, as far as the time since then allows.</summary>
    /// <param name="memory">The memory; another one than in the last call is gone on with in the middle.</param>
    /// <param name="nowNs">Any clock that does not fall.</param>
    /// <returns>A page that changed without being written, or -1.</returns>
    public int Continue(GuestMemory memory, ulong nowNs)
    {
        _allowance = Math.Min(MaxPagesAtOnce, _allowance + (nowNs - _continuedNs) * _pagesPerNs);
        _continuedNs = nowNs;
        for (int flags = Math.Min(MaxFlagsAtOnce, memory.PageCount); flags > 0 && _allowance >= 1; flags--)
        {
            if (_next >= memory.PageCount)
            {
                _next = 0;
                Passes++;
            }

            int page = _next++;
            if (!memory.IsKept(page)) continue;
            _allowance--;
            if (memory.IsCorrupted(page)) return page;
        }

        return -1;
    }
}
