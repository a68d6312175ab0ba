using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>Rule 6. No divergence outlives the run: whatever was flipped, the pair that is whole in the end is equal.</summary>
internal sealed class DivergenceChecker(SimWorld world) : Checker(world)
{
    public override void AtEnd()
    {
        if (World.Servers.Any(server => server.Process is { Machine.IsSound: false }))
            Fail("divergence is a fault", "a replica whose memory was flipped is in lockstep at the end");
        SimProcess leader = World.Servers[0].Process!, follower = World.Servers[1].Process!;
        if (!leader.IsLeading) (leader, follower) = (follower, leader);
        ulong round = Math.Min(leader.Machine!.Round, follower.Machine!.Round); // the follower may have run what the leader is about to
        if (leader.Registers[round] != follower.Registers[round]) Fail("divergence is a fault", $"the replicas differ at round {round} at the end");
    }
}

/// <summary>Rule 4, time. The machine's time never falls and is real time: after a failover as before.</summary>
internal sealed class ClockChecker(SimWorld world) : Checker(world)
{
    private const ulong ToleranceNs = 80_000_000; // the slowest link's delay, and the drift of two clocks

    private readonly Dictionary<ulong, ulong> _bootedAtNs = [], _latestNs = []; // by life; the latest time of which something left

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        if (process.Times.TryGetValue(id.Round, out ulong time)) _latestNs[id.Life] = Math.Max(_latestNs.GetValueOrDefault(id.Life), time);
    }

    public override void OnLead(SimProcess process, Configuration configuration)
    {
        ToyMachine machine = process.Machine!;
        if (machine.Round == 0) _bootedAtNs[machine.Life] = World.NowNs;
    }

    public override void OnLeaderRound(SimProcess process, Round round, IReadOnlyList<MachineOutput> outputs)
    {
        ulong life = process.Machine!.Life;
        if (World.Arbiter.Durable?.Leader == process.Self && round.TimeNs < _latestNs.GetValueOrDefault(life))
            Fail("time never falls", $"a round has time {round.TimeNs}, after outputs of time {_latestNs[life]} left");
        ulong real = World.NowNs - _bootedAtNs[life];
        if (round.TimeNs > real + ToleranceNs) Fail("time is real time", $"a round of {process.Self.Server} has time {round.TimeNs / 1_000_000} ms, {real / 1_000_000} ms after power-on");
    }
}

/// <summary>Everything is bounded: what waits at either side, and how far they are apart.</summary>
internal sealed class BoundsChecker(SimWorld world) : Checker(world)
{
    private const ulong LagSlackNs = 12_000_000;     // the open record, and a round that was begun
    private const int MaxBuffered = 4000;
    private const long MaxHeldBytes = 60_000;        // the toy says little in the lag limit's time
    private const long MaxHeldWithDisks = 400_000;   // what it writes in that time

    public override void AfterStep(SimProcess process)
    {
        Lockstep.Protocol.ReplicaStatus status = process.Protocol.Status;
        if (status.LagNs > World.Options.Settings.LagLimitNs + LagSlackNs)
            Fail("everything is bounded", $"{process.Self.Server}'s follower lags {status.LagNs / 1_000_000} ms, where {World.Options.Settings.LagLimitNs / 1_000_000} ms are the limit");
        if (status.BufferedRecords > MaxBuffered || status.HeldBytes > (World.Options.HasMirrors ? MaxHeldWithDisks : MaxHeldBytes))
            Fail("everything is bounded", $"{process.Self.Server} keeps {status.BufferedRecords} records and holds {status.HeldBytes} bytes");
        if (status.PacePercent is > 0 and < 100) World.Count("leader slowed");
    }
}

/// <summary>Disks are a mirror: when nothing is in flight any more, both copies are equal.</summary>
internal sealed class MirrorChecker(SimWorld world) : Checker(world)
{
    public override void AtEnd()
    {
        SimProcess leader = World.Servers[0].Process!, follower = World.Servers[1].Process!;
        if (!leader.IsLeading) (leader, follower) = (follower, leader);
        foreach (int block in Enumerable.Range(0, ToyMachine.DiskBlocks))
        {
            if (leader.Server.Disk.Read(block).AsSpan().SequenceEqual(follower.Server.Disk.Read(block))) continue;
            ulong newest = Math.Max(leader.Server.Disk.Version(block), follower.Server.Disk.Version(block));
            // One of them may not have executed the round that writes yet.
            if (World.Servers.Any(server => BitConverter.ToUInt64(server.Disk.Read(block), 8) >= Math.Min(leader.Machine!.Round, follower.Machine!.Round))) continue;
            // A write that one side has done, and the other's disk is still to do.
            IEnumerable<ulong> underWay = leader.Machine!.PendingRequests.Concat(follower.Machine!.PendingRequests).Select(request => request.RequestId);
            if (underWay.Concat(leader.Disks.WritesBehind).Concat(follower.Disks.WritesBehind).Any(request => leader.Machine.Version(request) == newest)) continue;
            Fail("disks are a mirror", $"block {block} is version {leader.Server.Disk.Version(block):x} at the leader and {follower.Server.Disk.Version(block):x} at the follower");
        }
    }
}

/// <summary>Every request of the machine ends: whoever leads, and however often that changed while it was under way.</summary>
internal sealed class RequestsEndChecker(SimWorld world) : Checker(world)
{
    private readonly Dictionary<(ulong Life, ulong Request), ulong> _madeNs = [];

    public override void OnLeaderRound(SimProcess process, Round round, IReadOnlyList<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
            if (output is BlockRequested request) _madeNs.TryAdd((process.Machine!.Life, request.RequestId), World.NowNs);
    }

    public override void AtEnd()
    {
        ToyMachine machine = World.Servers.Select(server => server.Process!).First(process => process.IsLeading).Machine!;
        foreach (BlockRequested request in machine.PendingRequests)
        {
            ulong agoNs = World.NowNs - _madeNs[(machine.Life, request.RequestId)];
            if (agoNs >= SimWorld.StaysWholeNs) Fail("every request ends", $"{request.Operation} {request.RequestId} was made {agoNs / 1_000_000} ms ago, and the pair is whole since {SimWorld.StaysWholeNs / 1_000_000} ms");
        }
    }
}
