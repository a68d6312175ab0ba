using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Rule 5. Whoever boots the machine has on its disk every write that the machine was told is stable, and is the leader of the
/// arbiter's durable configuration.
/// </summary>
internal sealed class NoStaleStartChecker(SimWorld world) : Checker(world)
{
    private readonly ulong[] _stable = new ulong[ToyMachine.DiskBlocks];     // versions that flushes covered
    private readonly Dictionary<ulong, BlockRequested> _requests = [];       // by version, of all lives
    private readonly HashSet<ulong> _written = [];                           // completed writes, by version
    private readonly Dictionary<ulong, Flush> _flushes = [];                 // what each flush covers

    private sealed record Flush(ulong Round, ulong Register, ulong[] Covered);

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        if (output is BlockRequested { Operation: BlockOperation.Write } request) _requests[(id.Life << 32) + request.RequestId] = request;
    }

    public override void OnLeaderRound(SimProcess process, Round round, IReadOnlyList<MachineOutput> outputs)
    {
        if (World.Arbiter.Durable?.Leader != process.Self || process.IsTainted) return;
        foreach (MachineInput input in round.Inputs)
        {
            if (input is not BlockCompleted completed) continue;
            ulong version = (process.Machine!.Life << 32) + completed.RequestId;
            if (_requests.ContainsKey(version)) _written.Add(version);
            else if (_flushes.TryGetValue(version, out Flush? flush) && process.Registers.GetValueOrDefault(flush.Round) == flush.Register) MakeStable(flush.Covered);
        }
        // A flush covers what had ended when it was asked for, no more. It counts only in the history it was asked for in: a leader
        // that was cut off runs on for a while, and its successor's requests have the same numbers.
        ToyMachine machine = process.Machine!;
        foreach (MachineOutput output in outputs)
            if (output is BlockRequested { Operation: BlockOperation.Flush } flush)
                _flushes[(machine.Life << 32) + flush.RequestId] = new Flush(machine.Round, machine.Accumulator, [.. _written]);
    }

    private void MakeStable(ulong[] covered)
    {
        foreach (ulong version in covered)
        {
            ref ulong block = ref _stable[_requests[version].OffsetBytes / ToyMachine.BlockBytes];
            block = Math.Max(block, version);
        }
        World.Count("flush ended");
    }

    public override void OnBoot(SimProcess process)
    {
        if (World.Arbiter.Durable?.Leader != process.Self) Fail("no stale start", $"{process.Self.Server} boots, but the arbiter has {World.Arbiter.Durable?.ToString() ?? "nothing"}");
        for (int block = 0; block < ToyMachine.DiskBlocks; block++)
        {
            if (World.WasAnyTainted || process.Server.Disk.Version(block) >= _stable[block]) continue;
            Fail("no stale start", $"{process.Self.Server} boots with version {process.Server.Disk.Version(block):x} of block {block}, but {_stable[block]:x} was flushed");
        }
        _requests.Clear();
        _written.Clear();
        _flushes.Clear();
    }
}
