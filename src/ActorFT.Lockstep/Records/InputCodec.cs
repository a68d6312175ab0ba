using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>One input as bytes: a kind, then its fields. docs/record-format.md has the table.</summary>
internal static class InputCodec
{
    /// <summary>The fewest bytes an input takes; bounds a count before anything is allocated for it.</summary>
    public const int MinBytes = 3;

    private const byte FrameKind = 1, ConsoleKind = 2, BlockKind = 3, BlockReferenceKind = 4, EntropyKind = 5;

    public static void Write(StateWriter writer, MachineInput input, BlockDataMode mode)
    {
        switch (input)
        {
            case FrameReceived frame:
                WriteIndexed(writer, FrameKind, frame.NicIndex, frame.Frame.Span);
                break;
            case ConsoleTyped typed:
                WriteIndexed(writer, ConsoleKind, typed.ConsoleIndex, typed.Bytes.Span);
                break;
            case EntropyArrived entropy:
                writer.U8(EntropyKind);
                writer.Varint(entropy.RequestId);
                WriteData(writer, entropy.Bytes.Span);
                break;
            case BlockCompleted block when mode == BlockDataMode.Carried:
                WriteBlockHead(writer, BlockKind, block.DiskIndex, block.RequestId, block.Status);
                WriteData(writer, block.Data.Span);
                break;
            case BlockCompleted block:
                WriteReference(writer, BlockCompletionReference.Of(block));
                break;
            case BlockCompletionReference reference:
                if (mode == BlockDataMode.Carried)
                    throw new InvariantViolatedException("A record that carries block data holds a reference without the data.");
                WriteReference(writer, reference);
                break;
            default:
                throw new InvariantViolatedException($"Input {input.GetType().Name} has no encoding.");
        }
    }

    public static MachineInput Read(ref StateReader reader, BlockDataMode mode)
    {
        byte kind = reader.U8();
        switch (kind)
        {
            case FrameKind:
                return new FrameReceived(ReadIndex(ref reader), ReadData(ref reader));
            case ConsoleKind:
                return new ConsoleTyped(ReadIndex(ref reader), ReadData(ref reader));
            case EntropyKind:
                return new EntropyArrived(reader.Varint(ulong.MaxValue, "request id"), ReadData(ref reader));
            case BlockKind when mode == BlockDataMode.Carried:
                return new BlockCompleted(ReadIndex(ref reader), reader.Varint(ulong.MaxValue, "request id"), ReadStatus(ref reader), ReadData(ref reader));
            case BlockReferenceKind when mode == BlockDataMode.Hashed:
                return ReadReference(ref reader);
            default:
                throw new StateFormatException($"A record holds an input of kind {kind}, which is not known or not allowed in it.");
        }
    }

    private static void WriteIndexed(StateWriter writer, byte kind, int index, ReadOnlySpan<byte> data)
    {
        writer.U8(kind);
        WriteIndex(writer, index);
        WriteData(writer, data);
    }

    private static void WriteReference(StateWriter writer, BlockCompletionReference reference)
    {
        WriteBlockHead(writer, BlockReferenceKind, reference.DiskIndex, reference.RequestId, reference.Status);
        writer.Varint((ulong)reference.LengthBytes);
        if (reference.LengthBytes != 0) writer.U64(reference.DataHash);
    }

    private static BlockCompletionReference ReadReference(ref StateReader reader)
    {
        int disk = ReadIndex(ref reader);
        ulong request = reader.Varint(ulong.MaxValue, "request id");
        BlockStatus status = ReadStatus(ref reader);
        int length = reader.VarintInt(RecordLimits.MaxInputBytes, "length of a block read");
        return new BlockCompletionReference(disk, request, status, length, length == 0 ? 0 : reader.U64());
    }

    private static void WriteBlockHead(StateWriter writer, byte kind, int disk, ulong request, BlockStatus status)
    {
        writer.U8(kind);
        WriteIndex(writer, disk);
        writer.Varint(request);
        writer.U8((byte)status);
    }

    private static void WriteIndex(StateWriter writer, int index)
    {
        InvariantViolatedException.Require((uint)index <= RecordLimits.MaxDeviceIndex, "An input names a device index that no machine has.");
        writer.U8((byte)index);
    }

    private static int ReadIndex(ref StateReader reader)
    {
        byte index = reader.U8();
        return index <= RecordLimits.MaxDeviceIndex ? index
            : throw new StateFormatException($"An input names device {index}; at most {RecordLimits.MaxDeviceIndex} is allowed.");
    }

    private static BlockStatus ReadStatus(ref StateReader reader)
    {
        byte status = reader.U8();
        return status <= (byte)BlockStatus.Unsupported ? (BlockStatus)status
            : throw new StateFormatException($"A block completion has status {status}; at most {(byte)BlockStatus.Unsupported} is allowed.");
    }

    private static void WriteData(StateWriter writer, ReadOnlySpan<byte> data)
    {
        InvariantViolatedException.Require(data.Length <= RecordLimits.MaxInputBytes, "An input holds more bytes than a record may.");
        writer.VarintBytes(data);
    }

    private static byte[] ReadData(ref StateReader reader) => reader.VarintBytes(RecordLimits.MaxInputBytes, "input data");
}
