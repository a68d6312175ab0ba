using System.Buffers.Binary;
using System.Net.Sockets;

namespace ActorFT.Network.Frames;

/// <summary>
/// The frames by which a machine's new side tells the network that the machine's MAC is now behind its port. A switch
/// learns from any frame with that source; the kinds differ in who else listens. Pure: bytes in, bytes out.
/// </summary>
public static class MacAnnouncement
{
    /// <summary>When to send the announcements after taking over, in ms from the take-over: again, because a port may still be waking up.</summary>
    public static ReadOnlySpan<int> RepeatAtMs => [0, 50, 200, 450, 1000];

    /// <summary>
    /// All frames for one announcement: per VLAN one RARP request (needs no address), a gratuitous ARP per IPv4 address,
    /// an unsolicited neighbour advertisement per IPv6 address.
    /// </summary>
    /// <param name="macAddress">The NIC's six bytes.</param>
    /// <param name="addresses">What is known of the machine's addresses; may be empty.</param>
    public static IReadOnlyList<byte[]> Build(ReadOnlySpan<byte> macAddress, IEnumerable<MachineAddress> addresses)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(macAddress.Length, EtherType.MacBytes);
        ArgumentNullException.ThrowIfNull(addresses);
        List<byte[]> frames = [ReverseArp(macAddress, 0)];
        List<ushort> vlansDone = [0];
        foreach (MachineAddress address in addresses)
        {
            if (!vlansDone.Contains(address.VlanId))
            {
                vlansDone.Add(address.VlanId);
                frames.Add(ReverseArp(macAddress, address.VlanId));
            }

            byte[] bytes = address.Address.GetAddressBytes();
            frames.Add(address.Address.AddressFamily == AddressFamily.InterNetwork
                ? GratuitousArp(macAddress, address.VlanId, bytes)
                : NeighborAdvertisement(macAddress, address.VlanId, bytes));
        }

        return frames;
    }

    // RFC 903: "who am I" with both hardware addresses our own.
    internal static byte[] ReverseArp(ReadOnlySpan<byte> mac, ushort vlanId) => ArpFrame(mac, vlanId, EtherType.Rarp, operation: 3, default, mac);

    // RFC 5227 §3: an announcement is a request with sender and target address equal and the target hardware address zero.
    internal static byte[] GratuitousArp(ReadOnlySpan<byte> mac, ushort vlanId, ReadOnlySpan<byte> address) =>
        ArpFrame(mac, vlanId, EtherType.Arp, operation: 1, address, default);

    // RFC 4861 §7.2.6 and §4.4: to all nodes, override set, not solicited, with the target link-layer address.
    internal static byte[] NeighborAdvertisement(ReadOnlySpan<byte> mac, ushort vlanId, ReadOnlySpan<byte> address)
    {
        const int IcmpBytes = 32;
        ReadOnlySpan<byte> allNodes = [0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        byte[] frame = NewFrame([0x33, 0x33, 0, 0, 0, 1], mac, vlanId, EtherType.IPv6, EtherType.IPv6HeaderBytes + IcmpBytes, out int at);
        Span<byte> packet = frame.AsSpan(at);
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], IcmpBytes);
        packet[6] = 58;
        packet[7] = 255;
        address.CopyTo(packet[8..]);
        allNodes.CopyTo(packet[24..]);
        Span<byte> icmp = packet.Slice(EtherType.IPv6HeaderBytes, IcmpBytes);
        icmp[0] = 136;
        icmp[4] = 0x20;
        address.CopyTo(icmp[8..]);
        icmp[24] = 2;
        icmp[25] = 1;
        mac.CopyTo(icmp[26..]);
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], IcmpV6Checksum(packet.Slice(8, 32), icmp));
        return frame;
    }

    // RFC 4443 §2.3: over the pseudo-header (addresses, length, next header) and the message.
    internal static ushort IcmpV6Checksum(ReadOnlySpan<byte> addresses, ReadOnlySpan<byte> message)
    {
        uint sum = (uint)message.Length + 58;
        for (int i = 0; i < addresses.Length; i += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(addresses[i..]);
        for (int i = 0; i < message.Length; i += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(message[i..]);
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    internal static byte[] ArpFrame(
        ReadOnlySpan<byte> mac, ushort vlanId, ushort type, ushort operation, ReadOnlySpan<byte> address, ReadOnlySpan<byte> targetMac)
    {
        byte[] frame = NewFrame([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], mac, vlanId, type, EtherType.ArpBytes, out int at);
        Span<byte> arp = frame.AsSpan(at);
        BinaryPrimitives.WriteUInt16BigEndian(arp, 1);
        BinaryPrimitives.WriteUInt16BigEndian(arp[2..], EtherType.IPv4);
        arp[4] = 6;
        arp[5] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(arp[6..], operation);
        mac.CopyTo(arp[8..]);
        address.CopyTo(arp[14..]);
        targetMac.CopyTo(arp[18..]);
        address.CopyTo(arp[24..]);
        return frame;
    }

    private static byte[] NewFrame(
        ReadOnlySpan<byte> destination, ReadOnlySpan<byte> source, ushort vlanId, ushort type, int payloadBytes, out int payloadAt)
    {
        payloadAt = EtherType.HeaderBytes + (vlanId == 0 ? 0 : EtherType.VlanTagBytes);
        byte[] frame = new byte[Math.Max(EtherType.MinFrameBytes, payloadAt + payloadBytes)];
        destination.CopyTo(frame);
        source.CopyTo(frame.AsSpan(6));
        if (vlanId != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), EtherType.Vlan);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), vlanId);
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(payloadAt - 2), type);
        return frame;
    }
}
