using System.Buffers.Binary;
using System.Net;

namespace ActorFT.Network.Frames;

/// <summary>
/// Learns a machine's own addresses from the frames that it sends, so that whoever leads next can announce them.
/// Every replica makes the same frames, so the follower knows them before it ever sends one. What ARP and neighbour
/// discovery say is believed; a plain packet's source only when its hop count is one that hosts start with: a packet
/// that the guest merely forwards has one less. Bounded: the address unseen for longest gives way. Not thread-safe.
/// </summary>
public sealed class AddressLearner
{
    /// <summary>Most addresses kept per family.</summary>
    public const int MaxAddressesPerFamily = 16;

    private const byte ProtocolIcmpV6 = 58, NeighborAdvertisement = 136;

    private readonly byte[] _macAddress;
    private readonly List<MachineAddress> _v4 = new(MaxAddressesPerFamily);
    private readonly List<MachineAddress> _v6 = new(MaxAddressesPerFamily);

    /// <summary>Makes one that knows nothing yet.</summary>
    /// <param name="macAddress">The NIC's six bytes; frames from another source are not looked at.</param>
    public AddressLearner(ReadOnlySpan<byte> macAddress)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(macAddress.Length, EtherType.MacBytes);
        _macAddress = macAddress.ToArray();
    }

    /// <summary>The addresses known, the most recently seen first, IPv4 before IPv6.</summary>
    public IReadOnlyList<MachineAddress> Addresses => [.. _v4, .. _v6];

    /// <summary>Takes in addresses that another learner knew, e.g. the other server's.</summary>
    public void Add(IEnumerable<MachineAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        foreach (MachineAddress address in addresses.Reverse()) Learn(address.VlanId, address.Address.GetAddressBytes());
    }

    /// <summary>Looks at a frame that the machine sent. Never throws, whatever is in it.</summary>
    public void Observe(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EtherType.HeaderBytes || !frame.Slice(EtherType.MacBytes, EtherType.MacBytes).SequenceEqual(_macAddress)) return;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        ReadOnlySpan<byte> payload = frame[EtherType.HeaderBytes..];
        ushort vlanId = 0;
        if (type == EtherType.Vlan)
        {
            if (payload.Length < EtherType.VlanTagBytes) return;
            vlanId = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(payload) & 0xFFF);
            type = BinaryPrimitives.ReadUInt16BigEndian(payload[2..]);
            payload = payload[EtherType.VlanTagBytes..];
        }

        if (type == EtherType.Arp) ObserveArp(vlanId, payload);
        else if (type == EtherType.IPv4) ObserveIPv4(vlanId, payload);
        else if (type == EtherType.IPv6) ObserveIPv6(vlanId, payload);
    }

    // RFC 826: hardware type 1, protocol IPv4, lengths 6 and 4; the sender's addresses are the machine's own.
    private void ObserveArp(ushort vlanId, ReadOnlySpan<byte> arp)
    {
        if (arp.Length < EtherType.ArpBytes || BinaryPrimitives.ReadUInt64BigEndian(arp) >> 16 != 0x0001_0800_0604) return;
        if (arp.Slice(8, 6).SequenceEqual(_macAddress)) Learn(vlanId, arp.Slice(14, 4));
    }

    private void ObserveIPv4(ushort vlanId, ReadOnlySpan<byte> packet)
    {
        if (packet.Length < EtherType.IPv4HeaderBytes || packet[0] >> 4 != 4) return;
        if (IsInitialHopCount(packet[8])) Learn(vlanId, packet.Slice(12, 4));
    }

    private void ObserveIPv6(ushort vlanId, ReadOnlySpan<byte> packet)
    {
        if (packet.Length < EtherType.IPv6HeaderBytes || packet[0] >> 4 != 6) return;
        byte hopLimit = packet[7];
        ReadOnlySpan<byte> body = packet[EtherType.IPv6HeaderBytes..];
        // RFC 4861 §4.3, §4.4: hop limit 255 proves that a neighbour message is the sender's own. An advertisement's
        // target is the machine's own; a solicitation's target is not (yet).
        bool isIcmp = packet[6] == ProtocolIcmpV6 && body.Length >= 24 && hopLimit == 255;
        if (isIcmp && body[0] == NeighborAdvertisement) Learn(vlanId, body.Slice(8, 16));
        else if (IsInitialHopCount(hopLimit)) Learn(vlanId, packet.Slice(8, 16));
    }

    private static bool IsInitialHopCount(byte count) => count is 32 or 64 or 128 or 255;

    private void Learn(ushort vlanId, ReadOnlySpan<byte> bytes)
    {
        List<MachineAddress> known = bytes.Length == 4 ? _v4 : _v6;
        if (!IsUnicast(bytes)) return;
        // The usual case, without an allocation: the address seen last is seen again.
        Span<byte> last = stackalloc byte[16];
        if (known.Count > 0 && known[0].VlanId == vlanId && known[0].Address.TryWriteBytes(last, out int written)
            && last[..written].SequenceEqual(bytes)) return;
        MachineAddress address = new(vlanId, new IPAddress(bytes));
        known.Remove(address);
        if (known.Count == MaxAddressesPerFamily) known.RemoveAt(known.Count - 1);
        known.Insert(0, address);
    }

    private static bool IsUnicast(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        // Not 0/8 ("this network"), 127/8, 224/4 and above (RFC 6890).
        4 => bytes[0] is not (0 or 127 or >= 224),
        // Not multicast, not :: and not ::1.
        16 => bytes[0] != 0xFF && (bytes[..15].IndexOfAnyExcept((byte)0) >= 0 || bytes[15] > 1),
        _ => false,
    };
}
