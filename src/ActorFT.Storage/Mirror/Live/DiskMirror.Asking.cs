using System.Buffers.Binary;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// Whether the other copy is complete, when much depends on it. What the peer said last may be old: its copy may have become complete since, or have failed too. So before the guest
/// gets an error for want of a copy, and before a copy that failed serves again as it is because there is no other, or is stale because there is one, the peer is asked, and its answer decides.
/// <code>
///   copy fails                                             other side
///   ResultWanted(0, question, own use) ──────────────────► a resync from this copy ends, or its copy fails at the same write
///        ◄── ResultTold(0, Ok: complete, Bad: not; question)
/// </code>
/// Rules:
/// (1) a peer that is not complete when it hears that this copy is out can only become so by what this copy tells it later: its answer stays true until this serves;
/// (2) until the answer is here nothing that depends on it ends, and a copy that was opened meanwhile is written, and vouches for nothing;
/// (3) a peer that is gone is asked nothing: who goes on without it, the protocol decides;
/// (4) of two complete copies that fail before either hears it of the other, as two full file systems do, one stays complete: the source's. The other yields, and is made from it.
/// Request 0 is no machine's. A peer of a build that does not know the question says that it kept no result of it; then what it said last counts.
/// </summary>
public sealed partial class DiskMirror
{
    private const ulong StandingRequest = 0;

    private readonly Queue<Action> _heldOutcomes = new(); // of the copy that was opened and may not serve
    private ulong _question, _answered, _lossQuestion, _peersQuestion;
    private int _questionCopyLife;
    private long _questionAskedMs;
    private bool _isPeerPerhapsComplete; // it may have become so and not have been heard
    private bool _isUnsure;              // the copy is open, and whether it serves as it is depends on the answer
    private bool _yields;                // both may have been complete when it failed: if the other failed too, that one counts

    // Once the answer is here: whether the other copy is the one that counts, or will be when it is opened again.
    private bool IsOthersTheOne => CanPeerServe || _yields;

    private bool IsAsking => _isPeerIn && _answered < _lossQuestion;

    private ulong Ask()
    {
        // Rule 1: as long as the copy stays out one answer is enough.
        if (Use == CopyUse.Out && _questionCopyLife == _copyLife) return _question;
        _questionCopyLife = Use == CopyUse.Out ? _copyLife : -1;
        _question++;
        SayQuestion();
        return _question;
    }

    private void SayQuestion()
    {
        _questionAskedMs = _nowMs;
        Say(new ResultWanted(StandingRequest, _question, (ulong)Use));
    }

    private void TickAsking()
    {
        if (_isPeerIn && _answered < _question && _nowMs - _questionAskedMs >= _settings.AskAgainMs) SayQuestion();
    }

    private void ForgetQuestions(bool isPeerPerhapsComplete)
    {
        (_answered, _lossQuestion, _peersQuestion, _questionCopyLife) = (_question, 0, 0, -1);
        (_isPeerPerhapsComplete, _yields) = (isPeerPerhapsComplete, false);
    }

    private void OnAsked(ResultWanted asked)
    {
        // It says how the asking copy stands, too: that message of its own may be lost.
        if (asked.OffsetBytes > _peersQuestion) OnStands(new CopyStands((CopyUse)Math.Min(asked.LengthBytes, (ulong)CopyUse.Current), _peerReason));
        _peersQuestion = Math.Max(_peersQuestion, asked.OffsetBytes);
        byte[] number = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(number, asked.OffsetBytes);
        Say(new ResultTold(StandingRequest, Use == CopyUse.Current ? PeerAnswer.Ok : PeerAnswer.Bad, number));
    }

    private void OnAnswer(ResultTold told)
    {
        ulong number = told.Data.Length == sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(told.Data.Span) : told.Answer == PeerAnswer.Gone ? _question : 0;
        if (number <= _answered || number > _question) return;
        _answered = number;
        if (told.Answer == PeerAnswer.Ok) OnStands(new CopyStands(CopyUse.Current, ""));
        else if (told.Answer == PeerAnswer.Bad && CanPeerServe) OnStands(new CopyStands(CopyUse.Rebuilding, _peerReason));
        ConsiderStale();
        BecomeSure();
        _yields = false;
        foreach (Entry entry in Snapshot()) Settle(entry);
    }

    // The guest gets an error when the peer itself said, since this copy could not, that its own is not complete. A copy that the peer's serves for waits a while
    // first: that one may only have failed, and be opened again.
    private void Deny(Entry entry, string why)
    {
        if (entry.DeniedSinceMs == long.MaxValue) entry.DeniedSinceMs = _nowMs;
        if (_isStaleMarked && _nowMs - entry.DeniedSinceMs < GraceMs) return;
        if (!_isPeerPerhapsComplete || entry.Question != 0 && _answered >= entry.Question || _settings.Bug == MirrorBug.DecidesByOldNews) EndWithError(entry, why);
        else if (entry.Question == 0)
        {
            entry.Question = Ask();
            if (_answered >= entry.Question) EndWithError(entry, why);
        }
    }

    private void AskAfterLoss(bool served)
    {
        if (!served || !_isPeerIn || _settings.Bug == MirrorBug.DecidesByOldNews) return;
        _yields = CanPeerServe && !_isSource;
        _lossQuestion = Ask();
    }

    // The copy is open, and there may be another: what it ends counts when that is known.
    private void BecomeSure()
    {
        if (!_isUnsure || IsAsking) return;
        _isUnsure = false;
        if (IsOthersTheOne)
        {
            _lostWithCopy = 0;
            Reason = "it may lack what was in its memory when it failed";
            if (!_isStaleMarked && !_isMarkingStale) BeginMarkStale();
        }
        else ServeAsIs();
        EndHeldOutcomes();
    }

    // What it lost with its memory nobody has.
    private void ServeAsIs()
    {
        (_lostThrough, _lostWithCopy) = (Math.Max(_lostThrough, _lostWithCopy), 0);
        Stand(CopyUse.Current, "");
    }

    private void EndHeldOutcomes()
    {
        while (_heldOutcomes.TryDequeue(out Action? end)) end();
    }
}
