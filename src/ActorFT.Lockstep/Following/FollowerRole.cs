using ActorFT.Lockstep.Leading;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Following;

/// <summary>
/// The replica that shadows the leader. This part: messages, terms, promotion. The other part executes records.
/// <code>
///            leader suspected, member: claim (self, nobody)        won           all stored records executed
///  FOLLOWING -------------------------------------------> CLAIMING ----> PROMOTING -----------------------> (LEADING)
///      ^  heard again: claim withdrawn, outcome still learnt |
///      +-----------------------------------------------------+--- lost, or left out: fenced ---------------> (JOINING)
/// </code>
/// Invariant: it acknowledges as stored only what it will execute before it leads.
/// </summary>
internal sealed partial class FollowerRole : ReplicaRole
{
    private readonly StreamId _stream;
    private readonly Member _leader;
    private readonly ReceiveWindow _window;
    private readonly KeptOutputs _kept;
    private readonly SortedSet<FlushId> _flushes = new(LeaderRole.FlushOrder);
    private bool _isMember, _hasHeardLeader, _owesProgress;
    private Configuration? _promotion, _handOver;
    private ulong _progressAtNs, _beatAtNs, _probe;

    /// <summary>Follows from a state that equals the leader's after <paramref name="executedRound"/> rounds.</summary>
    /// <param name="context">What outlives the role.</param>
    /// <param name="stream">The stream of records.</param>
    /// <param name="leader">Who leads.</param>
    /// <param name="isMember">Whether the arbiter is known to count this replica as the follower.</param>
    /// <param name="window">Records received already.</param>
    /// <param name="executedRound">Rounds completed.</param>
    /// <param name="doneFlushes">Flushes that this server's disks have ended and the guest has not heard of.</param>
    public FollowerRole(ReplicaContext context, StreamId stream, Member leader, bool isMember, ReceiveWindow window, ulong executedRound, IEnumerable<FlushId> doneFlushes)
        : base(context)
    {
        (_stream, _leader, _isMember, _window, _executedRound) = (stream, leader, isMember, window, executedRound);
        _kept = new KeptOutputs(Settings.Bug == PlantedBug.KeepReleasedOutputs);
        _flushes.UnionWith(doneFlushes);
    }

    /// <summary>What to repeat until the leader has made this replica a member.</summary>
    public StateAccepted? Accepted { get; init; }

    public override ReplicaStatus Status => new(
        ReplicaRoleName.Following, Detail, Claims.Known, _isMember && _promotion is null && _divergence is null, _executedRound, _window.StoredRound, 0, _kept.Bytes, _window.KeptRecords, 0);

    private string Detail =>
        _promotion is not null ? "executing what is stored, then leading"
        : _failure is not null ? "it cannot execute as the leader did"
        : _divergence is not null ? "its execution differs from the leader's"
        : Claims.Wanted is not null ? "asking the arbiter to lead"
        : _isMember ? "in lockstep" : "catching up";

    public override bool HasPeer => _promotion is null;

    public override bool IsMember => _isMember;

    public override void Enter()
    {
        Context.Clock.Start(Context.Clock.LastNs, Context.NowNs);
        Context.LastStream = _stream;
        Peer.Forget();
        Peer.Watch(Context.NowNs);
        Context.Emit(new Follow(Claims.Known!));
        Announce();
        SendProgress();
        SendFlushes();
        ExecuteNext();
    }

    public override Hello Introduce(Hello hello) => hello with { HasState = true, Stream = _stream };

    public override void OnHello(Hello hello, ulong incarnation) => Reconsider();

    public override void OnMessage(LinkMessage message, int path)
    {
        switch (message)
        {
            case RecordSent sent when sent.Stream == _stream: OnRecord(sent); break;
            case LeaderBeat beat when beat.Stream == _stream:
                _hasHeardLeader = true;
                _kept.Released(beat.ReleasedRound);
                AnswerProbe(beat.Probe);
                break;
            case StreamEnded ended when ended.Stream == _stream && _promotion is null: Context.FenceAndWait(ended.Reason); break;
            case JoinBegin begin when begin.Stream.IsAfter(_stream) && _promotion is null:
                // A leader that begins anew with this server acts alone, in a term the arbiter granted: this state is worth nothing.
                Context.FenceAndWait("the leader rebuilds it");
                Context.Role.OnMessage(begin, path);
                break;
            case HandOverPrepare prepare when prepare.Stream == _stream: OnPrepare(prepare); break;
        }
    }

    private void OnRecord(RecordSent sent)
    {
        _kept.Released(sent.ReleasedRound);
        Context.Clock.Observe(sent.Record.EndTimeNs, Context.NowNs);
        bool isNew = _window.Offer(sent.Record);
        if (isNew) Acknowledge(isUrgent: (sent.Record.IsLastRoundAhead || sent.Record.OutputCount != 0) && Settings.Commit == CommitMode.Received);
        // Copies come on the second path; one sent again because an acknowledgement was lost must be answered.
        else if (sent.Record.EndRound <= _window.StoredRound && Context.NowNs - _progressAtNs >= Settings.HeartbeatNs / 2) SendProgress();
        ExecuteNext();
    }

    // Until the leader is heard in this stream it may not know that it has this follower (state accepted), or that it
    // leads at all (handed over: the hello tells it the configuration).
    private void Announce()
    {
        if (_hasHeardLeader && _isMember) return;
        if (Accepted is not null) Context.Send(Accepted);
        else Context.SendHello();
    }

    private void Acknowledge(bool isUrgent)
    {
        if (isUrgent) SendProgress();
        else _owesProgress = true;
    }

    private void SendProgress()
    {
        (_progressAtNs, _owesProgress) = (Context.NowNs, false);
        Context.Send(new FollowerProgress(_stream, _window.StoredRound, _executedRound, _digestRound, _digest, Claims.IsOpen, _promotion is null ? _probe : 0));
    }

    // The leader asks with each beat whether this replica follows. Once it leads, its own beats are the answer.
    private void AnswerProbe(ulong probe)
    {
        if (probe <= _probe || _promotion is not null) return;
        _probe = probe;
        SendProgress();
    }

    public override void OnConfiguration(Configuration configuration)
    {
        // Disks may have come to lack something while the arbiter was asked. Alone it would make the other's, which lack nothing, from its own.
        if (configuration.Leader == Context.Self && configuration.Follower is null && Context.AreDisksStale) Context.FenceAndWait($"it is to lead alone, and {_leader.Server} has the only complete disks");
        else if (configuration.Leader == Context.Self) Promote(configuration);
        else if (_promotion is null && configuration.Leader == _leader && configuration.Follower == Context.Self)
        {
            _isMember = true;
            Claims.Persist(configuration.Term);
            SendProgress();
            Reconsider();
        }
        else Context.FenceAndWait($"{configuration} since the arbiter decided so");
    }

    private string? Lost()
    {
        if (Peer.Incarnation != 0 && Peer.Incarnation != _leader.Incarnation) return "it was started anew";
        if (Peer.Hello is { HasState: false } && Peer.Incarnation == _leader.Incarnation) return "it lost its state";
        return Peer.Suspicion(Context.NowNs, Settings.FollowerClaimDelayNs);
    }

    private void Reconsider()
    {
        if (Context.Role != this || _promotion is not null) return;
        if (Lost() is null) Claims.Withdraw();
        else if (Settings.Bug == PlantedBug.PromoteWithoutClaim) Promote(new Configuration(Claims.KnownTerm + 1, Context.Self, null));
        else if (_failure is not null) Context.FenceAndWait($"{_leader.Server} is lost ({Lost()}), and {_failure}");
        else if (!Context.AreDisksCurrent) Context.FenceAndWait($"{_leader.Server} is lost ({Lost()}) and has the only complete disks");
        else if (_isMember) Claims.Want(Context.Self, null);
        else Claims.Query(); // the leader may have made it a member and died before it said so; until then its state is kept, but never acts
    }

    private void Promote(Configuration configuration)
    {
        _promotion = configuration;
        if (_failure is not null)
        {
            Context.FenceAndWait($"it cannot execute what it stored: {_failure}");
            return;
        }

        if (_isChecking) return; // what it finds decides
        PerformDoubtful(); // records to come may wait for what was held back
        ContinuePromotion();
    }

    // Everything stored is executed first (design.md §3 rule 4): outputs of all of it may have left.
    private void ContinuePromotion()
    {
        if (Settings.Bug == PlantedBug.ForgetStoredAtPromotion) _window.Forget();
        bool isReady = _executing is null && _window.Count == 0 || Settings.Bug == PlantedBug.PromoteBeforeExecuting && _executing is null;
        if (!isReady)
        {
            ExecuteNext();
            return;
        }
        IReadOnlyList<MachineOutput> resent = Settings.Bug == PlantedBug.ForgetKeptOutputs ? [] : _kept.TakeAll();
        Context.Become(new LeaderRole(Context, _promotion!, _executedRound, resent, _flushes));
    }

    private void OnPrepare(HandOverPrepare prepare)
    {
        if (!_isMember || _promotion is not null || _divergence is not null || !Context.AreDisksCurrent || prepare.Proposed.Leader != Context.Self) return;
        if (_executing is not null || _executedRound != prepare.Round) return; // it is sent again
        _kept.Released(prepare.Round);
        _handOver = prepare.Proposed;
        Claims.Persist(prepare.Proposed.Term);
        OnTermPersisted();
    }

    public override void OnTermPersisted()
    {
        SendDivergence();
        // A disk may have failed while it was marked: a copy that is not whole carries no mark, and this server would lead alone.
        if (_handOver is { } proposed && Claims.PersistedTerm >= proposed.Term && (Context.AreDisksCurrent || Settings.Bug == PlantedBug.TakeLeadWithoutDisks)) Context.Send(new HandOverReady(_stream, proposed.Term));
    }

    // Whether records flow or not: what is repeated here, an earlier message may have failed to bring.
    private void Beat()
    {
        _beatAtNs = Context.NowNs;
        Announce();
        if (Context.NowNs - _progressAtNs >= Settings.HeartbeatNs / 2) SendProgress(); // the leader's beats are answered as often
        SendFlushes();
        SendDivergence();
        if (Context.IsLeaving) Context.Send(new LeaveAsked(_stream));
    }

    public override void OnTick()
    {
        if (Context.NowNs - _beatAtNs >= Settings.HeartbeatNs) Beat();
        else if (_owesProgress && Context.NowNs - _progressAtNs >= Settings.AckDelayNs) SendProgress();
        Reconsider();
    }
}
