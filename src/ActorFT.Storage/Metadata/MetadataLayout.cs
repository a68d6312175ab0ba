namespace ActorFT.Storage.Metadata;

/// <summary>
/// Where things are in a metadata file (docs/disks.md):
/// superblock slot 0 at 0, slot 1 at 32 KiB; the journal at 64 KiB; the pages of dirty regions; the pages of checksums.
/// Every page has two slots side by side.
/// </summary>
internal sealed class MetadataLayout
{
    internal const int PageBytes = 4096;
    internal const long SuperblockSlotStride = 32 << 10;
    internal const long JournalOffset = 64 << 10;
    internal const int MinJournalBytes = 64 << 10, MaxJournalBytes = 256 << 20;

    internal MetadataLayout(DiskGeometry geometry, int journalBytes)
    {
        JournalBytes = journalBytes;
        RegionPageCount = (geometry.RegionCount + RegionsPerPage - 1) / RegionsPerPage;
        ChecksumPageCount = (geometry.BlockCount + ChecksumsPerPage - 1) / ChecksumsPerPage;
    }

    internal const int RegionsPerPage = ShadowPages.PayloadBytes * 8;
    internal const int ChecksumsPerPage = ShadowPages.PayloadBytes / sizeof(ulong);

    internal int JournalBytes { get; }
    internal long RegionPageCount { get; }
    internal long ChecksumPageCount { get; }
    internal long RegionPagesOffset => JournalOffset + JournalBytes;
    internal long ChecksumPagesOffset => RegionPagesOffset + RegionPageCount * 2 * PageBytes;
    internal long LengthBytes => ChecksumPagesOffset + ChecksumPageCount * 2 * PageBytes;
}
