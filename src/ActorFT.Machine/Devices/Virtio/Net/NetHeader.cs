using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>struct virtio_net_hdr (VirtIO 1.2 §5.1.6): before every frame, in both directions.</summary>
/// <param name="Flags">What is known of the checksum.</param>
/// <param name="GsoType">0: the frame is one packet.</param>
/// <param name="ChecksumStart">Where the bytes to sum begin.</param>
/// <param name="ChecksumOffset">Where the sum goes, from there.</param>
internal readonly record struct NetHeader(byte Flags, byte GsoType, ushort ChecksumStart, ushort ChecksumOffset)
{
    /// <summary>Size with num_buffers, which a VERSION_1 device always has.</summary>
    public const int Bytes = 12;

    /// <summary>The checksum is not complete yet.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>The checksum was found right.</summary>
    public const byte DataValid = 2;

    /// <summary>Reads a header that a driver wrote.</summary>
    public static NetHeader Parse(ReadOnlySpan<byte> header) => new(
        header[0], header[1], BinaryPrimitives.ReadUInt16LittleEndian(header[6..]), BinaryPrimitives.ReadUInt16LittleEndian(header[8..]));

    /// <summary>Writes the header of a received frame.</summary>
    public static void Write(Span<byte> header, byte flags, int bufferCount)
    {
        header[..Bytes].Clear();
        header[0] = flags;
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], (ushort)bufferCount);
    }
}
