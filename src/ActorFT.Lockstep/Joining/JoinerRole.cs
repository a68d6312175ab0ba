using ActorFT.Lockstep.Following;
using ActorFT.Lockstep.Leading;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Joining;

/// <summary>
/// A server without state: it waits, boots the machine if it may, or is rebuilt by the leader.
/// <code>
///           ColdStart allows: claim           granted
///  WAITING ------------------------> CLAIMING -------> (LEADING)
///     |  ^          refused: waits on    |
///     |  +-------------------------------+
///     |  ^ stream over, batch missing, digest differs, leader lost
///     v JoinBegin |
///  PREPARING -StatePrepared-> LOADING -StateEnd, all batches-> FINISHING -digest equal, disks marked-> (FOLLOWING)
/// </code>
/// Invariant: its disks are durably marked stale before the first byte of a rebuild changes them.
/// </summary>
internal sealed class JoinerRole(ReplicaContext context) : ReplicaRole(context)
{
    private enum Step
    {
        Waiting,
        Preparing,
        Loading,
        Finishing,
    }

    private Step _step;
    private StreamId _stream;
    private Member? _leader;
    private ulong _nextSequence, _helloAtNs, _sinceNs, _termToMark;
    private StateEnd? _end;
    private PassEnd? _passEnd;
    private ReceiveWindow? _window;
    private readonly List<FlushId> _flushes = [];
    private bool _isForced;
    private string _waitsFor = "its start";

    public override ReplicaStatus Status => new(
        ReplicaRoleName.Joining, _step == Step.Waiting ? $"waits for {_waitsFor}" : "being rebuilt", Claims.Known, false, 0, 0, 0, 0, _window?.KeptRecords ?? 0, 0);

    public override void Enter()
    {
        _sinceNs = Context.NowNs;
        Claims.Withdraw();
        Peer.Forget();
        if (Context.IsLeaving) Context.Emit(new LeaveCompleted());
        SendHello();
    }

    public override Hello Introduce(Hello hello) => hello with { Stream = _step == Step.Waiting ? null : _stream };

    public override void OnHello(Hello hello, ulong incarnation)
    {
        if (_step != Step.Waiting && incarnation != _leader!.Incarnation) GiveUp("the leader was started anew", tellsLeader: false);
        Decide();
    }

    public override void OnMessage(LinkMessage message, int path)
    {
        switch (message)
        {
            case JoinBegin begin: OnBegin(begin); break;
            case StateBatch batch when batch.Stream == _stream && _step == Step.Loading: OnBatch(batch); break;
            case PassEnd end when end.Stream == _stream && _step == Step.Loading:
                _passEnd = end;
                Advance();
                break;
            case StateEnd end when end.Stream == _stream && _step == Step.Loading:
                _end = end;
                _window ??= new ReceiveWindow(end.Round, Settings.MaxStoredRecords, Settings.Bug == PlantedBug.AcknowledgeBeyondGap);
                Advance();
                break;
            case RecordSent sent when sent.Stream == _stream: _window?.Offer(sent.Record); break;
            case StreamEnded ended when ended.Stream == _stream && _step != Step.Waiting: GiveUp(ended.Reason, tellsLeader: false); break;
        }
    }

    private void OnBegin(JoinBegin begin)
    {
        if (begin.Stream == _stream && _step == Step.Loading) Context.Send(new JoinReady(_stream)); // the first answer was lost
        if (!begin.Stream.IsAfter(Context.LastStream) || begin.Configuration != Claims.Known || !Context.IsAvailable || Context.IsLeaving) return;
        if (_step != Step.Waiting) GiveUp("the leader begins anew", tellsLeader: false);
        Claims.Withdraw();
        (_step, _stream, _leader) = (Step.Preparing, begin.Stream, begin.Configuration.Leader);
        (_nextSequence, _end, _passEnd, _window) = (0, null, null, null);
        _flushes.Clear();
        Context.LastStream = _stream;
        Peer.Watch(Context.NowNs);
        Claims.Persist(0); // stale from here on
        Context.Emit(new PrepareForState(_stream));
    }

    private void OnBatch(StateBatch batch)
    {
        if (batch.Sequence < _nextSequence) return;
        if (batch.Sequence > _nextSequence)
        {
            GiveUp($"batch {_nextSequence} of its state is missing", tellsLeader: true);
            return;
        }
        _nextSequence++;
        Context.Emit(new LoadBatch(batch));
        Advance();
    }

    private void Advance()
    {
        if (_passEnd is { } pass && pass.NextSequence == _nextSequence)
        {
            _passEnd = null;
            Context.Send(new PassLoaded(_stream, pass.Pass));
        }
        if (_end is not { } end) return;
        if (end.NextSequence != _nextSequence)
        {
            if (end.NextSequence < _nextSequence) GiveUp("more state came than was sent", tellsLeader: true);
            return;
        }
        _step = Step.Finishing;
        Context.Emit(new LoadState(_stream, end.Round, end.TimeNs));
    }

    public override void OnShell(ProtocolEvent happened)
    {
        switch (happened)
        {
            case StatePrepared prepared when prepared.Stream == _stream && _step == Step.Preparing:
                _step = Step.Loading;
                Context.Send(new JoinReady(_stream));
                break;
            case StateLoaded loaded when loaded.Stream == _stream && _step == Step.Finishing: OnLoaded(loaded); break;
            case FlushDone done when _step == Step.Finishing && _flushes.Count < FlushesStored.MaxFlushes: _flushes.Add(done.Flush); break;
            case LeaveRequested: Leave(); break;
            case ColdStartForced:
                _isForced = true;
                Decide();
                break;
            case HandOverRequested:
                Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} does not lead machine {Context.Machine}: {Status.Detail}.");
                break;
        }
    }

    private void OnLoaded(StateLoaded loaded)
    {
        if (loaded.Digest != _end!.Digest)
        {
            Context.Fault(ProtocolFaultKind.TransferFailed,
                $"The state of machine {Context.Machine} that came has digest {loaded.Digest?.ToString() ?? "none"}, but was sent with {_end.Digest}.", _end.Round);
            GiveUp("the digest of its state differs", tellsLeader: true);
            return;
        }
        _termToMark = Claims.KnownTerm + 1;
        Claims.Persist(_termToMark);
        OnTermPersisted();
    }

    public override void OnTermPersisted()
    {
        if (_step != Step.Finishing || _termToMark == 0 || Claims.PersistedTerm < _termToMark) return;
        Context.Clock.Start(_end!.TimeNs, Context.NowNs);
        Context.Become(new FollowerRole(Context, _stream, _leader!, isMember: false, _window!, _end.Round, _flushes) { Accepted = new StateAccepted(_stream, _termToMark) });
    }

    private void Leave()
    {
        Context.IsLeaving = true;
        if (_step != Step.Waiting) GiveUp("it leaves for maintenance", tellsLeader: true);
        Context.Emit(new LeaveCompleted());
    }

    private void GiveUp(string reason, bool tellsLeader)
    {
        if (tellsLeader) Context.Send(new StreamEnded(_stream, reason));
        Context.Emit(new StopStreaming(_stream));
        (_step, _sinceNs, _termToMark, _window) = (Step.Waiting, Context.NowNs, 0, null);
        SendHello();
    }

    public override void OnConfiguration(Configuration configuration)
    {
        // Disks may have failed while the arbiter was asked: the term is this server's, and nobody boots in it; a later claim follows it.
        if (configuration.Leader == Context.Self && configuration.Follower is null && _isBooting && Context.AreDisksCurrent)
        {
            Boot(configuration);
            return;
        }
        _isBooting = false;
        if (_step != Step.Waiting) GiveUp($"{configuration} now", tellsLeader: false);
        Decide();
    }

    private bool _isBooting;

    private void Boot(Configuration configuration)
    {
        Context.Clock.Start(0, Context.NowNs);
        Context.Emit(new BootMachine());
        Context.Become(new LeaderRole(Context, configuration, 0, [], []));
    }

    public override void OnArbiterAnswered(ArbiterReply reply) => Decide();

    public override void OnLinkDown(int path) => Decide();

    private void Decide()
    {
        if (_step != Step.Waiting) return;
        var facts = new ColdStartFacts(Context.Self, Context.Identity.PeerServer, Claims.HasAnswered, Claims.Known, Claims.PersistedTerm,
            Peer.Hello, Context.IsAvailable && !Context.IsLeaving, Context.NowNs - _sinceNs, _isForced, Context.AreDisksCurrent);
        // A claim marks the disks with the coming term before it is sent; that mark is this server's own and no newer knowledge.
        if (_isBooting && Claims.Wanted is not null && Context.AreDisksCurrent) return;
        string? waitsFor = ColdStart.WaitsFor(facts, Settings);
        if (waitsFor is not null)
        {
            if (waitsFor != _waitsFor && waitsFor.StartsWith("an operator", StringComparison.Ordinal))
                Context.Fault(ProtocolFaultKind.CannotBoot, $"{Context.Self.Server} does not boot machine {Context.Machine}: it waits for {waitsFor}.");
            _waitsFor = waitsFor;
            Claims.Withdraw();
            return;
        }
        _waitsFor = "the arbiter to let it boot";
        _isBooting = true;
        if (Settings.Bug == PlantedBug.BootWithoutClaim) Boot(new Configuration(Claims.KnownTerm + 1, Context.Self, null));
        else Claims.Want(Context.Self, null, isColdStart: true);
    }

    private void SendHello()
    {
        _helloAtNs = Context.NowNs;
        Context.SendHello();
    }

    public override void OnTick()
    {
        if (Context.NowNs - _helloAtNs >= Settings.HelloNs) SendHello();
        if (_step != Step.Waiting)
        {
            if (Peer.Suspicion(Context.NowNs, 0) is { } reason) GiveUp(reason, tellsLeader: true);
            return;
        }
        Claims.Query();
        Decide();
    }
}
