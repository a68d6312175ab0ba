using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>
/// Frames of one TCP stream that came behind each other in one round, put together for the driver (VIRTIO_NET_F_GUEST_TSO4/6, VirtIO 1.2 §5.1.6.4): the
/// guest's stack handles one packet for up to some forty frames. Only what can be cut into the same frames again is merged: equal headers but for
/// length, sequence number and PSH, right checksums, every payload but the last of one size. Invariant: empty between inputs of two rounds.
/// </summary>
internal sealed class TcpMerge
{
    private const int MaxPacketBytes = 65_535;

    private readonly byte[] _frame = new byte[NetConfig.MaxFrameBytes];
    private TcpFrame _parts;
    private uint _nextSequence;
    private ushort _nextId;
    private bool _isClosed;

    /// <summary>Frames that are in it.</summary>
    public int Count { get; private set; }

    /// <summary>Payload of every frame but the last, in bytes.</summary>
    public int SegmentBytes { get; private set; }

    /// <summary>The frame that came, while it is alone; the packet that is ready for the driver after <see cref="Finish"/>.</summary>
    public ReadOnlySpan<byte> Frame => _frame.AsSpan(0, Length);

    private int Length { get; set; }

    /// <summary>The whole's header for the driver; after <see cref="Finish"/>.</summary>
    public NetHeader Header => new(NetHeader.NeedsChecksum, _parts.IsIpv6 ? NetHeader.GsoTcp6 : NetHeader.GsoTcp4, (ushort)_parts.PayloadStart, (ushort)SegmentBytes,
        (ushort)_parts.TcpStart, TcpFrame.ChecksumInTcp);

    /// <summary>Begins with a frame. False: it is none that another may follow, and nothing was taken.</summary>
    public bool TryBegin(ReadOnlySpan<byte> frame, bool takesIpv4, bool takesIpv6)
    {
        if (!TryRead(frame, out TcpFrame parts) || !(parts.IsIpv6 ? takesIpv6 : takesIpv4) || !InternetChecksum.IsTransportValid(frame)) return false;
        frame.CopyTo(_frame);
        (_parts, Length, Count, SegmentBytes, _isClosed) = (parts, frame.Length, 1, parts.PayloadBytes, IsPushed(frame, parts));
        _nextSequence = Sequence(frame, parts) + (uint)parts.PayloadBytes;
        _nextId = (ushort)(Id(frame, parts) + 1);
        return true;
    }

    /// <summary>Takes a frame that continues what is there. False: it does not.</summary>
    public bool TryAppend(ReadOnlySpan<byte> frame)
    {
        // The checksum last, over all its bytes: a frame that does not continue has it looked at when it begins a packet.
        if (Count == 0 || _isClosed || !TryRead(frame, out TcpFrame parts) || !Continues(frame, parts) || !InternetChecksum.IsTransportValid(frame)) return false;
        frame[parts.PayloadStart..parts.End].CopyTo(_frame.AsSpan(_parts.End));
        _parts = _parts with { End = _parts.End + parts.PayloadBytes };
        Length = _parts.End;
        Count++;
        _nextSequence += (uint)parts.PayloadBytes;
        _nextId++;
        bool isPushed = IsPushed(frame, parts);
        if (isPushed) _frame[_parts.TcpStart + TcpFrame.FlagsInTcp] |= TcpFrame.Psh;
        _isClosed = isPushed || parts.PayloadBytes < SegmentBytes;
        return true;
    }

    /// <summary>Makes one packet of several frames; one frame alone stays as it came.</summary>
    public void Finish()
    {
        if (Count <= 1) return;
        _parts.WriteLength(_frame);
        _parts.WriteChecksum(_frame, isPartial: true);
    }

    /// <summary>Is empty again.</summary>
    public void Clear() => Count = 0;

    // Data and nothing else, its checksum not looked at yet: SYN, FIN, RST, URG and congestion marks are events of their own.
    private static bool TryRead(ReadOnlySpan<byte> frame, out TcpFrame parts)
    {
        if (!TcpFrame.TryFind(frame, isWhole: false, out parts) || parts.PayloadBytes == 0) return false;
        ReadOnlySpan<byte> tcp = frame[parts.TcpStart..];
        if ((tcp[TcpFrame.FlagsInTcp] & ~TcpFrame.Psh) != TcpFrame.Ack || (tcp[TcpFrame.OffsetInTcp] & 15) != 0) return false;
        // Options of IPv4 and a wrong header are the guest's own to judge.
        return parts.IsIpv6 || (parts.TcpStart - parts.IpStart == 20 && InternetChecksum.IsIpv4HeaderValid(frame.Slice(parts.IpStart, 20)));
    }

    private bool Continues(ReadOnlySpan<byte> frame, TcpFrame parts)
    {
        if (parts.IsIpv6 != _parts.IsIpv6 || parts.IpStart != _parts.IpStart || parts.PayloadStart != _parts.PayloadStart) return false;
        if (parts.PayloadBytes > SegmentBytes || _parts.End - _parts.IpStart + parts.PayloadBytes > MaxPacketBytes) return false;
        if (Sequence(frame, parts) != _nextSequence) return false;
        ReadOnlySpan<byte> first = _frame;
        int ip = parts.IpStart, tcp = parts.TcpStart;
        bool isSame = parts.IsIpv6
            ? Same(first, frame, 0, ip + TcpFrame.LengthInIpv6) && Same(first, frame, ip + 6, tcp)
            : Same(first, frame, 0, ip + TcpFrame.LengthInIpv4) && Same(first, frame, ip + 6, ip + TcpFrame.ChecksumInIpv4) && Same(first, frame, ip + TcpFrame.AddressesInIpv4, tcp)
                && (IsWholeAnyway(frame, parts) || Id(frame, parts) == _nextId);
        return isSame && Same(first, frame, tcp, tcp + TcpFrame.SequenceInTcp) && Same(first, frame, tcp + TcpFrame.AcknowledgementInTcp, tcp + TcpFrame.FlagsInTcp)
            && Same(first, frame, tcp + TcpFrame.WindowInTcp, tcp + TcpFrame.ChecksumInTcp) && Same(first, frame, tcp + TcpFrame.UrgentInTcp, parts.PayloadStart);
    }

    private static bool Same(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other, int from, int to) => one[from..to].SequenceEqual(other[from..to]);

    // With DF nobody puts fragments together by the identification (RFC 6864 §4.1).
    private static bool IsWholeAnyway(ReadOnlySpan<byte> frame, TcpFrame parts) => (frame[parts.IpStart + 6] & 0x40) != 0;

    private static bool IsPushed(ReadOnlySpan<byte> frame, TcpFrame parts) => (frame[parts.TcpStart + TcpFrame.FlagsInTcp] & TcpFrame.Psh) != 0;

    private static uint Sequence(ReadOnlySpan<byte> frame, TcpFrame parts) => BinaryPrimitives.ReadUInt32BigEndian(frame[(parts.TcpStart + TcpFrame.SequenceInTcp)..]);

    private static ushort Id(ReadOnlySpan<byte> frame, TcpFrame parts) => parts.IsIpv6 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(frame[(parts.IpStart + TcpFrame.IdInIpv4)..]);
}
