using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Block;

// The block device's saved state: the cache mode and the requests in flight.
internal sealed partial class BlockDevice
{
    protected override int OutstandingChains(int queueIndex) => _inFlight.Count(request => !request.IsOrphan);

    protected override void SaveDevice(StateWriter writer)
    {
        writer.Section("VBLK", 1);
        writer.Bool(IsWriteback);
        writer.U32((uint)_inFlight.Count);
        foreach (BlockRequest request in _inFlight)
        {
            writer.U64(request.Id);
            writer.U8((byte)request.Operation);
            SaveRange(writer, request.Range);
            writer.Bytes(request.Data.Span);
            writer.Bool(request.IsOrphan);
            if (request.IsOrphan) continue;
            writer.U16(request.Head);
            writer.U8((byte)request.StatusOnlyBytes);
            writer.Bool(request.FlushAfter);
            writer.U32((uint)request.NextRanges.Count);
            foreach (BlockRange range in request.NextRanges) SaveRange(writer, range);
            BufferSegment.Save(writer, request.Segments);
        }
    }

    protected override void RestoreDevice(ref StateReader reader)
    {
        OnPowerOn();
        reader.Section("VBLK", 1);
        IsWriteback = reader.Bool();
        int count = reader.Count(BlockConfig.MaxInFlightRequests);
        ulong lastId = 0;
        for (int i = 0; i < count; i++)
        {
            BlockRequest request = RestoreRequest(ref reader);
            if (request.Id <= lastId || request.Id > _ids.Last) throw Bad($"request {request.Id} after request {lastId}; the machine's last is {_ids.Last}");
            lastId = request.Id;
            _inFlight.Add(request);
            _inFlightBytes += request.InFlightBytes;
            if (_inFlightBytes > BlockConfig.MaxInFlightBytes) throw Bad($"{_inFlightBytes} bytes in flight where at most {BlockConfig.MaxInFlightBytes} are allowed");
        }
    }

    private BlockRequest RestoreRequest(ref StateReader reader)
    {
        var request = new BlockRequest { Id = reader.U64() };
        byte operation = reader.U8();
        if (operation > (byte)BlockOperation.WriteZeroes) throw Bad($"a request with operation {operation}");
        request.Operation = (BlockOperation)operation;
        request.Range = RestoreRange(ref reader, request.Operation);
        request.Data = reader.Bytes(BlockConfig.MaxRequestBytes).ToArray();
        int dataBytes = request.Operation == BlockOperation.Write ? (int)request.Range.LengthBytes : 0;
        if (request.Data.Length != dataBytes) throw Bad($"a {request.Operation} with {request.Data.Length} bytes of data");
        if (reader.Bool()) request.Orphan();
        else RestoreDriverSide(ref reader, request);
        return request;
    }

    private void RestoreDriverSide(ref StateReader reader, BlockRequest request)
    {
        request.Head = reader.U16();
        if (request.Head >= Queues[QueueIndex].Size) throw Bad($"a request with head {request.Head} in a queue of {Queues[QueueIndex].Size}");
        request.StatusOnlyBytes = reader.Bool() ? 1u : 0u;
        request.FlushAfter = reader.Bool();
        bool isRead = request.Operation == BlockOperation.Read;
        if (request.FlushAfter && request.Operation is not (BlockOperation.Write or BlockOperation.WriteZeroes)) throw Bad($"a {request.Operation} that must be stable");
        if (isRead && request.StatusOnlyBytes != 0) throw Bad("a read without room for its data");
        int ranges = reader.Count(BlockConfig.MaxRanges - 1);
        if (ranges != 0 && request.Operation is not (BlockOperation.Discard or BlockOperation.WriteZeroes)) throw Bad($"a {request.Operation} of several ranges");
        for (int i = 0; i < ranges; i++) request.NextRanges.Enqueue(RestoreRange(ref reader, request.Operation));
        ulong bytes = isRead ? request.Range.LengthBytes + 1 : 1;
        request.SetSegments(BufferSegment.Restore(ref reader, Memory, bytes, out ulong found));
        if (found != bytes) throw Bad($"a {request.Operation} with room for {found} bytes where {bytes} are needed");
    }

    private static void SaveRange(StateWriter writer, BlockRange range)
    {
        writer.U64(range.OffsetBytes);
        writer.U64(range.LengthBytes);
    }

    private BlockRange RestoreRange(ref StateReader reader, BlockOperation operation)
    {
        var range = new BlockRange(reader.U64(), reader.U64());
        ulong limit = operation switch
        {
            BlockOperation.Read or BlockOperation.Write => BlockConfig.MaxRequestBytes,
            BlockOperation.Flush => 0,
            _ => (ulong)BlockConfig.MaxRangeSectors * BlockConfig.SectorBytes,
        };
        bool isValid = operation == BlockOperation.Flush
            ? range == default
            : range.LengthBytes != 0 && range.LengthBytes <= limit && range.LengthBytes % BlockConfig.SectorBytes == 0
                && range.OffsetBytes % BlockConfig.SectorBytes == 0 && IsOnDisk(range.OffsetBytes / BlockConfig.SectorBytes, range.LengthBytes)
                && (!_isReadOnly || operation == BlockOperation.Read);
        return isValid ? range : throw Bad($"a {operation} of {range.LengthBytes} bytes at {range.OffsetBytes}");
    }

    private StateFormatException Bad(string what) => new($"Saved state of {Name} has {what}.");
}
