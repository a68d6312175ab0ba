using ActorFT.Node.Tests.Support;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using Xunit;

namespace ActorFT.Storage.Tests.Metadata;

/// <summary>
/// What one build writes beside an image the next one reads after an upgrade, and the one before after a step back: nothing of it changes without
/// the superblock's version, the journal included (records of a version that is not known would be taken for none at all).
/// </summary>
public sealed class MetadataContractTests
{
    private const int JournalBytes = 64 << 10;

    private static readonly DiskGeometry s_geometry = new(1 << 30, DiskGeometry.MinRegionBytes);

    private static readonly Superblock s_superblock = new()
    {
        Generation = 1, Name = new DiskName("machine", "root"), DiskId = Id(2), CopyId = Id(3), CapacityBytes = s_geometry.CapacityBytes, RegionBytes = s_geometry.RegionBytes,
        JournalBytes = JournalBytes, State = CopyState.Rebuilding, Reason = "why", Version = new MirrorVersion(4, 5), IsAlone = true, NeedsFullCompare = false, Epoch = 6,
        FirstRecord = 7, Sequence = 8, CorruptBlocksFound = 9, BlocksRepaired = 10,
    };

    private static Guid Id(byte seed) => new([.. Enumerable.Repeat(seed, 16)]);

    [Fact]
    public void MetadataFile_IsAsItsVersionSays()
    {
        MetadataLayout layout = new(s_geometry, JournalBytes);
        Contract.Hold("disk-metadata", "Superblock.FormatVersion", Superblock.FormatVersion,
        [
            .. Enum.GetValues<CopyState>().Select(state => $"state {state} = {(int)state}"),
            .. Enum.GetValues<JournalEntryKind>().Select(kind => $"journal entry {kind} = {(int)kind}"),
            $"second superblock at {MetadataLayout.SuperblockSlotStride}, journal at {MetadataLayout.JournalOffset}",
            $"of 1 GiB: {layout.RegionPageCount} pages of dirty regions at {layout.RegionPagesOffset}, {layout.ChecksumPageCount} pages of checksums at {layout.ChecksumPagesOffset}, {layout.LengthBytes} bytes in all",
            .. Contract.Bytes("superblock", s_superblock.Encode()),
            .. Contract.Bytes("journal record", JournalRecord()),
            .. Contract.Bytes("page", Page()),
        ]);
    }

    private static byte[] JournalRecord()
    {
        CrashBlockFile file = new("metadata", MetadataLayout.JournalOffset + JournalBytes, new CrashClock());
        Journal journal = new(file, JournalBytes, hashSeed: 1);
        journal.Begin(2, 3);
        journal.Append(4, 5, 6, [new(JournalEntryKind.Data, 7, 1, 8), new(JournalEntryKind.Zero, 9, 10, 0)], [new byte[DiskGeometry.BlockBytes]]);
        return file.Content[(int)MetadataLayout.JournalOffset..].ToArray();
    }

    private static byte[] Page()
    {
        CrashBlockFile file = new("metadata", 2 * MetadataLayout.PageBytes, new CrashClock());
        byte[] payload = new byte[ShadowPages.PayloadBytes];
        payload[1] = 2;
        new ShadowPages(file, 0, hashSeed: 1).Store(0, payload, new ShadowPosition(1, 1), epoch: 2);
        return file.Content.ToArray();
    }
}
