namespace ActorFT.Lockstep.Messages;

/// <summary>
/// Tells the second copy of an envelope, which came on another path, before anybody decodes it: a record's inputs would be copied, and its
/// receiver woken, only to be ignored. For one machine's log; not thread-safe.
/// Invariant: never calls an envelope a copy that was not taken before; which copies it lets pass does not matter.
/// </summary>
public sealed class CopyFilter
{
    /// <summary>How far two paths may be apart for a copy to be told.</summary>
    private const int WindowMessages = 4096;

    // By sequence modulo the window: which of the last messages up to the newest were taken.
    private readonly ulong[] _taken = new ulong[WindowMessages / 64];
    private ulong _incarnation, _newest;

    /// <summary>Takes an envelope's bytes; false: the same was taken before.</summary>
    public bool TryTake(ReadOnlySpan<byte> bytes)
    {
        if (!LinkCodec.TryReadNumber(bytes, out ulong incarnation, out ulong sequence)) return true;
        if (incarnation != _incarnation)
        {
            Array.Clear(_taken);
            (_incarnation, _newest) = (incarnation, 0);
        }

        if (sequence > _newest) Advance(sequence);
        else if (_newest - sequence >= WindowMessages) return true;
        ref ulong word = ref _taken[sequence % WindowMessages / 64];
        ulong bit = 1UL << (int)(sequence % 64);
        if ((word & bit) != 0) return false;
        word |= bit;
        return true;
    }

    // What lies between was not taken; what falls out of the window makes room.
    private void Advance(ulong sequence)
    {
        if (sequence - _newest >= WindowMessages) Array.Clear(_taken);
        else
        {
            for (ulong passed = _newest + 1; passed <= sequence; passed++)
                _taken[passed % WindowMessages / 64] &= ~(1UL << (int)(passed % 64));
        }

        _newest = sequence;
    }
}
