using System.Buffers.Binary;

namespace ActorFT.Machine.Devices.Virtio.Block;

/// <summary>Features and configuration space of the block device (VirtIO 1.2 §5.2.3, §5.2.4), and the limits they announce.</summary>
internal static class BlockConfig
{
    public const ulong SizeMax = 1UL << 1;
    public const ulong SegMax = 1UL << 2;
    public const ulong ReadOnly = 1UL << 5;
    public const ulong BlockSize = 1UL << 6;
    public const ulong Flush = 1UL << 9;
    public const ulong Topology = 1UL << 10;
    public const ulong ConfigWce = 1UL << 11;
    public const ulong Discard = 1UL << 13;
    public const ulong WriteZeroes = 1UL << 14;

    /// <summary>Bytes of a sector: the protocol's unit, whatever the block size.</summary>
    public const int SectorBytes = 512;

    /// <summary>Data segments of a request: the longest chain less header and status.</summary>
    public const int MaxSegments = Queues.DescriptorChain.MaxDescriptors - 2;

    /// <summary>Bytes of one data segment, as announced. A driver that keeps both limits never exceeds <see cref="MaxRequestBytes"/>.</summary>
    public const int MaxSegmentBytes = 16 * 1024;

    /// <summary>Bytes one request reads or writes.</summary>
    public const int MaxRequestBytes = 4 * 1024 * 1024;

    /// <summary>
    /// Bytes of all requests in flight: the writes among them are part of the state, and of each digest. When no
    /// further request would surely fit, the rest waits in the ring for completions.
    /// </summary>
    public const int MaxInFlightBytes = 2 * MaxRequestBytes;

    /// <summary>Requests in flight, those of a driver that has reset the device since included.</summary>
    public const int MaxInFlightRequests = Queues.SplitVirtqueue.MaxSize;

    /// <summary>Ranges of one DISCARD or WRITE_ZEROES.</summary>
    public const int MaxRanges = 16;

    /// <summary>Sectors of one such range: 128 MiB, so that one request never keeps a back end busy for long.</summary>
    public const uint MaxRangeSectors = 128 * 1024 * 1024 / SectorBytes;

    /// <summary>Bytes of the device ID string.</summary>
    public const int IdBytes = 20;

    /// <summary>Offset of the field writeback: the only one a driver may write.</summary>
    public const int WritebackOffset = 32;

    private const int LengthBytes = 60; // up to and with unused1
    private const byte PhysicalBlockExponent = 3; // 8 sectors: the 4 KiB over which back ends keep checksums
    private const uint AlignmentSectors = 1u << PhysicalBlockExponent;

    /// <summary>The features offered.</summary>
    public static ulong Features(bool isReadOnly)
    {
        ulong features = VirtioFeatures.Common | SizeMax | SegMax | BlockSize | Flush | Topology | ConfigWce;
        return features | (isReadOnly ? ReadOnly : Discard | WriteZeroes);
    }

    /// <summary>The configuration space.</summary>
    public static byte[] Build(ulong capacityBytes, bool isReadOnly)
    {
        var config = new byte[LengthBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(config, capacityBytes / SectorBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(8), MaxSegmentBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(12), MaxSegments);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(20), SectorBytes);
        config[24] = PhysicalBlockExponent;
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(26), (ushort)AlignmentSectors); // min_io_size
        config[WritebackOffset] = 1;
        if (isReadOnly) return config;
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(36), MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(40), MaxRanges);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(44), AlignmentSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(48), MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(52), MaxRanges);
        config[56] = 1; // write_zeroes_may_unmap
        return config;
    }
}
