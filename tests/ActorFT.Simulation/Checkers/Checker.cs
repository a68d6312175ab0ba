using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>Watches one rule of design.md §3 from outside, with knowledge that no replica has.</summary>
internal abstract class Checker(SimWorld world)
{
    protected SimWorld World { get; } = world;

    public static IReadOnlyList<Checker> All(SimWorld world) =>
    [
        .. world.Options.HasMirrors ? (Checker[])[new DisksChecker(world)] : [new NoStaleStartChecker(world), new MirrorChecker(world)],
        new OutputRuleChecker(world), new OneLeaderChecker(world), new NothingLostChecker(world), new SameHistoryChecker(world),
        new DivergenceChecker(world), new ClockChecker(world), new BoundsChecker(world),
        new HandOverChecker(world), new LateOutputChecker(world), new RequestsEndChecker(world),
    ];

    public virtual void OnBoot(SimProcess process) { }
    public virtual void OnLead(SimProcess process, Configuration configuration) { }
    public virtual void AfterLead(SimProcess process) { }
    public virtual void OnFence(SimProcess process, string reason) { }
    public virtual void OnLeaderRound(SimProcess process, Round round, IReadOnlyList<MachineOutput> outputs) { }
    public virtual void OnRequestEnded(SimProcess process, Toy.ToyEnd end) { }
    public virtual void OnReleased(SimProcess process, MachineOutput output, OutputId id) { }
    public virtual void AfterStep(SimProcess process) { }
    public virtual void AtEnd() { }

    protected static void Fail(string rule, string what) => throw new SimulationFailure(rule, what);

    /// <summary>A replica with a flipped bit, in a mode that does not promise to hold its outputs back.</summary>
    protected bool MayBeWrong => World.Options.Faults.Contains(FaultKind.BitFlip) && World.Options.Settings.Commit == Lockstep.Protocol.CommitMode.Received;
}
