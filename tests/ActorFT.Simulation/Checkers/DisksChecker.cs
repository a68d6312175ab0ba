using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Disks with two copies. What a completed FLUSH covered is readable afterwards by whoever leads; a read is right or an error, on either replica; an error means that both
/// copies were bad by the plan of faults; both are equal, and every request has ended, once faults end.
/// </summary>
internal sealed class DisksChecker(SimWorld world) : Checker(world)
{
    public override void OnLeaderRound(SimProcess process, Round round, IReadOnlyList<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
            if (output is BlockRequested { Operation: BlockOperation.Flush } flush) World.Truth!.FlushMade(process, flush);
    }

    public override void OnRequestEnded(SimProcess process, ToyEnd end)
    {
        if (end.Request.Operation == BlockOperation.Read) World.Truth!.ReadEnded(process, end);
        if (!process.IsLeading || World.Arbiter.Durable?.Leader != process.Self) return;
        if (end.Completed.Status != BlockStatus.Ok) World.Truth!.ErrorEnded(process, end.Request);
        // A flush is what a completed one covered only in the history that goes on.
        if (end.Request.Operation == BlockOperation.Flush) World.Truth!.FlushEnded(process, end);
    }

    public override void OnBoot(SimProcess process)
    {
        if (World.Arbiter.Durable?.Leader != process.Self) Fail("no stale start", $"{process.Self.Server} boots, but the arbiter has {World.Arbiter.Durable?.ToString() ?? "nothing"}");
    }
}
