using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// This server's side of one disk: the shell around <see cref="DiskMirror"/>. Owns the copy's worker, opens it again by policy, and has what the mirror has
/// not: threads (the worker's, one for metadata), time, and messages. Nothing here waits for a device.
/// This file: messages and the worker. Others: what the mirror asks for, commands and status.
/// </summary>
public sealed partial class DiskActor : UntypedActor, IWithTimers
{
    /// <summary>Names under the machine's actor begin with this.</summary>
    public const string NamePrefix = "disk-";

    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(20), s_closeLimit = TimeSpan.FromSeconds(3);

    private readonly DiskActorOptions _options;
    private readonly IActorRef _coordinator;
    private readonly DiskMirror _mirror;
    private readonly CopyHealth _health;
    private readonly MirrorOutbox _outbox;
    private readonly MirrorReassembly _incoming = new();
    private readonly List<InjectedFault> _injected = [];
    private readonly Queue<FaultInjectingBlockFile> _faultFiles = new(); // of copies given up too: a stall holds them until it is cleared
    private OpenedCopy? _opened;
    private DiskCopyWorker? _worker;
    private Task _records = Task.CompletedTask, _closing = Task.CompletedTask;
    private bool _isIsolated, _isOpening, _isEverOpened;
    private ulong _term;
    private int _marks, _prepared; // marks asked for; how often the replica was made anew
    private readonly Dictionary<int, Action> _marking = [];

    private sealed record Then(Action Run) : MachineProtocol.ILocalMessage;

    private sealed record Reopen : MachineProtocol.ILocalMessage
    {
        internal static readonly Reopen Instance = new();
    }

    private sealed record Reopened(OpenedCopy? Copy, CopyFaultKind Kind, string Error) : MachineProtocol.ILocalMessage;

    private sealed record Stalled(DiskCopyWorker Worker, StallReport Report) : MachineProtocol.ILocalMessage;

    /// <summary>Creates it over a copy that was opened, which it owns.</summary>
    public DiskActor(DiskActorOptions options, IActorRef coordinator, DiskLink link)
    {
        (_options, _coordinator, _term) = (options, coordinator, options.Term);
        _health = new CopyHealth(options.Policy);
        _self = Self;
        IActorRef self = _self;
        _outbox = new MirrorOutbox(link.Link, link.Channel, link.Incarnation, options.Index, () => self.Tell(DiskProtocol.MirrorRoom.Instance, ActorRefs.NoSender));
        _mirror = new DiskMirror(options.Settings.Name, options.Geometry, options.Mirror, this);
    }

    /// <summary>How to create one.</summary>
    public static Props Props(DiskActorOptions options, IActorRef coordinator, DiskLink link) => Akka.Actor.Props.Create(() => new DiskActor(options, coordinator, link));

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private readonly IActorRef _self;

    private static long NowMs => (long)(MonotonicClock.NowNs / 1_000_000);

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("tick", MachineProtocol.Tick.Instance, s_tick);
        if (_options.Opened is not { } opened)
        {
            // Served by the other server's copy; the mark stays as it is, so that nothing is lost by trying.
            _mirror.CopyOut(_options.NotCurrentBecause);
            Decide(_health.CopyFailed(NowMs, CopyFaultKind.Failed, _options.NotCurrentBecause));
            return;
        }

        _isEverOpened = true;
        Use(opened);
        bool isCurrent = _options.IsCurrent;
        _isStale = !isCurrent;
        _mirror.CopyOpened(isCurrent, isCurrent ? "" : _options.NotCurrentBecause);
        if (!isCurrent) _health.Rebuilding(_options.NotCurrentBecause);
        RecoveryReport recovery = opened.Copy.Recovery;
        if (recovery.JournalRecords != 0)
            Report("disk-recovered", FaultSeverity.Info, $"after an end that was not in order {recovery.JournalRecords} journal records were played again, {recovery.BlocksRedone} blocks written again");
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case MachineProtocol.DiskRequest request: _mirror.Request(request.Request); break;
            case Then then: then.Run(); break;
            case MachineProtocol.Tick:
                _mirror.Tick(NowMs);
                TellProgress();
                break;
            case DiskProtocol.MirrorBytes bytes: _mirror.Received(bytes.Bytes); break;
            case DiskProtocol.MirrorFrame frame:
                if (_incoming.Add(frame.Content) is { } whole) _mirror.Received(whole);
                frame.Frame.Dispose();
                break;
            case DiskProtocol.MirrorRoom: _outbox.RoomCame(); break;
            case DiskProtocol.Reset: _mirror.Reset(); break;
            case DiskProtocol.Prepare prepare: Prepare(prepare.Stream); break;
            case DiskProtocol.PeerIn peer:
                _incoming.Clear();
                _mirror.PeerIn(peer.Stream.Term, peer.Stream.Number, peer.IsSource);
                break;
            case DiskProtocol.MarkBase: _mirror.MarkBase(); break;
            case DiskProtocol.Leads leads: _mirror.Leads(leads.IsLeading); break;
            case DiskProtocol.PeerGone: _mirror.PeerGone(); break;
            case DiskProtocol.MarkTerm mark: MarkTerm(mark.Term); break;
            case DiskProtocol.MarkStale marked: Marked(marked.Number); break;
            case DiskProtocol.MarkCurrent marked: Marked(marked.Number); break;
            case Stalled stalled when stalled.Worker == _worker:
                _mirror.CopyOut($"a {stalled.Report.Request.Operation} has not ended for {stalled.Report.AgeMs / 1000:F1} s");
                ((IMirrorHost)this).OnCopyFailed(CopyFaultKind.Stalled, _mirror.Reason);
                break;
            case Stalled: break; // of a worker that was given up
            case Reopen: OpenAgain(); break;
            case Reopened reopened: OnReopened(reopened); break;
            case CommandProtocol.Command command: Sender.Tell(OnCommand(command)); break;
            case MachineProtocol.GetStatus: Sender.Tell(BuildStatus()); break;
            default: Unhandled(message); break;
        }
    }

    // Continuations come from the worker's threads; they run here, on the actor's.
    private void Later(Action run) => _self.Tell(new Then(run), ActorRefs.NoSender);

    private void Use(OpenedCopy opened)
    {
        _opened = opened;
        DiskCopyWorker? worker = null;
        worker = new DiskCopyWorker(opened.Copy, _options.Worker, report => _self.Tell(new Stalled(worker!, report), ActorRefs.NoSender));
        _worker = worker;
        foreach (InjectedFault fault in _injected) Apply(fault, opened);
    }

    // The replica is made anew here: what was under way may still change the copy, so it ends first; then the copy is marked.
    private void Prepare(StreamId stream)
    {
        _mirror.Reset();
        _isStale = true;
        _prepared++;
        void Answer()
        {
            _mirror.Joined();
            _coordinator.Tell(new DiskProtocol.Prepared(stream, _options.Index), _self);
        }

        if (_mirror.Use == CopyUse.Out)
        {
            Answer();
            return;
        }

        IMirrorHost host = this;
        // A flush waits for every change before it.
        host.Submit(new BlockRequested(0, ulong.MaxValue, BlockOperation.Flush, 0, 0, default), flushed =>
        {
            if (flushed.Fault is { } fault && _mirror.Use != CopyUse.Out)
            {
                _mirror.CopyOut(flushed.Detail);
                host.OnCopyFailed(fault, flushed.Detail);
            }

            const string Why = "being made equal to the other server's";
            if (_mirror.Use != CopyUse.Out) _mirror.CopyOpened(false, Why);
            host.Record(copy => copy.SetStatus(CopyState.Rebuilding, Why, copy.Describe().Version, isAlone: false), _ => Answer());
        });
    }

    // Marks only rise; a copy that is not whole keeps the version it had.
    private void MarkTerm(ulong term)
    {
        _term = term;
        void Answer(bool isMarked) => _coordinator.Tell(new DiskProtocol.TermMarked(term, _options.Index), _self);
        if (term == 0 || _mirror.Use != CopyUse.Current) Answer(true);
        else ((IMirrorHost)this).Record(copy => MarkGood(copy, term), isMarked =>
        {
            if (!isMarked && _mirror.Use != CopyUse.Out)
            {
                _mirror.CopyOut("its metadata could not be written");
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
        if (_isIsolated || _isOpening || _mirror.Use != CopyUse.Out) return;
        if (!_closing.IsCompleted)
        {
            // A device that stalls still has the files: that they are in use is no further fault. When it lets go, they are opened.
            IActorRef self = _self;
            _closing.ContinueWith(_ => self.Tell(Reopen.Instance, ActorRefs.NoSender), TaskScheduler.Default);
            return;
        }

        _isOpening = true;
        DiskCopySettings settings = _options.Settings;
        Task.Run(() =>
        {
            try
            {
                return new Reopened(DiskCopyFiles.Open(settings), default, "");
            }
            catch (Exception e) when (e is StorageConfigurationException or MetadataDamagedException)
            {
                return new Reopened(null, CopyFaultKind.Vanished, e.Message);
            }
            catch (BlockIoException e)
            {
                return new Reopened(null, e.Kind, e.Message);
            }
        }).PipeTo(_self, failure: error => new Reopened(null, CopyFaultKind.IoError, error.Message));
    }

    private void OnReopened(Reopened reopened)
    {
        _isOpening = false;
        if (reopened.Copy is not { } copy)
        {
            Decide(_health.CopyFailed(NowMs, reopened.Kind, reopened.Error));
            return;
        }

        if (_isIsolated || _mirror.Use != CopyUse.Out)
        {
            Task.Run(copy.Copy.Dispose);
            return;
        }

        if (copy.Copy.Geometry.RegionBytes != _options.Geometry.RegionBytes)
        {
            Task.Run(copy.Copy.Dispose);
            ((IMirrorHost)this).OnForeign($"it has regions of {copy.Copy.Geometry.RegionBytes} bytes and this disk {_options.Geometry.RegionBytes}; restart the node to use it");
            return;
        }

        Use(copy);
        if (!_isEverOpened && !_isStale && CopyAuthority.WhyNotCurrent(copy.Copy.Describe(), _term).Length != 0) ((IMirrorHost)this).MarkStale(() => { });
        _isEverOpened = true;
        bool isCurrent = !_isStale;
        const string Why = "in service again; it may lack what was written meanwhile";
        if (isCurrent) _health.Resynchronised();
        else _health.Rebuilding(Why);
        Report("disk-opened", FaultSeverity.Info, isCurrent ? "the copy is in service again" : "the copy was opened again and is made equal to the other server's");
        if (!isCurrent) ((IMirrorHost)this).Record(c => c.SetStatus(CopyState.Rebuilding, Why, c.Describe().Version, isAlone: false), _ => { });
        _mirror.CopyOpened(isCurrent, Why);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        _outbox.Dispose();
        // In order if the device lets it; else the next opening recovers.
        if (_worker is null) return;
        DiskCopyWorker worker = _worker;
        Task.Run(async () => await worker.DisposeAsync().ConfigureAwait(false)).Wait(s_closeLimit);
    }
}

/// <summary>Where a disk's actor sends what goes with bulk.</summary>
/// <param name="Link">The FT link.</param>
/// <param name="Channel">The machine's number on it.</param>
/// <param name="Incarnation">This server's run.</param>
public sealed record DiskLink(IPeerLink Link, ushort Channel, ulong Incarnation);

/// <summary>What a disk's actor works with.</summary>
public sealed record DiskActorOptions
{
    /// <summary>Its position in the machine's definition.</summary>
    public required int Index { get; init; }
    /// <summary>This server's name.</summary>
    public required string Server { get; init; }
    /// <summary>Where the copy is.</summary>
    public required DiskCopySettings Settings { get; init; }
    /// <summary>The copy as the node opened it; null when it could not.</summary>
    public required OpenedCopy? Opened { get; init; }
    /// <summary>How the disk is cut up.</summary>
    public required DiskGeometry Geometry { get; init; }
    /// <summary>The term that this server's disks are marked with.</summary>
    public required ulong Term { get; init; }
    /// <summary>Whether it lacks nothing, as its metadata and this server's mark say.</summary>
    public required bool IsCurrent { get; init; }
    /// <summary>How the copy stands to begin with.</summary>
    public CopyUse Use => IsCurrent ? CopyUse.Current : Opened is null ? CopyUse.Out : CopyUse.Rebuilding;
    /// <summary>Why it is not.</summary>
    public string NotCurrentBecause { get; init; } = "";
    /// <summary>Restarts and limits.</summary>
    public required MirrorPolicy Policy { get; init; }
    /// <summary>The worker's settings.</summary>
    public required DiskCopyWorkerOptions Worker { get; init; }
    /// <summary>Resync, scrub and flushes.</summary>
    public required MirrorSettings Mirror { get; init; }
    /// <summary>Who takes fault reports.</summary>
    public required ICanTell Faults { get; init; }
}
