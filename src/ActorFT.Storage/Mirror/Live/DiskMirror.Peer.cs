using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Storage.Mirror.Live;

// What the two sides tell each other: how copies stand, results of requests.
public sealed partial class DiskMirror
{
    private const long StandsIntervalMs = 1_000;

    // A flush of a copy that lacks something says nothing by itself. Once the copy is current it was flushed whole, and so were earlier flushes of a copy that
    // was out of service then.
    private PeerAnswer AnswerOf(Kept kept) => !kept.IsFlush ? kept.Answer
        : Use == CopyUse.Current && (kept.Answer == PeerAnswer.Ok || kept.RequestId <= _syncedPosition) ? PeerAnswer.Ok : PeerAnswer.Bad;

    private readonly SortedSet<ulong> _wants = []; // results that the peer waits for
    private long _saidStandsMs = long.MinValue / 2;
    private readonly HashSet<ulong> _readingAgain = []; // for the peer, results that were not kept

    private void Say(MirrorMessage message)
    {
        if (!_isPeerIn) return;
        _writer.Clear();
        MirrorCodec.Write(_writer, _pairing.Term, _pairing.Number, message);
        _host.Send(_writer.Written, message is RegionWanted or RegionTold);
    }

    private void SayStands()
    {
        if (!_isPeerIn || _nowMs - _saidStandsMs < StandsIntervalMs) return;
        _saidStandsMs = _nowMs;
        Say(new CopyStands(Use, Reason));
        Say(new RequestsEnded(0, s_abilities)); // this build tells what it ended: the peer may wait for that
    }

    /// <summary>Bytes of the peer's mirror arrived; they are the caller's again when this returns.</summary>
    public void Received(ReadOnlyMemory<byte> bytes)
    {
        MirrorMessage message;
        try
        {
            (ulong term, ulong number, message) = MirrorCodec.Read(bytes);
            if (!_isPeerIn || (term, number) != _pairing) return;
        }
        catch (StateFormatException)
        {
            return; // another build; its hello is refused with a sentence
        }

        switch (message)
        {
            case CopyStands stands: OnStands(stands); break;
            case InventoryWanted: OnInventoryWanted(); break;
            case Inventory inventory: OnInventory(inventory); break;
            case ResultWanted wanted: OnResultWanted(wanted); break;
            case ResultTold told: OnResult(told); break;
            case RegionWanted wanted: OnRegionWanted(wanted); break;
            case RegionTold told: OnRegion(told); break;
            case SyncWanted wanted: OnSyncWanted(wanted); break;
            case SyncTold told: OnSyncTold(told); break;
            case SyncConfirmed confirmed: OnSyncConfirmed(confirmed.Number); break;
            case RequestsEnded ended: OnRequestsEnded(ended); break;
            case EndedHeard heard: _endedTold.Remove(heard.Number); break;
        }
    }

    private void OnStands(CopyStands stands)
    {
        bool isNew = _peerUse != stands.Use;
        (_peerUse, _peerReason) = (stands.Use, stands.Reason);
        if (!isNew) return;
        _saidStandsMs = long.MinValue / 2;
        SayStands(); // a peer that has just begun does not know how this copy stands
        if (stands.Use == CopyUse.Current) LackNothing();
        if (stands.Use == CopyUse.Current && Use == CopyUse.Current) _host.Record(copy => copy.SetNeedsFullCompare(false), _ => { });
        TellChanged();
        if (stands.Use != CopyUse.Current && Use == CopyUse.Rebuilding) DropPlan();
        ConsiderStale();
        BecomeSure();
        foreach (Entry entry in Snapshot()) Settle(entry);
    }

    private void AskPeer(Entry entry)
    {
        if (_nowMs - entry.AskedMs < _settings.AskAgainMs) return;
        entry.AskedMs = _nowMs;
        BlockRequested request = entry.Request;
        bool isRead = request.Operation == BlockOperation.Read;
        Say(new ResultWanted(request.RequestId, isRead ? request.OffsetBytes : entry.IsUnmade ? OfChange : 0, isRead ? request.LengthBytes : 0));
    }

    private void OnResult(ResultTold told)
    {
        if (told.RequestId == StandingRequest)
        {
            OnAnswer(told);
            return;
        }

        if (!_entries.TryGetValue(told.RequestId, out Entry? entry) || !entry.NeedsPeer)
        {
            TakeEarly(told, entry);
            return;
        }

        ulong expected = entry.Request.Operation == BlockOperation.Read ? entry.Request.LengthBytes : 0;
        (entry.Peer, entry.PeerData) = told.Answer == PeerAnswer.Ok && (ulong)told.Data.Length != expected ? (PeerAnswer.Bad, default) : (told.Answer, told.Data);
        Settle(entry);
    }

    // Both replicas make every request: what the peer asks for was made here, or will be.
    private void OnResultWanted(ResultWanted wanted)
    {
        ulong id = wanted.RequestId;
        if (id == StandingRequest) OnAsked(wanted);
        else if (wanted is { OffsetBytes: OfChange, LengthBytes: 0 }) OnWordWanted(id);
        else if (_kept.TryGetValue(id, out Kept? kept))
        {
            if (wanted.LengthBytes != 0) _askedLateMs = _nowMs;
            Say(new ResultTold(id, AnswerOf(kept), kept.Data));
        }
        else if (!HasEndedHere(id) || _entries.ContainsKey(id))
        {
            if (_wants.Count < _settings.KeptResults) _wants.Add(id);
        }
        else if (IsAsThen(wanted))
        {
            _askedLateMs = _nowMs;
            ReadAgain(wanted);
        }
        else Say(new ResultTold(id, PeerAnswer.Gone, default)); // ended here: no answer would come
    }

    // Whether the own copy still shows what a read that ended saw: nothing was written there since. A fast reader ends more in the time that the other
    // replica lags than is kept.
    private bool IsAsThen(ResultWanted read)
    {
        if (read.LengthBytes is 0 or > MirrorCodec.MaxData || !_geometry.IsValidRange(read.OffsetBytes, read.LengthBytes)) return false;
        if (Use != CopyUse.Current || !IsReadableHere((long)read.OffsetBytes, (long)read.LengthBytes)) return false;
        (int first, int last) = _geometry.RegionsOf((long)read.OffsetBytes, (long)read.LengthBytes);
        for (int region = first; region <= last; region++)
            if (_lastWrite[region] > read.RequestId) return false;
        return true;
    }

    // What is written from now on comes behind it: the worker keeps the order of overlapping requests.
    private void ReadAgain(ResultWanted read)
    {
        if (!_readingAgain.Add(read.RequestId)) return;
        int life = _life, copyLife = _copyLife;
        _host.Submit(new BlockRequested(0, ++_internalId, BlockOperation.Read, read.OffsetBytes, read.LengthBytes, default), outcome =>
        {
            if (life != _life) return;
            _readingAgain.Remove(read.RequestId);
            if (copyLife != _copyLife) return; // asked again
            bool isGood = outcome.Fault is null && outcome.Completed.Status == BlockStatus.Ok;
            Say(new ResultTold(read.RequestId, isGood ? PeerAnswer.Ok : PeerAnswer.Bad, isGood ? outcome.Completed.Data : default));
        });
    }
}
