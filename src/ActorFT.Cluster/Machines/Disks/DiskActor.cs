using ActorFT.Cluster.Messages;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// This server's side of one disk: the shell around <see cref="DiskMirror"/> and <see cref="CopyLife"/>, which decide. Owns the copy's worker and has what they
/// have not: threads (the worker's, one for metadata), files, time, and messages. Nothing here waits for a device.
/// This file: messages. Others: what the mirror and the copy's life ask for, commands and status.
/// </summary>
public sealed partial class DiskActor : UntypedActor, IWithTimers
{
    /// <summary>Names under the machine's actor begin with this.</summary>
    public const string NamePrefix = "disk-";

    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(20), s_closeLimit = TimeSpan.FromSeconds(3);

    private readonly DiskActorOptions _options;
    private readonly IActorRef _coordinator;
    private readonly DiskMirror _mirror;
    private readonly CopyLife _life;
    private readonly MirrorOutbox _outbox;
    private readonly MirrorReassembly _incoming = new();
    private readonly MirrorReports _reports;
    private readonly CopyLatencies _latencies;
    private readonly List<InjectedFault> _injected = [];
    private readonly Queue<FaultInjectingBlockFile> _faultFiles = new(); // of copies given up too: a stall holds them until it is cleared
    private OpenedCopy? _opened;
    private DiskCopyWorker? _worker;
    private Task _records = Task.CompletedTask, _closing = Task.CompletedTask;

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
        (_options, _coordinator) = (options, coordinator);
        _self = Self;
        _reports = new MirrorReports(options.Settings.Name.Machine, NamePrefix + options.Settings.Name.Disk);
        _latencies = new CopyLatencies(options.Server, options.Settings.Name);
        IActorRef self = _self;
        _outbox = new MirrorOutbox(link.Link, link.Channel, link.Incarnation, options.Index, () => self.Tell(DiskProtocol.MirrorRoom.Instance, ActorRefs.NoSender));
        _mirror = new DiskMirror(options.Settings.Name, options.Geometry, options.Mirror, this);
        _life = new CopyLife(_mirror, options.Policy, options.Geometry, options.Term, this);
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
        _life.Begin(_options.Opened, _options.IsCurrent, _options.NotCurrentBecause);
        if (_options.Opened is not { } opened) return;
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
                NoteStanding();
                break;
            case DiskProtocol.MirrorBytes bytes: _mirror.Received(bytes.Bytes); break;
            case DiskProtocol.MirrorFrame frame:
                if (_incoming.Add(frame.Content) is { } whole) _mirror.Received(whole);
                frame.Frame.Dispose();
                break;
            case DiskProtocol.MirrorRoom: _outbox.RoomCame(); break;
            case DiskProtocol.Reset: _mirror.Reset(); break;
            case DiskProtocol.Prepare prepare:
                _life.Prepare(() => _coordinator.Tell(new DiskProtocol.Prepared(prepare.Stream, _options.Index), _self));
                break;
            case DiskProtocol.PeerIn peer:
                _incoming.Clear();
                _mirror.PeerIn(peer.Stream.Term, peer.Stream.Number, peer.IsSource);
                break;
            case DiskProtocol.Enrolled: _mirror.Enrolled(); break;
            case DiskProtocol.MarkBase: _mirror.MarkBase(); break;
            case DiskProtocol.Leads leads: _mirror.Leads(leads.IsLeading); break;
            case DiskProtocol.PeerGone: _mirror.PeerGone(); break;
            case DiskProtocol.MarkTerm mark:
                _life.MarkTerm(mark.Term, () => _coordinator.Tell(new DiskProtocol.TermMarked(mark.Term, _options.Index), _self));
                break;
            case DiskProtocol.MarkStale marked: _life.Marked(marked.Number); break;
            case DiskProtocol.MarkCurrent marked: _life.Marked(marked.Number); break;
            case Stalled stalled when stalled.Worker == _worker:
                _life.Stalled($"a {stalled.Report.Request.Operation} has not ended for {stalled.Report.AgeMs / 1000:F1} s");
                break;
            case Stalled: break; // of a worker that was given up
            case Reopen: _life.OpenAgain(); break;
            case Reopened reopened: _life.Reopened(reopened.Copy, reopened.Kind, reopened.Error); break;
            case CommandProtocol.Command command: Sender.Tell(OnCommand(command)); break;
            case MachineProtocol.GetStatus: Sender.Tell(BuildStatus()); break;
            default: Unhandled(message); break;
        }
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
