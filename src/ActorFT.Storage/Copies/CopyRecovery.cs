using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

/// <summary>
/// Brings a copy back to one consistent state after a crash: plays the journal's epoch over checksums and dirty regions, then settles each block
/// whose last write may not have reached the image. Doing it twice, or half and then again, gives the same result.
/// </summary>
internal sealed class CopyRecovery(IBlockFile image, DiskGeometry geometry, ulong blockSeed, ChecksumTable checksums, DirtyRegions dirty)
{
    /// <summary>What the unstable part of the journal says about one block.</summary>
    private sealed class Doubt
    {
        /// <summary>Checksums of contents the image may rightly hold: before the unstable part, and each write in it.</summary>
        internal readonly List<ulong> Allowed = [];
        internal JournalRecord? RedoRecord;
        internal int RedoIndex;
        internal ulong RedoChecksum;
        internal bool CanRedo, IsLastRedo;
    }

    // DETERMINISM is not at stake, reproducibility is: blocks are settled in rising order.
    private readonly SortedDictionary<long, Doubt> _doubts = [];
    private int _redone, _inDoubt, _old, _torn, _unreadable;

    internal RecoveryReport Run(List<JournalRecord> records, bool isDirtyUnknown)
    {
        ulong stable = 0;
        foreach (JournalRecord record in records)
        {
            stable = Math.Max(stable, record.StableRecord);
            dirty.ConfirmMirrored(record.MirroredSequence);
        }
        foreach (JournalRecord record in records) Play(record, record.Number > stable);
        foreach ((long block, Doubt doubt) in _doubts) Settle(block, doubt);
        return new RecoveryReport(records.Count, _redone, _inDoubt, _old, _torn, _unreadable, isDirtyUnknown);
    }

    private void Play(JournalRecord record, bool isUnstable)
    {
        int dataIndex = 0;
        foreach (JournalEntry entry in record.Entries)
        {
            if (entry.Kind is JournalEntryKind.Clean or JournalEntryKind.Dirty)
            {
                for (int i = 0; i < entry.Count; i++)
                    if (entry.Kind == JournalEntryKind.Clean) dirty.MarkClean((int)entry.First + i, entry.Checksum);
                    else dirty.MarkDirty((int)entry.First + i);
                continue;
            }
            for (int region = geometry.RegionOfBlock(entry.First); region <= geometry.RegionOfBlock(entry.First + entry.Count - 1); region++) dirty.MarkWritten(region, record.Sequence);
            if (isUnstable && entry.Kind == JournalEntryKind.Zero && entry.Count > DiskCopy.MaxBufferedZeroBlocks) ZeroNow(entry);
            else
                for (int i = 0; i < entry.Count; i++)
                {
                    if (isUnstable) Remember(record, entry, entry.First + i, dataIndex);
                    checksums.Set(entry.First + i, entry.Checksum);
                }
            if (entry.Kind == JournalEntryKind.Data) dataIndex++;
        }
    }

    // A large Zero is made stable before any later record is written, so an unstable one is the last record that counts.
    private void ZeroNow(JournalEntry entry)
    {
        long end = Math.Min((entry.First + entry.Count) * DiskGeometry.BlockBytes, geometry.CapacityBytes);
        image.ZeroRange(entry.First * DiskGeometry.BlockBytes, end - entry.First * DiskGeometry.BlockBytes);
        for (long block = entry.First; block < entry.First + entry.Count; block++)
        {
            _doubts.Remove(block);
            checksums.Set(block, BlockHash.Zero);
        }
    }

    private void Remember(JournalRecord record, JournalEntry entry, long block, int dataIndex)
    {
        if (!_doubts.TryGetValue(block, out Doubt? doubt))
        {
            _doubts[block] = doubt = new Doubt();
            doubt.Allowed.Add(checksums.Get(block));
        }
        doubt.Allowed.Add(entry.Checksum);
        doubt.IsLastRedo = entry.Kind != JournalEntryKind.Intent;
        if (!doubt.IsLastRedo) return;
        doubt.CanRedo = true;
        doubt.RedoRecord = entry.Kind == JournalEntryKind.Data ? record : null;
        doubt.RedoIndex = dataIndex;
        doubt.RedoChecksum = entry.Checksum;
    }

    private void Settle(long block, Doubt doubt)
    {
        if (doubt.IsLastRedo)
        {
            Redo(block, doubt);
            return;
        }
        _inDoubt++;
        byte[] content = new byte[geometry.BlockLength(block)];
        try
        {
            image.Read(block * DiskGeometry.BlockBytes, content);
        }
        catch (BlockIoException)
        {
            _unreadable++; // keeps its new checksum: reads will say that the block is bad, and a repair can replace it
            return;
        }
        ulong found = BlockHash.Compute(blockSeed, block, content);
        if (found == doubt.Allowed[^1]) return;
        // The last write was not covered by a completed flush: if it had been, the image would hold it. An earlier content in
        // the journal may have been covered, and its place in the image may have been lost with it: that one is put back.
        if (doubt.CanRedo)
        {
            Redo(block, doubt);
            return;
        }
        if (doubt.Allowed.Contains(found)) _old++;
        else _torn++;
        checksums.Set(block, found);
    }

    private void Redo(long block, Doubt doubt)
    {
        int length = geometry.BlockLength(block);
        if (doubt.RedoRecord is { } record) image.Write(block * DiskGeometry.BlockBytes, record.Payload(doubt.RedoIndex)[..length]);
        else image.ZeroRange(block * DiskGeometry.BlockBytes, length);
        checksums.Set(block, doubt.RedoChecksum);
        _redone++;
    }
}
