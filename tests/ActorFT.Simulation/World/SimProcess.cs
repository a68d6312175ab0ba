using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World.Disks;

namespace ActorFT.Simulation.World;

/// <summary>
/// One run of the program on one server: the shell around <see cref="ReplicaProtocol"/>, as the actors are in the product. This part
/// feeds events and does effects; the others run rounds, disks and state transfer.
/// </summary>
internal sealed partial class SimProcess
{
    private readonly Queue<ProtocolEvent> _events = new();
    private readonly Queue<(Func<ulong, ProtocolEvent> Make, Func<bool>? IsDue)> _deferred = new();
    private readonly double _drift;
    private readonly ulong _clockOffset;
    private bool _isStepping;

    public SimProcess(SimWorld world, SimServer server, ulong incarnation)
    {
        (World, Server, Self) = (world, server, new Member(server.Name, incarnation));
        _drift = (world.Random.Below(101) - 50) * 1e-6;
        _clockOffset = world.Random.Between(1_000_000, 1_000_000_000_000);
        string peer = world.Servers[1 - server.Index].Name;
        Disks = world.Options.HasMirrors ? new MirroredDisks(this) : new PlainDisks(this);
        Protocol = new ReplicaProtocol(new ReplicaIdentity(Self, peer, SimWorld.MachineName, new Digest(1, 2)), world.Options.Settings);
    }

    public SimWorld World { get; }
    public SimServer Server { get; }
    public Member Self { get; }
    public ReplicaProtocol Protocol { get; }
    public int[] Connections { get; } = new int[2];
    public DeliveryTracker Tracker { get; } = new();
    public ToyMachine? Machine { get; private set; }
    public bool IsDead { get; private set; }
    public bool IsHung { get; private set; }

    /// <summary>Holds the machine's state: it leads, or has loaded it and follows.</summary>
    public bool HasState => Machine is not null && (IsLeading || _isFollowing);
    public bool IsLeading { get; private set; }
    public Configuration? LeadsIn { get; private set; }
    public bool IsTainted { get; set; }

    /// <summary>When it last took a message of the other server's.</summary>
    public ulong HeardAtNs { get; set; }

    /// <summary>The round from which it leads.</summary>
    public ulong PromotedRound { get; private set; }
    public bool IsDuplex => Protocol.Status.IsDuplex;

    private bool _isFollowing;

    /// <summary>What it executed: the register after each round, and the content of each output.</summary>
    public Dictionary<ulong, ulong> Registers { get; } = [];
    public Dictionary<ulong, ulong> Times { get; } = [];
    public Dictionary<OutputId, ulong> Executed { get; } = [];

    private readonly HashSet<OutputId> _diskWrites = [];

    /// <summary>Whether an output goes to the disk: each server does those itself.</summary>
    public bool IsDiskWrite(OutputId id) => _diskWrites.Contains(id);

    public ulong LocalNow => _clockOffset + World.NowNs + (ulong)(World.NowNs * _drift);

    public void Start()
    {
        Feed(new Started(LocalNow, Disks.Mark));
        Disks.Begin();
        Tick();
    }

    private void Tick()
    {
        if (IsDead) return;
        Deliver(now => new TimerTick(now));
        Scrub();
        Disks.Tick();
        World.After(World.Options.TickNs, Tick);
    }

    /// <summary>An event arrives from outside; a hung process gets it when it wakes.</summary>
    public void Deliver(Func<ulong, ProtocolEvent> make, Func<bool>? isDue = null)
    {
        if (IsDead) return;
        if (IsHung)
        {
            if (make(LocalNow) is not TimerTick || _deferred.Count == 0) _deferred.Enqueue((make, isDue));
            return;
        }
        if (isDue?.Invoke() == false) return;
        Feed(make(LocalNow));
    }

    /// <summary>Something else is to be done in this process; a hung one does it when it wakes.</summary>
    public void Post(Action action)
    {
        if (IsDead) return;
        if (IsHung || _posted.Count != 0) _posted.Enqueue(action);
        else action();
    }

    private readonly Queue<Action> _posted = new();

    public void Hang() => IsHung = true;

    /// <summary>Hangs when the protocol next lets outputs go, before they leave; or at the end of the hang, not at all.</summary>
    public void HangAtPerform() => _isHangingAtPerform = true;

    private bool _isHangingAtPerform;
    private readonly List<MachineOutput> _returned = [];

    // What the hang kept from leaving goes back first; an event that had to wait is as late as it is taken.
    private ProtocolEvent? TakeEvent()
    {
        if (_returned.Count != 0)
        {
            OutputsReturned returned = new(LocalNow, [.. _returned]);
            _returned.Clear();
            World.Count("outputs returned after a hang");
            return returned;
        }
        return _events.TryDequeue(out ProtocolEvent? next) ? next with { NowNs = LocalNow } : null;
    }

    public void Wake()
    {
        _isHangingAtPerform = false;
        if (!IsHung || IsDead) return;
        IsHung = false;
        GoOn();
        while (!IsHung && _deferred.TryDequeue(out (Func<ulong, ProtocolEvent> Make, Func<bool>? IsDue) next)) Deliver(next.Make, next.IsDue);
        Disks.Woke();
        while (!IsHung && !IsDead && _posted.TryPeek(out Action? action))
        {
            action();
            _posted.Dequeue();
        }

        PumpRounds();
        PumpRecord();
    }

    public void Die()
    {
        IsDead = true;
        IsLeading = _isFollowing = false;
        Machine = null;
        Disks.Abandon(isCrash: true);
    }

    /// <summary>An event of this process itself.</summary>
    public void Feed(ProtocolEvent happened)
    {
        _events.Enqueue(happened);
        GoOn();
    }

    private void GoOn()
    {
        if (_isStepping) return;
        _isStepping = true;
        while (!IsDead && !IsHung && TakeEvent() is { } next)
        {
            World.TraceEvent(this, next);
            IReadOnlyList<Effect> effects;
            try
            {
                effects = Protocol.Step(next);
            }
            catch (Lockstep.InvariantViolatedException exception)
            {
                throw new SimulationFailure("no invariant breaks", $"{Self.Server} in {next.GetType().Name}: {exception.Message}");
            }
            foreach (Effect effect in effects)
            {
                World.TraceEffect(this, effect);
                Do(effect);
            }
            foreach (Checkers.Checker checker in World.Checkers) checker.AfterStep(this);
        }
        _isStepping = false;
        Disks.AfterSteps();
    }

    private void Do(Effect effect)
    {
        switch (effect)
        {
            case SendLink send: Send(send); break;
            case AskArbiter ask:
                if (ask.Request is ArbiterClaim { Wanted: { Follower: null } alone } && alone.Leader == Self) RequireDisks("claims to lead alone");
                World.Arbiter.Ask(this, ask.Request);
                break;
            case PersistTerm persist: Disks.Persist(persist.Term); break;
            case BootMachine: Boot(); break;
            case Lead lead: BeginLeading(lead.Configuration); break;
            case Follow: BeginFollowing(); break;
            case Fence fence: BeFenced(fence.Reason); break;
            case SetPace pace: ChangePace(pace.Percent); break;
            case TakeDigest digest: Feed(new DigestComputed(LocalNow, digest.Round, Machine!.ComputeDigest())); break;
            case Perform perform: PerformAll(perform); break;
            case ExecuteRecord execute: BeginRecord(execute.Record); break;
            case CompleteFlush complete:
                if (!Disks.MustWait(complete.Flush)) EndFlush(complete.Flush);
                break;
            case CheckSelf: CheckOneself(); break;
            case AcceptMemory:
                Machine!.AcceptMemory();
                IsTainted = false;
                break;
            case PrepareForState prepare: Prepare(prepare.Stream); break;
            case LoadBatch load: Load(load.Batch); break;
            case LoadState load: FinishLoading(load); break;
            case StreamState stream: StreamPass(stream); break;
            case StreamFinalState stream: RequestFinalState(stream); break;
            case StopStreaming stop: StopStream(stop.Stream); break;
            case RaiseFault fault: World.Count($"fault raised: {fault.Fault.Kind}"); break;
            case DeliverParcel deliver: Disks.Deliver(deliver.Parcel); break;
            case LeaveCompleted: World.After(0, () => Server.StopInOrder(this)); break;
        }
    }

    // design.md §3 rule 5: whoever may act alone has whole disks.
    private void RequireDisks(string what)
    {
        if (Disks is MirroredDisks { AreCurrent: false }) throw new SimulationFailure("whoever acts alone has whole disks", $"{Self.Server} {what}, and its disks lack something");
    }

    /// <summary>A flush ends for the machine.</summary>
    public void EndFlush(FlushId flush)
    {
        BlockStatus status = _completions.Remove(flush.RequestId, out BlockCompleted? own) ? own.Status : BlockStatus.Ok;
        if (Disks.TakeLost(flush.DiskIndex)) status = BlockStatus.IoError;
        AddInput(new BlockCompleted(flush.DiskIndex, flush.RequestId, status, default));
    }

    private void Send(SendLink send)
    {
        if (send.Envelope.Message is HandOverReady) RequireDisks("offers to lead");
        if (send.Envelope.Message is RecordSent { Record.IsLastRoundAhead: true }) World.Count("round told ahead");
        byte[] frame = SimPath.Encode(send.Envelope);
        for (int path = 0; path < World.Paths.Length; path++)
            if (send.Path is null || send.Path == path) World.Paths[path].Send(this, send.Channel, frame);
    }

    private void CheckOneself()
    {
        if (Machine is null) return; // fenced by a later event
        bool isSound = Machine.IsSound;
        World.Count(isSound ? "self-check sound" : "self-check found a fault");
        Feed(new SelfChecked(LocalNow, isSound, [new ComponentDigest("memory", Machine.ComputeDigest())]));
    }

    // A slow look at all memory, as the product's: unasked.
    private void Scrub()
    {
        if (IsDead || IsHung || !HasState || !World.Options.ScrubsMemory || Machine!.Scrub() < 0) return;
        World.Count("scrub found a flipped bit");
        Feed(new SelfChecked(LocalNow, IsSound: false, [new ComponentDigest("memory", Machine.ComputeDigest())]));
    }

    private void Boot()
    {
        foreach (Checkers.Checker checker in World.Checkers) checker.OnBoot(this);
        Disks.Discard();
        Machine = new ToyMachine(++World.Lives, World.Options.ToyDisks, Disks.Content);
        IsTainted = false;
        Registers.Clear();
        Executed.Clear();
        World.Count("cold boot");
    }

    private void BeginLeading(Configuration configuration)
    {
        (IsLeading, _isFollowing, LeadsIn) = (true, false, configuration);
        if (Machine!.Round != 0) World.Count(configuration.Follower is null ? "failover" : "hand-over done");
        PromotedRound = Machine.Round;
        Disks.Leads(true);
        Tracker.Lead();
        TakeOverInputs();
        foreach (Checkers.Checker checker in World.Checkers) checker.OnLead(this, configuration);
        World.After(0, () => { foreach (Checkers.Checker checker in World.Checkers) checker.AfterLead(this); });
        PumpRounds();
    }

    private void BeginFollowing()
    {
        if (IsLeading) KeepCompletions();
        (IsLeading, _isFollowing, LeadsIn) = (false, true, null);
        Disks.Leads(false);
        Tracker.Follow(Machine!.Round);
        _roundGeneration++;
        _isRoundRunning = false;
    }

    private void BeFenced(string reason)
    {
        foreach (Checkers.Checker checker in World.Checkers) checker.OnFence(this, reason);
        World.Count(IsTainted ? "fenced while hurt" : "fenced while sound");
        (IsLeading, _isFollowing, LeadsIn, Machine) = (false, false, null, null);
        _roundGeneration++;
        _isRoundRunning = false;
        _record = null;
        _streaming = null;
        _inputs.Clear();
        _completions.Clear();
        Disks.Discard();
        World.Count("fenced");
    }
}
