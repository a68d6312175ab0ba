using ActorFT.Lockstep.Protocol;
using ActorFT.Simulation.World;
using Xunit;

namespace ActorFT.Simulation;

/// <summary>
/// design.md §3, held by thousands of histories full of faults. A failing seed is printed with the command that replays it, exactly.
/// </summary>
public class SimulationTests
{
    private const ulong Seeds = 3000;

    [Fact]
    public void Seeds_WithEveryKindOfFault_HoldEveryRuleAndEveryFaultReallyFires()
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            SimulationResult result = Simulator.Run(seed, counts);
            Assert.True(result.Rule is null, $"Seed {seed}: {result.Message}\nReplay: scripts/simulate --seed {seed} --trace");
        }
        foreach (FaultKind kind in Enum.GetValues<FaultKind>()) AssertCounted(counts, $"fault: {kind}", 30);
        foreach (string what in Expected) AssertCounted(counts, what, 20);
    }

    // What faults must have led to: a fault that changes nothing tests nothing.
    private static readonly string[] Expected =
    [
        "failover", "led because of silence", "hand-over done", "cold boot", "fenced", "left in order", "outputs returned after a hang", "arbiter store lost", "frame corrupted", "message dropped",
        "message doubled", "message delayed much", "message swallowed by a one-way partition", "message arrived late, when a stall ended", "leader slowed", "self-check found a fault", "scrub found a flipped bit",
        "self-check sound", "round told ahead", "round run by the follower before the leader", "flush ended", "output held until stored", "request served", "runs in received", "runs in verified",
        "fault raised: Divergence", "fault raised: PeerLost", "fault raised: ArbiterUnreachable", "fault raised: SlowFollower",
        "fault raised: TransferFailed",
    ];

    [Fact]
    public void Seed_RunTwice_HasTheSameHistory()
    {
        for (ulong seed = 1; seed <= 60; seed++)
            Assert.Equal(Simulator.Run(seed, []).TraceHash, Simulator.Run(seed, []).TraceHash);
        Assert.Equal(60, Enumerable.Range(1, 60).Select(seed => Simulator.Run((ulong)seed, []).TraceHash).Distinct().Count());
    }

    [Fact]
    public void HandOvers_Alone_LoseNothingRepeatNothingAndHoldNothingForLong()
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (ulong seed = 1; seed <= 150; seed++)
        {
            SimulationResult result = Simulator.Run(SimOptions.Of(seed) with { Faults = [FaultKind.HandOver] }, counts);
            Assert.True(result.Rule is null, $"Seed {seed}: {result.Message}");
        }
        AssertCounted(counts, "hand-over done", 500);
        Assert.False(counts.ContainsKey("failover"));

        // The check can fail: a follower that keeps what has left says it again when it takes over.
        SimOptions bad = SimOptions.Of(1, PlantedBug.KeepReleasedOutputs) with { Faults = [FaultKind.HandOver] };
        Assert.Contains("repeats nothing", Simulator.Run(bad, []).Rule);
    }

    [Fact]
    public void BitsFlippedInMemoryThatTheGuestLeavesAlone_AreFound_AndTheReplicaThatHasThemGoes()
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (ulong seed = 1; seed <= 100; seed++)
        {
            SimulationResult result = Simulator.Run(SimOptions.Of(seed) with { Faults = [FaultKind.ColdBitFlip] }, counts);
            Assert.True(result.Rule is null, $"Seed {seed}: {result.Message}");
        }
        AssertCounted(counts, $"fault: {FaultKind.ColdBitFlip}", 350);
        AssertCounted(counts, "failover", 100); // a leader that was hurt gave the lead away
        Assert.Equal(counts[$"fault: {FaultKind.ColdBitFlip}"], counts["fenced while hurt"]);
        Assert.False(counts.ContainsKey("fenced while sound"));
        Assert.False(counts.ContainsKey("fault raised: MemoryCorrupt"));

        // The check can fail: such a bit shows in nothing else.
        SimOptions blind = SimOptions.Of(1) with { Faults = [FaultKind.ColdBitFlip], ScrubsMemory = false };
        Assert.Equal("whole again within the bound", Simulator.Run(blind, []).Rule);
    }

    public static TheoryData<string> Bugs => [.. Enum.GetNames<PlantedBug>().Where(name => name is not (nameof(PlantedBug.None) or nameof(PlantedBug.TakeLeadWithoutDisks)))]; // that one needs disks that fail: MirroredDisksTests

    [Theory]
    [MemberData(nameof(Bugs))]
    public void PlantedBug_IsFoundWithinAThousandSeedsAndReplaysExactly(string name)
    {
        var bug = Enum.Parse<PlantedBug>(name);
        for (ulong seed = 1; seed <= 1000; seed++)
        {
            SimulationResult result = Simulator.Run(seed, [], bug);
            if (result.Rule is null) continue;
            Assert.NotEqual("no exception", result.Rule); // found by a rule, not by an accident of the simulation
            SimulationResult again = Simulator.Run(seed, [], bug);
            Assert.Equal((result.TraceHash, result.Message), (again.TraceHash, again.Message));
            return;
        }
        Assert.Fail($"Nothing noticed {name}.");
    }

    private static void AssertCounted(SortedDictionary<string, long> counts, string what, long atLeast) =>
        Assert.True(counts.GetValueOrDefault(what) >= atLeast, $"\"{what}\" happened {counts.GetValueOrDefault(what)} times; at least {atLeast} were expected.");
}
