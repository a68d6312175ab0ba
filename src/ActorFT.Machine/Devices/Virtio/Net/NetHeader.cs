using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>struct virtio_net_hdr (VirtIO 1.2 §5.1.6): before every frame, in both directions.</summary>
/// <param name="Flags">What is known of the checksum.</param>
/// <param name="GsoType">0: the frame is one packet of the wire; else what it is to be cut into.</param>
/// <param name="HeaderBytes">A hint: length of the headers that each of them has.</param>
/// <param name="GsoSize">Payload of each of them but the last.</param>
/// <param name="ChecksumStart">Where the bytes to sum begin.</param>
/// <param name="ChecksumOffset">Where the sum goes, from there.</param>
internal readonly record struct NetHeader(byte Flags, byte GsoType, ushort HeaderBytes, ushort GsoSize, ushort ChecksumStart, ushort ChecksumOffset)
{
    /// <summary>Size with num_buffers, which a VERSION_1 device always has.</summary>
    public const int Bytes = 12;

    /// <summary>The checksum is not complete yet.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>The checksum was found right.</summary>
    public const byte DataValid = 2;

    /// <summary>TCP over IPv4, TCP over IPv6.</summary>
    public const byte GsoTcp4 = 1, GsoTcp6 = 4;

    /// <summary>Reads a header that a driver wrote.</summary>
    public static NetHeader Parse(ReadOnlySpan<byte> header) => new(
        header[0], header[1], BinaryPrimitives.ReadUInt16LittleEndian(header[2..]), BinaryPrimitives.ReadUInt16LittleEndian(header[4..]),
        BinaryPrimitives.ReadUInt16LittleEndian(header[6..]), BinaryPrimitives.ReadUInt16LittleEndian(header[8..]));

    /// <summary>Writes it before a received frame that takes some buffers.</summary>
    public void Write(Span<byte> header, int bufferCount)
    {
        header[0] = Flags;
        header[1] = GsoType;
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], GsoSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], ChecksumStart);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], ChecksumOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], (ushort)bufferCount);
    }
}
