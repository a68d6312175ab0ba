using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// A server that did not run for a while (SIGSTOP, a stalled hypervisor, swapping) does not know what happened meanwhile: acknowledgements
/// from before would let outputs leave although the other server leads by now. So after a pause nothing leaves until it is sure who leads:
/// <code>
///  (sure) --pause, outputs wait for the peer--> IN DOUBT --the peer, asked after the pause, follows and claims nothing--> (sure)
///                                                  |  --alone by the arbiter's word--> (sure)
///                                                  +--a newer term with another leader--> (fenced)
/// </code>
/// The arbiter need not be in reach for the first: a pause of the leader must not depend on it while the pair is whole.
/// </summary>
internal sealed partial class LeaderRole
{
    private bool _isInDoubt;
    private ulong _probe, _probedAtNs;

    /// <summary>Outputs of all rounds before this one have left, for certain: what the follower may forget.</summary>
    private ulong _leftRound;

    public override void BeginStep(bool isAfterPause)
    {
        if (isAfterPause && Holds && Settings.Bug != PlantedBug.TrustPermissionsAfterPause)
        {
            // What the step before let go may come back: _leftRound stays what it is.
            _isInDoubt = true;
            Probe();
        }
        else if (!_isInDoubt)
        {
            _leftRound = ReleasedRound;
        }
    }

    // An answer counts only for the latest question, so that none is older than the pause that makes a follower claim.
    private void Probe()
    {
        (_probe, _probedAtNs) = (_probe + 1, Context.NowNs);
        SendBeat();
    }

    private void TickDoubt()
    {
        if (_isInDoubt && Context.NowNs - _probedAtNs >= Settings.PauseNs) Probe();
    }

    private void EndDoubt(FollowerProgress progress)
    {
        if (progress.Probe == _probe && !progress.HasOpenClaim) _isInDoubt = false;
    }
}
