using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>The Internet checksum (RFC 1071): completes it for frames that are sent, verifies it for frames received.</summary>
internal static class InternetChecksum
{
    private const int EthernetHeaderBytes = 14;
    private const ushort TypeIpv4 = 0x0800, TypeIpv6 = 0x86dd, TypeVlan = 0x8100, TypeServiceVlan = 0x88a8;
    private const byte ProtocolTcp = 6, ProtocolUdp = 17;

    /// <summary>
    /// Completes a sender's partial checksum: sums from <paramref name="start"/> to the frame's end, the pseudo header's sum in the
    /// field included, and stores the complement (§5.1.6.2.1). False when the field does not lie in the frame.
    /// </summary>
    public static bool TryComplete(Span<byte> frame, int start, int offset)
    {
        if (start + offset + 2 > frame.Length) return false;
        ushort sum = (ushort)~Fold(Sum(frame[start..]));
        // 0 in UDP means "no checksum"; 0xffff is the same number in one's complement.
        MemoryMarshal.Write(frame[(start + offset)..], sum == 0 ? (ushort)0xffff : sum);
        return true;
    }

    /// <summary>
    /// Whether the frame holds an unfragmented TCP or UDP packet over IPv4 or IPv6 (no extension headers) whose checksum is right.
    /// False also when there is none to check: the driver then looks itself.
    /// </summary>
    public static bool IsTransportValid(ReadOnlySpan<byte> frame)
    {
        int at = EthernetHeaderBytes;
        if (frame.Length < at) return false;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        if (type is TypeVlan or TypeServiceVlan)
        {
            if (frame.Length < at + 4) return false;
            type = BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 2)..]);
            at += 4;
        }
        return type switch
        {
            TypeIpv4 => IsIpv4Valid(frame[at..]),
            TypeIpv6 => IsIpv6Valid(frame[at..]),
            _ => false,
        };
    }

    /// <summary>Whether an IPv4 header's own checksum is right.</summary>
    public static bool IsIpv4HeaderValid(ReadOnlySpan<byte> header) => Fold(Sum(header)) == 0xffff;

    /// <summary>Writes an IPv4 header's own checksum.</summary>
    public static void WriteIpv4Header(Span<byte> header)
    {
        Span<byte> field = header.Slice(TcpFrame.ChecksumInIpv4, 2);
        field.Clear();
        MemoryMarshal.Write(field, (ushort)~Fold(Sum(header)));
    }

    /// <summary>Writes a segment's checksum, whose field holds 0; or, for whoever completes it, the pseudo header's sum (§5.1.6.2.1).</summary>
    public static void WriteTransport(Span<byte> segment, int field, ReadOnlySpan<byte> addresses, byte protocol, bool isPartial)
    {
        ulong pseudo = PseudoHeader(addresses, segment.Length, protocol);
        MemoryMarshal.Write(segment[field..], isPartial ? Fold(pseudo) : (ushort)~Fold(pseudo + Sum(segment)));
    }

    // Addresses, length, protocol. Numbers in network order are summed as they lie in memory.
    private static ulong PseudoHeader(ReadOnlySpan<byte> addresses, int segmentBytes, byte protocol) =>
        Sum(addresses) + BinaryPrimitives.ReverseEndianness((ushort)segmentBytes) + BinaryPrimitives.ReverseEndianness((ushort)protocol);

    private static bool IsIpv4Valid(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 20 || packet[0] >> 4 != 4) return false;
        int headerBytes = (packet[0] & 15) * 4;
        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0; // MF or an offset
        if (headerBytes < 20 || totalBytes < headerBytes || totalBytes > packet.Length || isFragment) return false;
        return IsSegmentValid(packet[headerBytes..totalBytes], packet[9], packet.Slice(12, 8));
    }

    private static bool IsIpv6Valid(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 40 || packet[0] >> 4 != 6) return false;
        int payloadBytes = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (40 + payloadBytes > packet.Length) return false;
        return IsSegmentValid(packet.Slice(40, payloadBytes), packet[6], packet.Slice(8, 32));
    }

    private static bool IsSegmentValid(ReadOnlySpan<byte> segment, byte protocol, ReadOnlySpan<byte> addresses)
    {
        switch (protocol)
        {
            case ProtocolTcp when segment.Length >= 20:
                break;
            case ProtocolUdp when segment.Length >= 8 && BinaryPrimitives.ReadUInt16BigEndian(segment[4..]) == segment.Length:
                if (segment[6] == 0 && segment[7] == 0) return false; // none was sent
                break;
            default:
                return false;
        }
        return Fold(PseudoHeader(addresses, segment.Length, protocol) + Sum(segment)) == 0xffff;
    }

    // One's-complement addition does not mind the byte order (RFC 1071 §2.B) nor the width of its words (§2.C).
    private static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        foreach (uint word in words) sum += word;
        bytes = bytes[(words.Length * 4)..];
        if (bytes.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(bytes);
            bytes = bytes[2..];
        }
        if (bytes.Length == 1) sum += bytes[0]; // padded with a zero after it
        return sum;
    }

    private static ushort Fold(ulong sum)
    {
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }
}
