using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// The replica whose outputs reach the world. This part: rounds, records, the output rule, configurations. The other parts:
/// the peer's stream, hand-over, divergence, pace.
/// <code>
///            peer without state said hello                     claim (self, peer) granted
///  SIMPLEX ------------------------------> (stream, FollowerStream) ----------------------> DUPLEX
///     ^                                              | transfer failed, peer lost              |
///     +----------------------------------------------+------ claim (self, nobody) granted -----+
/// </code>
/// Invariants: outputs of a round leave only before <see cref="CommitRound"/>; whatever the arbiter may take for the
/// configuration, the outputs that left are in the state of whoever that configuration lets lead.
/// </summary>
internal sealed partial class LeaderRole : ReplicaRole
{
    private readonly OutputGate _gate;
    private RecordBuilder _open;
    private FollowerStream? _stream;
    private Configuration _configuration;
    private ulong _openTimeNs, _openAtNs, _lastDigestTimeNs, _beatAtNs, _flushExpectedUntilNs;
    private uint _streamsBegun;
    private bool _digestAsked, _closesSoon;
    private string? _drop;         // why the peer is to be left out; null while it is wanted
    private bool _isDropByPolicy;  // the reason stays even if the peer is heard again
    private bool _isIsolation;     // the reason is a fault of the peer's that counts
    private bool _actsWithoutArbiter, _arbiterFaultRaised;
    private readonly IReadOnlyList<MachineOutput> _resent;

    /// <summary>Leads from a round on, alone or, after a hand-over, with a follower that has executed as much.</summary>
    public LeaderRole(ReplicaContext context, Configuration configuration, ulong round, IReadOnlyList<MachineOutput> resent, IEnumerable<FlushId> ownFlushes)
        : base(context)
    {
        _configuration = configuration;
        _open = new RecordBuilder(round, context.Clock.LastNs);
        _executedRound = round;
        _gate = new OutputGate(Settings.Bug == PlantedBug.WriteDiskBeforeCommit);
        _lastDigestTimeNs = context.Clock.LastNs;
        _resent = resent;
        _ownFlushes.UnionWith(ownFlushes);
        if (configuration.Follower is { } follower)
        {
            _stream = new FollowerStream(new StreamId(configuration.Term, 0), follower, StreamPhase.Duplex, context.NowNs)
            {
                Window = new SendWindow(round, context.Clock.LastNs),
            };
        }
    }

    public override ReplicaStatus Status => new(
        ReplicaRoleName.Leading, Detail, _configuration, IsDuplex, _executedRound, _stream?.Window?.ExecutedRound ?? 0, LagNs, _gate.HeldBytes,
        _stream?.Window?.UnstoredRecords ?? 0, _pace) { IsHeldUp = IsHeldUp };

    /// <summary>The peer is lost, and the arbiter does not say that this replica may go on alone.</summary>
    private bool IsHeldUp => _arbiterFaultRaised && !_actsWithoutArbiter && _drop is not null;

    public override bool HasPeer => _stream is not null;

    public override bool IsMember => true;

    private bool IsDuplex => _stream is { Phase: StreamPhase.Duplex } && _drop is null;

    /// <summary>Whether outputs wait for the peer: from before a claim may make it a member until a claim leaves it out.</summary>
    private bool Holds => _stream is { } stream && !_actsWithoutArbiter
        && (Settings.Bug == PlantedBug.EnrollWithoutHolding ? stream.Phase == StreamPhase.Duplex : stream.Phase >= StreamPhase.Enrolling);

    /// <summary>Outputs of rounds before this one may leave (design.md §3 rule 1).</summary>
    private ulong CommitRound
    {
        get
        {
            if (!Holds || Settings.Bug == PlantedBug.ReleaseBeforeStored) return ulong.MaxValue;
            bool verified = Settings.Commit == CommitMode.Verified && Settings.Bug != PlantedBug.ReleaseWithoutDigest;
            return verified ? _stream!.Window!.VerifiedRound : _stream!.Window!.StoredRound;
        }
    }

    /// <summary>Outputs of all rounds before this one may leave.</summary>
    private ulong ReleasedRound => Math.Min(CommitRound, Math.Min(_open.FirstRound, _executedRound));

    private string Detail =>
        IsHeldUp ? $"its outputs are held: {_stream?.Peer.Server ?? Context.Identity.PeerServer} is out of reach ({_drop}) and the arbiter does not answer"
        : _divergence is not null ? "finding out which replica is faulty"
        : IsHandingOver ? "handing over"
        : _handOver != HandOverStep.None ? "asking the arbiter, to hand over"
        : _stream is null ? Context.IsPeerLeftOut ? $"alone: {Context.Identity.PeerServer} stays out until an operator allows it (actorft protect {Context.Machine})" : "alone"
        : IsInDoubt ? $"asking {_stream.Peer.Server} whether it still follows"
        : _drop is not null ? $"leaving {_stream.Peer.Server} out: {_drop}"
        : _stream.Phase switch
        {
            StreamPhase.Duplex => "in lockstep",
            StreamPhase.Passing or StreamPhase.PassWaiting => $"rebuilding {_stream.Peer.Server}, pass {_stream.Pass}",
            _ => $"taking {_stream.Peer.Server} in",
        };

    public override void Enter()
    {
        Context.Clock.TakeOver(Context.NowNs);
        Peer.Forget(); // it was about another role of ours
        Peer.Watch(Context.NowNs);
        Claims.Persist(_configuration.Term); // done already, but when a faulty leader gave the lead away in a hurry
        Context.Emit(new Lead(_configuration));
        if (_resent.Count != 0) Context.Emit(new Perform(_resent));
        if (!Holds) CompleteAllFlushes();
        if (Context.IsLeaving)
        {
            // It was on its way out when the other server was lost.
            Context.IsLeaving = false;
            Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} cannot leave: it had to take over machine {Context.Machine}.");
        }
        SetPace();
        SendBeat();
    }

    public override Hello Introduce(Hello hello) => hello with { IsLeader = true, HasState = true, Stream = _stream?.Id };

    public override void OnShell(ProtocolEvent happened)
    {
        switch (happened)
        {
            case RoundBegun begun:
                OnRoundBegun(begun.Round);
                return; // nothing has ended that could let anything go
            case RoundExecuted executed: OnRound(executed); break;
            case DigestComputed computed: OnDigest(computed); break;
            case OutputsReturned returned:
                if (Settings.Bug != PlantedBug.ForgetReturnedOutputs) _gate.Return(returned.Outputs);
                break;
            case RoundsPaused: _isPaused = _pace == 0; break;
            case StateMoved moved when _stream is { } stream && moved.Stream == stream.Id: Moved(stream); break;
            case StatePassSent sent: OnPassSent(sent); break;
            case FinalStateSent sent: OnFinalStateSent(sent); break;
            case FlushDone done: OnOwnFlush(done.Flush); break;
            case SelfChecked check: OnSelfChecked(check); break;
            case HandOverRequested: BeginHandOver(); break;
            case LeaveRequested: OnLeaveRequested(); break;
            case IsolatePeerRequested isolate:
                Context.LeaveOutPeer();
                DropByPolicy(isolate.Reason);
                break;
            case ColdStartForced: Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} leads machine {Context.Machine} already."); break;
        }
        Advance();
    }

    private void OnRound(RoundExecuted executed)
    {
        InvariantViolatedException.Require(!_digestAsked, "No round runs between TakeDigest and its answer.");
        ulong round = _executedRound++;
        bool isAhead = _isAhead;
        _isAhead = false;
        if (isAhead)
        {
            _open.AddOutputs(executed.Outputs);
        }
        else if (_stream is { CarriesRecords: true })
        {
            if (_open.RoundCount == 0) (_openTimeNs, _openAtNs) = (executed.Round.TimeNs, Context.NowNs);
            _open.Append(executed.Round, executed.Outputs);
        }
        else
        {
            _open.Skip(executed.Round);
        }
        Context.Clock.Executed(executed.Round.TimeNs);
        var immediate = new List<MachineOutput>();
        bool isAwaited = _gate.Add(round, executed.Outputs, immediate);
        if (isAwaited) ExpectOutput(executed.Round.TimeNs); // who said something goes on
        isAwaited |= NoteFlushesAndWrites(executed);
        _closesSoon |= isAwaited && !isAhead;
        if (immediate.Count != 0) Context.Emit(new Perform(immediate));
        ForgetFlushes(executed.Round.Inputs);
        if (ShouldClose(executed.Round.TimeNs)) BeginClose(forceDigest: false);
    }

    // Whether the follower must hear of them soon: a flush ends when it has done it too; a write has ended for the guest already, and what it brings about is the flush.
    // In verified it must not be in a record that closes by its age: such a one has no digest.
    private bool NoteFlushesAndWrites(RoundExecuted executed)
    {
        bool isAwaited = false;
        ulong timeNs = executed.Round.TimeNs;
        foreach (MachineOutput output in executed.Outputs)
        {
            if (output is not BlockRequested request) continue;
            if (request.Operation == BlockOperation.Flush) (_flushExpectedUntilNs, isAwaited) = (timeNs + Settings.FlushExpectedNs, true);
            else if (request.Operation == BlockOperation.Write) isAwaited |= timeNs < _flushExpectedUntilNs || Settings.Commit == CommitMode.Verified;
        }

        return isAwaited;
    }

    // As soon as something waits for it, at the latest after MaxRecordNs (design.md §3).
    private bool ShouldClose(ulong timeNs) => _open.RoundCount != 0
        && (_open.MustClose || _closesSoon || timeNs - _openTimeNs >= Settings.MaxRecordNs);

    private void BeginClose(bool forceDigest)
    {
        ulong timeNs = Context.Clock.LastNs;
        bool wantsDigest = forceDigest || timeNs - _lastDigestTimeNs >= Settings.DigestIntervalNs
            || Settings.Commit == CommitMode.Verified && Holds && _gate.HoldsFrom(_open.FirstRound);
        if (!wantsDigest)
        {
            Close(null);
            return;
        }
        _digestAsked = true;
        Context.Emit(new TakeDigest(_open.NextRound));
    }

    private void OnDigest(DigestComputed computed)
    {
        if (!_digestAsked) return; // the stream it was for is over
        InvariantViolatedException.Require(computed.Round == _open.NextRound, "No round runs between TakeDigest and its answer.");
        _digestAsked = false;
        _lastDigestTimeNs = Context.Clock.LastNs;
        Close(computed.Digest, computed.Components);
    }

    private void Close(Machine.State.Digest? digest, ImmutableArray<ComponentDigest> components = default)
    {
        Send(_open.Close(digest), components);
    }

    private void Send(Record record, ImmutableArray<ComponentDigest> components = default)
    {
        _closesSoon = false;
        _stream!.Window!.Add(record, Context.NowNs, components);
        Commit();
        Context.Send(new RecordSent(_stream.Id, record, _leftRound));
    }

    private void Commit()
    {
        if (IsInDoubt) return;
        var released = new List<MachineOutput>();
        _gate.Release(CommitRound, released);
        _letGoRound = ReleasedRound;
        if (released.Count != 0) Context.Emit(new Perform(released, ReturnIfLate: Holds));
    }

    /// <summary>After everything that happened: let go what may go, take the next step of whatever is under way.</summary>
    private void Advance()
    {
        Commit();
        AdvanceEnrolment();
        AdvanceHandOver();
        Reconsider();
        SetPace();
    }

    public override void OnConfiguration(Configuration configuration)
    {
        (_arbiterFaultRaised, _actsWithoutArbiter) = (false, false);
        if (configuration.Leader != Context.Self)
        {
            if (configuration.Follower == Context.Self && _handOver == HandOverStep.Claiming) BecomeFollower(configuration);
            else if (Settings.Bug == PlantedBug.IgnoreLostClaim) EndStream("planted bug");
            else Context.FenceAndWait($"{configuration.Leader.Server} leads since term {configuration.Term}");
            return;
        }
        _configuration = configuration;
        if (configuration.Follower is null)
        {
            if (_stream is { MayBeMember: true }) LeftOut();
        }
        else if (_stream?.Peer == configuration.Follower && _stream.CarriesRecords)
        {
            bool isNew = _stream.Phase != StreamPhase.Duplex;
            (_stream.Phase, _stream.IsClaimed, _stream.PeerHasOpenClaim) = (StreamPhase.Duplex, true, false);
            if (isNew) Peer.Watch(Context.NowNs);
        }
        SendBeat();
        Advance();
    }

    // The arbiter says that the peer is no member any more.
    private void LeftOut()
    {
        string reason = _drop ?? "the arbiter left it out";
        Context.Fault(ProtocolFaultKind.PeerLost, $"{_stream!.Peer.Server} was left out of machine {Context.Machine}: {reason}.");
        if (_isIsolation) Context.NoteIsolation();
        EndStream(reason);
    }

    /// <summary>What the configuration ought to be, and whether the arbiter must be asked for it.</summary>
    private void Reconsider()
    {
        if (Context.Role != this) return;
        if (_stream is { } stream && !_isDropByPolicy)
        {
            _drop = Peer.Suspicion(Context.NowNs, 0);
            if (_drop is null && IsPeerReborn(stream)) _drop = "it was started anew";
            _drop ??= Lateness();
        }
        // Wanted as a member, but the arbiter was never asked.
        if (_stream is { Phase: StreamPhase.Enrolling, IsClaimed: true } && _drop is not null && !Claims.IsOpen) _stream.IsClaimed = false;
        if (_stream is { MayBeMember: false } && _drop is not null)
        {
            if (_isIsolation) Context.NoteIsolation();
            EndStream(_drop);
        }

        if (_stream is { MayBeMember: true } && _drop is not null && !Context.AreDisksCurrent && Context.Role == this)
        {
            Context.FenceAndWait($"{_stream.Peer.Server} is lost ({_drop}) and has the only complete disks");
            return;
        }

        (Member leader, Member? follower) = Desired();
        bool isKnown = _configuration.Leader == leader && _configuration.Follower == follower;
        if (isKnown && !Claims.IsOpen && _stream is not { PeerHasOpenClaim: true })
        {
            Claims.Withdraw();
            return;
        }
        Claims.Want(leader, follower);
        NoteUnreachableArbiter();
    }

    private (Member Leader, Member? Follower) Desired()
    {
        if (_yields) return (_stream!.Peer, null);
        if (_handOver == HandOverStep.Claiming && _drop is null) return (_stream!.Peer, FormerLeader);
        return (Context.Self, _stream is { MayBeMember: true } && _drop is null ? _stream.Peer : null);
    }

    private bool IsPeerReborn(FollowerStream stream) =>
        Peer.Incarnation != 0 && Peer.Incarnation != stream.Peer.Incarnation
        || Peer.Hello is { } hello && Peer.Incarnation == stream.Peer.Incarnation && stream.Phase > StreamPhase.Preparing && hello.Stream != stream.Id;

    private void NoteUnreachableArbiter()
    {
        if (!Claims.IsStuck || _drop is null) return;
        if (Settings.PreferredWithoutArbiter == Context.Self.Server && !_actsWithoutArbiter)
        {
            _actsWithoutArbiter = true;
            Context.Fault(ProtocolFaultKind.ActingWithoutArbiter,
                $"{Context.Self.Server} goes on alone without the arbiter's word, as on-no-arbiter says: {_drop}.");
            Commit();
            CompleteAllFlushes();
        }
        if (_arbiterFaultRaised || _actsWithoutArbiter) return;
        _arbiterFaultRaised = true;
        Context.Fault(ProtocolFaultKind.ArbiterUnreachable,
            $"Outputs of machine {Context.Machine} are held: {_stream?.Peer.Server ?? Context.Identity.PeerServer} is out of reach ({_drop}) and the arbiter does not answer.");
    }

    private void DropByPolicy(string reason)
    {
        if (_stream is null) return;
        (_drop, _isDropByPolicy, _isIsolation) = (reason, true, true);
        CancelHandOver();
    }

    /// <summary>Alone from here on: nothing is held any more, and the peer's state is worth nothing.</summary>
    private void EndStream(string reason)
    {
        if (_stream is not { } stream) return;
        Context.Emit(new StopStreaming(stream.Id));
        Context.Send(new StreamEnded(stream.Id, reason));
        (_stream, _sureSinceNs, _isHurt) = (null, null, false);
        _questions.Clear();
        (_drop, _isDropByPolicy, _isIsolation, _divergence, _yields, _digestAsked, _closesSoon) = (null, false, false, null, false, false, false);
        _open = new RecordBuilder(Settings.Bug == PlantedBug.CountRoundAhead ? _open.NextRound : _executedRound, Context.Clock.LastNs);
        _isAhead = false; // it is nobody's but this replica's now
        CancelHandOver();
        Commit();
        CompleteAllFlushes();
    }

    // Sent whether records flow or not: it carries the configuration, which a follower may have missed.
    private void SendBeat()
    {
        _beatAtNs = Context.NowNs;
        Context.Send(new LeaderBeat(_stream is { CarriesRecords: true } ? _stream.Id : null, _configuration, _open.FirstRound, _leftRound, Ask()));
    }

    public override void OnTick()
    {
        if (_open.RoundCount != 0 && !_digestAsked && Context.NowNs - _openAtNs >= Settings.MaxRecordNs) Close(null);
        if (_stream?.Window is { } window)
        {
            foreach (Record record in window.TakeOverdue(Context.NowNs, Settings.ResendNs))
                Context.Send(new RecordSent(_stream.Id, record, _leftRound));
        }
        TickStream();
        TickHandOver();
        TickDivergence();
        if (Context.Role != this) return;
        if (Context.NowNs - _beatAtNs >= Settings.HeartbeatNs) SendBeat();
        Advance();
    }
}
