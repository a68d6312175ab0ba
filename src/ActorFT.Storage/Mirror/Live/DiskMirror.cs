using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// One server's side of one disk: its replica's requests go to its own copy, or, where that cannot serve, are answered by the peer's; what its own copy
/// lacks is fetched while both go on. Pure: no threads, no clock, no I/O; <see cref="IMirrorHost"/> has them. One caller at a time.
/// <code>
///           copy failed                opened again       every region equal, both flushed at one place, a member
///  CURRENT ─────────────► OUT ──────────────────────► REBUILDING ─────────────────────────────────────────► CURRENT
///     │ bad block: the region is fetched as in a rebuild, the copy stays current
/// </code>
/// Both replicas make the same requests, with the same ids, mutations (writes, zeroes, flushes) in the same order. A *position* is the id of the
/// last mutation given to a copy; it means the same on both servers.
/// Rules:
/// (1) a read is answered by what a copy held at the read's own place in the order: by the own copy, or by the peer's result of the same request, never
///     by reading again later;
/// (2) nothing is ended through the peer before it is durable here that the own copy is stale: a server that missed writes does not boot (design.md §3 rule 5);
/// (3) a flush ends when a copy that lacks nothing is stable.
/// This file: requests. Others: how the copy stands, the peer's questions, whether its copy is complete, results kept for it, results told unasked, a copy that stalls, resync, flushes at one place, scrub.
/// </summary>
public sealed partial class DiskMirror
{
    private sealed class Entry(BlockRequested request)
    {
        internal BlockRequested Request { get; } = request;
        internal BlockOutcome? Own { get; set; }
        internal bool IsOwnGood { get; set; }       // what the own copy answered counts
        internal bool IsOwnBad { get; set; }        // the own copy could not, or was not asked
        internal PeerAnswer? Peer { get; set; }
        internal ReadOnlyMemory<byte> PeerData { get; set; }
        internal bool NeedsPeer { get; set; }
        internal bool IsHeldByRecord { get; set; }  // ends only when a mark of this copy is durable
        internal long DeniedSinceMs { get; set; } = long.MaxValue; // since when no complete copy is known for it
        internal ulong Question { get; set; }       // whose answer says whether the peer's copy is complete
        internal bool IsUnmade { get; set; }        // a change that met a bad block of the own copy
        internal int[]? Lacks { get; set; }         // its regions, as long as this copy is not taken for lacking them
        internal long AskedMs { get; set; } = long.MinValue / 2;
        internal long BehindSinceMs { get; set; } = long.MaxValue; // since when the other side has ended it and this one has it; of the time that this side ran
    }

    private readonly DiskGeometry _geometry;
    private readonly ulong _blockSeed;
    private readonly ulong[] _lastWrite; // of this replica, by region, whether its copy has it or not
    private readonly MirrorSettings _settings;
    private readonly IMirrorHost _host;
    private readonly StateWriter _writer = new();
    private readonly SortedDictionary<ulong, Entry> _entries = [];
    private int _life; // rises when the machine is discarded: continuations of before are dropped
    private int _copyLife; // rises with every opening or loss of the copy
    private long _nowMs;
    private ulong _position; // the last mutation that this replica made
    private ulong _latest;   // the last request
    private ulong _stableThrough, _lostWithCopy, _lostThrough; // flushed; lost with the copy's memory; and with no other copy, and the guest was not told yet
    private bool _isStaleMarked;
    private bool _isPeerIn;
    private (ulong Term, ulong Number) _pairing;
    private bool _isSource;
    private ulong _base; // the position in the state that the peer was made from
    private CopyUse? _peerUse;
    private string _peerReason = "";

    /// <summary>Creates the mirror with its copy out of service: see <see cref="CopyOpened"/>.</summary>
    public DiskMirror(DiskName name, DiskGeometry geometry, MirrorSettings settings, IMirrorHost host)
    {
        _geometry = geometry;
        _lastWrite = new ulong[geometry.RegionCount];
        _blockSeed = BlockHash.Seed(name.Machine, name.Disk);
        _settings = settings;
        _host = host;
        _resyncBucket = new TokenBucket(settings.ResyncBytesPerSecond, settings.ResyncBytesPerSecond / 4);
        // No more than a moment's worth at a rate that an operator set.
        long mostBytes = settings.ResyncBytesPerSecond == 0 ? settings.ResyncWindowBytes : Math.Min(settings.ResyncWindowBytes, settings.ResyncBytesPerSecond / 8);
        _window = new ResyncWindow((long)settings.RegionsAtOnce * geometry.RegionBytes, mostBytes);
        _scrubBucket = new TokenBucket(settings.ScrubBytesPerSecond, settings.ScrubBytesPerSecond / 4);
    }

    /// <summary>How this server's copy stands.</summary>
    public CopyUse Use { get; private set; }

    /// <summary>
    /// How it stands for what this server does by itself. A follower whose machine waits for a read that only the peer's copy can give cannot come to where the leader
    /// is without it: its copy lacks something.
    /// </summary>
    public CopyUse UseAlone => IsNeeding ? CopyUse.Rebuilding : Use;

    /// <summary>Why it is not current.</summary>
    public string Reason { get; private set; } = "not opened yet";

    /// <summary>How the peer's stands; null when that is not known.</summary>
    public CopyUse? PeerUse => _isPeerIn ? _peerUse : null;

    /// <summary>Whether the peer's copy answers for this one.</summary>
    public bool IsServedByPeer => Use != CopyUse.Current && CanPeerServe;

    /// <summary>What was counted.</summary>
    public MirrorCounts Counts { get; private set; } = new(0, 0, 0, 0, 0, 0);

    private bool CanPeerServe => _isPeerIn && _peerUse == CopyUse.Current;

    /// <summary>The copy was opened.</summary>
    /// <param name="isCurrent">Whether it lacks nothing: by its own metadata, and by what this server knows.</param>
    /// <param name="reason">Why it is not current.</param>
    public void CopyOpened(bool isCurrent, string reason)
    {
        _copyLife++;
        ForgetLackRecords();
        ForgetLatencies();
        DropPlan();
        EndHeldOutcomes();
        _isUnsure = isCurrent && IsAsking;
        // What it lost now it gets from the other's copy; if it serves as it is, there was none. What it lost before as the only one, the other, made from it, has not either.
        if (isCurrent && !_isUnsure)
        {
            ServeAsIs();
            return;
        }

        if (!_isUnsure) _lostWithCopy = 0;
        Stand(CopyUse.Rebuilding, _isUnsure ? "the other server is asked whether its copy is complete" : reason);
    }

    /// <summary>The copy is taken out of service, or was never there.</summary>
    public void CopyOut(string reason)
    {
        if (Use == CopyUse.Out)
        {
            Reason = reason;
            return;
        }
        LoseCopy(reason);
    }

    /// <summary>Which pairing of replicas this side is in, before any message of it; the machine's requests are those of both from now on.</summary>
    /// <param name="term">The stream's term.</param>
    /// <param name="number">The stream's number.</param>
    /// <param name="isSource">Whether this side has the machine, and the other is made from it.</param>
    public void PeerIn(ulong term, ulong number, bool isSource)
    {
        if (isSource) PeerGone(); // one that is replaced at once was never told to be gone
        (_isPeerIn, _pairing, _isSource, _isEnrolled) = (true, (term, number), isSource, isSource);
        (_peerUse, _peerReason) = (null, "");
        ForgetQuestions(isPeerPerhapsComplete: !isSource); // what is made from this copy is not, before both have flushed at one place
        _wants.Clear();
        ForgetEarly();
        BeginTelling(isBased: !isSource);
        Leads(isSource); // it may be handed over later
        ReleaseHeldBack(int.MaxValue);
        _saidStandsMs = long.MinValue / 2;
        SayStands();
        TellChanged();
    }

    /// <summary>The machine's state is taken now, for the peer: what it made before is in that state.</summary>
    public void MarkBase() => (_base, _isBased) = (_position, true);

    /// <summary>This replica is alone.</summary>
    public void PeerGone()
    {
        if (!_isPeerIn) return;
        (_isPeerIn, _peerUse) = (false, null);
        ForgetQuestions(isPeerPerhapsComplete: false);
        _wants.Clear();
        ForgetEarly();
        ForgetKept();
        BeginTelling(isBased: false);
        ReleaseHeldBack(int.MaxValue);
        DropPlan();
        TellChanged();
        BecomeSure();
        foreach (Entry entry in Snapshot()) Settle(entry);
    }

    /// <summary>The machine is no more: its requests are forgotten. What was given to the copy is still done.</summary>
    public void Reset()
    {
        _life++;
        _entries.Clear();
        _ahead.Clear();
        _lacking.Clear();
        _notHere = 0;
        ForgetNotMade();
        Array.Clear(_lastWrite);
        _endedHere.Clear();
        _endedHereOrder.Clear();
        _endedHereFloor = 0;
        (_isPeerIn, _peerUse, _position, _latest, _base, _syncedPosition, _stableThrough, _lostWithCopy, _lostThrough) = (false, null, 0, 0, 0, 0, 0, 0, 0);
        ForgetQuestions(isPeerPerhapsComplete: false);
        _wants.Clear();
        ForgetEarly();
        ForgetKept();
        BeginTelling(isBased: false);
        _heldBack.Clear();
        DropPlan();
        NoteNeed();
        BecomeSure(); // as a node that starts takes it
    }

    /// <summary>The machine makes a request.</summary>
    public void Request(BlockRequested request)
    {
        bool isMutation = request.Operation != BlockOperation.Read;
        if (isMutation) HoldSyncBefore(request.RequestId);
        Entry entry = new(request);
        _entries[request.RequestId] = entry;
        _latest = Math.Max(_latest, request.RequestId);
        if (_endedThere.Contains(request.RequestId)) NoteEndedThere(request.RequestId);
        if (isMutation)
        {
            _position = Math.Max(_position, request.RequestId);
            if (request.LengthBytes != 0) NoteWritten(request);
        }

        bool asksOwn = Use != CopyUse.Out && (isMutation || _isUnsure || IsReadableHere(request));
        if (asksOwn) SubmitOwn(entry);
        else OwnCannot(entry);
        if (isMutation) ReachedPosition();
    }

    // Guest-controlled: a range outside the disk is the worker's to refuse, and concerns no region.
    private bool IsInside(BlockRequested request) => request.LengthBytes != 0 && _geometry.IsValidRange(request.OffsetBytes, request.LengthBytes);

    private void NoteWritten(BlockRequested request)
    {
        if (!IsInside(request)) return;
        (int first, int last) = _geometry.RegionsOf((long)request.OffsetBytes, (long)request.LengthBytes);
        for (int region = first; region <= last; region++) _lastWrite[region] = request.RequestId;
        _plan?.TargetWrote(request.RequestId, (long)request.OffsetBytes, (long)request.LengthBytes);
    }

    private bool IsReadableHere(BlockRequested request) => Use != CopyUse.Out && (!IsInside(request) || IsReadableHere((long)request.OffsetBytes, (long)request.LengthBytes));

    private bool IsReadableHere(long offset, long length) =>
        !IsAhead(offset, length) && (_settings.Bug == MirrorBug.ReadsWhatIsMissing || (_plan is not { } plan ? Use == CopyUse.Current
            // A complete copy is only looked at there, or has bad blocks, which its checksums tell.
            : Use == CopyUse.Current ? plan.IsReached(offset, length, _position) : plan.IsReadable(offset, length, _position)));

    // Regions that hold what the other replica had written at a place that this one has not come to, of a plan that is no more.
    private readonly Dictionary<int, ulong> _ahead = [];

    private bool IsAhead(long offset, long length)
    {
        if (_ahead.Count == 0) return false;
        (int first, int last) = _geometry.RegionsOf(offset, length);
        for (int region = first; region <= last; region++)
            if (_ahead.TryGetValue(region, out ulong from) && _position < from) return true;
        return false;
    }

    private void SubmitOwn(Entry entry)
    {
        int life = _life, copyLife = _copyLife;
        _host.Submit(entry.Request, outcome =>
        {
            if (life != _life) return;
            if (!_isUnsure || copyLife != _copyLife) OwnEnded(entry, outcome, isOfThisCopy: copyLife == _copyLife);
            else _heldOutcomes.Enqueue(() => { if (life == _life) OwnEnded(entry, outcome, isOfThisCopy: copyLife == _copyLife); });
        });
    }

    private void OwnEnded(Entry entry, BlockOutcome outcome, bool isOfThisCopy)
    {
        BlockRequested request = entry.Request;
        if (outcome.Fault is null || outcome.Fault == CopyFaultKind.BadRequest)
        {
            // A malformed request ends alike on both servers.
            entry.Own = outcome;
            NoteLatency(request.Operation, outcome);
            if (request.Operation == BlockOperation.Flush && IsFirstSinceLoss(entry)) return;
            Accept(entry);
            AcceptBehind(request);
            return;
        }

        if (!isOfThisCopy)
        {
            OwnCannot(entry);
            AcceptBehind(request);
            return;
        }

        if (outcome.BadBlocks.Count != 0 && _host.OnBadBlocks(Fresh(outcome.BadBlocks).Length))
        {
            FetchBadBlocks(outcome.BadBlocks, request, entry);
            OwnCannot(entry);
            AcceptBehind(request);
            return;
        }

        Fail(outcome.Fault.Value, outcome.Detail);
        OwnCannot(entry);
        AcceptBehind(request);
    }

    // A read was given to the copy behind the changes before it: had one of them not been made, it shows what was there before. So it counts when those
    // have been made, which may be told later than the read's own end, or have ended with an error: one that failed here may be in the other copy, and then that has the read's result.
    private void Accept(Entry entry)
    {
        if (entry.IsOwnGood || entry.IsOwnBad || entry.Own is not { } own) return;
        BlockRequested request = entry.Request;
        if (request.Operation == BlockOperation.Read && own.Completed.Status == BlockStatus.Ok)
        {
            bool isReadable = !_isPeerIn && _ahead.Count == 0 || IsReadableHere(request);
            if (HasChangeBefore(request, isReadable))
            {
                _isAnyReadHeld = true;
                return;
            }

            if (!isReadable)
            {
                entry.Own = null;
                OwnCannot(entry);
                return;
            }
        }

        entry.IsOwnGood = true;
        Keep(request, PeerAnswer.Ok, own.Completed.Data, own.Completed.Status);
        NoteMade(request, true);
        Settle(entry);
    }

    private void AcceptBehind(BlockRequested change)
    {
        if (!_isAnyReadHeld || change.Operation is BlockOperation.Read or BlockOperation.Flush) return;
        _isAnyReadHeld = false;
        foreach (Entry entry in Snapshot()) Accept(entry);
    }

    private bool _isAnyReadHeld; // perhaps

    private bool HasChangeBefore(BlockRequested read, bool isReadable)
    {
        foreach ((ulong id, Entry entry) in _entries)
        {
            if (id >= read.RequestId) return false;
            BlockRequested change = entry.Request;
            if (entry.Own is null && (!entry.IsOwnBad || isReadable) && change.Operation is not (BlockOperation.Read or BlockOperation.Flush)
                && change.OffsetBytes < read.OffsetBytes + read.LengthBytes && read.OffsetBytes < change.OffsetBytes + change.LengthBytes) return true;
        }

        return false;
    }

    // The only copy failed with writes in its memory that the guest had been told of: like an operating system that could not write back, the next flush
    // says so. A flush that ended well would vouch for them.
    private bool IsFirstSinceLoss(Entry flush)
    {
        _stableThrough = Math.Max(_stableThrough, flush.Request.RequestId);
        if (_lostThrough == 0 || flush.Request.RequestId <= _lostThrough) return false;
        flush.IsOwnBad = true;
        Keep(flush.Request, PeerAnswer.Bad, default, BlockStatus.IoError);
        EndWithError(flush, "writes of before were lost with its memory");
        return true;
    }

    private void OwnCannot(Entry entry)
    {
        if (!entry.IsOwnBad && (entry.IsUnmade || entry.Request.Operation == BlockOperation.Read)) _notHere++;
        entry.IsOwnBad = true;
        Keep(entry.Request, PeerAnswer.Bad, default, BlockStatus.IoError);
        NoteMade(entry.Request, false);
        Settle(entry);
        NoteNeed();
    }

    private int _notHere; // reads that have not ended and that the own copy cannot give, and changes that it met a bad block at
    private bool _wasNeeding;

    private bool IsNeeding => _notHere != 0 && Use == CopyUse.Current && _isPeerIn && !_leads;

    private void NoteNeed()
    {
        if (IsNeeding != _wasNeeding) TellChanged();
    }

    // What was told last is what a change is measured by: a copy that becomes current while a read needs the peer's is told as lacking something, and the read's end must be told then.
    private void TellChanged()
    {
        _wasNeeding = IsNeeding;
        _host.OnChanged();
    }

    /// <summary>Ends a request if it can be ended now.</summary>
    private void Settle(Entry entry)
    {
        if (!_entries.ContainsKey(entry.Request.RequestId)) return;
        BlockRequested request = entry.Request;
        if (entry is { IsOwnGood: true, Own: { } own } && !WaitsForPeersFlush(entry))
        {
            End(entry, own.Completed.Status, own.Completed.Data);
            return;
        }

        if (!entry.IsOwnGood && !entry.IsOwnBad || entry.IsHeldByRecord) return; // the own copy has not answered yet
        if (!_isPeerIn)
        {
            if (entry is { IsOwnGood: true, Own: { } alone }) End(entry, alone.Completed.Status, alone.Completed.Data);
            else EndWithError(entry, "there is no other copy now");
            return;
        }

        if (entry.IsUnmade && CanPeerServe && Use != CopyUse.Out)
        {
            if (!WaitsForWord) Lack(entry);
            if (!_entries.ContainsKey(request.RequestId) || !HasWord(entry)) return;
            Lack(entry);
            if (!_entries.ContainsKey(request.RequestId)) return;
        }

        // The other copy is made from this one, which lacks the change: it will not have it either.
        if (Use == CopyUse.Current && _peerUse != CopyUse.Current && request.Operation is not (BlockOperation.Read or BlockOperation.Flush))
        {
            Deny(entry, "the other copy is not complete");
            return;
        }

        if (Use != CopyUse.Current && (!_isStaleMarked || _isMarkingCurrent))
        {
            if (_isMarkingStale || _isMarkingCurrent) return;
            if (_peerUse != CopyUse.Current) Deny(entry, "the other copy is not complete");
            else if (!IsAsking) BeginMarkStale();
            return; // before that is durable nothing is ended through the peer (rule 2)
        }

        // A write is the other replica's too: its copy does it by itself, in its order.
        if (request.Operation is not (BlockOperation.Read or BlockOperation.Flush))
        {
            if (_peerUse == CopyUse.Current) End(entry, BlockStatus.Ok, default);
            else Deny(entry, "the other copy is not complete");
            return;
        }

        switch (entry.Peer)
        {
            case PeerAnswer.Ok when request.Operation == BlockOperation.Flush && _lostThrough != 0:
                EndWithError(entry, "writes of before were lost with its memory"); // the other copy was made from what was left
                break;
            case PeerAnswer.Ok: End(entry, BlockStatus.Ok, entry.PeerData); break;
            case PeerAnswer.Bad when request.Operation == BlockOperation.Flush:
                entry.Peer = null; // the other copy may have become complete just now: asked again
                Deny(entry, "the other copy is not complete");
                break;
            case PeerAnswer.Bad: EndWithError(entry, "the other copy cannot either"); break;
            case PeerAnswer.Gone: EndWithError(entry, "the other copy kept no result"); break;
            default:
                entry.NeedsPeer = true;
                if (!TryEarly(entry)) AskPeer(entry);
                break;
        }
    }

    // What a copy lacks, the peer's has: a flush covers it only when that one is stable too (rule 3). For a bad block the own copy's word is enough
    // when the peer cannot give its own.
    private bool WaitsForPeersFlush(Entry entry) =>
        entry.Request.Operation == BlockOperation.Flush && _isPeerIn && entry.Own!.Completed.Status == BlockStatus.Ok
        && (Use != CopyUse.Current || _plan is { IsComplete: false } && CanPeerServe && entry.Peer is null);

    private void End(Entry entry, BlockStatus status, ReadOnlyMemory<byte> data)
    {
        BlockRequested request = entry.Request;
        if (!_entries.Remove(request.RequestId)) return;
        if (_early.Count != 0) _early.Remove(request.RequestId);
        if (entry.IsOwnBad && (entry.IsUnmade || request.Operation == BlockOperation.Read)) _notHere--;
        NoteNeed();
        if (request.Operation is BlockOperation.Read or BlockOperation.Flush) RememberEnded(request.RequestId);
        Counts = Counts with { Requests = Counts.Requests + 1, FromPeer = Counts.FromPeer + (entry.NeedsPeer ? 1 : 0) };
        Complete(request, new BlockCompleted(request.DiskIndex, request.RequestId, status, status == BlockStatus.Ok ? data : default));
        AcceptBehind(request);
    }

    private void EndWithError(Entry entry, string why)
    {
        Counts = Counts with { Errors = Counts.Errors + 1 };
        BlockRequested request = entry.Request;
        if (request.Operation == BlockOperation.Flush && request.RequestId > _lostThrough) _lostThrough = 0;
        NoteLacking(request);
        _host.Tell(MirrorNote.DataLost, $"the guest got an I/O error for a {request.Operation} of {request.LengthBytes} bytes at {request.OffsetBytes}: this server's copy cannot do it ({(Reason.Length == 0 ? "bad blocks" : Reason)}), and {why}");
        End(entry, BlockStatus.IoError, default);
    }

    private Entry[] Snapshot() => [.. _entries.Values];

    /// <summary>Time passed.</summary>
    public void Tick(long nowMs)
    {
        long elapsedMs = nowMs - _nowMs;
        _nowMs = nowMs;
        SayStands();
        foreach (Entry entry in Snapshot())
        {
            if (entry.NeedsPeer && entry.Peer is null) AskPeer(entry);
            if (entry.DeniedSinceMs != long.MaxValue) Settle(entry);
        }

        TickAsking();
        TickKept();
        TickBehind(elapsedMs);
        TickResync();
        TickSync();
        TickScrub();
    }
}
