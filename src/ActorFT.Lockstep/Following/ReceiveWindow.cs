using ActorFT.Lockstep.Records;

namespace ActorFT.Lockstep.Following;

/// <summary>
/// Records received and not executed. Two paths bring each twice and out of order; those that came too early wait.
/// Invariant: stored records continue one another without a gap from the executed round on; only they are acknowledged.
/// </summary>
internal sealed class ReceiveWindow
{
    private const int MaxEarly = 256;

    private readonly Queue<Record> _stored = new();
    private readonly SortedDictionary<ulong, Record> _early = [];
    private readonly int _maxStored;
    private readonly bool _acknowledgesGaps;

    public ReceiveWindow(ulong round, int maxStored, bool acknowledgesGaps = false)
    {
        StoredRound = round;
        _maxStored = maxStored;
        _acknowledgesGaps = acknowledgesGaps;
    }

    /// <summary>All rounds before this one are stored.</summary>
    public ulong StoredRound { get; private set; }

    /// <summary>Records stored and not taken yet.</summary>
    public int Count => _stored.Count;

    /// <summary>Everything kept.</summary>
    public int KeptRecords => _stored.Count + _early.Count;

    /// <summary>Takes a record; whether more is stored now.</summary>
    public bool Offer(Record record)
    {
        if (record.EndRound <= StoredRound || _stored.Count >= _maxStored) return false;
        if (record.FirstRound != StoredRound && !_acknowledgesGaps)
        {
            // A stream's records never overlap: the leader sends again what it sent, cut the same way.
            if (record.FirstRound > StoredRound && _early.Count < MaxEarly) _early.TryAdd(record.FirstRound, record);
            return false;
        }
        Store(record);
        while (_stored.Count < _maxStored && _early.Remove(StoredRound, out Record? next)) Store(next);
        while (_early.Count != 0 && _early.First().Key < StoredRound) _early.Remove(_early.First().Key);
        return true;
    }

    /// <summary>The next record to execute, if there is one.</summary>
    public bool TryTake(out Record? record) => _stored.TryDequeue(out record);

    /// <summary>Forgets what was stored and not executed (a planted bug).</summary>
    internal void Forget() => _stored.Clear();

    private void Store(Record record)
    {
        _stored.Enqueue(record);
        StoredRound = record.EndRound;
    }
}
