using System.Buffers.Binary;
using System.Text;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Block;
using ActorFT.Machine.IO;
using Xunit;
using static ActorFT.Machine.Tests.Devices.Virtio.GuestBuffer;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The block device against VirtIO 1.2 §5.2.</summary>
public sealed class BlockDeviceTests : IDisposable
{
    private const ulong CapacityBytes = 1 << 20;
    private const uint Read = 0, Write = 1, Flush = 4, GetId = 8, Discard = 11, WriteZeroes = 13;
    private const byte NotWritten = 0xee;

    private VirtioWorld _world = World();
    private GuestDriver _driver;

    public BlockDeviceTests() => _driver = new GuestDriver(_world).Initialize();

    public void Dispose() => _world.Dispose();

    private static VirtioWorld World(bool isReadOnly = false) =>
        new(world => new BlockDevice(2, new DiskDefinition("root", CapacityBytes, isReadOnly), world, world));

    private void Use(bool isReadOnly = false, ulong? features = null, int queueSize = 16)
    {
        _world.Dispose();
        _world = World(isReadOnly);
        _driver = new GuestDriver(_world).Initialize(queueSize, features is null ? null : features | VirtioFeatures.Version1);
    }

    private BlockDevice Device => (BlockDevice)_world.Device;

    private GuestQueue Queue => _driver.Queues[0];

    private ulong Header(uint type, ulong sector)
    {
        var header = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), sector);
        return _driver.Allocate(header);
    }

    private ulong StatusByte() => _driver.Allocate([NotWritten]);

    private byte Status(ulong address) => _driver.Peek(address, 1)[0];

    private static byte[] Pattern(int bytes, int seed)
    {
        var pattern = new byte[bytes];
        new Random(seed).NextBytes(pattern);
        return pattern;
    }

    private static byte[] Range(ulong sector, uint sectors, uint flags = 0)
    {
        var range = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(range, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(8), sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(12), flags);
        return range;
    }

    /// <summary>Sends a request with a payload for the device to read and returns where its status will be.</summary>
    private ulong Send(uint type, ulong sector, params ReadOnlySpan<byte> payload)
    {
        ulong status = StatusByte();
        if (payload.IsEmpty) Queue.Add(Out(Header(type, sector), 16), In(status, 1));
        else Queue.Add(Out(Header(type, sector), 16), Out(_driver.Allocate(payload), payload.Length), In(status, 1));
        Queue.Kick();
        return status;
    }

    private BlockRequested Single() => Assert.Single(_world.TakeOutputs<BlockRequested>());

    private void Complete(BlockRequested request, BlockStatus status = BlockStatus.Ok, byte[]? data = null) =>
        Device.Complete(new BlockCompleted(2, request.RequestId, status, data ?? ReadOnlyMemory<byte>.Empty));

    [Fact]
    public void Read_Completed_ScattersTheDataAndEndsWithTheStatus()
    {
        ulong first = _driver.Allocate(512), second = _driver.Allocate(1024), status = StatusByte();
        ushort head = Queue.Add(Out(Header(Read, 5), 16), In(first, 512), In(second, 1024), In(status, 1));
        Queue.Kick();

        BlockRequested request = Single();
        Assert.Equal((2, BlockOperation.Read, 5UL * 512, 1536UL, 0), (request.DiskIndex, request.Operation, request.OffsetBytes, request.LengthBytes, request.Data.Length));
        Assert.Null(Queue.TakeUsed());
        Assert.False(_world.Line);

        byte[] data = Pattern(1536, 1);
        Complete(request, data: data);
        Assert.Equal((head, 1537u), Queue.TakeUsed());
        Assert.Equal(data, _driver.Peek(first, 512).Concat(_driver.Peek(second, 1024)));
        Assert.Equal(0, Status(status));
        Assert.True(_world.Line);
        Assert.Equal(1u, _driver.AcknowledgeInterrupts());
        Assert.False(_world.Line);
    }

    [Fact]
    public void Write_Sent_LeavesWithTheGuestsBytesAsTheyWere()
    {
        byte[] data = Pattern(1024, 2);
        ulong buffer = _driver.Allocate(data), status = StatusByte();
        Queue.Add(Out(Header(Write, 7), 16), Out(buffer, 1024), In(status, 1));
        Queue.Kick();
        _world.Memory.TryWrite(buffer, new byte[1024]);

        BlockRequested request = Single();
        Assert.Equal((BlockOperation.Write, 7UL * 512), (request.Operation, request.OffsetBytes));
        Assert.Equal(data, request.Data.ToArray());
        Complete(request);
        Assert.Equal(0, Status(status));
        Assert.Equal(1u, Queue.TakeUsed()!.Value.Bytes);
    }

    [Fact]
    public void Request_FramedInOddPieces_IsUnderstood()
    {
        // §2.7.4: framing is independent of content: header, data and status may share and straddle descriptors.
        byte[] data = Pattern(512, 3);
        byte[] readable = [.. _driver.Peek(Header(Write, 9), 16), .. data];
        ulong at = _driver.Allocate(readable), status = StatusByte();
        Queue.Add(Out(at, 3), Out(at + 3, 0), Out(at + 3, 20), Out(at + 23, 505), In(status, 1));
        ulong shared = _driver.Allocate(600);
        Queue.Add(Out(Header(Read, 1), 16), In(shared, 100), In(shared + 100, 413));
        Queue.Kick();

        BlockRequested[] requests = _world.TakeOutputs<BlockRequested>();
        Assert.Equal(2, requests.Length);
        Assert.Equal(data, requests[0].Data.ToArray());
        Complete(requests[1], data: data);
        Assert.Equal([.. data, 0], _driver.Peek(shared, 513));
        Assert.Equal(513u, Queue.TakeUsed()!.Value.Bytes);
    }

    [Fact]
    public void Completions_OutOfOrder_EndTheRequestsTheyName()
    {
        ulong a = Send(Flush, 0), b = Send(Flush, 0), c = Send(Flush, 0);
        BlockRequested[] requests = _world.TakeOutputs<BlockRequested>();
        Complete(requests[1], BlockStatus.IoError);
        Assert.Equal((NotWritten, 1, NotWritten), (Status(a), (int)Status(b), Status(c)));
        Complete(requests[2]);
        Complete(requests[0], BlockStatus.Unsupported);
        Assert.Equal((2, 1, 0), (Status(a), Status(b), Status(c)));
        Assert.Equal(3, Queue.TakeAllUsed().Count);
        Assert.Equal(0, Device.InFlightCount);
    }

    [Fact]
    public void Completion_ThatNamesNoRequest_IsIgnored()
    {
        ulong status = Send(Flush, 0);
        BlockRequested request = Single();
        Device.Complete(new BlockCompleted(2, request.RequestId + 1, BlockStatus.Ok, default));
        Device.Complete(new BlockCompleted(1, request.RequestId, BlockStatus.Ok, default));
        Assert.Equal(NotWritten, Status(status));
        Complete(request);
        Complete(request);
        Assert.Single(Queue.TakeAllUsed());
        Assert.Equal(3, Device.Metrics.Ignored);
    }

    [Fact]
    public void Completion_WithAForeignStatusOrTheWrongLength_IsAnIoError()
    {
        ulong data = _driver.Allocate(512), status = StatusByte();
        Queue.Add(Out(Header(Read, 0), 16), In(data, 512), In(status, 1));
        Queue.Kick();
        Complete(Single(), data: new byte[511]);
        Assert.Equal(1, Status(status));
        Assert.Equal(0u, Queue.TakeUsed()!.Value.Bytes);

        status = Send(Flush, 0);
        Complete(Single(), (BlockStatus)77);
        Assert.Equal(1, Status(status));
    }

    [Theory]
    [InlineData(0UL, 0)]
    [InlineData(0UL, 511)]
    [InlineData(0UL, 513)]
    [InlineData(2048UL, 512)]
    [InlineData(2047UL, 1024)]
    [InlineData(ulong.MaxValue, 512)]
    [InlineData(1UL << 55, 512)]
    [InlineData((1UL << 55) - 1, 512)]
    public void Transfer_OffTheDiskOrInPartSectors_EndsAtOnceWithIoError(ulong sector, int bytes)
    {
        ulong buffer = _driver.Allocate(2048), readStatus = StatusByte(), writeStatus = StatusByte();
        Queue.Add(Out(Header(Read, sector), 16), In(buffer, bytes), In(readStatus, 1));
        Queue.Add(Out(Header(Write, sector), 16), Out(buffer, bytes), In(writeStatus, 1));
        Queue.Kick();
        Assert.Empty(_world.Outputs);
        Assert.Equal((1, 1), (Status(readStatus), Status(writeStatus)));
        Assert.Equal(2, Queue.TakeAllUsed().Count);
        Assert.True(_world.Line);
    }

    [Fact]
    public void Transfer_LongerThanTheAnnouncedLimits_EndsWithIoError()
    {
        _world.Dispose();
        _world = new VirtioWorld(world => new BlockDevice(2, new DiskDefinition("big", 1UL << 40), world, world));
        _driver = new GuestDriver(_world).Initialize(64);
        ulong buffer = _driver.Allocate(1 << 20), status = StatusByte();
        // Overlapping pieces: 5 times the same MiB, 5 MiB in all.
        GuestBuffer megabyte = Out(buffer, 1 << 20);
        Queue.Add(Out(Header(Write, 0), 16), megabyte, megabyte, megabyte, megabyte, megabyte, In(status, 1));
        Queue.Kick();
        Assert.Empty(_world.Outputs);
        Assert.Equal(1, Status(status));
        Assert.True((long)BlockConfig.MaxSegments * BlockConfig.MaxSegmentBytes <= BlockConfig.MaxRequestBytes);
    }

    [Fact]
    public void InFlightBytes_AtTheirLimit_LeaveTheRestInTheRingUntilCompletionsMakeRoom()
    {
        _world.Dispose();
        _world = new VirtioWorld(world => new BlockDevice(2, new DiskDefinition("big", 1UL << 40), world, world));
        _driver = new GuestDriver(_world).Initialize(256);
        GuestBuffer megabyte = Out(_driver.Allocate(1 << 20), 1 << 20);
        for (int i = 0; i < 8; i++) Queue.Add(Out(Header(Write, (ulong)i * 8192), 16), megabyte, megabyte, megabyte, megabyte, In(StatusByte(), 1));
        Queue.Kick();
        for (int round = 0; round < 10; round++) _world.Transport.BeginRound();

        BlockRequested[] first = _world.TakeOutputs<BlockRequested>();
        Assert.Equal(BlockConfig.MaxInFlightBytes / BlockConfig.MaxRequestBytes, first.Length);
        Assert.False(_world.Transport.HasDeferredWork); // it waits for completions, not for a round
        Complete(first[0]);
        Assert.Equal((ulong)first.Length * 8192 * 512, Single().OffsetBytes);
    }

    [Fact]
    public void Work_BeyondTheRoundsBudget_GoesOnAtTheNextRound()
    {
        _world.Dispose();
        _world = new VirtioWorld(world => new BlockDevice(2, new DiskDefinition("big", 1UL << 40), world, world));
        _driver = new GuestDriver(_world).Initialize(64);
        _world.Transport.BeginRound();
        GuestBuffer megabyte = Out(_driver.Allocate(1 << 20), 1 << 20);
        for (int i = 0; i < 9; i++)
        {
            // Each is completed at once, so that only the budget limits them: 8 MiB, less the descriptors, let eight begin.
            Queue.Add(Out(Header(Write, 0), 16), megabyte, In(StatusByte(), 1));
            Queue.Kick();
            if (i < 8) Complete(Single());
        }
        Assert.Empty(_world.Outputs);
        Assert.True(_world.Transport.HasDeferredWork);
        Queue.Kick();
        Assert.Empty(_world.Outputs);
        _world.Transport.BeginRound();
        Single();
        Assert.False(_world.Transport.HasDeferredWork);
    }

    [Fact]
    public void GetId_GivesTheDisksNamePaddedWithZeroes()
    {
        ulong id = _driver.Allocate(20), status = StatusByte();
        Queue.Add(Out(Header(GetId, 0), 16), In(id, 20), In(status, 1));
        Queue.Kick();
        Assert.Equal(Encoding.ASCII.GetBytes("root".PadRight(20, '\0')), _driver.Peek(id, 20));
        Assert.Equal(0, Status(status));
        Assert.Equal(21u, Queue.TakeUsed()!.Value.Bytes);
        Assert.Empty(_world.Outputs);
    }

    [Fact]
    public void UnknownType_EndsAsUnsupported()
    {
        foreach (uint type in (uint[])[2, 3, 5, 7, 10, 14, 16, 0x8000_0000, uint.MaxValue])
        {
            ulong status = Send(type, 0);
            Assert.Equal(2, Status(status));
            Queue.TakeAllUsed();
        }
        Assert.Empty(_world.Outputs);
        _driver.AssertHealthy();
    }

    [Fact]
    public void Discard_OfSeveralRanges_AsksForOneAfterTheOtherAndEndsOnce()
    {
        ulong status = Send(Discard, 0, [.. Range(0, 8), .. Range(16, 8), .. Range(2040, 8)]);
        foreach (ulong sector in (ulong[])[0, 16, 2040])
        {
            BlockRequested request = Single();
            Assert.Equal((BlockOperation.Discard, sector * 512, 4096UL), (request.Operation, request.OffsetBytes, request.LengthBytes));
            Assert.Equal(NotWritten, Status(status));
            Complete(request);
        }
        Assert.Equal(0, Status(status));
        Assert.Single(Queue.TakeAllUsed());
    }

    [Fact]
    public void WriteZeroes_WhoseFirstRangeFails_EndsWithTheErrorAndAsksNoMore()
    {
        ulong status = Send(WriteZeroes, 0, [.. Range(0, 8, flags: 1), .. Range(16, 8)]);
        BlockRequested request = Single();
        Assert.Equal(BlockOperation.WriteZeroes, request.Operation);
        Complete(request, BlockStatus.IoError);
        Assert.Equal(1, Status(status));
        Assert.Empty(_world.Outputs);
    }

    [Fact]
    public void DiscardAndWriteZeroes_WithForbiddenFlags_AreUnsupported()
    {
        // §5.2.6.2: unmap in a discard, and reserved bits in either.
        (uint Type, uint Flags)[] cases = [(Discard, 1), (Discard, 2), (WriteZeroes, 2), (WriteZeroes, 0x8000_0000)];
        foreach ((uint type, uint flags) in cases)
        {
            ulong status = Send(type, 0, [.. Range(0, 8), .. Range(0, 8, flags)]);
            Assert.Equal(2, Status(status));
            Queue.TakeAllUsed();
        }
        Assert.Empty(_world.Outputs);
    }

    [Fact]
    public void DiscardAndWriteZeroes_WithRangesOffTheDiskOrTooManyOrTorn_AreIoErrors()
    {
        byte[] many = Enumerable.Range(0, BlockConfig.MaxRanges + 1).SelectMany(i => Range((ulong)i, 1)).ToArray();
        byte[][] payloads = [Range(2048, 1), Range(2041, 8), Range(ulong.MaxValue, 8), Range(0, 0), Range(0, uint.MaxValue), many, new byte[15], [.. Range(0, 1), 1]];
        foreach (uint type in (uint[])[Discard, WriteZeroes])
        {
            foreach (byte[] payload in payloads)
            {
                ulong status = Send(type, 0, payload);
                Assert.Equal(1, Status(status));
                Queue.TakeAllUsed();
            }
            Assert.Equal(1, Status(Send(type, 0)));
            Queue.TakeAllUsed();
        }
        Assert.Empty(_world.Outputs);
    }

    [Fact]
    public void ReadOnlyDisk_OffersReadOnly_AndRefusesEveryChange()
    {
        Use(isReadOnly: true);
        Assert.Equal(BlockConfig.ReadOnly, _driver.OfferedFeatures() & (BlockConfig.ReadOnly | BlockConfig.Discard | BlockConfig.WriteZeroes));
        Assert.Equal(1, Status(Send(Write, 0, new byte[512])));
        Assert.Equal(2, Status(Send(Discard, 0, Range(0, 8))));
        Assert.Equal(2, Status(Send(WriteZeroes, 0, Range(0, 8))));
        Assert.Empty(_world.Outputs);
    }

    [Fact]
    public void Write_ByADriverWithoutFlush_EndsOnlyAfterAFlush()
    {
        Use(features: 0);
        ulong status = Send(Write, 4, new byte[512]);
        BlockRequested write = Single();
        Complete(write);
        BlockRequested flush = Single();
        Assert.Equal(BlockOperation.Flush, flush.Operation);
        Assert.True(flush.RequestId > write.RequestId);
        Assert.Equal(NotWritten, Status(status));
        Complete(flush);
        Assert.Equal(0, Status(status));
        Assert.Equal(2, Status(Send(Flush, 0)));
    }

    [Fact]
    public void Writeback_SetToZero_MakesWritesWriteThrough()
    {
        Assert.Equal(1UL, _world.Transport.Read(0x100 + BlockConfig.WritebackOffset, 1));
        _world.Transport.Write(0x100 + BlockConfig.WritebackOffset, 1, 0);
        Assert.Equal(0UL, _world.Transport.Read(0x100 + BlockConfig.WritebackOffset, 1));
        Send(Write, 4, new byte[512]);
        Complete(Single());
        Assert.Equal(BlockOperation.Flush, Single().Operation);

        Use(features: BlockConfig.ConfigWce); // §5.2.5.2: without FLUSH it begins as 0
        Assert.Equal(0UL, _world.Transport.Read(0x100 + BlockConfig.WritebackOffset, 1));
    }

    [Fact]
    public void Config_HoldsCapacityAndLimits()
    {
        Assert.Equal(CapacityBytes / 512, _world.Transport.Read(0x100, 8));
        Assert.Equal(CapacityBytes / 512, _world.Transport.Read(0x100, 4));
        Assert.Equal((ulong)BlockConfig.MaxSegmentBytes, _world.Transport.Read(0x108, 4));
        Assert.Equal(254UL, _world.Transport.Read(0x10c, 4));
        Assert.Equal(512UL, _world.Transport.Read(0x114, 4));
        Assert.Equal(3UL, _world.Transport.Read(0x118, 1));
        Assert.Equal((ulong)BlockConfig.MaxRanges, _world.Transport.Read(0x128, 4));
        Assert.Equal(1UL, _world.Transport.Read(0x138, 1));
    }

    [Fact]
    public void Reset_WithRequestsInFlight_LetsThemEndUnseen_AndStillAsksThemOfARestoredHost()
    {
        ulong status = Send(Write, 0, new byte[512]);
        BlockRequested write = Single();
        _driver.Initialize();
        var pending = new List<MachineOutput>();
        Device.AddPendingRequests(pending);
        Assert.Equal(write.RequestId, Assert.IsType<BlockRequested>(Assert.Single(pending)).RequestId);
        Complete(write);
        Assert.Equal(NotWritten, Status(status));
        Assert.Null(Queue.TakeUsed());
        Assert.Equal(0, Device.InFlightCount);
    }

    [Fact]
    public void Pending_AfterASave_IsAskedAgainWithTheSameIdsAndBytes()
    {
        Send(Write, 3, Pattern(1024, 8));
        Send(Flush, 0);
        List<MachineOutput> sent = [.. _world.Outputs], pending = [];
        using var bench = new BlockBench();
        bench.World.CopySurroundings(_world);
        var writer = new ActorFT.Machine.State.StateWriter();
        _world.Transport.Save(writer);
        bench.Restore(writer.Written);
        bench.World.Device.AddPendingRequests(pending);
        Assert.Equal(sent.Cast<BlockRequested>().Select(Describe), pending.Cast<BlockRequested>().Select(Describe));
    }

    private static string Describe(BlockRequested request) =>
        $"{request.RequestId} {request.Operation} {request.OffsetBytes}+{request.LengthBytes} {Convert.ToHexString(request.Data.Span)}";

    [Theory]
    [InlineData(15, 1)]
    [InlineData(16, 0)]
    public void Request_WithoutHeaderOrStatus_MakesTheDeviceAskForAReset(int headerBytes, int statusBytes)
    {
        ulong buffer = _driver.Allocate(64);
        if (statusBytes == 0) Queue.Add(Out(buffer, headerBytes));
        else Queue.Add(Out(buffer, headerBytes), In(buffer + 32, statusBytes));
        Queue.Kick();
        _driver.AssertNeedsReset();
        Assert.Empty(_world.Outputs);
    }
}
