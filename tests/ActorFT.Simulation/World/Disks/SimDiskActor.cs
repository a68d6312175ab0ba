using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Simulation.World.Disks;

/// <summary>The shell around one <see cref="DiskMirror"/> and one <see cref="CopyLife"/>, as the product's DiskActor: has files that fail, time, and messages.</summary>
internal sealed class SimDiskActor : IMirrorHost, ICopyHost
{
    private const ulong StallDeadlineNs = 60_000_000;

    private readonly MirroredDisks _owner;
    private readonly SimCopy _files;
    private readonly CopyLife _life;
    private readonly ulong _mark;
    private SimDiskWorker? _worker, _closing;
    private ulong _recordsBusyUntilNs;
    private int _timer;
    private int _machines; // rises when the machine is discarded: ids begin anew
    private Action? _asOnly; // to be done when the copy that was opened serves as it is

    public SimDiskActor(MirroredDisks owner, SimCopy files, ulong mark)
    {
        (_owner, _files, _mark) = (owner, files, mark);
        Mirror = new DiskMirror(files.Name, SimCopy.Geometry, owner.World.Options.Mirror, this);
        MirrorPolicy policy = new() { RestartLimit = 1000, RestartWindowMs = 300, MinMeanTimeBetweenFaultsMs = 0, RestartDelayMs = 15 };
        _life = new CopyLife(Mirror, policy, SimCopy.Geometry, mark, this);
    }

    public DiskMirror Mirror { get; }

    public bool IsCurrent => Mirror.Use == CopyUse.Current && _worker is not null;

    public DiskCopy? Copy => _worker?.Copy;

    /// <summary>The last request of the machine that the copy's flushes cover; of this machine, for the one before had the same ids.</summary>
    public ulong FlushedThrough { get; private set; }

    private SimWorld World => _owner.World;

    private long NowMs => (long)(World.NowNs / 1_000_000);

    private static string Words(MirrorMessage message) => message switch
    {
        Inventory inventory => $"{inventory} with {string.Join(' ', inventory.DirtyRegions)}",
        RegionTold told => $"{told} with blocks {string.Join(' ', told.Blocks.Select(block => block.Block))}",
        SyncWanted wanted => $"{wanted} with {string.Join(' ', wanted.CleanRegions)}",
        SyncTold told => $"{told} with {string.Join(' ', told.CleanRegions)}",
        RequestsEnded ended => $"{ended} with {string.Join(' ', ended.RequestIds)}",
        _ => message.ToString()!,
    };

    private void Later(Action action) => _owner.ToDisk(_files.Disk, action);

    private void Say(string what)
    {
        if (World.IsTraced) World.Trace(_files.Server.Name, $"disk {_files.Disk}: {what}");
    }

    /// <summary>Opens the copy, as a node does that starts; gives how it stands.</summary>
    public CopyUse Start()
    {
        Mirror.Tick(NowMs);
        (DiskCopy? copy, string why) = (null, "");
        try
        {
            copy = _files.Open();
            why = CopyAuthority.WhyNotCurrent(copy.Describe(), _mark);
            Say(why.Length == 0 ? "opened, current" : $"opened, not current: {why}");
        }
        catch (Exception e) when (e is BlockIoException or MetadataDamagedException or StorageConfigurationException)
        {
            why = e.Message;
            Say($"cannot be opened: {why}");
            World.Count("server began without a copy");
        }

        _life.Begin(copy is null ? null : new OpenedCopy(copy, null, null), why.Length == 0, why);
        return Mirror.Use;
    }

    public void Tick()
    {
        Mirror.Tick(NowMs);
        if (_worker is null || _worker.OldestNs < StallDeadlineNs) return;
        World.Count("copy given up: stall");
        _life.Stalled("a request has not ended");
    }

    public void Woke() => _worker?.Woke();

    public void Request(BlockRequested request) => Mirror.Request(request);

    public void Reset()
    {
        ForgetFlushes();
        Mirror.Reset();
    }

    private void ForgetFlushes()
    {
        _machines++;
        FlushedThrough = 0;
    }

    public void Prepare(StreamId stream)
    {
        ForgetFlushes();
        _asOnly = null;
        _life.Prepare(() => _owner.ToCoordinator(_files.Disk, () => _owner.OnPrepared(_files.Disk, stream)));
    }

    public void MarkTerm(ulong term) => _life.MarkTerm(term, () => _owner.ToCoordinator(_files.Disk, () => _owner.OnTermMarked(_files.Disk, term)));

    /// <summary>By command; refused for the only complete copy.</summary>
    public bool Isolate() => _life.Isolate("taken out by command") is null;

    public void Repair() => _life.Repair();

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

    void IMirrorHost.Submit(BlockRequested request, Action<BlockOutcome> ended)
    {
        if (_worker is not { } worker)
        {
            Later(() => ended(new BlockOutcome(new BlockCompleted(request.DiskIndex, request.RequestId, BlockStatus.IoError, default), CopyFaultKind.Failed, "the copy takes no requests", [], null, 0)));
            return;
        }

        int machine = _machines;
        worker.Submit(request, outcome =>
        {
            if (request.Operation == BlockOperation.Flush && outcome.Fault is null && worker == _worker && machine == _machines && request.RequestId < 1UL << 62) FlushedThrough = Math.Max(FlushedThrough, request.RequestId);
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

    void IMirrorHost.Record(Action<DiskCopy> change, Action<bool> ended) => _life.Record(change, ended);

    void IMirrorHost.Send(ReadOnlySpan<byte> message, bool isRegion)
    {
        byte[] kept = message.ToArray();
        if (World.IsTraced) Say($"says {Words(MirrorCodec.Read(kept).Message)}");
        _owner.ToCoordinator(_files.Disk, () => _owner.SendMirrorBytes(_files.Disk, kept));
    }

    void IMirrorHost.Complete(BlockCompleted completion, BlockOperation operation)
    {
        if (completion.Status != BlockStatus.Ok) Say($"{operation} {completion.RequestId} ends with an error");
        _owner.ToCoordinator(_files.Disk, () => _owner.OnCompleted(_files.Disk, completion with { DiskIndex = _files.Disk }, operation));
    }

    void IMirrorHost.MarkStale(Action ended) => _life.MarkStale(ended);

    void IMirrorHost.MarkCurrent(Action<bool> ended) => _life.MarkCurrent(ended);

    void IMirrorHost.OnCopyFailed(CopyFaultKind kind, string detail)
    {
        World.Count($"copy failed: {kind}");
        _life.CopyFailed(kind, detail);
    }

    bool IMirrorHost.OnBadBlocks(int count) => _life.BadBlocksFound(count);

    void IMirrorHost.OnForeign(string reason) => throw new SimulationFailure("a copy of this disk is not refused", reason);

    void IMirrorHost.OnChanged()
    {
        _files.Observe();
        _life.StandingChanged();
        if (Mirror.Use == CopyUse.Current)
        {
            _asOnly?.Invoke();
            _asOnly = null;
        }

        (CopyUse own, CopyUse? peer, string reason) = (Mirror.UseAlone, Mirror.PeerUse, Mirror.Reason);
        _owner.ToCoordinator(_files.Disk, () => _owner.OnChanged(_files.Disk, own, peer, reason));
    }

    void IMirrorHost.Tell(MirrorNote note, string sentence)
    {
        Say(sentence);
        World.Count($"mirror told: {note}");
    }

    // ---- What the copy's life asks for

    long ICopyHost.NowMs => NowMs;

    bool ICopyHost.AreFilesFree => _closing is not { IsDisposed: false };

    void ICopyHost.Later(Action action) => Later(action);

    void ICopyHost.OpenWhenFree() => World.After(5_000_000, () => _owner.Process.Post(_life.OpenAgain));

    void ICopyHost.OpenAfter(long delayMs)
    {
        int timer = ++_timer; // one: it takes the place of the one before
        World.After((ulong)delayMs * 1_000_000, () => _owner.Process.Post(() =>
        {
            if (timer == _timer) _life.OpenAgain();
        }));
    }

    void ICopyHost.Open() => World.At(Math.Max(_files.StalledUntilNs, World.NowNs + World.Random.Between(100_000, 3_000_000)), () => _owner.Process.Post(() =>
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
            World.Count("copy could not be opened again");
        }

        Later(() => _life.Reopened(copy is null ? null : new OpenedCopy(copy, null, null), CopyFaultKind.IoError, error));
    }));

    void ICopyHost.Close(OpenedCopy copy) => copy.Copy.Dispose();

    void ICopyHost.Use(OpenedCopy copy) => _worker = new SimDiskWorker(_owner.Process, _files, copy.Copy, Later);

    void ICopyHost.GiveUp(string reason)
    {
        SimDiskWorker? worker = _worker;
        (_worker, _recordsBusyUntilNs) = (null, 0);
        if (worker is null) return;
        _closing = worker;
        worker.Abandon(reason);
    }

    void ICopyHost.Flush(Action<BlockOutcome> ended) => ((IMirrorHost)this).Submit(new BlockRequested(0, ulong.MaxValue, BlockOperation.Flush, 0, 0, default), ended);

    void ICopyHost.Change(Action<DiskCopy> change, Action<bool> ended)
    {
        SimDiskWorker? worker = _worker;
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

            Later(() => ended(isRecorded));
        });
        World.At(_recordsBusyUntilNs, Do);
    }

    void ICopyHost.Mark(bool isStale, int number)
    {
        if (isStale) _asOnly = null;
        _owner.ToCoordinator(_files.Disk, () => _owner.MarkDisk(_files.Disk, isStale, () => _life.Marked(number)));
    }

    void ICopyHost.Tell(CopyNote note, string sentence, string next)
    {
        Say(sentence);
        if (note == CopyNote.OpenedStale) World.Count("copy opened again to be rebuilt");
        if (note != CopyNote.InService) return;
        World.Count("copy opened again as current");
        _asOnly += _owner.Truth.IfOnly(_files, this);
    }
}
