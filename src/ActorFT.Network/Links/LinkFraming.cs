using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;

namespace ActorFT.Network.Links;

/// <summary>What a frame is.</summary>
internal enum LinkFrameKind : byte
{
    /// <summary>A message of the link's user.</summary>
    Message = 1,
    /// <summary>A heartbeat: its 16 bytes come back in a <see cref="Pong"/>.</summary>
    Ping = 2,
    /// <summary>A heartbeat's answer.</summary>
    Pong = 3,
}

/// <summary>A frame's header after its checks.</summary>
internal readonly record struct LinkFrameHeader(LinkFrameKind Kind, ushort Channel, int PayloadBytes);

/// <summary>
/// The frame format, after the hello (all integers little-endian):
/// <code>
/// offset  0        8        12     13       14        16
///         +--------+--------+------+--------+---------+---------
///         |checksum| length | kind | zero   | channel | payload ...
///         +--------+--------+------+--------+---------+---------
/// </code>
/// checksum: XxHash3-64 of everything after itself, seeded with the frame's number on its connection, so that a frame
/// damaged, lost, repeated or moved is seen. length: of the payload; checked against the class's limit before use.
/// </summary>
internal static class LinkFraming
{
    internal const int HeaderBytes = 16;
    internal const int HeartbeatBytes = 16;
    private const int ChecksumBytes = 8, LengthAt = 8, KindAt = 12, ZeroAt = 13, ChannelAt = 14;

    /// <summary>Writes a frame with a payload in two parts (either may be empty) into exactly the room it needs.</summary>
    internal static void Write(Span<byte> room, LinkFrameKind kind, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, long number)
    {
        BinaryPrimitives.WriteInt32LittleEndian(room[LengthAt..], head.Length + body.Length);
        room[KindAt] = (byte)kind;
        room[ZeroAt] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(room[ChannelAt..], channel);
        head.CopyTo(room[HeaderBytes..]);
        body.CopyTo(room[(HeaderBytes + head.Length)..]);
        BinaryPrimitives.WriteUInt64LittleEndian(room, XxHash3.HashToUInt64(room[ChecksumBytes..], number));
    }

    /// <summary>Reads and checks a header; false when not all of it is there.</summary>
    /// <exception cref="LinkProtocolException">The header is not allowed.</exception>
    internal static bool TryReadHeader(in ReadOnlySequence<byte> received, int maxPayloadBytes, out LinkFrameHeader header)
    {
        header = default;
        if (received.Length < HeaderBytes) return false;
        Span<byte> bytes = stackalloc byte[HeaderBytes];
        received.Slice(0, HeaderBytes).CopyTo(bytes);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[LengthAt..]);
        LinkFrameKind kind = (LinkFrameKind)bytes[KindAt];
        if (kind is < LinkFrameKind.Message or > LinkFrameKind.Pong) throw Corrupted($"a frame of unknown kind {bytes[KindAt]}");
        if (bytes[ZeroAt] != 0) throw Corrupted("a frame with a reserved byte set");
        if (kind != LinkFrameKind.Message && length != HeartbeatBytes) throw Corrupted($"a heartbeat of {length} bytes instead of {HeartbeatBytes}");
        if (length > maxPayloadBytes) throw Corrupted($"a frame of {length} bytes where at most {maxPayloadBytes} are allowed");
        header = new LinkFrameHeader(kind, BinaryPrimitives.ReadUInt16LittleEndian(bytes[ChannelAt..]), (int)length);
        return true;
    }

    /// <summary>Checks a whole frame, header included, against its checksum.</summary>
    /// <exception cref="LinkProtocolException">It does not fit.</exception>
    internal static void Check(ReadOnlySpan<byte> frame, long number)
    {
        if (XxHash3.HashToUInt64(frame[ChecksumBytes..], number) != BinaryPrimitives.ReadUInt64LittleEndian(frame))
        {
            throw Corrupted($"frame {number} with a wrong checksum");
        }
    }

    private static LinkProtocolException Corrupted(string what) => new(LinkDownCause.Corrupted, $"received {what}");
}
