using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Rule 2. Whoever begins to lead is the leader of the arbiter's durable configuration. Whoever was replaced lets nothing go any more
/// that its successor does not have; what was committed before may still be on its way, as on any wire.
/// </summary>
internal sealed class OneLeaderChecker(SimWorld world) : Checker(world)
{
    private readonly List<(Member Leader, ulong Term, ulong Life, ulong Round)> _leaders = [];

    public override void OnLead(SimProcess process, Configuration configuration)
    {
        if (World.Arbiter.Durable != configuration && !World.Arbiter.History.Contains(configuration))
            Fail("one leader", $"{process.Self.Server} leads in {configuration}, but the arbiter has {World.Arbiter.Durable}");
        if (World.Arbiter.Durable!.Leader != process.Self) World.Count("led in a term that was over already");
        _leaders.Add((process.Self, configuration.Term, process.Machine!.Life, process.Machine.Round));
    }

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        ulong term = process.LeadsIn!.Term;
        foreach ((Member leader, ulong laterTerm, ulong life, ulong round) in _leaders)
        {
            if (laterTerm <= term || leader == process.Self || life != id.Life || id.Round < round) continue;
            Fail("one leader", $"{process.Self.Server} (term {term}) let {output.GetType().Name} of round {id.Round} go, although {leader.Server} leads since round {round} (term {laterTerm})");
        }
    }
}
