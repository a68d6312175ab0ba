using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>A planned change of leader costs nothing: where hand-overs are all that happens, no output is repeated and none is held for long.</summary>
internal sealed class HandOverChecker(SimWorld world) : Checker(world)
{
    private const ulong MaxHeldNs = 100_000_000;

    private readonly Dictionary<OutputId, ulong> _madeAtNs = [];
    private readonly HashSet<OutputId> _released = [];

    private bool IsOn => World.Options.Faults is [FaultKind.HandOver];

    public override void OnLeaderRound(SimProcess process, Round round, IReadOnlyList<MachineOutput> outputs)
    {
        if (!IsOn) return;
        foreach (MachineOutput output in outputs) if (ToyMachine.IdOf(output) is { } id) _madeAtNs[id] = World.NowNs;
    }

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        if (!IsOn) return;
        if (!_released.Add(id)) Fail("a hand-over repeats nothing", $"{process.Self.Server} let output {id.Index} of round {id.Round} go again");
        ulong held = World.NowNs - _madeAtNs[id];
        if (held > MaxHeldNs) Fail("a hand-over holds nothing for long", $"output {id.Index} of round {id.Round} was held {held / 1_000_000} ms");
    }

    public override void AtEnd()
    {
        if (IsOn && _released.Count < _madeAtNs.Count - 20) Fail("a hand-over loses nothing", $"{_madeAtNs.Count} outputs were made, {_released.Count} left");
    }
}
