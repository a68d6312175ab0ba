using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>Features, configuration space and limits of the network device (VirtIO 1.2 §5.1.3, §5.1.4).</summary>
internal static class NetConfig
{
    /// <summary>Frames may be sent with a checksum for the device to finish.</summary>
    public const ulong Checksum = 1UL << 0;

    /// <summary>The driver wants to hear that a received frame's checksum was found right.</summary>
    public const ulong GuestChecksum = 1UL << 1;

    public const ulong Mtu = 1UL << 3;
    public const ulong Mac = 1UL << 5;

    /// <summary>The driver takes TCP packets that were put together of several frames.</summary>
    public const ulong GuestTso4 = 1UL << 7, GuestTso6 = 1UL << 8;

    /// <summary>The device cuts large TCP packets into frames.</summary>
    public const ulong HostTso4 = 1UL << 11, HostTso6 = 1UL << 12;

    public const ulong MergeableBuffers = 1UL << 15;
    public const ulong Status = 1UL << 16;

    public const int MacBytes = 6;

    /// <summary>Bytes before an Ethernet frame's payload, with one VLAN tag.</summary>
    public const int LinkHeaderBytes = 18;

    /// <summary>The shortest frame: an Ethernet header.</summary>
    public const int MinFrameBytes = 14;

    /// <summary>The longest frame: the largest MTU and its header.</summary>
    public const int MaxFrameBytes = 65_535 + LinkHeaderBytes;

    private const ushort LinkUp = 1;

    /// <summary>The features offered.</summary>
    public const ulong Features = VirtioFeatures.Common | Checksum | GuestChecksum | Mtu | Mac | GuestTso4 | GuestTso6 | HostTso4 | HostTso6
        | MergeableBuffers | Status;

    /// <summary>The configuration space: mac, status, max_virtqueue_pairs (not offered, 0), mtu.</summary>
    public static byte[] Build(ReadOnlySpan<byte> macAddress, int mtuBytes)
    {
        var config = new byte[12];
        macAddress[..MacBytes].CopyTo(config);
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(6), LinkUp);
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(10), (ushort)mtuBytes);
        return config;
    }
}
