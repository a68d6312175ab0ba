using System.Collections.Concurrent;
using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using Xunit;

namespace ActorFT.Storage.Tests.Copies;

public sealed class DiskCopyWorkerTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-storage-").FullName;
    private ulong _id;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class ManualTime : TimeProvider
    {
        private long _ms;
        internal void Advance(long ms) => Interlocked.Add(ref _ms, ms);
        public override long TimestampFrequency => 1000;
        public override long GetTimestamp() => Interlocked.Read(ref _ms);
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private OpenedCopy Make(int cacheBytes = 256 << 10) => DiskCopyFiles.Create(
        new DiskCopySettings(CrashRig.Name, 8 << 20, Path.Combine(_folder, "vda.img"))
        {
            Options = new DiskCopyOptions { JournalBytes = 1 << 20, CacheBytes = cacheBytes },
            IsFaultInjectionEnabled = true,
        }, Guid.NewGuid(), NewCopyRole.Current);

    private Task<BlockOutcome> Submit(DiskCopyWorker worker, BlockOperation operation, ulong offset = 0, ulong length = 0, byte[]? data = null)
    {
        Assert.True(worker.TrySubmit(new BlockRequested(3, ++_id, operation, offset, length, data ?? []), out Task<BlockOutcome> completion));
        return completion;
    }

    private Task<BlockOutcome> Write(DiskCopyWorker worker, ulong offset, byte value, int length) =>
        Submit(worker, BlockOperation.Write, offset, (ulong)length, [.. Enumerable.Repeat(value, length)]);

    [Fact]
    public async Task Worker_EveryOperation_CompletesWithStatusAndExactlyTheData()
    {
        await using var worker = new DiskCopyWorker(Make().Copy, new DiskCopyWorkerOptions());
        BlockOutcome write = await Write(worker, 512, 7, 8192).WaitAsync(Bound);
        Assert.Equal((3, BlockStatus.Ok, 0, null), (write.Completed.DiskIndex, write.Completed.Status, write.Completed.Data.Length, write.Fault));
        BlockOutcome read = await Submit(worker, BlockOperation.Read, 0, 9216).WaitAsync(Bound);
        Assert.Equal([.. new byte[512], .. Enumerable.Repeat((byte)7, 8192), .. new byte[512]], read.Completed.Data.ToArray());
        BlockOutcome flush = await Submit(worker, BlockOperation.Flush).WaitAsync(Bound);
        Assert.Equal(BlockStatus.Ok, flush.Completed.Status);
        worker.Copy.ConfirmMirrored(flush.Ticket!.Value);
        await Submit(worker, BlockOperation.WriteZeroes, 1024, 1024).WaitAsync(Bound);
        await Submit(worker, BlockOperation.Discard, 4096, 4096).WaitAsync(Bound);
        read = await Submit(worker, BlockOperation.Read, 0, 8192).WaitAsync(Bound);
        Assert.Equal([.. new byte[512], .. Enumerable.Repeat((byte)7, 512), .. new byte[1024], .. Enumerable.Repeat((byte)7, 2048), .. new byte[4096]], read.Completed.Data.ToArray());
        Assert.Equal(new DiskCopyWorkerCounts(2, 1, 1, 2, 0, 9216 + 8192, 8192, 0), worker.Counts);
    }

    [Theory]
    [InlineData((BlockOperation)9, 0UL, 512UL, BlockStatus.Unsupported)]
    [InlineData(BlockOperation.Read, 1UL, 512UL, BlockStatus.IoError)]
    [InlineData(BlockOperation.Read, 0UL, 100UL, BlockStatus.IoError)]
    [InlineData(BlockOperation.Read, 8UL << 20, 512UL, BlockStatus.IoError)]
    [InlineData(BlockOperation.Read, ulong.MaxValue - 511, 1024UL, BlockStatus.IoError)]
    [InlineData(BlockOperation.Discard, 512UL, ulong.MaxValue - 511, BlockStatus.IoError)]
    [InlineData(BlockOperation.Write, 0UL, 1024UL, BlockStatus.IoError)] // its data is 512 bytes
    public async Task Worker_RequestThatMakesNoSense_EndsWithAStatusAndTouchesNothing(BlockOperation operation, ulong offset, ulong length, BlockStatus expected)
    {
        await using var worker = new DiskCopyWorker(Make().Copy, new DiskCopyWorkerOptions());
        BlockOutcome outcome = await Submit(worker, operation, offset, length, new byte[512]).WaitAsync(Bound);
        Assert.Equal((expected, CopyFaultKind.BadRequest), (outcome.Completed.Status, outcome.Fault));
        Assert.Null(worker.Copy.Failure);
    }

    [Fact]
    public async Task Worker_OverlappingRequests_KeepTheOrderSubmittedWhateverTheDeviceDoes()
    {
        OpenedCopy opened = Make();
        opened.Copy.Write(0, [.. Enumerable.Repeat((byte)1, 65536)]);
        opened.Copy.Flush();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions { ReadThreads = 4 });
        opened.ImageFaults!.Inject(new InjectedFault(InjectedFaultKind.Stall, FaultOperations.Read, 0, 4096));
        Task<BlockOutcome> stalledRead = Submit(worker, BlockOperation.Read, 0, 4096);
        Task<BlockOutcome> write = Write(worker, 0, 2, 4096);
        Task<BlockOutcome> readAfter = Submit(worker, BlockOperation.Read, 0, 512);
        Task<BlockOutcome> elsewhere = Submit(worker, BlockOperation.Read, 32768, 4096);
        Assert.Equal(1, (await elsewhere.WaitAsync(Bound)).Completed.Data.Span[0]); // not held up
        Assert.False(write.IsCompleted || readAfter.IsCompleted); // wait for the earlier read of the same place
        opened.ImageFaults.Clear();
        Assert.Equal(1, (await stalledRead.WaitAsync(Bound)).Completed.Data.Span[0]);
        Assert.Equal(2, (await readAfter.WaitAsync(Bound)).Completed.Data.Span[0]);
        Assert.Equal(BlockStatus.Ok, (await write.WaitAsync(Bound)).Completed.Status); // it has been done; that it has is told beside the others
    }

    [Fact]
    public async Task Worker_SlowFlush_HoldsUpNeitherReadsNorLaterWritesAndCoversExactlyTheEarlierOnes()
    {
        OpenedCopy opened = Make();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions());
        await Write(worker, 0, 1, 4096).WaitAsync(Bound);
        opened.MetadataFaults!.Inject(new InjectedFault(InjectedFaultKind.Stall, FaultOperations.Flush));
        Task<BlockOutcome> flush = Submit(worker, BlockOperation.Flush);
        BlockOutcome later = await Write(worker, 1 << 20, 2, 4096).WaitAsync(Bound);
        Assert.Equal(BlockStatus.Ok, later.Completed.Status);
        Assert.Equal(2, (await Submit(worker, BlockOperation.Read, 1 << 20, 512).WaitAsync(Bound)).Completed.Data.Span[0]);
        Assert.False(flush.IsCompleted);
        opened.MetadataFaults.Clear();
        opened.Copy.MarkClean(Enumerable.Range(0, opened.Copy.Geometry.RegionCount), new FlushTicket(0)); // from the start they are dirty
        opened.Copy.ConfirmMirrored((await flush.WaitAsync(Bound)).Ticket!.Value);
        Assert.Equal([(1 << 20) / opened.Copy.Geometry.RegionBytes], opened.Copy.DirtyRegions()); // the later write is not covered
    }

    [Fact]
    public async Task Worker_DeviceStalls_IsReportedOnceAndAbandonEndsEverything()
    {
        var time = new ManualTime();
        var reports = new ConcurrentQueue<StallReport>();
        OpenedCopy opened = Make();
        opened.Copy.Write(0, [.. Enumerable.Repeat((byte)1, 4096)]);
        opened.Copy.Flush();
        var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions { StallDeadline = TimeSpan.FromSeconds(2), Time = time }, reports.Enqueue);
        opened.ImageFaults!.Inject(new InjectedFault(InjectedFaultKind.Stall, FaultOperations.Read));
        Task<BlockOutcome> read = Submit(worker, BlockOperation.Read, 0, 4096);
        Assert.True(SpinWait.SpinUntil(() => opened.ImageFaults.FiredCount(InjectedFaultKind.Stall) != 0, Bound), "the device has the request");
        foreach (int stepMs in (int[])[500, 500, 500, 499])
        {
            time.Advance(stepMs);
            worker.CheckStalls();
        }

        Assert.Empty(reports);
        time.Advance(1);
        worker.CheckStalls();
        worker.CheckStalls();
        Assert.Equal((1, 2000d), (Assert.Single(reports).Request.RequestId is var id ? (int)id : 0, reports.Single().AgeMs));
        worker.Abandon(CopyFaultKind.Stalled, "no answer for 2 s");
        BlockOutcome outcome = await read.WaitAsync(Bound);
        Assert.Equal((BlockStatus.IoError, CopyFaultKind.Stalled, "no answer for 2 s"), (outcome.Completed.Status, outcome.Fault, outcome.Detail));
        Assert.False(worker.TrySubmit(new BlockRequested(0, 99, BlockOperation.Flush, 0, 0, default), out _));
        ValueTask closing = worker.DisposeAsync();
        Assert.False(closing.IsCompleted); // the device still holds a thread, and the lock on the image with it
        opened.ImageFaults.Clear();
        await closing.AsTask().WaitAsync(Bound);
    }

    [Fact]
    public async Task Worker_ProcessIsStopped_DoesNotAccuseTheDevice()
    {
        var time = new ManualTime();
        var reports = new ConcurrentQueue<StallReport>();
        OpenedCopy opened = Make();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions { StallDeadline = TimeSpan.FromSeconds(2), Time = time }, reports.Enqueue);
        opened.MetadataFaults!.Inject(new InjectedFault(InjectedFaultKind.Stall, FaultOperations.Flush));
        _ = Write(worker, 0, 1, 4096);
        Task<BlockOutcome> flush = Submit(worker, BlockOperation.Flush);
        Assert.True(SpinWait.SpinUntil(() => opened.MetadataFaults.FiredCount(InjectedFaultKind.Stall) != 0, Bound), "the device has the request");
        time.Advance(60_000); // all that ran meanwhile: nothing
        worker.CheckStalls();
        worker.CheckStalls();
        time.Advance(400);
        worker.CheckStalls();
        time.Advance(60_000);
        opened.MetadataFaults.Clear();
        BlockOutcome outcome = await flush.WaitAsync(Bound);
        Assert.Empty(reports);
        Assert.Equal((BlockStatus.Ok, 1400d), (outcome.Completed.Status, outcome.LatencyMs));
    }

    [Fact]
    public async Task Worker_MoreRequestsThanItsQueueHolds_RefusesThem()
    {
        OpenedCopy opened = Make();
        opened.Copy.Write(0, [.. Enumerable.Repeat((byte)1, 65536)]);
        opened.Copy.Flush();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions { QueueLimit = 4 });
        opened.ImageFaults!.Inject(new InjectedFault(InjectedFaultKind.Stall, FaultOperations.Read));
        var accepted = Enumerable.Range(0, 4).Select(_ => Submit(worker, BlockOperation.Read, 0, 512)).ToList();
        Assert.False(worker.TrySubmit(new BlockRequested(0, 100, BlockOperation.Read, 0, 512, default), out _));
        opened.ImageFaults.Clear();
        await Task.WhenAll(accepted).WaitAsync(Bound);
    }

    [Fact]
    public async Task Worker_MoreWrittenThanMemoryHolds_IsWrittenOutBesideAndReadsBack()
    {
        OpenedCopy opened = Make();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions());
        const int Length = 64 << 10, Count = 64;
        // The device does not take the first half of memory: the other is filled all the same.
        opened.MetadataFaults!.Inject(new InjectedFault(InjectedFaultKind.Stall, FaultOperations.Flush));
        Task<BlockOutcome>[] first = [.. Enumerable.Range(0, 3).Select(i => Write(worker, (ulong)(i * Length), (byte)(i + 1), Length))];
        await Task.WhenAll(first).WaitAsync(Bound);
        opened.MetadataFaults.Clear();
        Task<BlockOutcome>[] later = [.. Enumerable.Range(3, Count - 3).Select(i => Write(worker, (ulong)(i * Length), (byte)(i + 1), Length))];
        await Task.WhenAll(later).WaitAsync(Bound);
        Assert.Equal(BlockStatus.Ok, (await Submit(worker, BlockOperation.Flush).WaitAsync(Bound)).Completed.Status);
        for (int i = 0; i < Count; i++)
            Assert.Equal(Enumerable.Repeat((byte)(i + 1), Length), (await Submit(worker, BlockOperation.Read, (ulong)(i * Length), Length).WaitAsync(Bound)).Completed.Data.ToArray());
    }

    [Fact]
    public async Task Worker_DeviceFailsWhileMemoryIsWrittenOutBeside_NextRequestsSayItAndNothingIsCalledStable()
    {
        OpenedCopy opened = Make();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions());
        opened.ImageFaults!.Inject(new InjectedFault(InjectedFaultKind.IoError, FaultOperations.Write));
        for (int i = 0; i < 8; i++) await Write(worker, (ulong)(i * 65536), 1, 65536).WaitAsync(Bound);
        BlockOutcome flush = await Submit(worker, BlockOperation.Flush).WaitAsync(Bound);
        Assert.Equal((BlockStatus.IoError, null), (flush.Completed.Status, flush.Ticket));
        Assert.NotNull(flush.Fault);
    }

    [Fact]
    public async Task Worker_WritesThatAreOneRequest_AreMadeTogetherInTheirPlace()
    {
        await using var worker = new DiskCopyWorker(Make().Copy, new DiskCopyWorkerOptions());
        Task<BlockOutcome> before = Write(worker, 0, 1, 65536);
        byte[] two = [.. Enumerable.Repeat((byte)2, 4096)];
        Assert.True(worker.TrySubmitWrites(3, ++_id, [new CopyWrite(4096, two), new CopyWrite(16384, two)], out Task<BlockOutcome> both));
        Task<BlockOutcome> after = Write(worker, 16384, 3, 512);
        BlockOutcome outcome = await both.WaitAsync(Bound);
        Assert.Equal((2UL, BlockStatus.Ok), (outcome.Completed.RequestId, outcome.Completed.Status));
        await Task.WhenAll(before, after).WaitAsync(Bound);
        byte[] read = (await Submit(worker, BlockOperation.Read, 0, 65536).WaitAsync(Bound)).Completed.Data.ToArray();
        Assert.Equal([1, 2, 1, 3, 2, 1], [read[0], read[4096], read[8192], read[16384], read[16896], read[20480]]);
    }

    [Fact]
    public async Task Worker_FaultsOfTheDevice_ComeBackAsOutcomesWithWhatARepairNeeds()
    {
        OpenedCopy opened = Make();
        await using var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions());
        await Write(worker, 0, 1, 16384).WaitAsync(Bound);
        await Submit(worker, BlockOperation.Flush).WaitAsync(Bound);
        opened.ImageFaults!.Inject(new InjectedFault(InjectedFaultKind.Flip, FaultOperations.Read, 8192, 4096));
        BlockOutcome read = await Submit(worker, BlockOperation.Read, 8192, 512).WaitAsync(Bound);
        Assert.Equal((BlockStatus.IoError, CopyFaultKind.Corrupt), (read.Completed.Status, read.Fault));
        Assert.Equal([2L], read.BadBlocks);
        opened.ImageFaults.Clear();
        opened.MetadataFaults!.Inject(new InjectedFault(InjectedFaultKind.NoSpace, FaultOperations.Write));
        await Write(worker, 0, 2, 512).WaitAsync(Bound);
        BlockOutcome flush = await Submit(worker, BlockOperation.Flush).WaitAsync(Bound);
        Assert.Equal((BlockStatus.IoError, CopyFaultKind.NoSpace, null), (flush.Completed.Status, flush.Fault, flush.Ticket));
        Assert.Equal(CopyFaultKind.Failed, (await Write(worker, 0, 2, 512).WaitAsync(Bound)).Fault);
    }

    [Fact]
    public async Task Worker_ManyConcurrentRequests_AgreeWithAModelAndSurviveReopening()
    {
        const int sectors = 2048;
        byte[] model = new byte[sectors];
        var random = new Random(8);
        OpenedCopy opened = Make(cacheBytes: 64 << 10); // small: writes spill while reads run
        await using (var worker = new DiskCopyWorker(opened.Copy, new DiskCopyWorkerOptions { ReadThreads = 3 }))
        {
            var reads = new List<(Task<BlockOutcome> Task, byte[] Expected)>();
            for (int i = 0; i < 4000; i++)
            {
                int sector = random.Next(sectors), count = Math.Min(1 + random.Next(24), sectors - sector);
                switch (random.Next(10))
                {
                    case < 4:
                        byte value = (byte)(1 + random.Next(255));
                        model.AsSpan(sector, count).Fill(value);
                        _ = Write(worker, (ulong)sector * 512, value, count * 512);
                        break;
                    case < 8:
                        reads.Add((Submit(worker, BlockOperation.Read, (ulong)sector * 512, (ulong)count * 512), model[sector..(sector + count)]));
                        break;
                    case 8:
                        model.AsSpan(sector, count).Clear();
                        _ = Submit(worker, BlockOperation.WriteZeroes, (ulong)sector * 512, (ulong)count * 512);
                        break;
                    default:
                        Task<BlockOutcome> flush = Submit(worker, BlockOperation.Flush);
                        if (i % 4 == 0) await flush.WaitAsync(Bound);
                        break;
                }
                if (worker.Counts.UnderWay > 200) await Submit(worker, BlockOperation.Flush).WaitAsync(Bound);
            }
            foreach ((Task<BlockOutcome> task, byte[] expected) in reads)
            {
                BlockOutcome outcome = await task.WaitAsync(Bound);
                Assert.Null(outcome.Fault);
                for (int i = 0; i < expected.Length; i++) Assert.True(outcome.Completed.Data.Span.Slice(i * 512, 512).IndexOfAnyExcept(expected[i]) < 0);
            }
            Assert.Equal(BlockStatus.Ok, (await Submit(worker, BlockOperation.Flush).WaitAsync(Bound)).Completed.Status);
        }
        using DiskCopy again = DiskCopyFiles.Open(new DiskCopySettings(CrashRig.Name, 8 << 20, Path.Combine(_folder, "vda.img"))).Copy;
        byte[] content = new byte[sectors * 512];
        again.Read(0, content);
        for (int i = 0; i < sectors; i++) Assert.True(content.AsSpan(i * 512, 512).IndexOfAnyExcept(model[i]) < 0);
    }
}
