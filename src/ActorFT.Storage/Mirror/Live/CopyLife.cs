using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// The life of this server's copy of one disk, beside the requests, which are <see cref="DiskMirror"/>'s: opened, given up, opened again by policy, left out,
/// and what its metadata and the server's mark say of it. Pure; the disk's actor is its shell, the simulation another. One caller at a time.
/// <code>
///             fails, stalls                  after a delay, when its files are free
///  IN SERVICE ─────────────► OUT ──────────────────────────────────────────────────► IN SERVICE, current unless it is stale
///                             │ too often, by command, another disk                    ▲
///                             ▼                                                        │
///                          ISOLATED ─────────────── repaired by command ───────────────┘
/// </code>
/// Invariant: a copy is opened as current only while nothing was ended, and no machine was made, without it: else it is stale, durably, before that.
/// </summary>
public sealed class CopyLife
{
    private const string TakenOut = "the copy was taken out of service", NotWritten = "its metadata could not be written", UntilRepaired = "until it is repaired by command";

    private readonly DiskMirror _mirror;
    private readonly DiskGeometry _geometry;
    private readonly ICopyHost _host;
    private readonly CopyHealth _health;
    private readonly Dictionary<int, Action> _marking = [];
    private readonly List<PendingRecord> _pendingRecords = [];
    private ulong _term;
    private bool _isStale, _isOpening, _owesTerm;
    private (Guid CopyId, ulong Term)? _known; // what the copy was when it was last in use; null until it first is
    private int _marks, _prepared; // marks asked for; how often the replica was made anew

    private sealed class PendingRecord(Action<bool> ended)
    {
        internal Action<bool> Ended { get; } = ended;
    }

    /// <summary>Creates it; <see cref="Begin"/> comes first.</summary>
    /// <param name="mirror">The disk's mirror on this server.</param>
    /// <param name="policy">When a failing copy is tried again and when it is left out.</param>
    /// <param name="geometry">How the disk is cut up.</param>
    /// <param name="term">The term that this server's disks are marked with.</param>
    /// <param name="host">Has files, threads, time and messages.</param>
    public CopyLife(DiskMirror mirror, MirrorPolicy policy, DiskGeometry geometry, ulong term, ICopyHost host) =>
        (_mirror, _health, _geometry, _term, _host) = (mirror, new CopyHealth(policy), geometry, term, host);

    /// <summary>Whether it is left out until an operator says that it is repaired.</summary>
    public bool IsIsolated { get; private set; }

    /// <summary>The node starts.</summary>
    /// <param name="opened">The copy; null when it could not be opened.</param>
    /// <param name="isCurrent">Whether it lacks nothing, as its metadata and the server's mark say.</param>
    /// <param name="why">Why it does not serve as current.</param>
    public void Begin(OpenedCopy? opened, bool isCurrent, string why)
    {
        if (opened is null)
        {
            // Served by the other server's copy; the mark stays as it is, so that nothing is lost by trying.
            _mirror.CopyOut(why);
            Decide(_health.CopyFailed(_host.NowMs, CopyFaultKind.Failed, why));
            return;
        }

        Use(opened);
        _isStale = !isCurrent;
        _mirror.CopyOpened(isCurrent, isCurrent ? "" : why);
        if (!isCurrent) _health.Rebuilding(why);
    }

    /// <summary>The replica is made anew here: what was under way may still change the copy, so it ends first; then the copy is marked.</summary>
    /// <param name="prepared">Called when both are done.</param>
    public void Prepare(Action prepared)
    {
        _mirror.Reset();
        (_isStale, _owesTerm) = (true, false);
        _prepared++;
        void Answer()
        {
            _mirror.Joined();
            prepared();
        }

        if (_mirror.Use == CopyUse.Out)
        {
            Answer();
            return;
        }

        // A flush waits for every change before it.
        _host.Flush(flushed =>
        {
            if (flushed.Fault is { } fault) Fail(fault, flushed.Detail);
            const string Why = "being made equal to the other server's";
            if (_mirror.Use != CopyUse.Out) _mirror.CopyOpened(false, Why);
            Record(copy => copy.SetStatus(CopyState.Rebuilding, Why, copy.Describe().Version, isAlone: false), _ => Answer());
        });
    }

    /// <summary>A new term. Marks only rise; a copy that is not whole keeps the version it had.</summary>
    /// <param name="term">The term.</param>
    /// <param name="marked">Called when the copy carries it, or is not current.</param>
    public void MarkTerm(ulong term, Action marked)
    {
        _term = term;
        if (term == 0 || _mirror.Use != CopyUse.Current)
        {
            marked();
            return;
        }

        Record(copy => MarkGood(copy, term), isMarked =>
        {
            if (isMarked) Carries(term);
            else Fail(CopyFaultKind.IoError, NotWritten);
            marked();
        });
    }

    private void Carries(ulong term)
    {
        if (_known is { } known && known.Term < term) _known = known with { Term = term };
    }

    private static void MarkGood(DiskCopy copy, ulong term)
    {
        MirrorVersion version = copy.Describe().Version, next = new(term, 0);
        copy.SetStatus(CopyState.Good, "", next > version ? next : version, isAlone: false);
    }

    /// <summary>Makes it durable that the copy is not current any more (<see cref="IMirrorHost.MarkStale"/>).</summary>
    public void MarkStale(Action ended)
    {
        (_isStale, _owesTerm) = (true, false);
        Mark(true, ended);
    }

    /// <summary>Makes it durable that the copy lacks nothing, in itself first and then in the server's mark (<see cref="IMirrorHost.MarkCurrent"/>).</summary>
    public void MarkCurrent(Action<bool> ended)
    {
        ulong term = _term;
        int prepared = _prepared;
        Record(copy => MarkGood(copy, term), isRecorded =>
        {
            if (!isRecorded || prepared != _prepared)
            {
                ended(false);
                return;
            }

            Carries(term);
            Mark(false, () =>
            {
                bool isSame = prepared == _prepared; // else the replica was made anew meanwhile, and the copy is stale
                if (isSame)
                {
                    _isStale = false;
                    _health.Resynchronised();
                }

                ended(isSame);
            });
        });
    }

    private void Mark(bool isStale, Action then)
    {
        _marking[++_marks] = then;
        _host.Mark(isStale, _marks);
    }

    /// <summary>What <see cref="ICopyHost.Mark"/> asked for is durable.</summary>
    public void Marked(int number)
    {
        if (_marking.Remove(number, out Action? then)) then();
    }

    /// <summary>Does something to the copy's metadata (<see cref="IMirrorHost.Record"/>); false at once when the copy is given up.</summary>
    public void Record(Action<DiskCopy> change, Action<bool> ended)
    {
        PendingRecord pending = new(ended);
        _pendingRecords.Add(pending);
        _host.Change(change, isRecorded => EndRecord(pending, isRecorded));
    }

    private void EndRecord(PendingRecord pending, bool isRecorded)
    {
        if (_pendingRecords.Remove(pending)) pending.Ended(isRecorded);
    }

    /// <summary>A request has been under way for too long.</summary>
    public void Stalled(string detail) => Fail(CopyFaultKind.Stalled, detail);

    private void Fail(CopyFaultKind kind, string detail)
    {
        if (_mirror.Use == CopyUse.Out) return;
        _mirror.CopyOut(detail);
        CopyFailed(kind, detail);
    }

    /// <summary>The copy in use failed, and the mirror does not use it any more (<see cref="IMirrorHost.OnCopyFailed"/>).</summary>
    public void CopyFailed(CopyFaultKind kind, string detail)
    {
        // Nothing waits for the device: what it still answers is dropped, its threads end when it lets go.
        GiveUp(detail);
        Decide(_health.CopyFailed(_host.NowMs, kind, detail));
    }

    /// <summary>Bad blocks were found; false: too many, the copy itself counts as failing (<see cref="IMirrorHost.OnBadBlocks"/>).</summary>
    public bool BadBlocksFound(int count)
    {
        if (count == 0) return true; // known, and being fetched
        CopyDecision decision = _health.BadBlocksFound(_host.NowMs, count);
        if (decision.Action == CopyAction.RepairBlocks) return true;
        _host.Later(() =>
        {
            // Unless the request that met them told it already.
            if (_health.State == CopyState.Isolated && !IsIsolated) Decide(decision);
        });
        return false;
    }

    /// <summary>The copy is another disk's.</summary>
    public void Foreign(string reason)
    {
        LeaveOut(reason);
        _host.Tell(CopyNote.Foreign, $"the copy cannot be used: {reason}", "");
    }

    private void Decide(CopyDecision decision)
    {
        if (decision.Action == CopyAction.Restart)
        {
            _host.Tell(CopyNote.Failed, $"the copy failed: {decision.Reason.TrimEnd('.')}", $"opened again in {decision.DelayMs} ms");
            _host.OpenAfter(Math.Max(1, decision.DelayMs));
        }
        else if (decision.Action == CopyAction.Isolate)
        {
            LeaveOut(decision.Reason);
            _host.Tell(CopyNote.LeftOut, $"the copy is left out: {decision.Reason.TrimEnd('.')}", UntilRepaired);
        }
    }

    private void LeaveOut(string reason)
    {
        IsIsolated = true;
        _mirror.CopyOut(reason);
        GiveUp(TakenOut);
    }

    private void GiveUp(string reason)
    {
        _owesTerm = false;
        _host.GiveUp(reason);
        foreach (PendingRecord pending in _pendingRecords.ToArray()) _host.Later(() => EndRecord(pending, false));
    }

    /// <summary>Takes the copy out of service by command. Null, or why not: what the disk is.</summary>
    public string? Isolate(string reason)
    {
        if (IsIsolated) return "is isolated already";
        if (_mirror.Use == CopyUse.Current && _mirror.PeerUse != CopyUse.Current) return "is the only complete copy: isolating it would take the disk from the machine";
        _health.IsolatedByOperator(reason);
        LeaveOut(reason);
        _host.Tell(CopyNote.TakenOut, $"the copy was {reason}", UntilRepaired);
        return null;
    }

    /// <summary>An operator says that it is repaired; false if it is in service.</summary>
    public bool Repair()
    {
        if (_mirror.Use != CopyUse.Out) return false;
        IsIsolated = false;
        _health.RepairedByOperator();
        OpenAgain();
        return true;
    }

    /// <summary>It is time to open the copy again, or its files are free.</summary>
    public void OpenAgain()
    {
        if (IsIsolated || _isOpening || _mirror.Use != CopyUse.Out) return;
        if (!_host.AreFilesFree)
        {
            // That they are in use by what was given up is no further fault.
            _host.OpenWhenFree();
            return;
        }

        _isOpening = true;
        _host.Open();
    }

    private void Use(OpenedCopy copy)
    {
        CopyDescription description = copy.Copy.Describe();
        _known = (description.CopyId, description.Version.Term);
        _host.Use(copy);
    }

    // Not another file in its place: one put back from a backup, or a new one that is to be filled. One that was never in use is judged as a node that starts does.
    private bool IsAsItWas(CopyDescription copy) => _known is { } known
        ? copy.State is CopyState.Good or CopyState.Degraded && copy.CopyId == known.CopyId && copy.Version.Term >= known.Term
        : CopyAuthority.WhyNotCurrent(copy, _term).Length == 0;

    /// <summary>The files were opened, or could not be.</summary>
    /// <param name="copy">The copy; null if it could not be opened.</param>
    /// <param name="kind">What then was the matter.</param>
    /// <param name="error">That in words.</param>
    public void Reopened(OpenedCopy? copy, CopyFaultKind kind, string error)
    {
        _isOpening = false;
        if (copy is null)
        {
            Decide(_health.CopyFailed(_host.NowMs, kind, error));
            return;
        }

        if (IsIsolated || _mirror.Use != CopyUse.Out)
        {
            _host.Close(copy);
            return;
        }

        if (copy.Copy.Geometry.RegionBytes != _geometry.RegionBytes)
        {
            _host.Close(copy);
            Foreign($"it has regions of {copy.Copy.Geometry.RegionBytes} bytes and this disk {_geometry.RegionBytes}; restart the node to use it");
            return;
        }

        if (!_isStale && !IsAsItWas(copy.Copy.Describe())) MarkStale(() => { });
        Use(copy);
        bool isCurrent = !_isStale;
        const string Why = "in service again; it may lack what was written meanwhile";
        if (isCurrent) _health.Resynchronised();
        else _health.Rebuilding(Why);
        if (isCurrent) _host.Tell(CopyNote.InService, "the copy is in service again", "");
        else _host.Tell(CopyNote.OpenedStale, "the copy was opened again and is made equal to the other server's", "");
        if (!isCurrent) Record(c => c.SetStatus(CopyState.Rebuilding, Why, c.Describe().Version, isAlone: false), _ => { });
        // It was out when a term began, and does not carry it: else it would be taken for one put back from an older copy when the node starts again.
        _owesTerm = isCurrent;
        _mirror.CopyOpened(isCurrent, Why);
        PayTerm();
    }

    /// <summary>How the copy stands changed (<see cref="IMirrorHost.OnChanged"/>): one that was opened serves as it is only when the peer's answer is here.</summary>
    public void StandingChanged()
    {
        if (_owesTerm && _mirror.Use == CopyUse.Current) _host.Later(PayTerm);
    }

    private void PayTerm()
    {
        if (!_owesTerm || _mirror.Use != CopyUse.Current) return;
        _owesTerm = false;
        MarkTerm(_term, () => { });
    }
}
