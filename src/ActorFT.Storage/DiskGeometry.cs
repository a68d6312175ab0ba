namespace ActorFT.Storage;

/// <summary>How a disk is cut up: sectors (what guests address), blocks (what checksums cover), regions (what resync copies).</summary>
public sealed record DiskGeometry
{
    /// <summary>Bytes of a sector, the unit of guest requests (VirtIO 1.2 §5.2).</summary>
    public const int SectorBytes = 512;

    /// <summary>Bytes that one checksum covers.</summary>
    public const int BlockBytes = 4096;

    /// <summary>Smallest and largest region.</summary>
    public const int MinRegionBytes = 64 << 10, MaxRegionBytes = 16 << 20;

    /// <summary>Default region: fine enough that a database's scattered pages do not dirty the whole disk, coarse enough for one bit each.</summary>
    public const int DefaultRegionBytes = 256 << 10;

    /// <summary>Largest disk: 64 TiB, so that block and region counts stay far from overflow.</summary>
    public const long MaxCapacityBytes = 64L << 40;

    /// <summary>Creates and checks a geometry.</summary>
    /// <param name="capacityBytes">The disk's size, a positive multiple of 512.</param>
    /// <param name="regionBytes">A power of two from 64 KiB to 16 MiB.</param>
    /// <exception cref="StorageConfigurationException">A value is not allowed.</exception>
    public DiskGeometry(long capacityBytes, int regionBytes = DefaultRegionBytes)
    {
        if (capacityBytes <= 0 || capacityBytes % SectorBytes != 0 || capacityBytes > MaxCapacityBytes)
            throw new StorageConfigurationException($"A disk's size is {capacityBytes} bytes; a positive multiple of {SectorBytes} up to {MaxCapacityBytes} is needed.");
        if (regionBytes < MinRegionBytes || regionBytes > MaxRegionBytes || !System.Numerics.BitOperations.IsPow2(regionBytes))
            throw new StorageConfigurationException($"A disk's region size is {regionBytes} bytes; a power of two from {MinRegionBytes} to {MaxRegionBytes} is needed.");
        CapacityBytes = capacityBytes;
        RegionBytes = regionBytes;
        if ((capacityBytes + regionBytes - 1) / regionBytes > MaxRegionCount)
            throw new StorageConfigurationException($"A disk of {capacityBytes} bytes has too many regions of {regionBytes} bytes; at most {MaxRegionCount} are allowed.");
    }

    /// <summary>Most regions of a disk: bounds the memory for them (9 bytes each).</summary>
    public const int MaxRegionCount = 1 << 24;

    /// <summary>The disk's size in bytes.</summary>
    public long CapacityBytes { get; }

    /// <summary>Bytes of a region.</summary>
    public int RegionBytes { get; }

    /// <summary>Number of blocks; the last one may be shorter.</summary>
    public long BlockCount => (CapacityBytes + BlockBytes - 1) / BlockBytes;

    /// <summary>Number of regions; the last one may be shorter.</summary>
    public int RegionCount => (int)((CapacityBytes + RegionBytes - 1) / RegionBytes);

    /// <summary>Blocks of a whole region.</summary>
    public int BlocksPerRegion => RegionBytes / BlockBytes;

    /// <summary>Bytes of a block: 4096, or less for the last.</summary>
    public int BlockLength(long block) => (int)Math.Min(BlockBytes, CapacityBytes - block * BlockBytes);

    /// <summary>The region of a block.</summary>
    public int RegionOfBlock(long block) => (int)(block / BlocksPerRegion);

    /// <summary>The first and the last region that a range touches: at least a byte, inside the disk.</summary>
    public (int First, int Last) RegionsOf(long offsetBytes, long lengthBytes) => ((int)(offsetBytes / RegionBytes), (int)((offsetBytes + lengthBytes - 1) / RegionBytes));

    /// <summary>Start of a region in bytes.</summary>
    public long RegionOffset(int region) => (long)region * RegionBytes;

    /// <summary>Bytes of a region: <see cref="RegionBytes"/>, or less for the last.</summary>
    public int RegionLength(int region) => (int)Math.Min(RegionBytes, CapacityBytes - RegionOffset(region));

    /// <summary>Blocks of a region.</summary>
    public int RegionBlockCount(int region) => (RegionLength(region) + BlockBytes - 1) / BlockBytes;

    /// <summary>Whether a request's range is in whole sectors inside the disk. Guest-controlled values: no arithmetic here overflows.</summary>
    public bool IsValidRange(ulong offsetBytes, ulong lengthBytes) =>
        offsetBytes % SectorBytes == 0 && lengthBytes % SectorBytes == 0 && lengthBytes <= (ulong)CapacityBytes && offsetBytes <= (ulong)CapacityBytes - lengthBytes;
}
