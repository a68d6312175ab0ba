using ActorFT.Lockstep.Following;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// A planned change of leader: no output is lost or repeated, for nothing is held when it happens.
/// <code>
///  None -asked-> Asking -arbiter answers-> Draining -all executed, all released-> Preparing -HandOverReady-> Claiming -granted-> (FOLLOWING)
///                  | peer suspected, too long: called off |                          |                        | refused: as any configuration
///                  +--------------------------------------+--------------------------+
/// </code>
/// Rounds stand still from Draining on, and only the arbiter's answer ends Claiming: so it is asked first whether it is there at all. A leader that
/// leaves asks for as long as it takes. One whose memory changed hands over as well; then it does not follow, but is rebuilt.
/// </summary>
internal sealed partial class LeaderRole
{
    private enum HandOverStep
    {
        None,
        Asking,
        Draining,
        Preparing,
        Claiming,
    }

    private HandOverStep _handOver;
    private bool _isPaused, _isToLeave;
    private ulong _handOverSinceNs, _prepareSentAtNs;

    private void BeginHandOver()
    {
        if (_handOver != HandOverStep.None) return;
        if (!IsDuplex || _divergence is not null || Claims.IsOpen)
        {
            Context.Fault(ProtocolFaultKind.RequestRefused, $"Machine {Context.Machine} cannot be handed over now: {Detail}.");
            Context.IsLeaving = false;
            return;
        }
        (_handOver, _handOverSinceNs) = (HandOverStep.Asking, Context.NowNs);
        Claims.Query();
    }

    /// <summary>Rounds wait for what becomes of a hand-over.</summary>
    private bool IsHandingOver => _handOver > HandOverStep.Asking;

    private void OnArbiterIsThere()
    {
        if (_handOver == HandOverStep.Asking && IsDuplex && _divergence is null && !Claims.IsOpen)
            (_handOver, _handOverSinceNs) = (HandOverStep.Draining, Context.NowNs);
    }

    private void OnLeaveRequested()
    {
        if (!IsDuplex)
        {
            Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} cannot leave: it runs the only copy of machine {Context.Machine}.");
            return;
        }
        Context.IsLeaving = _isToLeave = true;
        BeginHandOver();
    }

    private void AdvanceHandOver()
    {
        if (_handOver is HandOverStep.None or HandOverStep.Claiming) return;
        bool isTooLong = Context.NowNs - _handOverSinceNs >= Settings.HandOverTimeoutNs && !(_handOver == HandOverStep.Asking && Context.IsLeaving);
        bool isBackAgain = _isToLeave && !Context.IsLeaving;
        if (_drop is not null || _divergence is not null || isTooLong || isBackAgain)
        {
            if (isTooLong && _handOver == HandOverStep.Asking)
                Context.Fault(ProtocolFaultKind.RequestRefused, $"Machine {Context.Machine} is not handed over: the arbiter does not answer.");
            CancelHandOver();
            return;
        }
        if (_handOver != HandOverStep.Draining || !_isPaused || _digestAsked) return;
        if (_open.RoundCount != 0)
        {
            BeginClose(forceDigest: true);
            return;
        }
        // All that was let go has left. A last record without outputs may have no digest: then it is never verified, and holds nothing up.
        if (_stream!.Window!.ExecutedRound != _open.NextRound || !_gate.IsEmpty || _leftRound != _letGoRound) return;
        _handOver = HandOverStep.Preparing;
        SendPrepare();
    }

    private void SendPrepare()
    {
        _prepareSentAtNs = Context.NowNs;
        if (FormerLeader is not null) Claims.Persist(Proposed.Term); // while the new leader marks its disks too: rounds stand still meanwhile
        SendBeat(); // says that everything has left, so that the new leader repeats nothing
        Context.Send(new HandOverPrepare(_stream!.Id, Proposed, _open.NextRound));
    }

    private Configuration Proposed => new(_configuration.Term + 1, _stream!.Peer, FormerLeader);

    // Its memory is no state to follow with: it is rebuilt.
    private Member? FormerLeader => _isHurt ? null : Context.Self;

    private void OnHandOverReady(HandOverReady ready)
    {
        if (_handOver == HandOverStep.Preparing && ready.Term == Proposed.Term) _handOver = HandOverStep.Claiming;
    }

    private void TickHandOver()
    {
        if (_handOver == HandOverStep.Asking) Claims.Query();
        if (_handOver == HandOverStep.Preparing && Context.NowNs - _prepareSentAtNs >= Settings.ResendNs) SendPrepare();
    }

    private void CancelHandOver()
    {
        // Once claimed, only the arbiter's answer ends it: until then no round may run.
        if (_handOver == HandOverStep.None || _handOver == HandOverStep.Claiming && _stream is not null) return;
        (_handOver, _isToLeave) = (HandOverStep.None, false);
        if (_isHurt) (_isHurt, _hurtAgainNs) = (false, Context.NowNs + HurtAgainFactor * Settings.HandOverTimeoutNs);
        if (Context.IsLeaving) Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} cannot leave: handing machine {Context.Machine} over failed.");
        Context.IsLeaving = false;
    }

    private void BecomeFollower(Configuration configuration)
    {
        InvariantViolatedException.Require(_gate.IsEmpty && _open.RoundCount == 0, "Nothing is held and no record is open when the lead is handed over.");
        Context.Emit(new StopStreaming(_stream!.Id));
        Context.Become(new FollowerRole(Context, new StreamId(configuration.Term, 0), configuration.Leader, isMember: true,
            new ReceiveWindow(_open.NextRound, Settings.MaxStoredRecords), _open.NextRound, _ownFlushes.Union(_endingFlushes)));
    }
}
