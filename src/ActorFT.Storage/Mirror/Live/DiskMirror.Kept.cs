using ActorFT.Machine.IO;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// Results kept for the peer, whose copy may not be able to answer: each until the peer says that it ended the same request. A leader that is further ahead than
/// may be kept holds its own reads' ends back, so that nothing is forgotten that the other still needs (docs/disks.md §8).
/// <code>
///   this side                                         other side
///   read n ends here: kept. More kept than allowed: held back        makes n later; its own copy answers it, or this side's result
///   n no longer kept; what was held ends  ◄── RequestsEnded(m, [.. n ..]) ──  ended
///                                         ──  EndedHeard(m) ─────────────►  told again until then
/// </code>
/// No circle: the other needs kept results, never held ends, to get to where this side is. If it says nothing all the same, one request goes on every two
/// seconds, and memory has a bound of its own; if it is gone, all go on.
/// </summary>
public sealed partial class DiskMirror
{
    private const int EndedInMessage = 256, EndedAtOnce = 64, MaxEndedUntold = 65_536, MaxEndedBeforeBase = 4096, MaxEndedThere = 131_072, MaxAwaitedTimes = 8;
    private const long GraceMs = 2_000;
    private const int KeptAlone = 64;
    private const long EndedBytesAtOnce = 4 << 20, KeptAloneBytes = 4 << 20;

    private sealed class Kept(ulong requestId, PeerAnswer answer, ReadOnlyMemory<byte> data, bool isFlush)
    {
        internal ulong RequestId { get; } = requestId;
        internal PeerAnswer Answer { get; } = answer;
        internal ReadOnlyMemory<byte> Data { get; } = data;
        internal bool IsFlush { get; } = isFlush;
        internal bool IsAwaited { get; set; } // the peer will say that it ended it
        internal LinkedListNode<Kept>? Node { get; set; }
    }

    private readonly Dictionary<ulong, Kept> _kept = [];
    private readonly LinkedList<Kept> _keptOrder = new(); // awaited ones behind all others
    private readonly Queue<(BlockCompleted Completion, BlockOperation Operation)> _heldBack = new();
    private long _keptBytes, _awaitedBytes, _heldSinceMs;
    private int _awaitedCount;
    private ulong _forgottenThrough;

    private readonly Queue<ulong> _ended = new(); // here, not told yet
    private readonly SortedDictionary<ulong, (ulong[] Ids, long AtMs)> _endedTold = []; // and not heard yet, by number of the message
    private readonly SortedSet<ulong> _endedThere = []; // what the peer ended before this side
    private readonly SortedSet<ulong> _heardBeyond = [];
    private long _endedBytes;
    private ulong _endedNumber, _heardThrough;
    private bool _isPeerTelling, _isBased; // the peer is of a build that tells; both have the same machine
    private bool _leads;

    /// <summary>Requests of the machine that have ended and are held back until the peer has come nearer.</summary>
    internal int HeldBack => _heldBack.Count;

    /// <summary>Bytes of results kept for the peer.</summary>
    internal long KeptBytes => _keptBytes;

    private bool IsTooFarAhead => _awaitedBytes > _settings.KeptBytes || _awaitedCount > _settings.KeptResults;

    /// <summary>Keeps what the own copy answered, for a peer whose copy cannot.</summary>
    private void Keep(BlockRequested request, PeerAnswer answer, ReadOnlyMemory<byte> data, BlockStatus status)
    {
        if (request.Operation is not (BlockOperation.Read or BlockOperation.Flush)) return;
        if (_kept.TryGetValue(request.RequestId, out Kept? older)) Forget(older);
        if (_endedThere.Remove(request.RequestId))
        {
            _wants.Remove(request.RequestId);
            return;
        }

        if (status != BlockStatus.Ok) answer = PeerAnswer.Bad;
        Kept kept = new(request.RequestId, answer, data, request.Operation == BlockOperation.Flush)
        {
            IsAwaited = _isBased && _isPeerTelling && _settings.Bug != MirrorBug.ForgetsWhatIsAwaited,
        };
        _kept[request.RequestId] = kept;
        kept.Node = _keptOrder.AddLast(kept);
        _keptBytes += data.Length;
        if (kept.IsAwaited) (_awaitedBytes, _awaitedCount) = (_awaitedBytes + data.Length, _awaitedCount + 1);
        ForgetOldest();
        if (_wants.Remove(request.RequestId) || IsToldUnasked(kept)) Say(new ResultTold(request.RequestId, AnswerOf(kept), data));
    }

    private void ForgetOldest()
    {
        while (_keptOrder.First?.Value is { } oldest)
        {
            // Alone, the last ones are kept: of what the next peer is made from, the machine may not have heard of them yet.
            if (!_isPeerIn && (_keptBytes > KeptAloneBytes || _kept.Count > KeptAlone))
            {
                Forget(oldest);
                continue;
            }

            bool isTooMuch = _awaitedBytes > MaxAwaitedTimes * _settings.KeptBytes || _awaitedCount > MaxAwaitedTimes * _settings.KeptResults
                || !oldest.IsAwaited && (_keptBytes - _awaitedBytes > _settings.KeptBytes || _kept.Count - _awaitedCount > _settings.KeptResults);
            if (!isTooMuch) return;
            Forget(oldest);
            _forgottenThrough = Math.Max(_forgottenThrough, oldest.RequestId);
        }
    }

    private void Forget(Kept kept)
    {
        _kept.Remove(kept.RequestId);
        _keptOrder.Remove(kept.Node!);
        _keptBytes -= kept.Data.Length;
        if (kept.IsAwaited) (_awaitedBytes, _awaitedCount) = (_awaitedBytes - kept.Data.Length, _awaitedCount - 1);
    }

    private void ForgetKept()
    {
        _kept.Clear();
        _keptOrder.Clear();
        _readingAgain.Clear();
        (_keptBytes, _awaitedBytes, _awaitedCount, _forgottenThrough) = (0, 0, 0, 0);
    }

    // Of another pairing from here on: nobody will say of what is kept that it ended.
    private void BeginTelling(bool isBased)
    {
        foreach (Kept kept in _keptOrder) kept.IsAwaited = false;
        (_awaitedBytes, _awaitedCount, _endedBytes, _endedNumber, _heardThrough) = (0, 0, 0, 0, 0);
        _ended.Clear();
        _endedTold.Clear();
        _endedThere.Clear();
        _heardBeyond.Clear();
        (_isPeerTelling, _peerGivesWord, _isBased) = (false, false, isBased);
    }

    /// <summary>Ends a request to the machine, or holds it back.</summary>
    private void Complete(BlockRequested request, BlockCompleted completed)
    {
        if (_isPeerIn && request.Operation is BlockOperation.Read or BlockOperation.Flush) NoteEnded(request);
        if (_isPeerIn && _leads && request.Operation == BlockOperation.Read && (IsTooFarAhead || _heldBack.Count != 0))
        {
            if (_heldBack.Count == 0) _heldSinceMs = _nowMs;
            _heldBack.Enqueue((completed, request.Operation));
            return;
        }

        _host.Complete(completed, request.Operation);
    }

    /// <summary>
    /// Whether this side's replica leads. One that follows holds nothing back: it is never further ahead than the other's machine has requests under way, and
    /// must get through its records by itself when the other is lost.
    /// </summary>
    public void Leads(bool leads)
    {
        _leads = leads;
        if (!leads) ReleaseHeldBack(int.MaxValue);
        NoteNeed();
    }

    private void ReleaseHeldBack(int atMost)
    {
        for (; atMost > 0 && _heldBack.TryDequeue(out (BlockCompleted Completion, BlockOperation Operation) held); atMost--)
        {
            _heldSinceMs = _nowMs;
            _host.Complete(held.Completion, held.Operation);
        }
    }

    // The state that the peer is made from has what ended long before it: only the last ones may be made again there.
    private void NoteEnded(BlockRequested request)
    {
        _ended.Enqueue(request.RequestId);
        while (_ended.Count > (_isBased ? MaxEndedUntold : MaxEndedBeforeBase)) _ended.Dequeue();
        if (request.Operation == BlockOperation.Read) _endedBytes += (long)Math.Min(request.LengthBytes, (ulong)EndedBytesAtOnce);
        if (_ended.Count >= EndedAtOnce || _endedBytes >= EndedBytesAtOnce) TellEnded();
    }

    private void TellEnded()
    {
        if (!_isBased || !_isPeerTelling) return;
        _endedBytes = 0;
        while (_ended.Count != 0)
        {
            ulong[] ids = new ulong[Math.Min(_ended.Count, EndedInMessage)];
            for (int i = 0; i < ids.Length; i++) ids[i] = _ended.Dequeue();
            _endedTold[++_endedNumber] = (ids, _nowMs);
            Say(new RequestsEnded(_endedNumber, ids));
        }
    }

    private void OnRequestsEnded(RequestsEnded ended)
    {
        _isPeerTelling = true;
        if (ended.Number == 0)
        {
            _peerGivesWord = ended.RequestIds.Contains(GivesWordOfChanges);
            return;
        }

        Say(new EndedHeard(ended.Number));
        if (ended.Number <= _heardThrough || !_heardBeyond.Add(ended.Number)) return; // told again
        while (_heardBeyond.Remove(_heardThrough + 1)) _heardThrough++;
        foreach (ulong id in ended.RequestIds)
        {
            _wants.Remove(id);
            if (_kept.TryGetValue(id, out Kept? kept)) Forget(kept);
            else _endedThere.Add(id);
            NoteEndedThere(id);
        }

        while (_endedThere.Count > MaxEndedThere) _endedThere.Remove(_endedThere.Min);
        if (!IsTooFarAhead) ReleaseHeldBack(int.MaxValue);
    }

    // What ended here, of late. Requests come out of order: a read that waits behind a held write comes after later ones.
    private const int EndedRemembered = 16_384;
    private readonly HashSet<ulong> _endedHere = [];
    private readonly Queue<ulong> _endedHereOrder = new();
    private ulong _endedHereFloor;

    private void RememberEnded(ulong id)
    {
        if (!_endedHere.Add(id)) return;
        _endedHereOrder.Enqueue(id);
        if (_endedHereOrder.Count <= EndedRemembered) return;
        ulong oldest = _endedHereOrder.Dequeue();
        _endedHere.Remove(oldest);
        _endedHereFloor = Math.Max(_endedHereFloor, oldest);
    }

    private bool HasEndedHere(ulong id) => _settings.Bug == MirrorBug.TakesHeldReadsForEnded ? id <= Math.Max(_latest, _forgottenThrough) : id <= _endedHereFloor || _endedHere.Contains(id);

    private readonly List<ulong> _tellAgain = [];

    private void TickKept()
    {
        if (!IsTooFarAhead) ReleaseHeldBack(int.MaxValue);
        else if (_nowMs - _heldSinceMs >= GraceMs) ReleaseHeldBack(1);
        TellEnded();
        foreach ((ulong number, (_, long atMs)) in _endedTold) if (_nowMs - atMs >= _settings.AskAgainMs) _tellAgain.Add(number);
        foreach (ulong number in _tellAgain)
        {
            ulong[] ids = _endedTold[number].Ids;
            _endedTold[number] = (ids, _nowMs);
            Say(new RequestsEnded(number, ids));
        }

        _tellAgain.Clear();
    }
}
