using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.Memory;

namespace ActorFT.Cluster.Machines;

// Memory that the guest leaves alone is looked at too, slowly, between rounds.
public sealed partial class LockstepCoordinatorActor
{
    /// <summary>What was found is told again, if the protocol let it be, after this.</summary>
    private const ulong ScrubToldAgainNs = 1_000_000_000;

    /// <summary>Other pages are looked for in this much memory around the one that was found: what is near fails together, and rounds must not wait long.</summary>
    private const int ScrubNeighbours = 16_384;

    private readonly MemoryScrub _scrub;
    private ulong _scrubToldNs;
    private bool _isScrubDue;

    // Due with each tick; one that comes during a round is made up for at its end.
    private void ScrubMemory()
    {
        _isScrubDue = _isInRound;
        // No state of this replica's to be judged, or it is being sent as it is.
        if (_isInRound || _isStreamFinal || _mode == Mode.None || _machine is not { } machine) return;
        int page = _scrub.Continue(machine.Memory, Now);
        if (page < 0 || (_scrubToldNs != 0 && Now - _scrubToldNs < ScrubToldAgainNs)) return;
        // A server without the disks cannot be given the lead.
        if (_protocol.Status is { IsDuplex: true, Role: ReplicaRoleName.Leading } && !_disks.ArePeersCurrent) return;
        _scrubToldNs = Now;
        List<int> pages = machine.Memory.FindCorruptedPages(Math.Max(0, page - ScrubNeighbours / 2), ScrubNeighbours, ComponentDigest.MaxCorruptedPages);
        if (!pages.Contains(page)) pages = [page, .. pages.Take(ComponentDigest.MaxCorruptedPages - 1)];
        Feed(new SelfChecked(Now, false, [.. ComponentDigests(), .. DigestsOf(machine.Memory, pages)]));
    }
}
