using ActorFT.Lockstep.Protocol;
using ActorFT.Simulation.World;
using ActorFT.Simulation.World.Disks;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror.Live;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.Simulation;

/// <summary>
/// Two disks with two real copies each under the lockstep protocol, every fault of a copy beside every fault of servers, links and the arbiter (docs/testing.md).
/// ACTORFT_SEEDS: how many; <c>scripts/simulate --disks</c> runs more and replays one.
/// </summary>
public class MirroredDisksTests(ITestOutputHelper output)
{
    private static readonly ulong s_seeds = ulong.TryParse(Environment.GetEnvironmentVariable("ACTORFT_SEEDS"), out ulong count) ? count : 130;

    [Fact]
    public void Seeds_WithEveryFaultOfCopiesBesideAllOthers_LoseNothingThatWasFlushedAndBecomeEqual()
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (ulong seed = 1; seed <= s_seeds; seed++)
        {
            SimulationResult result = Simulator.Run(SimOptions.OfDisks(seed), counts);
            Assert.True(result.Rule is null, $"Seed {seed}: {result.Message}\nReplay: scripts/simulate --disks --seed {seed} --trace");
        }

        foreach ((string what, long number) in counts) output.WriteLine($"{number,10} {what}");
        foreach (DiskFault kind in Enum.GetValues<DiskFault>()) AssertCounted(counts, $"disk fault: {kind}", 10);
        foreach (InjectedFaultKind kind in Enum.GetValues<InjectedFaultKind>()) AssertCounted(counts, $"device: {kind}", 5);
        foreach (FaultKind kind in Enum.GetValues<FaultKind>()) if (kind != FaultKind.BitFlip) AssertCounted(counts, $"fault: {kind}", 3);
        foreach (string what in s_expected) AssertCounted(counts, what, 10);
        Assert.True(counts.GetValueOrDefault("stopped: no server may boot") <= Math.Max(3, (long)s_seeds / 50), "Too many seeds end with a machine that only an operator can start.");
    }

    private static readonly string[] s_expected =
    [
        "failover", "hand-over done", "cold boot", "fenced because its disks lack something", "two disks of a server stand differently", "copy opened again to be rebuilt", "wrong copy healed",
        "flush ended", "read compared", "error told to the machine", "mirror told: ServedByPeer", "mirror told: ResyncEnded", "mirror told: Repaired", "mirror told: ScrubEnded",
    ];

    [Fact]
    public void Seed_RunTwice_HasTheSameHistory()
    {
        for (ulong seed = 1; seed <= 6; seed++)
            Assert.Equal(Simulator.Run(SimOptions.OfDisks(seed), []).TraceHash, Simulator.Run(SimOptions.OfDisks(seed), []).TraceHash);
    }

    /// <summary>Each broke a rule once, until its cause was found; what it was. Histories have moved since, and the causes have tests of their own where they are.</summary>
    [Theory]
    [InlineData(42UL)]   // a new peer in the moment in which the former was lost: its disks were never told, and a region that was being looked at stayed unreadable
    [InlineData(134UL)]  // a write that the only complete copy could not make ended well as soon as the other, made from that one, was complete
    [InlineData(137UL)]  // a disk failed while it was marked for a hand-over, and its server led alone
    [InlineData(182UL)]  // a server that stopped, for its disks lack something, went on claiming
    [InlineData(293UL)]  // a block that is bad on one copy came back from the other, which had an older one
    [InlineData(325UL)]  // policy isolated the leader for a follower that was no member
    [InlineData(363UL)]  // a scrub's comparison kept a complete copy from answering when the other was lost
    [InlineData(373UL)]  // the other copy became complete just before this one failed, and was not heard: an error, and two current copies that would have differed
    [InlineData(484UL)]  // a follower that won waited for the lost leader's answer to a read that it had to execute
    [InlineData(567UL)]  // of the checker: what a device had made of a write that was never flushed was not known to be that, once memory had hidden it from a look at the copy
    [InlineData(587UL)]  // what the only copy had lost with its memory no flush told, once that copy had been rebuilt from the one made of it
    [InlineData(728UL)]  // a copy became current though it had met a bad block since that was decided
    [InlineData(838UL)]  // a read that its machine held back behind a write was answered for the other replica as of before the write
    [InlineData(889UL)]  // a write met a bad block on the only complete copy, behind the region that the other had from it: both were complete, and differed
    [InlineData(1039UL)] // a follower that waited for a read that only its leader's copy could give won against it, went on with an error, and led another history
    [InlineData(1379UL)] // a write met a bad block on a copy that failed as that was recorded; it had said "stable" in between, and neither side knew the region to differ
    [InlineData(1496UL)] // what failed on the only copy, the other replica made later, behind the region that it had from the only copy: the two differed
    [InlineData(1696UL)] // a server claimed to boot alone though a disk had failed while it was marked for that
    [InlineData(1871UL)] // a server that the arbiter gave the lead made the other's complete disks from its own, which had come to lack something meanwhile
    [InlineData(1875UL)] // a leader's copy was left out for that of a server that was no member yet and was given up: then neither was of use
    [InlineData(2525UL)] // a copy that was opened again wrote a checkpoint over the only durable one, and power failed: blocks with checksums of before
    [InlineData(2382UL)] // a follower that had won could not make a change that its leader had made, and led another history
    [InlineData(5930UL)] // both copies failed at the same write, each took the other's for complete, and both were stale for ever
    public void SeedThatBrokeARuleOnce_HoldsAll(ulong seed)
    {
        SimulationResult result = Simulator.Run(SimOptions.OfDisks(seed), []);
        Assert.True(result.Rule is null, result.Message);
    }

    // From the first seed that finds it, to spare time; a change that moves histories may need some more, never a thousand.
    [Theory]
    [InlineData(nameof(MirrorBug.ReadsWhatIsMissing), 11)]
    [InlineData(nameof(MirrorBug.ForgetsPeersDirtyRegions), 1)]
    [InlineData(nameof(MirrorBug.TakesOldRegions), 9)]
    [InlineData(nameof(MirrorBug.ServedWithoutMark), 9)]
    [InlineData(nameof(MirrorBug.ForgetsWhatIsAwaited), 629)]
    [InlineData(nameof(MirrorBug.OneDiskSpeaksForAll), 26)]
    [InlineData(nameof(MirrorBug.TakesWhatNobodyHas), 700)]
    [InlineData(nameof(MirrorBug.CurrentWhateverCame), 1328)]
    [InlineData(nameof(MirrorBug.CleansWithoutMeeting), 1237)]
    [InlineData(nameof(MirrorBug.CurrentBeforeEnrolled), 2030)]
    [InlineData(nameof(PlantedBug.TakeLeadWithoutDisks), 1223)]
    public void PlantedBug_IsFoundWithinAThousandSeedsAndReplaysExactly(string name, int first)
    {
        MirrorBug mirror = Enum.TryParse(name, out MirrorBug ofMirror) ? ofMirror : MirrorBug.None;
        PlantedBug protocol = Enum.TryParse(name, out PlantedBug ofProtocol) ? ofProtocol : PlantedBug.None;
        for (ulong seed = (ulong)first; seed < (ulong)first + 1000; seed++)
        {
            SimulationResult result = Simulator.Run(SimOptions.OfDisks(seed, protocol, mirror), []);
            if (result.Rule is null) continue;
            output.WriteLine($"{name}: seed {seed}: {result.Message}");
            Assert.NotEqual("no exception", result.Rule);
            SimulationResult again = Simulator.Run(SimOptions.OfDisks(seed, protocol, mirror), []);
            Assert.Equal((result.TraceHash, result.Message), (again.TraceHash, again.Message));
            return;
        }

        Assert.Fail($"Nothing noticed {name}.");
    }

    private static void AssertCounted(SortedDictionary<string, long> counts, string what, long atLeast) =>
        Assert.True(counts.GetValueOrDefault(what) >= atLeast, $"\"{what}\" happened {counts.GetValueOrDefault(what)} times; at least {atLeast} were expected.");
}
