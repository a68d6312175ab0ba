using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

/// <summary>How a copy is kept. The defaults are for real use; the limits bound memory whatever the guest does.</summary>
public sealed record DiskCopyOptions
{
    /// <summary>Bytes of the journal; fixed when the copy is made. 64 KiB to 256 MiB, a multiple of 4 KiB.</summary>
    public int JournalBytes { get; init; } = 16 << 20;

    /// <summary>Bytes written and not yet flushed that are held in memory, as a drive's volatile cache would, before they go to the image.</summary>
    public int CacheBytes { get; init; } = 16 << 20;

    /// <summary>
    /// A flush of at most this many blocks puts their content into the journal: one flush of the metadata file instead of one
    /// there and one of the image. Larger ones announce themselves in the journal and go to the image.
    /// </summary>
    public int DataJournalBlocks { get; init; } = 32;

    /// <summary>Clean pages of checksums kept in memory: each is 4 KiB and covers about 2 MiB of disk.</summary>
    public int ChecksumPagesCached { get; init; } = 8192;

    /// <summary>Checks the values against each other.</summary>
    /// <exception cref="StorageConfigurationException">A value is not allowed.</exception>
    public void Validate()
    {
        if (JournalBytes is < MetadataLayout.MinJournalBytes or > MetadataLayout.MaxJournalBytes || JournalBytes % Journal.AlignmentBytes != 0)
            throw new StorageConfigurationException($"journal-bytes is {JournalBytes}; a multiple of {Journal.AlignmentBytes} from {MetadataLayout.MinJournalBytes} to {MetadataLayout.MaxJournalBytes} is needed.");
        int blocks = CacheBytes / DiskGeometry.BlockBytes;
        if (blocks < 4 || Journal.RecordBytes(blocks, 0) > Journal.MaxRecordBytes(JournalBytes))
            throw new StorageConfigurationException($"cache-bytes is {CacheBytes}; from {4 * DiskGeometry.BlockBytes} to {MaxCacheBytes(JournalBytes)} is allowed with journal-bytes {JournalBytes}.");
        if (DataJournalBlocks < 0 || Journal.RecordBytes(DataJournalBlocks, DataJournalBlocks) > Journal.MaxRecordBytes(JournalBytes))
            throw new StorageConfigurationException($"data-journal-blocks is {DataJournalBlocks}; half of journal-bytes {JournalBytes} must hold them.");
        if (ChecksumPagesCached < 1) throw new StorageConfigurationException($"checksum-pages-cached is {ChecksumPagesCached}; at least 1 is needed.");
    }

    private static long MaxCacheBytes(int journalBytes) => (long)(Journal.MaxRecordBytes(journalBytes) - Journal.HeaderBytes) / Journal.EntryBytes * DiskGeometry.BlockBytes;
}
