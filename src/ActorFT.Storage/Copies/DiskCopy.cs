using System.Buffers;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

/// <summary>
/// One server's copy of a disk: an image with metadata beside it. Owns what is on both files and when it gets there; decides
/// nothing about the other copy (see Mirror/). Its invariants (argued in docs/disks.md):
/// what a completed flush covered is readable after any crash; a read returns what was last written or throws, never
/// anything else; a region whose content may differ from the other copy is marked dirty before it can differ on disk.
/// </summary>
/// <remarks>
/// Writes are held in memory until a flush or until there are too many, as a drive's volatile cache does, then written out in
/// batches: the journal record first (flushed), then the image. Thread-safe: reads run beside everything; mutations take
/// turns; a flush lets later writes go on while it waits for the devices.
/// <code>
///  Write ──► active batch ──Seal──► sealed batches ──WriteOut──► journal ▸flush▸ image ──Checkpoint──► checksum + region pages
///                └──────────── Read looks here first, newest first ───────────┘   image, verified
/// </code>
/// </remarks>
public sealed partial class DiskCopy : IDisposable
{
    /// <summary>Blocks read and verified in one go: bounds the buffer whatever the request's length.</summary>
    private const int ReadChunkBlocks = 64;

    /// <summary>A block that keeps changing under a read is looked at this often before it is called corrupt.</summary>
    private const int ReadAttempts = 8;

    private readonly IBlockFile _image;
    private readonly IBlockFile _metadata;
    private readonly DiskCopyOptions _options;
    private readonly ulong _blockSeed;

    // Lock order: _mutation, _writeOut, _gate. _gate is held for memory only (and loads of checksum pages); the others across I/O.
    private readonly Lock _mutation = new();
    private readonly Lock _writeOut = new();
    private readonly Lock _gate = new();

    private readonly ChecksumTable _checksums;
    private readonly DirtyRegions _dirty;
    private readonly Journal _journal;
    private readonly LinkedList<WriteBatch> _sealed = new();
    private readonly Stack<byte[]> _spareBlocks = new();
    private readonly int _activeBlockLimit;
    private WriteBatch _active;
    private Superblock _superblock;
    private ulong _stableRecord;
    private bool _hasUnstableIntents;
    private BlockIoException? _failure;
    private long _corruptBlocksFound, _blocksRepaired;
    private bool _isClosed;

    /// <summary>How the disk is cut up.</summary>
    public DiskGeometry Geometry { get; }

    /// <summary>Which disk it is a copy of.</summary>
    public DiskName Name => _superblock.Name;

    /// <summary>What recovery found when it was opened.</summary>
    public RecoveryReport Recovery { get; private set; } = RecoveryReport.Clean;

    /// <summary>Why it takes no more writes; null while it does. Reads still work as far as the device lets them.</summary>
    public BlockIoException? Failure => _failure;

    /// <summary>Reads whole sectors, verified.</summary>
    /// <exception cref="BlockCorruptException">Some blocks are bad; all are named. The buffer's content is undefined.</exception>
    /// <exception cref="BlockIoException">The range is not allowed.</exception>
    public void Read(long offsetBytes, Span<byte> buffer)
    {
        CheckRange(offsetBytes, buffer.Length);
        List<long>? bad = null;
        BlockIoException? cause = null;
        byte[]? bounce = null;
        try
        {
            for (int done = 0; done < buffer.Length;)
            {
                long at = offsetBytes + done;
                long first = at / DiskGeometry.BlockBytes;
                int skip = (int)(at % DiskGeometry.BlockBytes);
                int count = Math.Min(ReadChunkBlocks, (int)(((long)skip + buffer.Length - done + DiskGeometry.BlockBytes - 1) / DiskGeometry.BlockBytes));
                int spanBytes = (int)(Math.Min((first + count) * DiskGeometry.BlockBytes, Geometry.CapacityBytes) - first * DiskGeometry.BlockBytes);
                int wanted = Math.Min(spanBytes - skip, buffer.Length - done);
                bool isAligned = skip == 0 && wanted == spanBytes;
                Span<byte> target = isAligned ? buffer.Slice(done, wanted) : (bounce ??= ArrayPool<byte>.Shared.Rent(ReadChunkBlocks * DiskGeometry.BlockBytes)).AsSpan(0, spanBytes);
                ReadBlocks(first, count, target, ref bad, ref cause);
                if (!isAligned) target.Slice(skip, wanted).CopyTo(buffer.Slice(done, wanted));
                done += wanted;
            }
        }
        finally
        {
            if (bounce is not null) ArrayPool<byte>.Shared.Return(bounce);
        }
        if (bad is not null) throw Corrupt(bad, cause);
    }

    private BlockCorruptException Corrupt(List<long> bad, BlockIoException? cause)
    {
        Interlocked.Add(ref _corruptBlocksFound, bad.Count);
        return new BlockCorruptException(bad, cause?.Kind ?? CopyFaultKind.Corrupt,
            $"{_image.Name}: {bad.Count} block(s) from {bad[0]} on {(cause is null ? "do not match their checksum" : "cannot be read")}.", cause);
    }

    /// <summary>Reads whole blocks; bad ones are added to the list, others are in place.</summary>
    private void ReadBlocks(long first, int count, Span<byte> target, ref List<long>? bad, ref BlockIoException? cause)
    {
        Span<ulong> expected = stackalloc ulong[ReadChunkBlocks];
        Span<bool> isInMemory = stackalloc bool[ReadChunkBlocks];
        lock (_gate)
        {
            for (int i = 0; i < count; i++)
            {
                isInMemory[i] = TryReadFromMemory(first + i, BlockOf(target, i));
                if (!isInMemory[i]) expected[i] = _checksums.Get(first + i);
            }
        }
        for (int i = 0; i < count;)
        {
            if (isInMemory[i])
            {
                i++;
                continue;
            }
            int end = i + 1;
            while (end < count && !isInMemory[end]) end++;
            ReadRun(first, i, end, target, expected, ref bad, ref cause);
            i = end;
        }
    }

    private void ReadRun(long first, int start, int end, Span<byte> target, ReadOnlySpan<ulong> expected, ref List<long>? bad, ref BlockIoException? cause)
    {
        int from = start * DiskGeometry.BlockBytes, to = Math.Min(end * DiskGeometry.BlockBytes, target.Length);
        bool isRead = true;
        try
        {
            _image.Read((first + start) * DiskGeometry.BlockBytes, target[from..to]);
        }
        catch (BlockIoException)
        {
            isRead = false; // found out block by block which ones the device cannot read
        }
        for (int i = start; i < end; i++)
        {
            Span<byte> block = BlockOf(target, i);
            if (isRead && BlockHash.Compute(_blockSeed, first + i, block) == expected[i]) continue;
            if (!TryReadBlockAgain(first + i, block, ref cause)) (bad ??= []).Add(first + i);
        }
    }

    // A block that is being written out while it is read gives a mismatch without being bad. Whoever wrote it has it in memory
    // until it is in the image and its new checksum in the table: so look again until both looks agree.
    private bool TryReadBlockAgain(long block, Span<byte> content, ref BlockIoException? cause)
    {
        ulong? previous = null;
        for (int attempt = 0; attempt < ReadAttempts; attempt++)
        {
            ulong expected;
            lock (_gate)
            {
                if (TryReadFromMemory(block, content)) return true;
                expected = _checksums.Get(block);
            }
            try
            {
                _image.Read(block * DiskGeometry.BlockBytes, content);
            }
            catch (BlockIoException e)
            {
                cause = e;
                return false;
            }
            if (BlockHash.Compute(_blockSeed, block, content) == expected) return true;
            if (previous == expected) return false;
            previous = expected;
        }
        return false;
    }

    private static Span<byte> BlockOf(Span<byte> blocks, int index) =>
        blocks.Slice(index * DiskGeometry.BlockBytes, Math.Min(DiskGeometry.BlockBytes, blocks.Length - index * DiskGeometry.BlockBytes));

    private bool TryReadFromMemory(long block, Span<byte> target)
    {
        if (!_active.Blocks.TryGetValue(block, out byte[]? content) && !TryFindSealed(block, out content)) return false;
        if (content is null) target.Clear();
        else content.AsSpan(0, target.Length).CopyTo(target);
        return true;
    }

    private bool TryFindSealed(long block, out byte[]? content)
    {
        for (LinkedListNode<WriteBatch>? node = _sealed.Last; node is not null; node = node.Previous)
            if (node.Value.Blocks.TryGetValue(block, out content)) return true;
        content = null;
        return false;
    }

    /// <summary>Writes whole sectors. Readable at once; durable after a flush.</summary>
    /// <exception cref="BlockCorruptException">A block written in part is bad, so its rest is unknown; nothing was changed.</exception>
    /// <exception cref="BlockIoException">The copy failed, or fails now because memory must be written out.</exception>
    public void Write(long offsetBytes, ReadOnlySpan<byte> data)
    {
        CheckRange(offsetBytes, data.Length);
        if (data.Length == 0) return;
        lock (_mutation)
        {
            ThrowIfFailed();
            long first = offsetBytes / DiskGeometry.BlockBytes, last = (offsetBytes + data.Length - 1) / DiskGeometry.BlockBytes;
            // The blocks written in part are read first: if one is bad nothing must have changed.
            byte[]? head = ReadIfPartial(first, offsetBytes, data.Length);
            byte[]? tail = last == first ? null : ReadIfPartial(last, offsetBytes, data.Length);
            for (long block = first; block <= last; block++)
            {
                long start = Math.Max(offsetBytes, block * DiskGeometry.BlockBytes);
                long end = Math.Min(offsetBytes + data.Length, block * DiskGeometry.BlockBytes + Geometry.BlockLength(block));
                ReadOnlySpan<byte> part = data.Slice((int)(start - offsetBytes), (int)(end - start));
                byte[] content = (block == first ? head : block == last ? tail : null) ?? RentBlock(block);
                part.CopyTo(content.AsSpan((int)(start - block * DiskGeometry.BlockBytes)));
                Put(block, content);
            }
        }
    }

    private byte[]? ReadIfPartial(long block, long offsetBytes, long lengthBytes)
    {
        long start = block * DiskGeometry.BlockBytes, end = start + Geometry.BlockLength(block);
        if (offsetBytes <= start && offsetBytes + lengthBytes >= end) return null;
        byte[] content = RentBlock(block);
        List<long>? bad = null;
        BlockIoException? cause = null;
        ReadBlocks(block, 1, content.AsSpan(0, Geometry.BlockLength(block)), ref bad, ref cause);
        return bad is null ? content : throw Corrupt(bad, cause);
    }

    private byte[] RentBlock(long block)
    {
        byte[]? content;
        lock (_gate) _spareBlocks.TryPop(out content);
        content ??= new byte[DiskGeometry.BlockBytes];
        // Bytes after the disk's end go to the journal with the rest: zero, not some other block's.
        if (Geometry.BlockLength(block) < DiskGeometry.BlockBytes) Array.Clear(content);
        return content;
    }

    private void Put(long block, byte[]? content)
    {
        bool isFull;
        lock (_gate)
        {
            if (_active.Blocks.Remove(block, out byte[]? replaced)) Recycle(replaced);
            _active.Blocks[block] = content;
            _dirty.MarkWritten(Geometry.RegionOfBlock(block), _active.Sequence);
            isFull = _active.Blocks.Count >= FullBlocks;
        }
        if (isFull) MakeRoom();
    }

    private void Recycle(byte[]? content)
    {
        if (content is not null && _spareBlocks.Count < 2 * _activeBlockLimit) _spareBlocks.Push(content);
    }

    /// <summary>Makes a range of whole sectors read as zeroes; for discard too, so that both copies stay equal. Readable at once; durable after a flush.</summary>
    public void WriteZeroes(long offsetBytes, long lengthBytes)
    {
        CheckRange(offsetBytes, lengthBytes);
        if (lengthBytes == 0) return;
        lock (_mutation)
        {
            ThrowIfFailed();
            long end = offsetBytes + lengthBytes;
            long firstWhole = (offsetBytes + DiskGeometry.BlockBytes - 1) / DiskGeometry.BlockBytes;
            long endWhole = end == Geometry.CapacityBytes ? Geometry.BlockCount : end / DiskGeometry.BlockBytes;
            if (firstWhole >= endWhole)
            {
                Write(offsetBytes, new byte[lengthBytes]); // less than two blocks
                return;
            }
            int head = (int)(firstWhole * DiskGeometry.BlockBytes - offsetBytes);
            long tailStart = Math.Min(endWhole * DiskGeometry.BlockBytes, Geometry.CapacityBytes);
            if (head > 0) Write(offsetBytes, new byte[head]);
            if (end > tailStart) Write(tailStart, new byte[end - tailStart]);
            if (endWhole - firstWhole > MaxBufferedZeroBlocks) ZeroBlocksNow(firstWhole, endWhole);
            else for (long block = firstWhole; block < endWhole; block++) Put(block, null);
        }
    }

    /// <summary>Begins a flush: what was written before is in it, what is written after is not.</summary>
    public FlushTicket BeginFlush()
    {
        lock (_gate) return new FlushTicket(Seal());
    }

    /// <summary>Ends a flush: returns when everything it covers survives a crash.</summary>
    /// <exception cref="BlockIoException">It may not survive; the copy takes no more writes.</exception>
    public void CompleteFlush(FlushTicket ticket)
    {
        lock (_writeOut)
        {
            ThrowIfFailed();
            FlushThrough(ticket.Sequence);
        }
    }

    /// <summary>Flushes everything written so far.</summary>
    public FlushTicket Flush()
    {
        FlushTicket ticket = BeginFlush();
        CompleteFlush(ticket);
        return ticket;
    }

    /// <summary>Seals the active batch, if it holds anything, and returns the last sequence that is sealed. The gate is held.</summary>
    private ulong Seal()
    {
        if (_active.Blocks.Count == 0) return _active.Sequence - 1;
        WriteBatch batch = _active;
        _sealed.AddLast(batch);
        _active = new WriteBatch(batch.Sequence + 1);
        return batch.Sequence;
    }

    private void CheckRange(long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < 0 || lengthBytes < 0 || !Geometry.IsValidRange((ulong)offsetBytes, (ulong)lengthBytes))
            throw new BlockIoException(CopyFaultKind.BadRequest, $"{_image.Name}: bytes {offsetBytes} + {lengthBytes} are not whole sectors inside {Geometry.CapacityBytes} bytes.");
    }

    private void ThrowIfFailed()
    {
        if (_isClosed) throw new BlockIoException(CopyFaultKind.Failed, $"{_image.Name}: this copy is closed.");
        if (_failure is { } failure) throw new BlockIoException(CopyFaultKind.Failed, $"{_image.Name}: this copy failed earlier: {failure.Message}", failure);
    }
}
