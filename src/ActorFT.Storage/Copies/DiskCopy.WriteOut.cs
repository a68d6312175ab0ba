using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

// How writes get from memory to the files. The order of the steps is the crash-consistency argument (docs/disks.md §3).
public sealed partial class DiskCopy
{
    /// <summary>Contiguous blocks go to the image in writes of up to this many bytes.</summary>
    private const int RunBytes = 1 << 20;

    /// <summary>Of a write that long the device begins at once: it is of a stream, and the next flush must not wait for all of it.</summary>
    private const int WriteBackBytes = 256 << 10;

    /// <summary>Zeroing more blocks than this goes to the files at once instead of through memory.</summary>
    internal const int MaxBufferedZeroBlocks = 256;

    /// <summary>Zeroing is announced in pieces of this many blocks (1 GiB), looked at in steps (16 MiB) to pass over what is zero already.</summary>
    private const int ZeroPieceBlocks = 1 << 18, ZeroStepBlocks = 1 << 12;

    /// <summary>Changed checksum pages (4 KiB each) held until a checkpoint, at most.</summary>
    private const int ChangedPageLimit = 2048;

    private readonly List<JournalEntry> _entries = [];
    private readonly List<byte[]> _contents = [];
    private readonly byte[] _run = new byte[RunBytes];
    private ulong _flushedSequence;

    private ulong _fullSequence;
    private bool _isWrittenOutBeside;

    // Memory in two halves: one is filled while the other is written out.
    private int FullBlocks => _isWrittenOutBeside ? Math.Max(1, _activeBlockLimit / 2) : _activeBlockLimit;

    /// <summary>From now on somebody calls <see cref="WriteOutFull"/>, beside whoever writes, whenever <see cref="HasFull"/> says so after a write.</summary>
    internal void WriteOutBeside() => _isWrittenOutBeside = true;

    /// <summary>Whether memory waits to be written out because it was full.</summary>
    internal bool HasFull
    {
        get
        {
            lock (_gate) return _sealed.First is { } first && first.Value.Sequence <= _fullSequence;
        }
    }

    /// <summary>Writes out memory that was full.</summary>
    /// <exception cref="BlockIoException">The copy failed; whatever comes next says so too.</exception>
    internal void WriteOutFull()
    {
        lock (_writeOut)
        {
            ThrowIfFailed();
            while (FirstSealed(_fullSequence) is { } batch) WriteOutBatch(batch, isData: false);
        }
    }

    private void MakeRoom()
    {
        if (!_isWrittenOutBeside)
        {
            SpillMemory();
            return;
        }

        if (HasFull) WriteOutFull(); // waits for whoever is at it, and does what is left
        lock (_gate) _fullSequence = Seal();
    }

    private void SpillMemory()
    {
        lock (_writeOut)
        {
            ThrowIfFailed();
            ulong sequence;
            lock (_gate) sequence = Seal();
            while (FirstSealed(sequence) is { } batch) WriteOutBatch(batch, isData: false);
        }
    }

    private WriteBatch? FirstSealed(ulong throughSequence)
    {
        lock (_gate) return _sealed.First is { } node && node.Value.Sequence <= throughSequence ? node.Value : null;
    }

    private void FlushThrough(ulong sequence)
    {
        while (FirstSealed(sequence) is { } batch)
        {
            // Content in the journal makes the flush of the image unnecessary, unless earlier blocks need that flush anyway.
            bool isLast;
            lock (_gate) isLast = _sealed.First!.Next is not { } next || next.Value.Sequence > sequence;
            bool isData = isLast && !_hasUnstableIntents && batch.Blocks.Count <= _options.DataJournalBlocks;
            WriteOutBatch(batch, isData);
        }
        if (_hasUnstableIntents) Guarded(FlushImage);
        _flushedSequence = Math.Max(_flushedSequence, sequence);
    }

    private void FlushImage()
    {
        _image.Flush();
        _stableRecord = _journal.LastRecord;
        _hasUnstableIntents = false;
    }

    // A flush that failed may have dropped the pages it could not write (Linux marks them clean), and half-written metadata is
    // not to be written over: after any failure here the copy takes no more writes until it is opened, and recovered, again.
    private void Guarded(Action step)
    {
        try
        {
            if (_image.IsVanished) throw new BlockIoException(CopyFaultKind.Vanished, $"{_image.Name} was deleted or replaced.");
            if (_metadata.IsVanished) throw new BlockIoException(CopyFaultKind.Vanished, $"{_metadata.Name} was deleted or replaced.");
            step();
        }
        catch (BlockIoException e)
        {
            _failure ??= e;
            throw;
        }
    }

    private void WriteOutBatch(WriteBatch batch, bool isData) => Guarded(() =>
    {
        long[] blocks = [.. batch.Blocks.Keys.Order()];
        Announce(batch, blocks, isData);
        WriteToImage(batch, blocks);
        lock (_gate)
        {
            foreach (JournalEntry entry in _entries)
                for (int i = 0; i < entry.Count; i++) _checksums.Set(entry.First + i, entry.Checksum);
            _sealed.RemoveFirst();
            foreach (byte[]? content in batch.Blocks.Values) Recycle(content);
        }
        _hasUnstableIntents |= !isData;
    });

    /// <summary>Step 1: the record that marks regions dirty, gives checksums and names what is in doubt; durable when this returns.</summary>
    private void Announce(WriteBatch batch, long[] blocks, bool isData)
    {
        _entries.Clear();
        _contents.Clear();
        foreach (long block in blocks)
        {
            byte[]? content = batch.Blocks[block];
            ulong checksum = content is null ? BlockHash.Zero : BlockHash.Compute(_blockSeed, block, content.AsSpan(0, Geometry.BlockLength(block)));
            if (content is not null)
            {
                _entries.Add(new JournalEntry(isData ? JournalEntryKind.Data : JournalEntryKind.Intent, block, 1, checksum));
                if (isData) _contents.Add(content);
            }
            else if (_entries.Count > 0 && _entries[^1] is { Kind: JournalEntryKind.Zero } run && run.First + run.Count == block) _entries[^1] = run with { Count = run.Count + 1 };
            else _entries.Add(new JournalEntry(JournalEntryKind.Zero, block, 1, BlockHash.Zero));
        }
        AppendRecord(batch.Sequence);
    }

    private void AppendRecord(ulong sequence)
    {
        ulong mirrored;
        int changedPages;
        lock (_gate)
        {
            mirrored = _dirty.MirroredSequence;
            changedPages = _checksums.ChangedPages;
        }
        if (changedPages > ChangedPageLimit || !_journal.HasRoom(Journal.RecordBytes(_entries.Count, _contents.Count))) Checkpoint();
        _journal.Append(sequence, _stableRecord, mirrored, _entries, _contents);
        // Also keeps records in order: the next is written only when this one is durable.
        _metadata.Flush();
    }

    /// <summary>Step 2: the image.</summary>
    private void WriteToImage(WriteBatch batch, long[] blocks)
    {
        for (int i = 0; i < blocks.Length;)
        {
            long first = blocks[i];
            bool isZero = batch.Blocks[first] is null;
            int count = 0, bytes = 0;
            while (i < blocks.Length && blocks[i] == first + count && batch.Blocks[blocks[i]] is null == isZero && bytes + DiskGeometry.BlockBytes <= RunBytes)
            {
                int length = Geometry.BlockLength(blocks[i]);
                if (!isZero) batch.Blocks[blocks[i]].AsSpan(0, length).CopyTo(_run.AsSpan(bytes));
                bytes += length;
                count++;
                i++;
            }
            if (isZero) _image.ZeroRange(first * DiskGeometry.BlockBytes, bytes);
            else _image.Write(first * DiskGeometry.BlockBytes, _run.AsSpan(0, bytes));
            if (bytes >= WriteBackBytes) _image.BeginWriteBack(first * DiskGeometry.BlockBytes, bytes);
        }
    }

    /// <summary>
    /// Moves what the journal says into the pages and begins a new epoch. No record is half applied here: the write-out lock is
    /// held and records are applied before the next is written.
    /// </summary>
    private void Checkpoint()
    {
        // What the journal forgets must not be in doubt any more.
        FlushImage();
        ulong sequence;
        lock (_gate)
        {
            _checksums.Store(_superblock.NextEpoch);
            _dirty.Store(_superblock.NextEpoch);
            sequence = _active.Sequence;
        }
        _metadata.Flush();
        Superblock next = _superblock with
        {
            Generation = _superblock.Generation + 1,
            Format = Superblock.FormatVersion,
            Epoch = _superblock.NextEpoch,
            FirstRecord = _journal.LastRecord + 1,
            Sequence = sequence,
            CorruptBlocksFound = (ulong)Interlocked.Read(ref _corruptBlocksFound),
            BlocksRepaired = (ulong)Interlocked.Read(ref _blocksRepaired),
        };
        next.Write(_metadata);
        _superblock = next;
        _journal.Begin(_superblock.Epoch, _superblock.FirstRecord);
    }

    /// <summary>Zeroes many blocks at once, without holding them in memory. The mutation lock is held.</summary>
    private void ZeroBlocksNow(long first, long end)
    {
        lock (_writeOut)
        {
            ThrowIfFailed();
            SpillMemory();
            for (long piece = first; piece < end;)
            {
                while (piece < end && IsZeroAlready(piece, Math.Min(piece + ZeroStepBlocks, end))) piece = Math.Min(piece + ZeroStepBlocks, end);
                if (piece >= end) return;
                long pieceEnd = Math.Min(piece + ZeroStepBlocks, end);
                while (pieceEnd < end && pieceEnd - piece < ZeroPieceBlocks && !IsZeroAlready(pieceEnd, Math.Min(pieceEnd + ZeroStepBlocks, end))) pieceEnd = Math.Min(pieceEnd + ZeroStepBlocks, end);
                long start = piece, stop = pieceEnd;
                Guarded(() => ZeroPiece(start, stop));
                piece = pieceEnd;
            }
        }
    }

    private bool IsZeroAlready(long first, long end)
    {
        lock (_gate)
        {
            for (long block = first; block < end; block++) if (_checksums.Get(block) != BlockHash.Zero) return false;
            return true;
        }
    }

    private void ZeroPiece(long first, long end)
    {
        ulong sequence;
        lock (_gate)
        {
            sequence = _active.Sequence;
            _active = new WriteBatch(sequence + 1); // empty: SpillMemory sealed it, and mutations take turns
            for (int region = Geometry.RegionOfBlock(first); region <= Geometry.RegionOfBlock(end - 1); region++) _dirty.MarkWritten(region, sequence);
        }
        _entries.Clear();
        _contents.Clear();
        _entries.Add(new JournalEntry(JournalEntryKind.Zero, first, (int)(end - first), BlockHash.Zero));
        AppendRecord(sequence);
        _image.ZeroRange(first * DiskGeometry.BlockBytes, Math.Min(end * DiskGeometry.BlockBytes, Geometry.CapacityBytes) - first * DiskGeometry.BlockBytes);
        lock (_gate) for (long block = first; block < end; block++) _checksums.Set(block, BlockHash.Zero);
        // Stable before any later record: recovery may then do an unstable large Zero again at its place in the journal,
        // sure that nothing written later is under it.
        FlushImage();
    }
}
