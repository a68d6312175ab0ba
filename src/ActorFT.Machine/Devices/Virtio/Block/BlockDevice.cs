using System.Buffers.Binary;
using System.Text;
using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;

namespace ActorFT.Machine.Devices.Virtio.Block;

/// <summary>
/// The block device (VirtIO 1.2 §5.2). A driver's request becomes an output to the host; the host's completion, an input,
/// ends it. Everything is checked before it leaves: what the host sees lies on the disk and within the limits of
/// <see cref="BlockConfig"/>.
/// Not here: the disk. Invariant: requests in flight have rising ids, at most <see cref="BlockConfig.MaxInFlightBytes"/> bytes.
/// </summary>
internal sealed partial class BlockDevice : VirtioDevice
{
    private const int QueueIndex = 0;
    private const int HeaderBytes = 16;
    private const int RangeBytes = 16; // struct virtio_blk_discard_write_zeroes

    // Request types (§5.2.6).
    private const uint TypeIn = 0, TypeOut = 1, TypeFlush = 4, TypeGetId = 8, TypeDiscard = 11, TypeWriteZeroes = 13;
    private const uint FlagUnmap = 1;

    private readonly int _diskIndex;
    private readonly ulong _capacityBytes;
    private readonly bool _isReadOnly;
    private readonly byte[] _id = new byte[BlockConfig.IdBytes];
    private readonly byte[] _config;
    private readonly IOutputSink _outputs;
    private readonly IRequestIds _ids;
    private readonly List<BlockRequest> _inFlight = new();
    private readonly Stack<BlockRequest> _pool = new();
    private int _inFlightBytes;

    /// <summary>Makes the device of one disk.</summary>
    public BlockDevice(int diskIndex, DiskDefinition disk, IOutputSink outputs, IRequestIds ids)
        : base("disk-" + disk.Name, VirtioDeviceType.Block, queueCount: 1)
    {
        _diskIndex = diskIndex;
        _capacityBytes = disk.CapacityBytes;
        _isReadOnly = disk.IsReadOnly;
        _outputs = outputs;
        _ids = ids;
        _config = BlockConfig.Build(disk.CapacityBytes, disk.IsReadOnly);
        Encoding.ASCII.GetBytes(disk.Name.AsSpan(0, Math.Min(disk.Name.Length, BlockConfig.IdBytes)), _id);
    }

    public override ulong OfferedFeatures => BlockConfig.Features(_isReadOnly);

    public override ReadOnlySpan<byte> Config => _config;

    /// <summary>Counters for people.</summary>
    public BlockMetrics Metrics { get; } = new();

    /// <summary>Requests the host has not completed.</summary>
    public int InFlightCount => _inFlight.Count;

    private bool IsWriteback
    {
        get => _config[BlockConfig.WritebackOffset] != 0;
        set => _config[BlockConfig.WritebackOffset] = value ? (byte)1 : (byte)0;
    }

    // A driver that knows neither flushes nor the cache mode is promised stable writes (§5.2.6.2, condition 1).
    private bool IsWriteThrough => HasFeature(BlockConfig.ConfigWce) ? !IsWriteback : !HasFeature(BlockConfig.Flush);

    private bool CanTakeRequest =>
        _inFlight.Count < BlockConfig.MaxInFlightRequests && _inFlightBytes <= BlockConfig.MaxInFlightBytes - BlockConfig.MaxRequestBytes;

    // §5.2.5.2: without FLUSH the field begins as 0.
    protected override void OnFeaturesAccepted() => IsWriteback = HasFeature(BlockConfig.Flush);

    internal override void WriteConfig(int offset, int widthBytes, ulong value)
    {
        if (offset == BlockConfig.WritebackOffset && widthBytes == 1 && HasFeature(BlockConfig.ConfigWce)) IsWriteback = (value & 1) != 0;
    }

    protected override void OnNotified(int queueIndex)
    {
        while (CanTakeRequest && TryPop(QueueIndex)) Execute();
        Queues[QueueIndex].WantNotification();
        SignalUsed(QueueIndex);
    }

    private void Execute()
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (Chain.ReadableBytes < HeaderBytes || Chain.WritableBytes < 1)
        {
            Fail("a block request without a header or without room for its status");
            return;
        }
        Chain.Read(Memory, 0, header);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        switch (BinaryPrimitives.ReadUInt32LittleEndian(header))
        {
            case TypeIn:
                Transfer(BlockOperation.Read, sector, Chain.WritableBytes - 1);
                break;
            case TypeOut:
                Transfer(BlockOperation.Write, sector, Chain.ReadableBytes - HeaderBytes);
                break;
            case TypeFlush when HasFeature(BlockConfig.Flush):
                Issue(NewRequest(BlockOperation.Flush, default));
                break;
            case TypeGetId:
                GetId();
                break;
            case TypeDiscard when HasFeature(BlockConfig.Discard):
                ChangeRanges(BlockOperation.Discard);
                break;
            case TypeWriteZeroes when HasFeature(BlockConfig.WriteZeroes):
                ChangeRanges(BlockOperation.WriteZeroes);
                break;
            default:
                EndAtOnce(BlockStatus.Unsupported, 0);
                break;
        }
    }

    private void Transfer(BlockOperation operation, ulong sector, ulong lengthBytes)
    {
        bool isAllowed = operation == BlockOperation.Read || !_isReadOnly;
        if (!isAllowed || lengthBytes is 0 or > BlockConfig.MaxRequestBytes || lengthBytes % BlockConfig.SectorBytes != 0 || !IsOnDisk(sector, lengthBytes))
        {
            EndAtOnce(BlockStatus.IoError, 0);
            return;
        }
        BlockRequest request = NewRequest(operation, new BlockRange(sector * BlockConfig.SectorBytes, lengthBytes));
        if (operation == BlockOperation.Write)
        {
            byte[] data = GC.AllocateUninitializedArray<byte>((int)lengthBytes);
            Chain.Read(Memory, HeaderBytes, data);
            SpendBytes(data.Length);
            request.Data = data;
            request.FlushAfter = IsWriteThrough;
            Metrics.BytesWritten += data.Length;
        }
        Issue(request);
    }

    private void ChangeRanges(BlockOperation operation)
    {
        ulong payloadBytes = Chain.ReadableBytes - HeaderBytes;
        if (_isReadOnly || payloadBytes is 0 or > BlockConfig.MaxRanges * RangeBytes || payloadBytes % RangeBytes != 0)
        {
            EndAtOnce(BlockStatus.IoError, 0);
            return;
        }
        Span<byte> payload = stackalloc byte[(int)payloadBytes];
        Chain.Read(Memory, HeaderBytes, payload);
        BlockStatus status = CheckRanges(operation, payload);
        if (status != BlockStatus.Ok)
        {
            EndAtOnce(status, 0);
            return;
        }
        BlockRequest request = NewRequest(operation, RangeAt(payload));
        request.FlushAfter = operation == BlockOperation.WriteZeroes && IsWriteThrough;
        for (int at = RangeBytes; at < payload.Length; at += RangeBytes) request.NextRanges.Enqueue(RangeAt(payload[at..]));
        Issue(request);
    }

    // All ranges are checked before the first leaves. §5.2.6.2: unknown flags, and UNMAP in a discard, are unsupported.
    private BlockStatus CheckRanges(BlockOperation operation, ReadOnlySpan<byte> payload)
    {
        uint knownFlags = operation == BlockOperation.WriteZeroes ? FlagUnmap : 0;
        for (int at = 0; at < payload.Length; at += RangeBytes)
        {
            if ((BinaryPrimitives.ReadUInt32LittleEndian(payload[(at + 12)..]) & ~knownFlags) != 0) return BlockStatus.Unsupported;
        }
        for (int at = 0; at < payload.Length; at += RangeBytes)
        {
            uint sectors = BinaryPrimitives.ReadUInt32LittleEndian(payload[(at + 8)..]);
            if (sectors is 0 or > BlockConfig.MaxRangeSectors || !IsOnDisk(BinaryPrimitives.ReadUInt64LittleEndian(payload[at..]), (ulong)sectors * BlockConfig.SectorBytes))
                return BlockStatus.IoError;
        }
        return BlockStatus.Ok;
    }

    private static BlockRange RangeAt(ReadOnlySpan<byte> payload) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(payload) * BlockConfig.SectorBytes,
        (ulong)BinaryPrimitives.ReadUInt32LittleEndian(payload[8..]) * BlockConfig.SectorBytes);

    private void GetId()
    {
        int room = (int)Math.Min(Chain.WritableBytes - 1, BlockConfig.IdBytes);
        EndAtOnce(BlockStatus.Ok, (uint)Chain.Write(Memory, 0, _id.AsSpan(0, room)));
    }

    private bool IsOnDisk(ulong sector, ulong lengthBytes)
    {
        ulong sectors = _capacityBytes / BlockConfig.SectorBytes;
        return sector <= sectors && lengthBytes / BlockConfig.SectorBytes <= sectors - sector;
    }

    /// <summary>Ends the chain just popped, with nothing asked of the host.</summary>
    private void EndAtOnce(BlockStatus status, uint dataBytes)
    {
        ReadOnlySpan<byte> statusByte = [(byte)status];
        ulong statusAt = Chain.WritableBytes - 1;
        Chain.Write(Memory, statusAt, statusByte);
        if (status != BlockStatus.Ok) Metrics.Errors++;
        Push(QueueIndex, Chain.Head, statusAt == dataBytes ? dataBytes + 1 : dataBytes);
    }

    private BlockRequest NewRequest(BlockOperation operation, BlockRange range)
    {
        if (!_pool.TryPop(out BlockRequest? request)) request = new BlockRequest();
        request.Operation = operation;
        request.Range = range;
        request.Head = Chain.Head;
        if (operation == BlockOperation.Read)
        {
            request.SetSegments(Chain.Writable);
            return request;
        }
        // Only the status is written: the last byte of the writable part, which has no empty pieces.
        BufferSegment last = Chain.Writable[^1];
        request.SetSegments([new BufferSegment(last.Address + last.LengthBytes - 1, 1)]);
        request.StatusOnlyBytes = Chain.WritableBytes == 1 ? 1u : 0u;
        return request;
    }

    /// <summary>Asks the host for the request's current operation, under a new id.</summary>
    private void Issue(BlockRequest request)
    {
        request.Id = _ids.Next();
        _inFlight.Add(request);
        _inFlightBytes += request.InFlightBytes;
        Metrics.Requests++;
        _outputs.Emit(request.ToOutput(_diskIndex));
    }

    /// <summary>Ends or continues the request in flight that the completion names; one that names none is ignored.</summary>
    public void Complete(BlockCompleted completion)
    {
        int index = IndexOf(completion.RequestId);
        if (completion.DiskIndex != _diskIndex || index < 0)
        {
            Metrics.Ignored++;
            return;
        }
        BlockRequest request = _inFlight[index];
        _inFlight.RemoveAt(index);
        _inFlightBytes -= request.InFlightBytes;
        if (!request.IsOrphan && TryContinue(request, completion.Status)) return;
        if (!request.IsOrphan) End(request, completion);
        request.Clear();
        _pool.Push(request);
        if (IsRunning) OnNotified(QueueIndex); // there is room again for what waits in the ring
    }

    private bool TryContinue(BlockRequest request, BlockStatus status)
    {
        if (status != BlockStatus.Ok) return false;
        if (request.NextRanges.TryDequeue(out BlockRange next))
        {
            request.Range = next;
        }
        else if (request.FlushAfter)
        {
            request.FlushAfter = false;
            request.Operation = BlockOperation.Flush;
            request.Range = default;
            request.Data = default;
        }
        else
        {
            return false;
        }
        Issue(request);
        return true;
    }

    private void End(BlockRequest request, BlockCompleted completion)
    {
        BlockStatus status = completion.Status <= BlockStatus.Unsupported ? completion.Status : BlockStatus.IoError;
        uint writtenBytes = request.StatusOnlyBytes;
        ulong dataBytes = request.Operation == BlockOperation.Read ? request.Range.LengthBytes : 0;
        if (request.Operation == BlockOperation.Read && status == BlockStatus.Ok)
        {
            if ((ulong)completion.Data.Length == dataBytes)
            {
                BufferSegment.Scatter(Memory, request.Segments, 0, completion.Data.Span);
                writtenBytes = (uint)dataBytes + 1;
                Metrics.BytesRead += completion.Data.Length;
            }
            else
            {
                status = BlockStatus.IoError; // a back end that breaks its word is an error of the disk
            }
        }
        if (status != BlockStatus.Ok) Metrics.Errors++;
        ReadOnlySpan<byte> statusByte = [(byte)status];
        BufferSegment.Scatter(Memory, request.Segments, dataBytes, statusByte);
        Push(QueueIndex, request.Head, writtenBytes);
    }

    private int IndexOf(ulong id)
    {
        int low = 0, high = _inFlight.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            ulong found = _inFlight[middle].Id;
            if (found == id) return middle;
            if (found < id) low = middle + 1;
            else high = middle - 1;
        }
        return -1;
    }

    protected override void OnQueueStopped(int queueIndex)
    {
        foreach (BlockRequest request in _inFlight) request.Orphan();
    }

    protected override void OnReset() => IsWriteback = true;

    protected override void OnPowerOn()
    {
        _inFlight.Clear();
        _inFlightBytes = 0;
    }

    internal override void AddPendingRequests(List<MachineOutput> requests)
    {
        foreach (BlockRequest request in _inFlight) requests.Add(request.ToOutput(_diskIndex));
    }
}
