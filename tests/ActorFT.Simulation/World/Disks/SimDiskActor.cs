using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Simulation.World.Disks;

/// <summary>The shell around one <see cref="DiskMirror"/>, line by line as the product's DiskActor: opens its copy again by policy, marks it, records one thing after the other.</summary>
internal sealed class SimDiskActor : IMirrorHost
{
    private const ulong StallDeadlineNs = 60_000_000;

    private readonly MirroredDisks _owner;
    private readonly SimCopy _files;
    private readonly CopyHealth _health = new(new MirrorPolicy { RestartLimit = 1000, RestartWindowMs = 300, MinMeanTimeBetweenFaultsMs = 0, RestartDelayMs = 15 });
    private readonly Dictionary<int, Action> _marking = [];
    private readonly List<PendingRecord> _pendingRecords = [];
    private SimDiskWorker? _worker, _closing;
    private ulong _term, _recordsBusyUntilNs;
    private bool _isStale, _isIsolated, _isOpening, _isEverOpened;
    private int _marks, _prepared;

    private sealed record PendingRecord(Action<bool> Ended);

    public SimDiskActor(MirroredDisks owner, SimCopy files, ulong mark)
    {
        (_owner, _files, _term) = (owner, files, mark);
        Mirror = new DiskMirror(files.Name, SimCopy.Geometry, owner.World.Options.Mirror, this);
    }

    public DiskMirror Mirror { get; }

    public bool IsCurrent => Mirror.Use == CopyUse.Current && _worker is not null;

    public DiskCopy? Copy => _worker?.Copy;

    /// <summary>The last request of the machine that the copy's flushes cover.</summary>
    public ulong FlushedThrough { get; private set; }

    private SimWorld World => _owner.World;

    private long NowMs => (long)(World.NowNs / 1_000_000);

    private void Later(Action action) => _owner.ToDisk(_files.Disk, action);

    private void Say(string what)
    {
        if (World.IsTraced) World.Trace(_files.Server.Name, $"disk {_files.Disk}: {what}");
    }

    /// <summary>Opens the copy, as a node does that starts; gives how it stands.</summary>
    public CopyUse Start()
    {
        Mirror.Tick(NowMs);
        try
        {
            DiskCopy copy = _files.Open();
            Use(copy);
            _isEverOpened = true;
            string why = CopyAuthority.WhyNotCurrent(copy.Describe(), _term);
            _isStale = why.Length != 0;
            Say(why.Length == 0 ? "opened, current" : $"opened, not current: {why}");
            Mirror.CopyOpened(!_isStale, why);
            if (_isStale) _health.Rebuilding(why);
            return _isStale ? CopyUse.Rebuilding : CopyUse.Current;
        }
        catch (Exception e) when (e is BlockIoException or MetadataDamagedException or StorageConfigurationException)
        {
            Say($"cannot be opened: {e.Message}");
            World.Count("server began without a copy");
            Mirror.CopyOut(e.Message);
            Decide(_health.CopyFailed(NowMs, CopyFaultKind.Failed, e.Message));
            return CopyUse.Out;
        }
    }

    private void Use(DiskCopy copy) => _worker = new SimDiskWorker(_owner.Process, _files, copy, Later);

    public void Tick()
    {
        Mirror.Tick(NowMs);
        if (_worker is null || _worker.OldestNs < StallDeadlineNs) return;
        World.Count("copy given up: stall");
        Mirror.CopyOut("a request has not ended");
        ((IMirrorHost)this).OnCopyFailed(CopyFaultKind.Stalled, Mirror.Reason);
    }

    public void Woke() => _worker?.Woke();

    public void Request(BlockRequested request) => Mirror.Request(request);

    // The replica is made anew here: what was under way may still change the copy, so it ends first; then the copy is marked.
    public void Prepare(StreamId stream)
    {
        Mirror.Reset();
        FlushedThrough = 0;
        _files.LiedBeforeCrash = false;
        _isStale = true;
        _prepared++;
        void Answer()
        {
            Mirror.Joined();
            _owner.ToCoordinator(_files.Disk, () => _owner.OnPrepared(_files.Disk, stream));
        }

        if (Mirror.Use == CopyUse.Out)
        {
            Answer();
            return;
        }

        IMirrorHost host = this;
        host.Submit(new BlockRequested(0, ulong.MaxValue, BlockOperation.Flush, 0, 0, default), flushed =>
        {
            if (flushed.Fault is { } fault && Mirror.Use != CopyUse.Out)
            {
                Mirror.CopyOut(flushed.Detail);
                host.OnCopyFailed(fault, flushed.Detail);
            }

            const string Why = "being made equal to the other server's";
            if (Mirror.Use != CopyUse.Out) Mirror.CopyOpened(false, Why);
            host.Record(copy => copy.SetStatus(CopyState.Rebuilding, Why, copy.Describe().Version, isAlone: false), _ => Answer());
        });
    }

    public void MarkTerm(ulong term)
    {
        _term = term;
        void Answer(bool isMarked) => _owner.ToCoordinator(_files.Disk, () => _owner.OnTermMarked(_files.Disk, term));
        if (term == 0 || Mirror.Use != CopyUse.Current) Answer(true);
        else ((IMirrorHost)this).Record(copy => MarkGood(copy, term), isMarked =>
        {
            if (!isMarked && Mirror.Use != CopyUse.Out)
            {
                Mirror.CopyOut("its metadata could not be written");
                ((IMirrorHost)this).OnCopyFailed(CopyFaultKind.IoError, "its metadata could not be written");
            }

            Answer(isMarked);
        });
    }

    private static void MarkGood(DiskCopy copy, ulong term)
    {
        MirrorVersion version = copy.Describe().Version, next = new(term, 0);
        copy.SetStatus(CopyState.Good, "", next > version ? next : version, isAlone: false);
    }

    private void Marked(int number)
    {
        if (_marking.Remove(number, out Action? then)) then();
    }

    private void OpenAgain()
    {
        if (_isIsolated || _isOpening || Mirror.Use != CopyUse.Out) return;
        if (_closing is { IsDisposed: false })
        {
            World.After(5_000_000, () => _owner.Process.Post(OpenAgain)); // in use
            return;
        }

        _isOpening = true;
        World.At(Math.Max(_files.StalledUntilNs, World.NowNs + World.Random.Between(100_000, 3_000_000)), () => _owner.Process.Post(() =>
        {
            DiskCopy? copy = null;
            string error = "";
            try
            {
                copy = _files.Open();
            }
            catch (Exception e) when (e is BlockIoException or MetadataDamagedException or StorageConfigurationException)
            {
                error = e.Message;
            }

            Later(() => OnReopened(copy, error));
        }));
    }

    private void OnReopened(DiskCopy? copy, string error)
    {
        _isOpening = false;
        if (copy is null)
        {
            World.Count("copy could not be opened again");
            Decide(_health.CopyFailed(NowMs, CopyFaultKind.IoError, error));
            return;
        }

        if (_isIsolated || Mirror.Use != CopyUse.Out)
        {
            copy.Dispose();
            return;
        }

        Use(copy);
        if (!_isEverOpened && !_isStale && CopyAuthority.WhyNotCurrent(copy.Describe(), _term).Length != 0) ((IMirrorHost)this).MarkStale(() => { });
        _isEverOpened = true;
        bool isCurrent = !_isStale;
        const string Why = "in service again; it may lack what was written meanwhile";
        if (isCurrent) _health.Resynchronised();
        else _health.Rebuilding(Why);
        if (isCurrent) _owner.Truth.ReopenedAsOnly(_files, this);
        Say($"opened again, {(isCurrent ? "current" : "stale")}");
        World.Count(isCurrent ? "copy opened again as current" : "copy opened again to be rebuilt");
        if (!isCurrent) ((IMirrorHost)this).Record(c => c.SetStatus(CopyState.Rebuilding, Why, c.Describe().Version, isAlone: false), _ => { });
        Mirror.CopyOpened(isCurrent, Why);
    }

    private void Decide(CopyDecision decision)
    {
        if (decision.Action == CopyAction.Restart) World.After((ulong)Math.Max(1, decision.DelayMs) * 1_000_000, () => _owner.Process.Post(OpenAgain));
        else if (decision.Action == CopyAction.Isolate)
        {
            _isIsolated = true;
            Mirror.CopyOut(decision.Reason);
            GiveUpCopy("the copy was taken out of service");
        }
    }

    /// <summary>By command; refused for the only complete copy.</summary>
    public bool Isolate()
    {
        if (_isIsolated || Mirror.Use == CopyUse.Current && Mirror.PeerUse != CopyUse.Current) return false;
        Say("isolated");
        _isIsolated = true;
        Mirror.CopyOut("taken out by command");
        _health.IsolatedByOperator("taken out by command");
        GiveUpCopy("the copy was taken out of service");
        return true;
    }

    public void Repair()
    {
        if (Mirror.Use != CopyUse.Out) return;
        _isIsolated = false;
        _health.RepairedByOperator();
        OpenAgain();
    }

    /// <summary>Whether every block is right by its checksum.</summary>
    public bool IsHealed()
    {
        if (!IsCurrent || Copy is not { } copy) return false;
        for (int region = 0; region < SimCopy.Geometry.RegionCount; region++) if (copy.CheckRegion(region).Any(check => !check.IsGood)) return false;
        return true;
    }

    public void Stop()
    {
        _worker?.Dispose();
        _closing?.Dispose();
    }

    public void LosePower()
    {
        _worker?.LosePower();
        _closing?.LosePower();
    }

    private void GiveUpCopy(string reason)
    {
        SimDiskWorker? worker = _worker;
        (_worker, _recordsBusyUntilNs) = (null, 0);
        if (worker is not null)
        {
            _closing = worker;
            worker.Abandon(reason);
        }

        foreach (PendingRecord pending in _pendingRecords.ToArray()) Later(() => EndRecord(pending, false));
    }

    private void EndRecord(PendingRecord pending, bool isRecorded)
    {
        if (_pendingRecords.Remove(pending)) pending.Ended(isRecorded);
    }

    void IMirrorHost.Submit(BlockRequested request, Action<BlockOutcome> ended)
    {
        if (_worker is not { } worker)
        {
            Later(() => ended(new BlockOutcome(new BlockCompleted(request.DiskIndex, request.RequestId, BlockStatus.IoError, default), CopyFaultKind.Failed, "the copy takes no requests", [], null, 0)));
            return;
        }

        worker.Submit(request, outcome =>
        {
            if (request.Operation == BlockOperation.Flush && outcome.Fault is null && worker == _worker && request.RequestId < 1UL << 62) FlushedThrough = Math.Max(FlushedThrough, request.RequestId);
            ended(outcome);
        });
    }

    void IMirrorHost.SubmitWrites(ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended)
    {
        if (_worker is { } worker) worker.SubmitWrites(_files.Disk, requestId, writes, ended);
        else Later(() => ended(new BlockOutcome(new BlockCompleted(_files.Disk, requestId, BlockStatus.IoError, default), CopyFaultKind.Failed, "the copy takes no requests", [], null, 0)));
    }

    void IMirrorHost.Check(int region, Action<BlockCheck[]?> ended)
    {
        DiskCopy? copy = Copy;
        World.At(Math.Max(_files.StalledUntilNs, World.NowNs + World.Random.Between(50_000, 1_500_000)), () => _owner.Process.Post(() =>
        {
            BlockCheck[]? checks = null;
            try
            {
                if (copy == Copy) checks = copy?.CheckRegion(region);
            }
            catch (BlockIoException)
            {
                // Null says it.
            }

            Later(() => ended(checks));
        }));
    }

    void IMirrorHost.Record(Action<DiskCopy> change, Action<bool> ended)
    {
        SimDiskWorker? worker = _worker;
        var pending = new PendingRecord(ended);
        _pendingRecords.Add(pending);
        _recordsBusyUntilNs = Math.Max(_recordsBusyUntilNs, World.NowNs) + World.Random.Between(50_000, 1_500_000);
        void Do() => _owner.Process.Post(() =>
        {
            if (_files.StalledUntilNs > World.NowNs && worker is { IsDisposed: false })
            {
                World.At(_files.StalledUntilNs, Do);
                return;
            }

            bool isRecorded = false;
            try
            {
                if (worker is { IsDisposed: false })
                {
                    change(worker.Copy);
                    isRecorded = true;
                }
            }
            catch (Exception e) when (e is BlockIoException or InvalidOperationException)
            {
                // Said by false.
            }

            Later(() => EndRecord(pending, isRecorded));
        });
        World.At(_recordsBusyUntilNs, Do);
    }

    void IMirrorHost.Send(ReadOnlySpan<byte> message, bool isRegion)
    {
        byte[] kept = message.ToArray();
        _owner.ToCoordinator(_files.Disk, () => _owner.SendMirrorBytes(_files.Disk, kept));
    }

    void IMirrorHost.Complete(BlockCompleted completion, BlockOperation operation)
    {
        if (completion.Status != BlockStatus.Ok) Say($"{operation} {completion.RequestId} ends with an error");
        _owner.ToCoordinator(_files.Disk, () => _owner.OnCompleted(_files.Disk, completion with { DiskIndex = _files.Disk }, operation));
    }

    void IMirrorHost.MarkStale(Action ended)
    {
        _isStale = true;
        int number = ++_marks;
        _marking[number] = ended;
        _owner.ToCoordinator(_files.Disk, () => _owner.MarkDisk(_files.Disk, true, () => Marked(number)));
    }

    void IMirrorHost.MarkCurrent(Action<bool> ended)
    {
        ulong term = _term;
        int prepared = _prepared;
        ((IMirrorHost)this).Record(copy => MarkGood(copy, term), isRecorded =>
        {
            if (!isRecorded || prepared != _prepared)
            {
                ended(false);
                return;
            }

            int number = ++_marks;
            _marking[number] = () =>
            {
                bool isSame = prepared == _prepared;
                if (isSame)
                {
                    _isStale = false;
                    _health.Resynchronised();
                }

                ended(isSame);
            };
            _owner.ToCoordinator(_files.Disk, () => _owner.MarkDisk(_files.Disk, false, () => Marked(number)));
        });
    }

    void IMirrorHost.OnCopyFailed(CopyFaultKind kind, string detail)
    {
        Say($"copy failed: {detail}");
        World.Count($"copy failed: {kind}");
        GiveUpCopy(detail);
        Decide(_health.CopyFailed(NowMs, kind, detail));
    }

    bool IMirrorHost.OnBadBlocks(int count)
    {
        if (count == 0) return true;
        CopyDecision decision = _health.BadBlocksFound(NowMs, count);
        if (decision.Action == CopyAction.RepairBlocks) return true;
        Later(() => Decide(decision));
        return false;
    }

    void IMirrorHost.OnForeign(string reason) => throw new SimulationFailure("a copy of this disk is not refused", reason);

    void IMirrorHost.OnChanged()
    {
        _files.Observe();
        (CopyUse own, CopyUse? peer, string reason) = (Mirror.Use, Mirror.PeerUse, Mirror.Reason);
        _owner.ToCoordinator(_files.Disk, () => _owner.OnChanged(_files.Disk, own, peer, reason));
    }

    void IMirrorHost.Tell(MirrorNote note, string sentence)
    {
        Say(sentence);
        World.Count($"mirror told: {note}");
    }
}
