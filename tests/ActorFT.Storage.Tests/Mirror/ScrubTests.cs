using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Tests.Copies;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

public class ScrubTests
{
    private static readonly DiskGeometry Geometry = new(512 << 10, DiskGeometry.MinRegionBytes);

    private sealed class Side
    {
        internal CrashBlockFile Image { get; } = new("image", Geometry.CapacityBytes, new CrashClock());
        internal FaultInjectingBlockFile Faults { get; }
        internal DiskCopy Copy { get; }
        internal Side()
        {
            Faults = new FaultInjectingBlockFile(Image, isFaultInjectionEnabled: true);
            Copy = DiskCopy.Create(Faults, new CrashBlockFile("metadata", 0, new CrashClock()), CrashRig.Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, CrashRig.Options);
        }
    }

    private static (Side First, Side Second) EqualCopies(int seed)
    {
        (Side, Side) sides = (new Side(), new Side());
        byte[] data = new byte[Geometry.CapacityBytes];
        new Random(seed).NextBytes(data);
        foreach (Side side in new[] { sides.Item1, sides.Item2 })
        {
            side.Copy.Write(0, data);
            side.Copy.Flush();
        }
        return sides;
    }

    /// <summary>Walks both copies, repairs each wrong block from the right copy, and returns everything found.</summary>
    private static (ScrubPlan Plan, List<ScrubFinding> Findings) Scrub(Side first, Side second)
    {
        var plan = new ScrubPlan(Geometry);
        var all = new List<ScrubFinding>();
        while (plan.Current is { } region)
        {
            plan.BeginLook();
            foreach (ScrubFinding finding in plan.Report(first.Copy.CheckRegion(region), second.Copy.CheckRegion(region), nowMs: 0))
            {
                all.Add(finding);
                (Side from, Side to) = finding.Verdict == BlockVerdict.FirstWrong ? (second, first) : (first, second);
                if (finding.Verdict is not (BlockVerdict.FirstWrong or BlockVerdict.SecondWrong)) continue;
                byte[] content = new byte[Geometry.BlockLength(finding.Block)];
                from.Copy.Read(finding.Block * DiskGeometry.BlockBytes, content);
                Assert.True(to.Copy.RepairBlock(finding.Block, content));
            }
        }
        return (plan, all);
    }

    [Fact]
    public void Scrub_FlipsInEitherCopy_AreAttributedRepairedAndCounted()
    {
        (Side first, Side second) = EqualCopies(1);
        var random = new Random(4);
        long[] blocks = [.. Enumerable.Range(0, (int)Geometry.BlockCount).OrderBy(_ => random.Next()).Take(12).Select(b => (long)b)];
        foreach (long block in blocks[..7]) first.Image.Corrupt(block * 4096 + random.Next(4096), (byte)(1 << random.Next(8)));
        foreach (long block in blocks[7..]) second.Image.Corrupt(block * 4096 + random.Next(4096), (byte)(1 << random.Next(8)));
        (ScrubPlan plan, List<ScrubFinding> findings) = Scrub(first, second);
        Assert.Equal(blocks[..7].Order(), findings.Where(f => f.Verdict == BlockVerdict.FirstWrong).Select(f => f.Block));
        Assert.Equal(blocks[7..].Order(), findings.Where(f => f.Verdict == BlockVerdict.SecondWrong).Select(f => f.Block));
        Assert.Equal(new ScrubCounts(Geometry.BlockCount, 7, 5, 0, 0, 0), plan.Counts);
        Assert.True(first.Image.Content.SequenceEqual(second.Image.Content));
        Assert.Empty(Scrub(first, second).Findings);
        Assert.Equal(1, plan.Progress(0).Fraction);
    }

    [Fact]
    public void Scrub_BlockBadOnBoth_IsReportedAndLeftAlone()
    {
        (Side first, Side second) = EqualCopies(2);
        first.Image.Corrupt(8192, 1);
        second.Image.Corrupt(8193, 1);
        Assert.Equal([new ScrubFinding(2, BlockVerdict.BothWrong)], Scrub(first, second).Findings);
    }

    [Fact]
    public void Scrub_BlockTheDeviceCannotRead_IsAttributedToThatCopy()
    {
        (Side first, Side second) = EqualCopies(3);
        second.Faults.Inject(new InjectedFault(InjectedFaultKind.IoError, FaultOperations.Read, 5 * 4096, 4096));
        var plan = new ScrubPlan(Geometry);
        Assert.Equal([new ScrubFinding(5, BlockVerdict.SecondWrong)], plan.Report(first.Copy.CheckRegion(0), second.Copy.CheckRegion(0), 0));
        second.Faults.Clear(); // the device gives the block another place when it is written
        Assert.Empty(Scrub(first, second).Findings);
    }

    [Fact]
    public void Scrub_LostWriteWithStaleChecksum_IsFoundAsADifference()
    {
        (Side first, Side second) = EqualCopies(4);
        first.Copy.Write(0, new byte[4096]); // the second never got it: each is right by its own checksum
        first.Copy.Flush();
        Assert.Equal([new ScrubFinding(0, BlockVerdict.Differ)], Scrub(first, second).Findings);
    }

    [Fact]
    public void Scrub_WriteBetweenTheTwoLooks_IsLookedAtAgainAndNotReported()
    {
        (Side first, Side second) = EqualCopies(5);
        var plan = new ScrubPlan(Geometry);
        plan.BeginLook();
        BlockCheck[] seenFirst = first.Copy.CheckRegion(0);
        byte[] data = new byte[4096];
        first.Copy.Write(0, data);
        second.Copy.Write(0, data);
        plan.Wrote(0, 4096);
        Assert.Empty(plan.Report(seenFirst, second.Copy.CheckRegion(0), 0));
        Assert.Equal(0, plan.Current); // again
        plan.BeginLook();
        Assert.Empty(plan.Report(first.Copy.CheckRegion(0), second.Copy.CheckRegion(0), 0));
        Assert.Equal(1, plan.Current);
        Assert.Equal(0, plan.Counts.RegionsUnsettled);
    }

    [Fact]
    public void Scrub_RegionWrittenAllTheTime_IsPassedAndCounted()
    {
        (Side first, Side second) = EqualCopies(6);
        var plan = new ScrubPlan(Geometry);
        first.Copy.Write(0, new byte[4096]);
        for (int look = 0; plan.Current == 0; look++)
        {
            Assert.True(look < 10);
            plan.BeginLook();
            plan.Wrote(100, 512);
            Assert.Empty(plan.Report(first.Copy.CheckRegion(0), second.Copy.CheckRegion(0), 0));
        }
        Assert.Equal(1, plan.Counts.RegionsUnsettled);
    }
}
