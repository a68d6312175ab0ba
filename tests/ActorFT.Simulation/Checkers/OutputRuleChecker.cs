using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Rule 1. While the arbiter counts a follower, an output leaves, or a write reaches the leader's disk, only when the follower has
/// been given every record up to it, and in verified has executed it.
/// </summary>
internal sealed class OutputRuleChecker(SimWorld world) : Checker(world)
{
    // What each run stored and executed, also of those that died since.
    private readonly Dictionary<Member, SimProcess> _processes = [];

    public override void AfterStep(SimProcess process) => _processes.TryAdd(process.Self, process);

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        if (World.Arbiter.Durable is not { } configuration || configuration.Leader != process.Self || configuration.Follower is null) return;
        if (!_processes.TryGetValue(configuration.Follower, out SimProcess? follower)) Fail("output rule", $"the follower of {configuration} never ran");
        // A replica that just took over by a hand-over repeats nothing and holds from its first round on.
        ulong stored = follower!.Tracker.StoredRound;
        if (id.Round >= stored)
            Fail("output rule", $"{process.Self.Server} let {output.GetType().Name} of round {id.Round} go in {configuration}, but its follower was given rounds before {stored} only");
        World.Count("output held until stored");
        if (World.Options.Settings.Commit != CommitMode.Verified) return;
        if (!follower.Executed.TryGetValue(id, out ulong hash) && id.Round >= follower.Tracker.FirstRound)
            Fail("output rule", $"{process.Self.Server} let {output.GetType().Name} of round {id.Round} go in verified, but its follower had not executed it");
        if (hash != 0 && hash != ToyMachine.HashOf(output))
            Fail("divergence is a fault", $"{process.Self.Server} let {output.GetType().Name} of round {id.Round} go in verified, but its follower has another one");
    }
}
