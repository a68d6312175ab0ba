using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Rule 2, what the world sees. Whoever was replaced says nothing any more, not even what its successor has: at all, if its successor leads because it
/// heard nothing for the silence, else beyond what was on its way when that happened. A server that wakes from a hang, or to which old acknowledgements
/// come when a cut is healed, must not speak beside the one that leads by now.
/// </summary>
internal sealed class LateOutputChecker(SimWorld world) : Checker(world)
{
    private const ulong OnItsWayNs = 100_000_000; // an acknowledgement on the slowest link

    private readonly List<(Member Leader, ulong Term, ulong AtNs, bool IsForSilence)> _leaders = [];

    public override void OnLead(SimProcess process, Configuration configuration)
    {
        bool isForSilence = World.NowNs - process.HeardAtNs >= World.Options.Settings.SilenceNs;
        if (isForSilence) World.Count("led because of silence");
        _leaders.Add((process.Self, configuration.Term, World.NowNs, isForSilence));
    }

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        if (output is BlockRequested) return; // to its own disk, which is rebuilt
        foreach ((Member leader, ulong term, ulong atNs, bool isForSilence) in _leaders)
        {
            if (term <= process.LeadsIn!.Term || leader == process.Self || !isForSilence && World.NowNs - atNs < OnItsWayNs) continue;
            Fail("one leader speaks", $"{process.Self.Server} (term {process.LeadsIn.Term}) let {output.GetType().Name} of round {id.Round} go, although {leader.Server} leads since {(World.NowNs - atNs) / 1_000_000} ms (term {term})");
        }
    }
}
