using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;

namespace ActorFT.Lockstep.Leading;

/// <summary>The peer's way from a hello without state to lockstep, and its acknowledgements (see <see cref="StreamPhase"/>).</summary>
internal sealed partial class LeaderRole
{
    public override void OnHello(Hello hello, ulong incarnation)
    {
        if (_stream is null && !hello.HasState && hello.IsAvailable && MayTakePeerIn()) BeginJoin(incarnation);
        Advance();
    }

    private bool MayTakePeerIn() =>
        _configuration.Follower is null && !Claims.IsOpen && !Context.IsLeaving && !Context.IsPeerLeftOut && Peer.BestPath >= 0
        && Context.NowNs >= Context.ReprotectAfterNs && Settings.Bug != PlantedBug.NoReprotection;

    private void BeginJoin(ulong incarnation)
    {
        var id = new StreamId(_configuration.Term, ++_streamsBegun);
        _stream = new FollowerStream(id, new Terms.Member(Context.Identity.PeerServer, incarnation), StreamPhase.Preparing, Context.NowNs)
        {
            Path = Peer.BestPath,
        };
        Peer.Watch(Context.NowNs);
        Peer.Forget();
        Context.Send(new JoinBegin(id, _configuration));
    }

    public override void OnMessage(LinkMessage message, int path)
    {
        if (_stream is not { } stream)
        {
            SayOver(message);
            return;
        }
        switch (message)
        {
            case JoinReady ready when ready.Stream == stream.Id && stream.Phase == StreamPhase.Preparing:
                stream.Phase = StreamPhase.Passing;
                Peer.Forget(); // its hello was from before the stream
                Moved(stream);
                Context.Emit(new StreamState(stream.Id, 0, 0, stream.Path));
                break;
            case PassLoaded loaded when loaded.Stream == stream.Id && loaded.Pass == stream.Pass && stream.Phase == StreamPhase.PassWaiting:
                NextPass(stream);
                break;
            case StateAccepted accepted when accepted.Stream == stream.Id && stream.Phase == StreamPhase.CatchingUp:
                Enroll(stream, accepted);
                break;
            case FollowerProgress progress when progress.Stream == stream.Id && stream.CarriesRecords: OnProgress(stream, progress); break;
            case FlushesStored flushes when flushes.Stream == stream.Id: OnPeerFlushes(flushes.Flushes); break;
            case StreamEnded ended when ended.Stream == stream.Id:
                if (!stream.MayBeMember)
                {
                    Context.Fault(ProtocolFaultKind.TransferFailed, $"{stream.Peer.Server} gave up being rebuilt: {ended.Reason}.");
                    Context.Emit(new CheckSelf()); // a source that is not sound cannot be copied with its digest
                }
                DropByPolicy(ended.Reason);
                break;
            case FollowerDiverged diverged when diverged.Stream == stream.Id: OnFollowerDiverged(diverged); break;
            case HandOverReady ready when ready.Stream == stream.Id: OnHandOverReady(ready); break;
            case LeaveAsked leave when leave.Stream == stream.Id: (_drop, _isDropByPolicy, _isIsolation) = ("it leaves for maintenance", true, false); break;
            default: SayOver(message); break;
        }
        Advance();
    }

    // A peer that is still in a stream of this leader's that is over must hear so, or it would wait for ever.
    private void SayOver(LinkMessage message)
    {
        if (message is FollowerProgress progress && progress.Stream != _stream?.Id) Context.Send(new StreamEnded(progress.Stream, "it is over"));
    }

    private void Moved(FollowerStream stream) => stream.MovedAtNs = Context.NowNs;

    private void OnPassSent(StatePassSent sent)
    {
        if (_stream is not { Phase: StreamPhase.Passing } stream || sent.Stream != stream.Id || sent.Pass != stream.Pass) return;
        stream.NextSequence = sent.NextSequence;
        stream.Phase = StreamPhase.PassWaiting;
        _dirtyPages = sent.DirtyPages;
        Moved(stream);
        Context.SendBulk(new PassEnd(stream.Id, stream.Pass, stream.NextSequence), stream.Path);
    }

    private void NextPass(FollowerStream stream)
    {
        stream.Pass++;
        Moved(stream);
        if (_dirtyPages <= Settings.FinalPassPages || stream.Pass >= Settings.MaxPasses)
        {
            stream.Phase = StreamPhase.Final;
            Context.Emit(new StreamFinalState(stream.Id, stream.NextSequence, stream.Path));
            return;
        }
        stream.Phase = StreamPhase.Passing;
        Context.Emit(new StreamState(stream.Id, stream.Pass, stream.NextSequence, stream.Path));
    }

    private long _dirtyPages;

    private void OnFinalStateSent(FinalStateSent sent)
    {
        if (_stream is not { Phase: StreamPhase.Final } stream || sent.Stream != stream.Id) return;
        InvariantViolatedException.Require(sent.Round == _open.NextRound && _open.RoundCount == 0, "No round runs between the final state and its report.");
        stream.NextSequence = sent.NextSequence;
        stream.Window = new SendWindow(sent.Round, sent.TimeNs);
        stream.Phase = StreamPhase.CatchingUp;
        _lastDigestTimeNs = sent.TimeNs;
        Moved(stream);
        Context.SendBulk(new StateEnd(stream.Id, stream.NextSequence, sent.Round, sent.TimeNs, sent.Digest), stream.Path);
    }

    // From here on outputs wait for the peer, although it is no member yet: what left before, it must have before it may be one.
    private void Enroll(FollowerStream stream, StateAccepted accepted)
    {
        Moved(stream);
        if (accepted.Term != _configuration.Term + 1)
        {
            DropByPolicy("the term changed while it was rebuilt");
            return;
        }
        stream.Phase = StreamPhase.Enrolling;
        stream.EnrollFloor = _open.NextRound;
        if (_open.RoundCount != 0 && !_digestAsked) Close(null);
    }

    private void AdvanceEnrolment()
    {
        if (_stream is not { Phase: StreamPhase.Enrolling, IsClaimed: false } stream || _drop is not null) return;
        bool isCaughtUp = stream.Window!.StoredRound >= stream.EnrollFloor && stream.Window.ExecutedRound >= stream.EnrollFloor && LagNs <= Settings.LagLimitNs / 2;
        if (isCaughtUp || Settings.Bug == PlantedBug.EnrollWithoutHolding) stream.IsClaimed = true; // Reconsider claims
    }

    private void OnProgress(FollowerStream stream, FollowerProgress progress)
    {
        SendWindow window = stream.Window!;
        if (!window.Acknowledge(progress.StoredRound, progress.ExecutedRound, Context.NowNs))
        {
            DropByPolicy($"it acknowledges round {progress.StoredRound}, of which {window.SentRound} were sent");
            return;
        }
        Moved(stream);
        OnAnswer(progress.Probe);
        stream.PeerHasOpenClaim = progress.HasOpenClaim && stream.Phase == StreamPhase.Duplex;
        if (Settings.Bug == PlantedBug.IgnoreDivergence) { if (window.Check(progress.DigestRound, progress.Digest) == DigestCheck.Different) window.Ignore(progress.DigestRound); }
        else if (window.Check(progress.DigestRound, progress.Digest) == DigestCheck.Different) OnDigestsDiffer(progress.DigestRound);
    }

    private void TickStream()
    {
        if (_stream is null)
        {
            if (Peer.Hello is { HasState: false, IsAvailable: true } && MayTakePeerIn()) BeginJoin(Peer.Incarnation);
            return;
        }
        if (_stream.Phase == StreamPhase.Preparing && Context.NowNs - _stream.MovedAtNs >= Settings.HelloNs / 2 && Context.NowNs - _joinSentAtNs >= Settings.HelloNs)
        {
            _joinSentAtNs = Context.NowNs;
            Context.Send(new JoinBegin(_stream.Id, _configuration));
        }
        if (_stream.Phase < StreamPhase.Enrolling && Context.NowNs - _stream.MovedAtNs >= Settings.JoinStallNs)
        {
            Context.Fault(ProtocolFaultKind.TransferFailed, $"Rebuilding {_stream.Peer.Server} stood still for {Settings.JoinStallNs / 1_000_000} ms and begins anew.");
            EndStream("the transfer stood still");
        }
    }

    private ulong _joinSentAtNs;

    public override void OnLinkDown(int path)
    {
        if (_stream is { Phase: < StreamPhase.CatchingUp } stream && stream.Path == path) EndStream("the path that its state went over is down");
        Advance();
    }
}
