using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using Xunit;

namespace ActorFT.Storage.Tests.Copies;

public class CrashConsistencyTests
{
    private const int Seeds = 2000;

    /// <summary>A checkpoint that a process began and never ended was read by the next one, which wrote its own over the version before: the only durable one, when power failed then.</summary>
    [Fact]
    public void Copy_WhoseProcessEndsAndThenThePower_KeepsWhatFlushesCovered()
    {
        for (int seed = 1; seed <= 600; seed++)
        {
            var rig = new CrashRig(8 * seed + 1); // small ones
            var random = new Random(~seed);
            try
            {
                for (int life = 0; life < 4; life++)
                {
                    rig.Clock.CrashAtOperation = rig.Clock.Operations + 1 + random.Next(120);
                    try
                    {
                        for (int step = random.Next(60); step >= 0; step--) rig.Step();
                    }
                    catch (SimulatedCrashException)
                    {
                        // Or between two operations.
                    }

                    rig.CrashAndRecover(random.Next(6), endsProcesses: true);
                }
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"Seed {seed}: {e}");
            }
        }
    }

    /// <summary>A flush of the metadata fails, and what it was to make durable is shown by the operating system until power fails.</summary>
    [Fact]
    public void Copy_WhoseMetadataLosesWhatAFailedFlushWasToKeep_OpenedAgain_KeepsWhatFlushesCovered()
    {
        int failed = 0;
        for (int seed = 1; seed <= 600; seed++)
        {
            var rig = new CrashRig(8 * seed + 3);
            var random = new Random(~seed);
            try
            {
                for (int life = 0; life < 4; life++)
                {
                    for (int step = random.Next(60); step >= 0; step--) rig.Step();
                    for (int losses = random.Next(4); losses > 0; losses--)
                    {
                        rig.Metadata.LosesAtNextFlush = true;
                        failed += rig.FailAndOpenAgain() ? 1 : 0;
                    }

                    rig.CrashAndRecover(0);
                }
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"Seed {seed}: {e}");
            }
        }

        Assert.True(failed > 200, $"{failed}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Copy_CrashedAnywhere_KeepsWhatFlushesCoveredAndNeverMissesADirtyRegion(int quarter)
    {
        int crashesInside = 0, recoveriesWithRecords = 0, redone = 0, old = 0, torn = 0, inDoubt = 0;
        for (int seed = quarter * Seeds / 4; seed < (quarter + 1) * Seeds / 4; seed++)
        {
            try
            {
                var rig = new CrashRig(seed);
                var random = new Random(~seed);
                for (int life = 0; life < 3; life++)
                {
                    rig.Clock.CrashAtOperation = rig.Clock.Operations + 1 + random.Next(120);
                    try
                    {
                        for (int step = random.Next(60); step >= 0; step--) rig.Step();
                    }
                    catch (SimulatedCrashException)
                    {
                        crashesInside++;
                    }
                    rig.CrashAndRecover(random.Next(3));
                    RecoveryReport found = rig.Recovered;
                    if (found.JournalRecords > 0) recoveriesWithRecords++;
                    (redone, old, torn, inDoubt) = (redone + found.BlocksRedone, old + found.OldContentKept, torn + found.TornAccepted, inDoubt + found.BlocksInDoubt);
                }
                rig.Step();
                rig.CheckAll();
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException { Message: "seed" })
            {
                throw new Xunit.Sdk.XunitException($"Seed {seed}: {e}");
            }
        }
        // The interesting cases really happened.
        Assert.All([crashesInside, recoveriesWithRecords, redone, old, torn, inDoubt], count => Assert.True(count > 20, $"{count}"));
    }

    [Fact]
    public void RegionWrittenSinceItsTicket_ThroughACheckpointAndACrash_StaysDirtyThoughItIsCalledClean()
    {
        var rig = new CrashRig(1);
        rig.Write(0, 8);
        FlushTicket ticket = rig.Copy.Flush();
        rig.Write(0, 8);
        // More records than the journal holds: the mark of that write is in a page now.
        for (int i = 0; i < 40; i++)
        {
            rig.Write(300, 8);
            rig.Flush(isMirrored: false);
        }

        rig.Copy.MarkClean([0], ticket);
        Assert.Contains(0, rig.Copy.DirtyRegions());
        rig.CrashAndRecover(0);
        Assert.Contains(0, rig.Copy.DirtyRegions());
    }

    [Fact]
    public void Copy_ClosedAndOpened_HasNothingToRecoverAndTheSameContent()
    {
        var rig = new CrashRig(1);
        for (int i = 0; i < 200; i++) rig.Step();
        rig.Copy.Dispose();
        using DiskCopy opened = DiskCopy.Open(rig.Image, rig.Metadata, CrashRig.Name, rig.Geometry.CapacityBytes, CrashRig.Options);
        Assert.Equal(RecoveryReport.Clean, opened.Recovery);
        byte[] content = new byte[rig.Geometry.CapacityBytes];
        opened.Read(0, content);
        Assert.True(content.AsSpan().SequenceEqual(rig.Image.Content));
    }

    [Fact]
    public void DirtyRegions_FlushConfirmedByTheOtherCopy_AreCleanAndStaySoOverACrash()
    {
        var rig = new CrashRig(2);
        rig.Write(10, 4);
        Assert.Equal([0], rig.Copy.DirtyRegions());
        rig.Flush(isMirrored: true);
        Assert.Empty(rig.Copy.DirtyRegions());
        rig.Write(400, 1);
        rig.Flush(isMirrored: false);
        rig.CrashAndRecover(0);
        Assert.Equal([400 * 512 / rig.Geometry.RegionBytes], rig.Copy.DirtyRegions());
    }

    [Fact]
    public void LargeZeroing_FollowedByAFlushedWriteAndACrash_IsNotDoneAgainOverTheWrite()
    {
        for (int blocks = 1; blocks < 8; blocks++)
        {
            var rig = new CrashRig(8);
            rig.Write(3, 40);
            rig.Zero(0, (int)(rig.Geometry.CapacityBytes / 512)); // goes past memory
            rig.Write(16, 8 * blocks);
            rig.Flush(isMirrored: false);
            rig.CrashAndRecover(blocks % 3);
            rig.CheckAll();
        }
    }

    [Fact]
    public void SmallFlush_AfterItsRecordIsDurable_NeedsNoFlushOfTheImage()
    {
        var rig = new CrashRig(3);
        rig.Write(0, 8);
        long imageFlushes = rig.Image.Flushes, metadataFlushes = rig.Metadata.Flushes;
        rig.Flush(isMirrored: false);
        Assert.Equal((imageFlushes, metadataFlushes + 1), (rig.Image.Flushes, rig.Metadata.Flushes));
        rig.Write(0, 48); // six blocks: more than the journal takes as content
        rig.Flush(isMirrored: false);
        Assert.Equal((imageFlushes + 1, metadataFlushes + 2), (rig.Image.Flushes, rig.Metadata.Flushes));
        rig.Flush(isMirrored: false);
        Assert.Equal((imageFlushes + 1, metadataFlushes + 2), (rig.Image.Flushes, rig.Metadata.Flushes));
    }
}
