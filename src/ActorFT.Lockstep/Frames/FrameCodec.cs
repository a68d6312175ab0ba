using System.Buffers.Binary;
using System.IO.Hashing;

namespace ActorFT.Lockstep.Frames;

/// <summary>What the start of a byte sequence holds.</summary>
public enum FrameStatus : byte
{
    /// <summary>A whole frame with a right checksum.</summary>
    Complete = 0,
    /// <summary>The start of a frame; more bytes are needed to tell.</summary>
    Incomplete = 1,
    /// <summary>Not a frame: an absurd length or a wrong checksum. Nothing after it can be trusted.</summary>
    Invalid = 2,
}

/// <summary>
/// The frame around every record and message, in files and on links:
/// <code>
/// | length u32 | checksum u32 | payload: length bytes |      little-endian
/// </code>
/// The checksum is the low half of XxHash3 (64 bits) of the payload, seeded with the length, so that it covers both.
/// It finds what storage and networks break; it is no defence against someone who wants to deceive (that is what TLS is for).
/// </summary>
public static class FrameCodec
{
    /// <summary>Bytes before the payload.</summary>
    public const int HeaderBytes = 8;

    /// <summary>Appends a frame around <paramref name="payload"/>.</summary>
    public static void Write(System.Buffers.IBufferWriter<byte> writer, ReadOnlySpan<byte> payload)
    {
        WriteHeader(writer.GetSpan(HeaderBytes), payload);
        writer.Advance(HeaderBytes);
        System.Buffers.BuffersExtensions.Write(writer, payload);
    }

    /// <summary>The frame around <paramref name="payload"/> as a new array.</summary>
    public static byte[] Make(ReadOnlySpan<byte> payload)
    {
        var frame = new byte[HeaderBytes + payload.Length];
        WriteHeader(frame, payload);
        payload.CopyTo(frame.AsSpan(HeaderBytes));
        return frame;
    }

    /// <summary>Writes the eight bytes that go before <paramref name="payload"/>.</summary>
    public static void WriteHeader(Span<byte> destination, ReadOnlySpan<byte> payload)
    {
        InvariantViolatedException.Require(!payload.IsEmpty, "A frame holds at least one byte.");
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], Checksum(payload));
    }

    /// <summary>Looks for a frame at the start of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">What has arrived.</param>
    /// <param name="maxPayloadBytes">The longest payload allowed here; bounds what a reader must buffer.</param>
    /// <param name="payload">The payload, inside <paramref name="bytes"/>, when complete.</param>
    /// <param name="neededBytes">How long the frame is, or how many bytes are needed to know more.</param>
    /// <param name="problem">When invalid: what was found and what was expected, as the end of a sentence.</param>
    public static FrameStatus TryRead(ReadOnlySpan<byte> bytes, int maxPayloadBytes, out ReadOnlySpan<byte> payload, out int neededBytes, out string? problem)
    {
        payload = default;
        problem = null;
        neededBytes = HeaderBytes;
        if (bytes.Length < HeaderBytes) return FrameStatus.Incomplete;
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (length == 0 || length > (uint)maxPayloadBytes)
        {
            problem = $"a frame says it has {length} bytes; 1 to {maxPayloadBytes} are allowed";
            return FrameStatus.Invalid;
        }
        neededBytes = HeaderBytes + (int)length;
        if (bytes.Length < neededBytes) return FrameStatus.Incomplete;
        ReadOnlySpan<byte> content = bytes.Slice(HeaderBytes, (int)length);
        uint said = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]), found = Checksum(content);
        if (said != found)
        {
            problem = $"a frame of {length} bytes has checksum {said:x8}, but its bytes give {found:x8}";
            return FrameStatus.Invalid;
        }
        payload = content;
        return FrameStatus.Complete;
    }

    private static uint Checksum(ReadOnlySpan<byte> payload) => (uint)XxHash3.HashToUInt64(payload, payload.Length);
}
