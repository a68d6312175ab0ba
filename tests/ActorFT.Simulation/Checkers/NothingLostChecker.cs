using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World;
using ActorFT.Simulation.World.Disks;

namespace ActorFT.Simulation.Checkers;

/// <summary>
/// Rules 3 and 4, what left. Whoever leads next has executed every round of which anything left, and whatever it executed has left
/// when it begins, by the old leader or by it. A boot from disk, which forgets memory, happens only when no member has the state;
/// and no member throws its state away.
/// </summary>
internal sealed class NothingLostChecker(SimWorld world) : Checker(world)
{
    private readonly Dictionary<ulong, ulong> _releasedBefore = []; // life -> rounds
    private readonly HashSet<OutputId> _released = [];

    public override void OnReleased(SimProcess process, MachineOutput output, OutputId id)
    {
        _releasedBefore[id.Life] = Math.Max(_releasedBefore.GetValueOrDefault(id.Life), id.Round + 1);
        if (output is not BlockRequested) _released.Add(id);
    }

    public override void OnLead(SimProcess process, Configuration configuration)
    {
        // One that wakes into a term that is over may believe it leads; it holds everything, and nothing it says counts.
        if (World.Arbiter.Durable != configuration) return;
        ToyMachine machine = process.Machine!;
        ulong released = _releasedBefore.GetValueOrDefault(machine.Life);
        if (machine.Round < released)
            Fail("nothing acknowledged is lost", $"{process.Self.Server} leads from round {machine.Round} on, but outputs of rounds before {released} have left");
    }

    public override void AfterLead(SimProcess process)
    {
        if (!process.IsLeading || MayBeWrong && process.IsTainted) return;
        foreach (OutputId id in process.Executed.Keys)
        {
            if (id.Life != process.Machine!.Life || _released.Contains(id) || process.PromotedRound <= id.Round || process.IsDiskWrite(id)) continue;
            Fail("nothing acknowledged is lost", $"{process.Self.Server} leads from round {process.PromotedRound} on, and its output {id.Index} of round {id.Round} never left");
        }
    }

    public override void OnBoot(SimProcess process)
    {
        IReadOnlyList<Configuration> history = World.Arbiter.History;
        Configuration? before = history.Count >= 2 ? history[^2] : null;
        foreach (SimServer server in World.Servers)
        {
            if (server.Process is not { HasState: true } other || other == process || before?.Contains(other.Self) != true) continue;
            Fail("nothing acknowledged is lost", $"{process.Self.Server} boots from disk although {other.Self.Server} has the state as a member of {before}");
        }
    }

    public override void OnFence(SimProcess process, string reason)
    {
        // A server whose disks lack something never acts alone: it boots from the other one's, or that one does.
        if (process.Disks is MirroredDisks { AreCurrent: false })
        {
            World.Count("fenced because its disks lack something");
            return;
        }

        // Nor does one that could not read what the leader had read, and found that only when it had won: two faults, a bad block here and a leader lost.
        if (process.NotExecutable is not null) // judged when it happened
        {
            World.Count("fenced because it could not execute");
            return;
        }

        // Nor does one that found, when it had won, that its own memory had been flipped: two faults again.
        if (process.IsTainted && !process.IsLeading && World.Arbiter.Durable?.Leader == process.Self)
        {
            World.Count("fenced because its own memory was flipped");
            return;
        }

        if (World.Arbiter.Durable?.Contains(process.Self) == true)
            Fail("nothing acknowledged is lost", $"{process.Self.Server} threw its state away ({reason}) although it is a member of {World.Arbiter.Durable}");
    }
}
