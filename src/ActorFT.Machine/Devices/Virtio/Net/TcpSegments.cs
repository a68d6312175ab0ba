using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>
/// A large TCP packet of a driver as the frames that leave (VIRTIO_NET_F_HOST_TSO4/6, VirtIO 1.2 §5.1.6.2): headers repeated, lengths, sequence numbers
/// and checksums of their own. The guest's stack handles one packet for some forty frames, which is most of what sending costs an interpreted CPU;
/// frames stay whole for the wire, the log and the other server.
/// </summary>
internal readonly ref struct TcpSegments
{
    /// <summary>Least payload of a frame but the last: what Linux allows as the least MSS (net.ipv4.tcp_min_snd_mss). It bounds what one packet can become.</summary>
    public const int MinPayloadBytes = 48;

    private readonly ReadOnlySpan<byte> _packet;
    private readonly TcpFrame _parts;
    private readonly int _payloadBytes; // of each frame but the last

    private TcpSegments(ReadOnlySpan<byte> packet, TcpFrame parts, int payloadBytes)
    {
        _packet = packet;
        (_parts, _payloadBytes) = (parts, payloadBytes);
        Count = Math.Max(1, (parts.PayloadBytes + payloadBytes - 1) / payloadBytes);
    }

    /// <summary>Number of frames; at least one.</summary>
    public int Count { get; }

    /// <summary>Takes a driver's packet. False: it is none that its header says, or frames of it would be too short or too long.</summary>
    /// <param name="packet">The whole packet with its Ethernet header.</param>
    /// <param name="header">What the driver says of it.</param>
    /// <param name="maxFrameBytes">The NIC's longest frame.</param>
    /// <param name="segments">The frames.</param>
    public static bool TryCut(ReadOnlySpan<byte> packet, NetHeader header, int maxFrameBytes, out TcpSegments segments)
    {
        segments = default;
        if (!TcpFrame.TryFind(packet, isWhole: true, out TcpFrame parts)) return false;
        if (header.GsoType != (parts.IsIpv6 ? NetHeader.GsoTcp6 : NetHeader.GsoTcp4)) return false;
        // §5.1.6.2.1: such a packet has its checksum to be done, in the place that TCP has it.
        if ((header.Flags & NetHeader.NeedsChecksum) == 0 || header.ChecksumStart != parts.TcpStart || header.ChecksumOffset != TcpFrame.ChecksumInTcp) return false;
        if (header.GsoSize < MinPayloadBytes || parts.PayloadStart + Math.Min(header.GsoSize, parts.PayloadBytes) > maxFrameBytes) return false;
        segments = new TcpSegments(packet, parts, header.GsoSize);
        return true;
    }

    /// <summary>Makes a frame, complete.</summary>
    public byte[] Make(int index)
    {
        int at = index * _payloadBytes, bytes = Math.Min(_payloadBytes, _parts.PayloadBytes - at);
        byte[] frame = GC.AllocateUninitializedArray<byte>(_parts.PayloadStart + bytes);
        _packet[.._parts.PayloadStart].CopyTo(frame);
        _packet.Slice(_parts.PayloadStart + at, bytes).CopyTo(frame.AsSpan(_parts.PayloadStart));
        Span<byte> tcp = frame.AsSpan(_parts.TcpStart);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[TcpFrame.SequenceInTcp..], BinaryPrimitives.ReadUInt32BigEndian(tcp[TcpFrame.SequenceInTcp..]) + (uint)at);
        if (index != 0) tcp[TcpFrame.FlagsInTcp] &= unchecked((byte)~TcpFrame.Cwr); // said once (RFC 3168 §6.1.2)
        if (index != Count - 1) tcp[TcpFrame.FlagsInTcp] &= unchecked((byte)~(TcpFrame.Fin | TcpFrame.Psh)); // the end's
        if (!_parts.IsIpv6)
        {
            Span<byte> id = frame.AsSpan(_parts.IpStart + TcpFrame.IdInIpv4);
            BinaryPrimitives.WriteUInt16BigEndian(id, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(id) + index));
        }

        TcpFrame whole = _parts with { End = frame.Length };
        whole.WriteLength(frame);
        whole.WriteChecksum(frame, isPartial: false);
        return frame;
    }
}
