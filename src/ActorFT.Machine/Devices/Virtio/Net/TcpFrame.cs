using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>Where the parts of an unfragmented TCP packet over IPv4 or IPv6 (no extension headers) lie in an Ethernet frame, with at most one VLAN tag.</summary>
/// <param name="IsIpv6">IPv6, else IPv4.</param>
/// <param name="IpStart">The IP header's first byte.</param>
/// <param name="TcpStart">The TCP header's first byte.</param>
/// <param name="PayloadStart">The payload's first byte.</param>
/// <param name="End">The byte after the packet, by its own length; what follows in the frame is padding.</param>
internal readonly record struct TcpFrame(bool IsIpv6, int IpStart, int TcpStart, int PayloadStart, int End)
{
    public const int LengthInIpv4 = 2, IdInIpv4 = 4, ChecksumInIpv4 = 10, AddressesInIpv4 = 12;
    public const int LengthInIpv6 = 4, AddressesInIpv6 = 8, HeaderBytesOfIpv6 = 40;
    public const int SequenceInTcp = 4, AcknowledgementInTcp = 8, OffsetInTcp = 12, FlagsInTcp = 13, WindowInTcp = 14, ChecksumInTcp = 16, UrgentInTcp = 18;
    public const byte Fin = 0x01, Psh = 0x08, Ack = 0x10, Cwr = 0x80;
    public const byte ProtocolTcp = 6;

    private const int EthernetHeaderBytes = 14, VlanTagBytes = 4;
    private const ushort TypeIpv4 = 0x0800, TypeIpv6 = 0x86dd, TypeVlan = 0x8100, TypeServiceVlan = 0x88a8;

    public int PayloadBytes => End - PayloadStart;

    /// <summary>Addresses, as the pseudo header has them (RFC 9293 §3.1).</summary>
    public ReadOnlySpan<byte> Addresses(ReadOnlySpan<byte> frame) =>
        IsIpv6 ? frame.Slice(IpStart + AddressesInIpv6, 32) : frame.Slice(IpStart + AddressesInIpv4, 8);

    /// <summary>Finds the parts. False: the frame is no such packet, or is cut.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="isWhole">The packet ends where the frame does, whatever its length field says: a driver's packet to be segmented.</param>
    /// <param name="found">The parts.</param>
    public static bool TryFind(ReadOnlySpan<byte> frame, bool isWhole, out TcpFrame found)
    {
        found = default;
        int ip = EthernetHeaderBytes;
        if (frame.Length < ip + 20) return false;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        if (type is TypeVlan or TypeServiceVlan)
        {
            type = BinaryPrimitives.ReadUInt16BigEndian(frame[16..]);
            ip += VlanTagBytes;
        }

        int tcp, end;
        ReadOnlySpan<byte> packet = frame[ip..];
        if (type == TypeIpv4)
        {
            if (packet.Length < 20 || packet[0] >> 4 != 4 || packet[9] != ProtocolTcp) return false;
            if ((BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0) return false; // MF or an offset
            int headerBytes = (packet[0] & 15) * 4;
            if (headerBytes < 20) return false;
            (tcp, end) = (ip + headerBytes, ip + BinaryPrimitives.ReadUInt16BigEndian(packet[LengthInIpv4..]));
        }
        else if (type == TypeIpv6)
        {
            if (packet.Length < HeaderBytesOfIpv6 || packet[0] >> 4 != 6 || packet[6] != ProtocolTcp) return false;
            (tcp, end) = (ip + HeaderBytesOfIpv6, ip + HeaderBytesOfIpv6 + BinaryPrimitives.ReadUInt16BigEndian(packet[LengthInIpv6..]));
        }
        else
        {
            return false;
        }

        if (isWhole) end = frame.Length;
        if (end > frame.Length || end < tcp + 20) return false;
        int payload = tcp + (frame[tcp + OffsetInTcp] >> 4) * 4;
        if (payload < tcp + 20 || payload > end) return false;
        found = new TcpFrame(type == TypeIpv6, ip, tcp, payload, end);
        return true;
    }

    /// <summary>Writes the packet's length, and the IPv4 header's checksum, for a packet that ends at <see cref="End"/>.</summary>
    public void WriteLength(Span<byte> frame)
    {
        Span<byte> packet = frame[IpStart..];
        if (IsIpv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[LengthInIpv6..], (ushort)(End - IpStart - HeaderBytesOfIpv6));
            return;
        }

        BinaryPrimitives.WriteUInt16BigEndian(packet[LengthInIpv4..], (ushort)(End - IpStart));
        InternetChecksum.WriteIpv4Header(packet[..(TcpStart - IpStart)]);
    }

    /// <summary>Writes TCP's checksum: that of the whole segment, or the pseudo header's sum for whoever completes it.</summary>
    public void WriteChecksum(Span<byte> frame, bool isPartial)
    {
        Span<byte> segment = frame[TcpStart..End];
        segment.Slice(ChecksumInTcp, 2).Clear();
        InternetChecksum.WriteTransport(segment, ChecksumInTcp, Addresses(frame), ProtocolTcp, isPartial);
    }
}
