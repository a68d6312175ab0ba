using System.Buffers.Binary;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>A TCP sender's packets, written from RFC 791, 8200, 9293 and 1071, bytewise and on its own.</summary>
internal sealed class TcpStream
{
    private readonly Random _random;
    private readonly byte[] _link;
    private readonly byte[] _ip;
    private readonly byte[] _tcp;
    private uint _sequence;
    private ushort _id;

    public TcpStream(Random random, bool isIpv6, bool isTagged = false, int optionBytes = 12, ushort port = 80)
    {
        _random = random;
        IsIpv6 = isIpv6;
        byte[] type = isIpv6 ? [0x86, 0xdd] : [0x08, 0x00];
        _link = [.. Bytes(12), .. isTagged ? (byte[])[0x81, 0, 0, 5] : [], .. type];
        _ip = Bytes(isIpv6 ? 40 : 20);
        if (isIpv6) (_ip[0], _ip[6]) = ((byte)(0x60 | (_ip[0] & 15)), 6);
        else (_ip[0], _ip[6], _ip[7], _ip[9]) = (0x45, 0x40, 0, 6);
        _tcp = Bytes(20 + optionBytes);
        BinaryPrimitives.WriteUInt16BigEndian(_tcp, port);
        _tcp[12] = (byte)((20 + optionBytes) / 4 << 4);
        _sequence = (uint)random.NextInt64(1L << 32);
        _id = (ushort)random.Next(1 << 16);
    }

    public bool IsIpv6 { get; }

    public int TcpStart => _link.Length + _ip.Length;

    public int HeaderBytes => TcpStart + _tcp.Length;

    /// <summary>Frames of the stream's next bytes; the last one has PSH when asked.</summary>
    public List<byte[]> Frames(int payloadBytes, int segmentBytes, bool isPushed = true)
    {
        List<byte[]> frames = [];
        for (int at = 0; at < payloadBytes; at += segmentBytes)
        {
            int bytes = Math.Min(segmentBytes, payloadBytes - at);
            frames.Add(Frame(Bytes(bytes), (byte)(isPushed && at + bytes == payloadBytes ? 0x18 : 0x10)));
        }

        return frames;
    }

    /// <summary>The next frame.</summary>
    public byte[] Frame(byte[] payload, byte flags)
    {
        byte[] frame = [.. _link, .. _ip, .. _tcp, .. payload];
        Span<byte> ip = frame.AsSpan(_link.Length), tcp = frame.AsSpan(TcpStart);
        BinaryPrimitives.WriteUInt16BigEndian(ip[(IsIpv6 ? 4 : 2)..], (ushort)(frame.Length - (IsIpv6 ? TcpStart : _link.Length)));
        if (!IsIpv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], _id++);
            (ip[10], ip[11]) = (0, 0);
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Sum(ip[..20]));
        }

        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], _sequence);
        _sequence += (uint)payload.Length;
        tcp[13] = flags;
        (tcp[16], tcp[17]) = (0, 0);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], (ushort)~Sum([.. Pseudo(ip, tcp.Length), .. tcp]));
        return frame;
    }

    /// <summary>A packet as a driver gives it to be cut: the checksum field holds the pseudo header's sum.</summary>
    public byte[] Large(int payloadBytes, byte flags)
    {
        byte[] packet = Frame(Bytes(payloadBytes), flags);
        Span<byte> tcp = packet.AsSpan(TcpStart);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Sum(Pseudo(packet.AsSpan(_link.Length), tcp.Length)));
        return packet;
    }

    /// <summary>Forgets that frames were made: the next ones repeat sequence numbers.</summary>
    public void Rewind(int bytes) => _sequence -= (uint)bytes;

    public void AcknowledgeMore() => _tcp[11]++;

    private byte[] Pseudo(ReadOnlySpan<byte> ip, int bytes) =>
        [.. IsIpv6 ? ip.Slice(8, 32) : ip.Slice(12, 8), (byte)(bytes >> 24), (byte)(bytes >> 16), (byte)(bytes >> 8), (byte)bytes, 0, 6];

    private static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += (uint)(bytes[i] << 8 | (i + 1 < bytes.Length ? bytes[i + 1] : 0));
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }
}
