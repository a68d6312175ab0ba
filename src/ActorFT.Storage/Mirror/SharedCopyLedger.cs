using ActorFT.Machine.IO;

namespace ActorFT.Storage.Mirror;

/// <summary>What to do with a replica's request to a copy that both replicas share.</summary>
public enum LedgerAnswer : byte
{
    /// <summary>It is the first to ask: carry it out, then say so with <see cref="SharedCopyLedger.Completed"/>.</summary>
    Execute = 0,
    /// <summary>It is being carried out for the other replica: wait for the same result.</summary>
    Wait = 1,
    /// <summary>It was carried out for the other replica: the result is given.</summary>
    Replay = 2,
}

/// <summary>
/// When only one good copy is left, both replicas' identical requests go to it, at different times. Each is carried out once,
/// when the replica ahead issues it; the replica behind gets the same result, not what the disk holds by then.
/// DETERMINISM: a read issued again later could see writes that follow it in the replica ahead.
/// Pure; keyed by request id, which is the same on both replicas and rises.
/// </summary>
/// <param name="limit">Results kept for the replica behind, at most; the replica ahead must wait when it is reached.</param>
public sealed class SharedCopyLedger(int limit)
{
    private sealed class Entry(int firstSide)
    {
        internal int FirstSide { get; } = firstSide;
        internal BlockCompleted? Result { get; set; }
        internal bool IsAskedByBoth { get; set; }
    }

    private readonly Dictionary<ulong, Entry> _entries = [];

    /// <summary>Whether the replica ahead must wait before it issues more: results for the one behind are at their limit.</summary>
    public bool IsFull => _entries.Count >= limit;

    /// <summary>Requests held for the replica behind or being carried out.</summary>
    public int Count => _entries.Count;

    /// <summary>A replica issues a request.</summary>
    /// <param name="requestId">The guest request's id.</param>
    /// <param name="side">Which replica: 0 or 1.</param>
    /// <param name="result">The result, for <see cref="LedgerAnswer.Replay"/>.</param>
    public LedgerAnswer Ask(ulong requestId, int side, out BlockCompleted? result)
    {
        result = null;
        if (!_entries.TryGetValue(requestId, out Entry? entry))
        {
            _entries[requestId] = new Entry(side);
            return LedgerAnswer.Execute;
        }
        // Asked again by the same replica, after it was restored: the same answer again.
        if (entry.FirstSide != side) entry.IsAskedByBoth = true;
        if (entry.Result is null) return LedgerAnswer.Wait;
        result = entry.Result;
        if (entry.IsAskedByBoth) _entries.Remove(requestId);
        return LedgerAnswer.Replay;
    }

    /// <summary>A request was carried out. True if the other replica waits for it already and is to be given the result now.</summary>
    public bool Completed(BlockCompleted result)
    {
        if (!_entries.TryGetValue(result.RequestId, out Entry? entry)) return false;
        entry.Result = result;
        if (!entry.IsAskedByBoth) return false;
        _entries.Remove(result.RequestId);
        return true;
    }

    /// <summary>One replica is gone: nothing is kept for it any more.</summary>
    public void Forget()
    {
        foreach (ulong id in _entries.Where(e => e.Value.Result is not null).Select(e => e.Key).ToList()) _entries.Remove(id);
    }
}
