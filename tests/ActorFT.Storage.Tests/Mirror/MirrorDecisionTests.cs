using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

public class MirrorDecisionTests
{
    private static readonly Guid Disk = Guid.Parse("11111111-1111-1111-1111-111111111111");

    private static CopyDescription Copy(ulong term, ulong change = 0, CopyState state = CopyState.Good, bool alone = false, Guid? disk = null, long capacity = 1 << 20, string machine = "db") =>
        new(new DiskName(machine, "vda"), disk ?? Disk, Guid.NewGuid(), capacity, state, state == CopyState.Good ? "" : "reason", new MirrorVersion(term, change), alone, false, 37, 0, 0);

    public static TheoryData<string, CopyDescription, CopyDescription, AuthorityVerdict> Pairs => new()
    {
        { "equal versions", Copy(5), Copy(5), AuthorityVerdict.Both },
        { "newer term", Copy(6, alone: true), Copy(5), AuthorityVerdict.First },
        { "newer change in one term", Copy(5), Copy(5, 1, alone: true), AuthorityVerdict.Second },
        { "term before change", Copy(6, 0), Copy(5, 99), AuthorityVerdict.First },
        { "both alone", Copy(6, alone: true), Copy(6, alone: true), AuthorityVerdict.None },
        { "one alone at the same version", Copy(6), Copy(6, alone: true), AuthorityVerdict.Second },
        { "rebuilding at the same version", Copy(5, state: CopyState.Rebuilding), Copy(5), AuthorityVerdict.Second },
        { "rebuilding with a newer version", Copy(7, state: CopyState.Rebuilding), Copy(5), AuthorityVerdict.None },
        { "failed at the same version", Copy(5), Copy(5, state: CopyState.Failed), AuthorityVerdict.First },
        { "isolated and newer", Copy(5), Copy(6, state: CopyState.Isolated), AuthorityVerdict.None },
        { "none complete", Copy(5, state: CopyState.Rebuilding), Copy(5, state: CopyState.Failed), AuthorityVerdict.None },
        { "degraded counts", Copy(6, state: CopyState.Degraded), Copy(5), AuthorityVerdict.First },
        { "another disk's identity", Copy(6, disk: Guid.NewGuid()), Copy(5), AuthorityVerdict.None },
        { "a replacement has its own identity yet", Copy(5), Copy(0, state: CopyState.Rebuilding, disk: Guid.NewGuid()), AuthorityVerdict.First },
        { "another size", Copy(6), Copy(6, capacity: 1 << 21), AuthorityVerdict.None },
        { "another machine", Copy(6), Copy(6, machine: "web"), AuthorityVerdict.None },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Authority_TwoCopies_IsDecidedAndTheSameFromBothSides(string why, CopyDescription first, CopyDescription second, AuthorityVerdict expected)
    {
        Authority decided = CopyAuthority.Decide(first, second), mirrored = CopyAuthority.Decide(second, first);
        Assert.True(expected == decided.Verdict, $"{why}: {decided}");
        AuthorityVerdict other = expected switch { AuthorityVerdict.First => AuthorityVerdict.Second, AuthorityVerdict.Second => AuthorityVerdict.First, var same => same };
        Assert.Equal(other, mirrored.Verdict);
        Assert.NotEmpty(decided.Reason);
    }

    [Fact]
    public void Authority_StaleCopy_NeverWinsWhateverItsStateSays()
    {
        // Every pair of states: the copy with the older version is never the one chosen over a newer one.
        foreach (CopyState a in Enum.GetValues<CopyState>())
        foreach (CopyState b in Enum.GetValues<CopyState>())
        foreach (bool aloneA in new[] { false, true })
        foreach (bool aloneB in new[] { false, true })
        {
            AuthorityVerdict verdict = CopyAuthority.Decide(Copy(5, 1, a, aloneA), Copy(5, 2, b, aloneB)).Verdict;
            Assert.True(verdict is AuthorityVerdict.Second or AuthorityVerdict.None, $"{a} {b} {verdict}");
        }
    }

    [Fact]
    public void Authority_CopyAlone_MayServeOnlyAtTheArbitersVersion()
    {
        Assert.Equal(AuthorityVerdict.First, CopyAuthority.MayServeAlone(Copy(5, 1), new MirrorVersion(5, 1)).Verdict);
        Assert.Equal(AuthorityVerdict.None, CopyAuthority.MayServeAlone(Copy(5, 0), new MirrorVersion(5, 1)).Verdict);
        Assert.Equal(AuthorityVerdict.None, CopyAuthority.MayServeAlone(Copy(5), null).Verdict);
        Assert.Equal(AuthorityVerdict.None, CopyAuthority.MayServeAlone(Copy(5, state: CopyState.Rebuilding), new MirrorVersion(5, 0)).Verdict);
    }

    [Fact]
    public void Force_OnAStaleCopy_NamesWhatItDestroys()
    {
        string sentence = CopyAuthority.WhatForceDestroys(Copy(4), "a", Copy(5, 1, alone: true), "b", 65536);
        Assert.All(["on a (version 4.0", "on b (version 5.1", "alone", "37 regions", "2424832 bytes"], part => Assert.Contains(part, sentence, StringComparison.Ordinal));
        Assert.Contains("which cannot be asked", CopyAuthority.WhatForceDestroys(Copy(4), "a", null, "b", 65536), StringComparison.Ordinal);
        Assert.Contains("destroys nothing", CopyAuthority.WhatForceDestroys(Copy(6, alone: true), "a", Copy(5), "b", 65536), StringComparison.Ordinal);
    }

    [Fact]
    public void Health_FaultsFarApart_RestartWithGrowingDelaysAndBecomeGoodAgain()
    {
        var health = new CopyHealth(new MirrorPolicy { RestartLimit = 2, RestartWindowMs = 1000, RestartDelayMs = 10, MinMeanTimeBetweenFaultsMs = 0 });
        CopyDecision first = health.CopyFailed(0, CopyFaultKind.IoError, "sda"), second = health.CopyFailed(100, CopyFaultKind.Stalled, "sda");
        Assert.Equal((CopyAction.Restart, 10L, CopyState.Failed), (first.Action, first.DelayMs, first.State));
        Assert.Equal((CopyAction.Restart, 20L), (second.Action, second.DelayMs));
        health.Rebuilding("3 regions");
        health.Resynchronised();
        Assert.Equal((CopyState.Good, ""), (health.State, health.Reason));
        Assert.Equal(CopyAction.Restart, health.CopyFailed(1101, CopyFaultKind.NoSpace, "sda").Action); // the window has moved on
    }

    [Fact]
    public void Health_TooManyRestartsInTheWindow_IsolatesUntilTheOperatorRepairs()
    {
        var health = new CopyHealth(new MirrorPolicy { RestartLimit = 2, RestartWindowMs = 1000, MinMeanTimeBetweenFaultsMs = 0 });
        health.CopyFailed(0, CopyFaultKind.IoError, "x");
        health.CopyFailed(1, CopyFaultKind.IoError, "x");
        CopyDecision decision = health.CopyFailed(2, CopyFaultKind.IoError, "x");
        Assert.Equal((CopyAction.Isolate, CopyState.Isolated), (decision.Action, decision.State));
        Assert.Contains("2 restarts within 1 s", decision.Reason, StringComparison.Ordinal);
        Assert.Equal(CopyAction.Isolate, health.CopyFailed(1_000_000, CopyFaultKind.IoError, "x").Action);
        health.RepairedByOperator();
        Assert.Equal(CopyState.Rebuilding, health.State);
        Assert.Equal(CopyAction.Restart, health.CopyFailed(1_000_001, CopyFaultKind.IoError, "x").Action);
    }

    [Fact]
    public void Health_MeanTimeBetweenFaultsTooShort_IsolatesThoughRestartsAreLeft()
    {
        var health = new CopyHealth(new MirrorPolicy { RestartLimit = 100, MinMeanTimeBetweenFaultsMs = 60_000, MeanSamples = 4 });
        for (int i = 0; i < 3; i++) Assert.Equal(CopyAction.Restart, health.CopyFailed(i * 50_000, CopyFaultKind.IoError, "x").Action);
        Assert.Contains("a fault every 50 s", health.CopyFailed(150_000, CopyFaultKind.IoError, "x").Reason, StringComparison.Ordinal);
        Assert.Equal(CopyState.Isolated, health.State);
    }

    [Fact]
    public void Health_BadBlocks_AreRepairedUntilThereAreTooMany()
    {
        var health = new CopyHealth(new MirrorPolicy { BadBlockLimit = 10, RestartWindowMs = 1000 });
        Assert.Equal(CopyAction.RepairBlocks, health.BadBlocksFound(0, 10).Action);
        Assert.Equal(CopyState.Good, health.State);
        Assert.Equal(CopyAction.RepairBlocks, health.BadBlocksFound(1000, 10).Action);
        Assert.Equal(CopyAction.Isolate, health.BadBlocksFound(1001, 1).Action);
    }

    [Fact]
    public void TokenBucket_FedWithTime_LetsTheRateThroughAndNoMore()
    {
        var bucket = new TokenBucket(bytesPerSecond: 1_000_000, burstBytes: 100_000);
        Assert.Equal(0, bucket.Take(0, 100_000));
        Assert.Equal(50, bucket.Take(0, 50_000));
        Assert.Equal(0, bucket.Take(10_000, 100_000)); // a pause earns one burst, not ten seconds' worth
        Assert.Equal(1, bucket.Take(10_000, 1));
        long now = 0, sent = 0;
        var steady = new TokenBucket(10_000_000, 0);
        while (now < 10_000)
        {
            now += steady.Take(now, 65_536);
            sent += 65_536;
        }
        Assert.InRange(sent, 90_000_000, 101_000_000);
        Assert.Equal(0, new TokenBucket(0, 0).Take(0, long.MaxValue));
    }

    [Fact]
    public void Resync_Progress_CountsDoneRateAndTimeLeft()
    {
        var geometry = new DiskGeometry(10 * 65536, 65536);
        var plan = new ResyncPlan(geometry, [1, 3, 5, 7]);
        Assert.Equal((0L, 4L * 65536, null), (plan.Progress(0).DoneBytes, plan.Progress(0).TotalBytes, plan.Progress(0).TimeLeftMs));
        for (int i = 0; i < 2; i++)
        {
            RegionRequest request = plan.TakeNext()!.Value;
            Assert.Equal(1 + 2 * i, request.Region);
            Assert.True(plan.TryApply(request.Region, 0));
            Assert.True(plan.Applied(request.Region, 1000 * (i + 1)));
        }
        MirrorProgress progress = plan.Progress(2000);
        Assert.Equal((2L * 65536, 4L * 65536, 2L * 65536, 0.5), (progress.DoneBytes, progress.TotalBytes, progress.BytesPerSecond, progress.Fraction));
        Assert.Equal(1000, progress.TimeLeftMs);
        plan.SourceWroteAlone(65536, 512); // a done region again
        Assert.Equal((65536L, 4L * 65536), (plan.Progress(2000).DoneBytes, plan.Progress(2000).TotalBytes));
        Assert.Equal([3], plan.TakeNewlyDone());
        Assert.Equal((5, 7, 1), (plan.TakeNext()!.Value.Region, plan.TakeNext()!.Value.Region, plan.TakeNext()!.Value.Region)); // on round the disk, then again
    }
}
