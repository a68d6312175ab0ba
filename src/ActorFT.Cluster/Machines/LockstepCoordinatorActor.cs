using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.Memory;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// The shell around <see cref="ReplicaProtocol"/>: sequences interrupts and I/O round by round, moves bytes, asks the arbiter. It decides
/// nothing; every decision is the protocol's.
/// <code>
///   mailbox: envelopes, completions, frames, ticks, commands            vCPU actors (same thread)
///        |                                                                  ^            |
///        v                                                        RoundToken |            | RoundToken, last one
///   Feed(event) -> protocol.Step -> effects, in order -> Perform…  BeginRound +            v
///                                             Feed(RoundBegun) of the leader's       EndRound -> Feed(RoundExecuted)
/// </code>
/// Invariant: while a round is with the vCPUs nobody touches the machine: an effect that needs it, and everything after it,
/// waits for the round's end.
/// This file: messages and the event queue. Others: rounds, effects, state transfer, status.
/// </summary>
public sealed partial class LockstepCoordinatorActor : UntypedActor, IDisposable
{
    /// <summary>Its name under the machine's actor.</summary>
    public const string Name = "lockstep";

    private readonly CoordinatorOptions _options;
    private readonly ReplicaProtocol _protocol;
    private readonly MachineParts _parts;
    private readonly Queue<ProtocolEvent> _events = new();
    private readonly Queue<Effect> _effects = new();
    private MachineTimer? _timer;
    private readonly Queue<(object Message, IActorRef Sender)> _early = []; // what came before Begin
    private ulong _steppedAtNs; // when the event was taken whose effects are being done
    private bool _isDraining;

    /// <summary>Creates it.</summary>
    /// <param name="options">What it works with.</param>
    /// <param name="parts">The machine's other actors on this server.</param>
    public LockstepCoordinatorActor(CoordinatorOptions options, MachineParts parts)
    {
        _options = options;
        _parts = parts;
        _protocol = new ReplicaProtocol(options.Identity, options.Settings);
        _scrub = new MemoryScrub(options.MemoryScrubBytesPerSecond);
    }

    /// <summary>How to create one.</summary>
    public static Props Props(CoordinatorOptions options, MachineParts parts) =>
        Akka.Actor.Props.Create(() => new LockstepCoordinatorActor(options, parts)).WithDispatcher(MachineDispatcher.Id);

    /// <summary>Starts the replica: what its disks are marked with is known.</summary>
    public sealed record Begin(ulong DiskTerm, IReadOnlyList<CopyUse> Disks) : MachineProtocol.ILocalMessage;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (HasBegun) Handle(message, Sender);
        else if (message is Begin begin) OnBegin(begin);
        else _early.Enqueue((message, Sender)); // the machine's other actors start beside it, and a disk tells how it stands as soon as it does
    }

    private void Handle(object message, IActorRef sender)
    {
        switch (message)
        {
            case MachineProtocol.RoundToken round: OnRoundDone(round); break;
            case MachineProtocol.NextRound: OnNextRound(); break;
            case MachineProtocol.EnvelopeArrived arrived: OnEnvelope(arrived); break;
            case MachineProtocol.DiskCompleted completed: OnDiskCompleted(completed); break;
            case MachineProtocol.InputArrived arrived: OnInput(arrived.Input); break;
            case MachineProtocol.Tick: OnTick(); break;
            case MachineProtocol.Wake: TryRun(); break;
            case ArbiterProtocol.Answer answer: Feed(new ArbiterReplied(Now, answer.Reply)); break;
            case MachineProtocol.PathChanged changed: OnPathChanged(changed.Status); break;
            case MachineProtocol.TermWritten written: Feed(new TermPersisted(Now, written.Term)); break;
            case MachineProtocol.TermBarrier barrier: OnTermBarrier(barrier.Stream); break;
            case MachineProtocol.RoomForState:
                _isWaitingForRoom = false;
                ContinueStream();
                break;
            case MachineProtocol.PeerUnreachable suspect: Feed(new PeerSuspected(Now, suspect.Reason)); break;
            case MachineProtocol.VcpuFailed failed: OnVcpuFailed(failed); break;
            case CommandProtocol.Command command: sender.Tell(OnCommand(command)); break;
            case MachineProtocol.GetStatus: sender.Tell(BuildStatus()); break;
            default:
                if (!OnDiskMessage(message)) Unhandled(message);
                break;
        }
    }

    private static ulong Now => MonotonicClock.NowNs;

    private bool HasBegun => _timer is not null;

    private void OnBegin(Begin begin)
    {
        IActorRef self = Self;
        Feed(new Started(Now, begin.DiskTerm));
        BeginDisks(begin.Disks);
        _timer = MachineExecutor.Current.StartTimer(ReplicaProtocol.TickNs,
            () => self.Tell(MachineProtocol.Tick.Instance, ActorRefs.NoSender), () => self.Tell(MachineProtocol.Wake.Instance, ActorRefs.NoSender));
        _options.Link.Register(_options.Channel, Self);
        while (_early.TryDequeue(out (object Message, IActorRef Sender) early)) Handle(early.Message, early.Sender);
    }

    /// <summary>Takes an event to the protocol and carries out what it says; events that come up meanwhile follow in order.</summary>
    private void Feed(ProtocolEvent happened)
    {
        _events.Enqueue(happened);
        Drain();
    }

    private void Drain()
    {
        if (_isDraining) return;
        _isDraining = true;
        try
        {
            while (true)
            {
                while (_effects.TryPeek(out Effect? effect))
                {
                    if (_isInRound && NeedsMachine(effect)) return; // goes on at the round's end
                    _effects.Dequeue();
                    Do(effect);
                }

                ProtocolEvent? next = TakeReturned();
                if (next is null && !_events.TryDequeue(out next))
                {
                    NoteDisks();
                    return;
                }

                // The protocol's clock never falls: an event that had to wait is as late as it is taken.
                _steppedAtNs = Now;
                foreach (Effect effect in _protocol.Step(next with { NowNs = _steppedAtNs })) _effects.Enqueue(effect);
            }
        }
        finally
        {
            _isDraining = false;
        }
    }

    private static bool NeedsMachine(Effect effect) => effect is TakeDigest or BootMachine or Lead or Follow or Fence or ExecuteRecord or CheckSelf
        or PrepareForState or LoadBatch or LoadState or StreamState or StreamFinalState or SetPace;

    private void OnEnvelope(MachineProtocol.EnvelopeArrived arrived)
    {
        if (arrived.Envelope.Message is FollowerProgress progress) _copies.Stored(progress.Stream, progress.StoredRound);
        Feed(new LinkMessageReceived(Now, arrived.Path, arrived.Envelope));
        arrived.Frame.Dispose();
    }

    private void OnPathChanged(Network.Links.LinkPathStatus status)
    {
        bool isUp = status.State != Network.Links.LinkPathState.Down;
        uint bit = 1u << status.PathIndex;
        if (((_pathsUp & bit) != 0) == isUp) return;
        _pathsUp ^= bit;
        if (!isUp) SendCopies(isAll: true); // some may have been lost with it
        Feed(isUp ? new LinkUp(Now, status.PathIndex) : new LinkDown(Now, status.PathIndex));
    }

    private uint _pathsUp;

    private void OnTick()
    {
        Feed(new TimerTick(Now));
        SendCopies(isAll: false);
        _options.Link.FlushLog();
        NoteProtection();
        NoteWaiting();
        NoteStanding();
        ContinueStream();
        ScrubMemory();
        TryRun();
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Frees the machine; a round that a vCPU still has ends there, on the thread that they share.</summary>
    public void Dispose()
    {
        _token.Machine = null;
        _timer?.Dispose();
        _machine?.Dispose();
        _machine = null;
    }
}

/// <summary>The actors and meters of one machine on one server.</summary>
public sealed record MachineParts
{
    /// <summary>vCPU actors' meters, by number.</summary>
    public required IReadOnlyList<VcpuMeter> Meters { get; init; }
    /// <summary>The first vCPU's actor, to which a round goes; set before the coordinator is started.</summary>
    public IActorRef FirstVcpu { get; set; } = ActorRefs.Nobody;
    /// <summary>Disk actors, in the definition's order.</summary>
    public IReadOnlyList<IActorRef> Disks { get; set; } = [];
    /// <summary>NIC actors, in the definition's order.</summary>
    public IReadOnlyList<IActorRef> Nics { get; set; } = [];
    /// <summary>Their data paths.</summary>
    public required IReadOnlyList<NicPort> NicPorts { get; init; }
    /// <summary>The console's data path.</summary>
    public required ConsoleLog ConsoleLog { get; init; }
    /// <summary>The console's actor.</summary>
    public IActorRef Console { get; set; } = ActorRefs.Nobody;
    /// <summary>Keeps the term durably.</summary>
    public IActorRef TermKeeper { get; set; } = ActorRefs.Nobody;
}
