using System.Buffers;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

/// <summary>What a copy's metadata says about it: what CopyAuthority decides by and the operator sees.</summary>
/// <param name="Name">Machine and disk.</param>
/// <param name="DiskId">The disk's identity, the same on both copies.</param>
/// <param name="CopyId">This copy's own identity.</param>
/// <param name="CapacityBytes">The disk's size.</param>
/// <param name="State">Its state.</param>
/// <param name="Reason">Why, when not Good; else empty.</param>
/// <param name="Version">How new it is.</param>
/// <param name="IsAlone">Whether in that version it was the only current copy.</param>
/// <param name="NeedsFullCompare">Whether dirty regions cannot be relied on.</param>
/// <param name="DirtyRegionCount">Regions in which the other copy may differ.</param>
/// <param name="CorruptBlocksFound">Bad blocks met in its life.</param>
/// <param name="BlocksRepaired">Bad blocks repaired in its life.</param>
public sealed record CopyDescription(
    DiskName Name, Guid DiskId, Guid CopyId, long CapacityBytes, CopyState State, string Reason, MirrorVersion Version, bool IsAlone,
    bool NeedsFullCompare, int DirtyRegionCount, ulong CorruptBlocksFound, ulong BlocksRepaired);

/// <summary>A block looked at by scrub or by a full compare.</summary>
/// <param name="Stored">The checksum it should have.</param>
/// <param name="Actual">The checksum of its content; <see cref="BlockHash.Unknown"/> if the device cannot read it.</param>
public readonly record struct BlockCheck(ulong Stored, ulong Actual)
{
    /// <summary>Whether the content is what was written.</summary>
    public bool IsGood => Stored == Actual && Actual != BlockHash.Unknown;
}

// What the mirror asks of a copy: what differs, what it is, and whether its blocks are what they should be.
public sealed partial class DiskCopy
{
    private const int EntriesPerRecord = 1000;

    /// <summary>What the copy is.</summary>
    public CopyDescription Describe()
    {
        Superblock s = _superblock;
        int dirty;
        lock (_gate) dirty = _dirty.Count;
        return new CopyDescription(s.Name, s.DiskId, s.CopyId, s.CapacityBytes, s.State, s.Reason, s.Version, s.IsAlone, s.NeedsFullCompare, dirty,
            (ulong)Interlocked.Read(ref _corruptBlocksFound), (ulong)Interlocked.Read(ref _blocksRepaired));
    }

    /// <summary>Records state, reason and version, durably, before it returns.</summary>
    /// <exception cref="ArgumentException">The version is older than the recorded one: a broken invariant of the caller.</exception>
    public void SetStatus(CopyState state, string reason, MirrorVersion version, bool isAlone)
    {
        if (version < _superblock.Version) throw new ArgumentException($"A copy at version {_superblock.Version} cannot go back to {version}.", nameof(version));
        UpdateSuperblock(s => s with { State = state, Reason = reason, Version = version, IsAlone = isAlone });
    }

    /// <summary>Takes the other copy's disk identity: this copy is about to be filled from it.</summary>
    public void AdoptDiskId(Guid diskId) => UpdateSuperblock(s => s with { DiskId = diskId });

    /// <summary>Records, durably, whether dirty regions can be relied on.</summary>
    public void SetNeedsFullCompare(bool isNeeded) => UpdateSuperblock(s => s with { NeedsFullCompare = isNeeded });

    private void UpdateSuperblock(Func<Superblock, Superblock> change)
    {
        lock (_writeOut)
        {
            Superblock next = change(_superblock);
            next = next with
            {
                Generation = _superblock.Generation + 1,
                CorruptBlocksFound = (ulong)Interlocked.Read(ref _corruptBlocksFound),
                BlocksRepaired = (ulong)Interlocked.Read(ref _blocksRepaired),
            };
            // Allowed on a failed copy: that it failed is worth recording as long as the metadata takes it.
            next.Write(_metadata);
            _superblock = next;
        }
    }

    /// <summary>Regions in which the other copy may differ, rising.</summary>
    public IReadOnlyList<int> DirtyRegions()
    {
        lock (_gate) return _dirty.List();
    }

    /// <summary>
    /// The other copy has completed its flush of the same guest request: what both flushes cover is equal and stable on both.
    /// Regions not written since are no longer dirty.
    /// </summary>
    public void ConfirmMirrored(FlushTicket ticket)
    {
        lock (_writeOut)
        {
            if (ticket.Sequence > _flushedSequence) throw new InvalidOperationException($"Sequence {ticket.Sequence} is not flushed here; {_flushedSequence} is.");
            lock (_gate) _dirty.ConfirmMirrored(ticket.Sequence);
        }
    }

    /// <summary>Marks regions dirty, durably, before it returns.</summary>
    public void MarkDirty(IEnumerable<int> regions) => RecordRegions(JournalEntryKind.Dirty, regions, 0, _dirty.MarkDirty);

    /// <summary>
    /// Records that regions are equal and stable on both copies as of a ticket taken before they were read; regions written since
    /// stay dirty. Durable before it returns, so that a resync goes on after a crash from where it was.
    /// </summary>
    public void MarkClean(IEnumerable<int> regions, FlushTicket asOf) =>
        RecordRegions(JournalEntryKind.Clean, regions, asOf.Sequence, region => _dirty.MarkClean(region, asOf.Sequence));

    private void RecordRegions(JournalEntryKind kind, IEnumerable<int> regions, ulong sequence, Action<int> apply)
    {
        lock (_writeOut)
        {
            ThrowIfFailed();
            var runs = new List<JournalEntry>();
            foreach (int region in regions)
            {
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)region, (uint)Geometry.RegionCount, nameof(regions));
                // Written since: the mark of that write may be in a page by now, with no sequence beside it, and replaying a Clean would take it away.
                // In memory the write's own sequence keeps it dirty; on file the old mark stays until a checkpoint finds the region clean.
                if (kind == JournalEntryKind.Clean)
                {
                    lock (_gate)
                    {
                        if (_dirty.IsWrittenSince(region, sequence))
                        {
                            apply(region);
                            continue;
                        }
                    }
                }

                if (runs.Count > 0 && runs[^1].First + runs[^1].Count == region) runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
                else runs.Add(new JournalEntry(kind, region, 1, sequence));
            }
            foreach (JournalEntry[] chunk in runs.Chunk(EntriesPerRecord))
            {
                Guarded(() =>
                {
                    _entries.Clear();
                    _contents.Clear();
                    _entries.AddRange(chunk);
                    ulong current;
                    lock (_gate) current = _active.Sequence - 1;
                    AppendRecord(current);
                });
                lock (_gate)
                    foreach (JournalEntry run in chunk)
                        for (int i = 0; i < run.Count; i++) apply((int)run.First + i);
            }
        }
    }

    /// <summary>
    /// Looks at the blocks of a region: the checksum each should have and the one its content has. What is not in the image yet
    /// counts as it is in memory. Does not throw for what the image does, that is what it reports; only for metadata that cannot be read.
    /// </summary>
    public BlockCheck[] CheckRegion(int region)
    {
        long first = Geometry.RegionOffset(region) / DiskGeometry.BlockBytes;
        var checks = new BlockCheck[Geometry.RegionBlockCount(region)];
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadChunkBlocks * DiskGeometry.BlockBytes);
        try
        {
            for (int done = 0; done < checks.Length; done += ReadChunkBlocks)
            {
                int count = Math.Min(ReadChunkBlocks, checks.Length - done);
                long end = Math.Min((first + done + count) * DiskGeometry.BlockBytes, Geometry.CapacityBytes);
                CheckBlocks(first + done, buffer.AsSpan(0, (int)(end - (first + done) * DiskGeometry.BlockBytes)), checks.AsSpan(done, count));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return checks;
    }

    private void CheckBlocks(long first, Span<byte> buffer, Span<BlockCheck> checks)
    {
        List<long>? bad = null;
        BlockIoException? cause = null;
        ReadBlocks(first, checks.Length, buffer, ref bad, ref cause);
        for (int i = 0; i < checks.Length; i++)
        {
            ulong actual = BlockHash.Compute(_blockSeed, first + i, BlockOf(buffer, i));
            checks[i] = new BlockCheck(actual, actual);
        }
        if (bad is null) return;
        Interlocked.Add(ref _corruptBlocksFound, bad.Count);
        foreach (long block in bad)
        {
            // Once more by itself: to tell content that is wrong from a block that cannot be read.
            Span<byte> content = BlockOf(buffer, (int)(block - first));
            BlockIoException? blockCause = null;
            bool isGood = TryReadBlockAgain(block, content, ref blockCause);
            ulong actual = blockCause is null ? BlockHash.Compute(_blockSeed, block, content) : BlockHash.Unknown;
            ulong stored = actual;
            if (!isGood) lock (_gate) stored = _checksums.Get(block);
            checks[(int)(block - first)] = new BlockCheck(stored, actual);
        }
    }

    /// <summary>
    /// Puts the right content in place of a bad block, flushes, and reads it back from the image. Allowed beside reads.
    /// </summary>
    /// <param name="block">The block.</param>
    /// <param name="content">All of it, from the other copy, verified there.</param>
    /// <returns>Whether the device now gives back what was written.</returns>
    public bool RepairBlock(long block, ReadOnlySpan<byte> content)
    {
        if (content.Length != Geometry.BlockLength(block)) throw new ArgumentException($"Block {block} has {Geometry.BlockLength(block)} bytes; {content.Length} were given.", nameof(content));
        Write(block * DiskGeometry.BlockBytes, content);
        Flush();
        byte[] found = new byte[content.Length];
        BlockIoException? cause = null;
        if (!TryReadBlockAgain(block, found, ref cause)) return false;
        Interlocked.Increment(ref _blocksRepaired);
        return true;
    }

    /// <summary>
    /// Takes a region's content for right as it is: an operator's word when the other copy cannot give a better one, for instance after
    /// checksums were lost. Flushed before it returns.
    /// </summary>
    /// <returns>Blocks whose checksum was replaced.</returns>
    public int AcceptContent(int region)
    {
        long first = Geometry.RegionOffset(region) / DiskGeometry.BlockBytes;
        BlockCheck[] checks = CheckRegion(region);
        int accepted = 0;
        for (int i = 0; i < checks.Length; i++)
        {
            if (checks[i].IsGood || checks[i].Actual == BlockHash.Unknown) continue;
            byte[] content = new byte[Geometry.BlockLength(first + i)];
            _image.Read((first + i) * DiskGeometry.BlockBytes, content);
            Write((first + i) * DiskGeometry.BlockBytes, content);
            accepted++;
        }
        Flush();
        return accepted;
    }
}
