using ActorFT.Machine.IO;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Mirror.Live;

// How this copy stands: taken out, lost, marked stale before anything is ended through the peer (rule 2).
public sealed partial class DiskMirror
{
    private bool _isMarkingStale;

    private void BeginMarkStale()
    {
        _isMarkingStale = true;
        int life = _life;
        if (_settings.Bug == MirrorBug.ServedWithoutMark)
        {
            (_isMarkingStale, _isStaleMarked) = (false, true);
            foreach (Entry entry in Snapshot()) Settle(entry);
            return;
        }

        _host.MarkStale(() =>
        {
            _isMarkingStale = false;
            if (life == _life && Use != CopyUse.Current)
            {
                _isStaleMarked = true;
                _host.Tell(MirrorNote.ServedByPeer, $"requests are served by the other server's copy ({Reason})");
            }

            foreach (Entry entry in Snapshot()) Settle(entry); // of a life begun meanwhile too: they waited for this
        });
    }

    /// <summary>The machine's replica is made anew here: the copy counts as stale from now on, whatever it holds, and that is durable.</summary>
    public void Joined() => _isStaleMarked = true;

    private bool _isEnrolled;

    /// <summary>
    /// This server, made from the peer, is a member of the machine. Until then its copy is not current, whatever it holds: the peer, which may go on alone at any time, must not
    /// leave its own copy out for one that nobody may use then.
    /// </summary>
    public void Enrolled()
    {
        if (!_isPeerIn) return;
        _isEnrolled = true;
        ConsiderCurrent();
    }

    private void Fail(CopyFaultKind kind, string detail)
    {
        if (Use == CopyUse.Out) return;
        LoseCopy(detail);
        _host.OnCopyFailed(kind, detail);
    }

    private void LoseCopy(string reason)
    {
        _copyLife++;
        ForgetLackRecords();
        bool served = Use == CopyUse.Current || _isUnsure;
        if (served && _position > _stableThrough) _lostWithCopy = _position;
        if (served)
            for (int region = 0; region < _lastWrite.Length; region++)
                if (_lastWrite[region] > _stableThrough) _lacking[region] = _lastWrite[region];
        DropPlan();
        (_scrubNext, _isScrubLooking) = (null, false);
        if (Use == CopyUse.Current) _isStaleMarked = false;
        _isUnsure = false;
        Use = CopyUse.Out; // the question says so, and what could end now waits for its answer
        AskAfterLoss(served);
        Stand(CopyUse.Out, reason);
        EndHeldOutcomes();
        ConsiderStale();
    }

    // A copy that is out is stale once it is known that the other one counts.
    private void ConsiderStale()
    {
        if (IsOthersTheOne && Use == CopyUse.Out && !IsAsking && !_isStaleMarked && !_isMarkingStale && !_isMarkingCurrent) BeginMarkStale();
    }

    /// <summary>
    /// Changes that this replica made, that its copy lacks, and that no other has for the machine: they failed, or were lost with the only copy's memory. By region, the last of
    /// them. What the other copy becomes is this one: it gets those regions from here, once its replica has made the changes, for it makes them too, and would make them again.
    /// </summary>
    private readonly Dictionary<int, ulong> _lacking = [];

    private void NoteLacking(BlockRequested change)
    {
        if (change.Operation is BlockOperation.Read or BlockOperation.Flush || !IsInside(change)) return;
        (int first, int last) = _geometry.RegionsOf((long)change.OffsetBytes, (long)change.LengthBytes);
        for (int region = first; region <= last; region++) _lacking[region] = Math.Max(change.RequestId, _lacking.GetValueOrDefault(region));
    }

    // The other copy is complete. Where a change is lacking here that may be there, made after the region had come from here, the two differ: they become equal to that one.
    private void LackNothing()
    {
        int[] regions = [.. _lacking.Keys.Order()];
        _lacking.Clear();
        if (Use != CopyUse.Current || regions.Length == 0 || _settings.Bug == MirrorBug.ForgetsWhatTheOtherHas) return;
        Lack(regions, "it lacks changes that failed here, and that the other server's copy may have");
        RecordLack(regions, () => { });
    }

    private void Stand(CopyUse use, string reason)
    {
        (Use, Reason) = (use, reason);
        if (use == CopyUse.Current) _isStaleMarked = false;
        _saidStandsMs = long.MinValue / 2;
        SayStands();
        TellChanged();
        foreach (Entry entry in Snapshot()) Settle(entry);
    }
}
