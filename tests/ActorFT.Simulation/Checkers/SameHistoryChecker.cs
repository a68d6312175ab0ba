using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Rule 4, what is. The world sees one history of each life of the machine: the same output in the same place whoever sends it, and a
/// leader's state at any round of which something left is the one that it left from.
/// </summary>
internal sealed class SameHistoryChecker(SimWorld world) : Checker(world)
{
    private readonly Dictionary<OutputId, ulong> _contents = [];
    private readonly Dictionary<(ulong Life, ulong Round), ulong> _registers = []; // after rounds of which something left

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        if (MayBeWrong) return;
        ulong hash = ToyMachine.HashOf(output);
        if (!_contents.TryAdd(id, hash) && _contents[id] != hash)
            Fail("same history", $"{process.Self.Server} sent output {id.Index} of round {id.Round} with other content than it had before");
        if (process.Registers.TryGetValue(id.Round + 1, out ulong register)) _registers.TryAdd((id.Life, id.Round + 1), register);
    }

    public override void OnLead(SimProcess process, Configuration configuration)
    {
        if (MayBeWrong) return;
        foreach (((ulong life, ulong round), ulong register) in _registers)
        {
            if (life != process.Machine!.Life || !process.Registers.TryGetValue(round, out ulong own) || own == register) continue;
            Fail("same history", $"{process.Self.Server} leads with another state at round {round} than the one whose outputs left");
        }
    }
}
