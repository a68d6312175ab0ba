using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror.Live;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>Two replicas and two copies of one disk under faults, by seed (see <see cref="LiveMirrorSimulation"/>). ACTORFT_SEEDS: how many.</summary>
public class LiveMirrorTests(ITestOutputHelper output)
{
    private static readonly int s_seeds = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_SEEDS"), out int count) ? count : 60;
    private static readonly int s_firstSeed = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_SEED"), out int first) ? first : 0;

    private const int SeedsForABug = 1000, RunMilliseconds = 4_000;
    private static readonly bool s_isTraced = Environment.GetEnvironmentVariable("ACTORFT_TRACE") is "1";

    [Fact]
    public void TwoCopies_UnderFaultsAndCrashes_LoseNothingThatWasFlushed_AndBecomeEqual()
    {
        long reads = 0, flushes = 0, failovers = 0, boots = 0, resyncs = 0, failures = 0, healed = 0, cuts = 0, errors = 0, fromPeer = 0, heldBack = 0;
        long[] fired = new long[Enum.GetValues<InjectedFaultKind>().Length];
        for (int seed = s_firstSeed; seed < s_firstSeed + s_seeds; seed++)
        {
            LiveMirrorSimulation simulation = new(seed) { Trace = s_isTraced ? [] : null };
            try
            {
                simulation.Run(RunMilliseconds);
            }
            catch (Exception e)
            {
                foreach (string line in simulation.Trace ?? []) output.WriteLine(line);
                Assert.Fail($"Seed {seed}: {(e is MirrorRuleBrokenException ? e.Message : e.ToString())}");
            }

            reads += simulation.Reads;
            flushes += simulation.Flushes;
            failovers += simulation.Failovers;
            boots += simulation.Boots;
            resyncs += simulation.Resyncs;
            failures += simulation.CopyFailures;
            cuts += simulation.Cuts;
            errors += simulation.Errors;
            fromPeer += simulation.FromPeer;
            heldBack += simulation.HeldBack;
            for (int kind = 0; kind < fired.Length; kind++) fired[kind] += simulation.Fired[kind];
            healed += simulation.Healed;
        }

        output.WriteLine($"{s_seeds} seeds: {reads} reads, {flushes} flushes, {failovers} failovers, {boots} boots, {resyncs} joins, {failures} copies broken, {cuts} partitions, {fromPeer} times served by the peer, {errors} errors, {heldBack} held back, {healed} wrong copies healed; fired: {string.Join(", ", fired.Select((count, kind) => $"{(InjectedFaultKind)kind} {count}"))}");
        Assert.True(failovers > 0 && boots > s_seeds && resyncs > 0 && cuts > 0 && healed > 0 && heldBack > 0 && fired.All(count => count > 0), "A kind of fault never happened: the simulation shows nothing.");
    }

    [Theory]
    [InlineData((int)MirrorBug.ReadsWhatIsMissing)]
    [InlineData((int)MirrorBug.ForgetsPeersDirtyRegions)]
    [InlineData((int)MirrorBug.TakesOldRegions)]
    [InlineData((int)MirrorBug.ServedWithoutMark)]
    [InlineData((int)MirrorBug.CleansWithoutMeeting)]
    [InlineData((int)MirrorBug.ForgetsWhatIsAwaited)]
    public void PlantedBug_IsFound(int bug)
    {
        for (int seed = 0; seed < SeedsForABug; seed++)
        {
            try
            {
                new LiveMirrorSimulation(seed, (MirrorBug)bug).Run(RunMilliseconds);
            }
            catch (MirrorRuleBrokenException e)
            {
                output.WriteLine($"{(MirrorBug)bug}: seed {seed}: {e.Message}");
                return;
            }
        }

        Assert.Fail($"{(MirrorBug)bug} was not found by {SeedsForABug} seeds.");
    }
}
