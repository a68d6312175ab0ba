using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

/// <summary>What a new copy starts as.</summary>
public enum NewCopyRole : byte
{
    /// <summary>The image's content is the disk's content: the first copy of a disk.</summary>
    Current = 0,
    /// <summary>It is to be filled from the other copy and is never taken for current before that.</summary>
    Replacement = 1,
}

// How a copy comes to be and how it is opened again.
public sealed partial class DiskCopy
{
    private DiskCopy(IBlockFile image, IBlockFile metadata, Superblock superblock, DiskCopyOptions options)
    {
        _image = image;
        _metadata = metadata;
        _superblock = superblock;
        _options = options;
        Geometry = new DiskGeometry(superblock.CapacityBytes, superblock.RegionBytes);
        var layout = new MetadataLayout(Geometry, superblock.JournalBytes);
        _blockSeed = BlockHash.Seed(superblock.Name.Machine, superblock.Name.Disk);
        ulong pageSeed = System.IO.Hashing.XxHash3.HashToUInt64(superblock.CopyId.ToByteArray());
        _checksums = new ChecksumTable(metadata, layout, pageSeed, options.ChecksumPagesCached, superblock.PagesThrough);
        _dirty = new DirtyRegions(metadata, layout, pageSeed, Geometry.RegionCount);
        _journal = new Journal(metadata, superblock.JournalBytes, pageSeed);
        _active = new WriteBatch(superblock.Sequence + 1);
        _activeBlockLimit = options.CacheBytes / DiskGeometry.BlockBytes;
        _corruptBlocksFound = (long)superblock.CorruptBlocksFound;
        _blocksRepaired = (long)superblock.BlocksRepaired;
    }

    /// <summary>
    /// Makes metadata for an image. Reads the whole image once for its checksums. All regions start dirty and
    /// <see cref="CopyDescription.NeedsFullCompare"/> is set: nothing is known of another copy.
    /// </summary>
    /// <param name="image">At least as long as the disk.</param>
    /// <param name="metadata">Empty, or never finished, or with <paramref name="replaceMetadata"/> anything.</param>
    /// <param name="name">Machine and disk.</param>
    /// <param name="geometry">Sizes.</param>
    /// <param name="diskId">The disk's identity: new for a disk's first copy, the first copy's for the second.</param>
    /// <param name="role">What it starts as.</param>
    /// <param name="options">How it is kept.</param>
    /// <param name="replaceMetadata">Whether existing metadata may be destroyed.</param>
    /// <param name="isImageZero">Whether the image was just made and need not be read to know that it is zero.</param>
    /// <exception cref="StorageConfigurationException">Something is not allowed; nothing was changed.</exception>
    /// <exception cref="BlockIoException">The files do not take it.</exception>
    public static DiskCopy Create(
        IBlockFile image, IBlockFile metadata, DiskName name, DiskGeometry geometry, Guid diskId, NewCopyRole role, DiskCopyOptions options, bool replaceMetadata = false, bool isImageZero = false)
    {
        options.Validate();
        CheckImageLength(image, name, geometry.CapacityBytes);
        if (!replaceMetadata && ReadExisting(metadata, name) is { } existing)
            throw new StorageConfigurationException($"The metadata {metadata.Name} exists already, for disk {existing.Name} at version {existing.Version}; it was left as it is.");
        var layout = new MetadataLayout(geometry, options.JournalBytes);
        long oldLengthBytes = metadata.LengthBytes;
        try
        {
            metadata.Reserve(layout.LengthBytes);
        }
        catch (BlockIoException e) when (e.Kind == CopyFaultKind.NoSpace)
        {
            throw new StorageConfigurationException($"There is no space for the metadata {metadata.Name} of disk {name}: it needs {layout.LengthBytes} bytes.", e);
        }
        var superblock = new Superblock
        {
            Generation = 1,
            Name = name,
            DiskId = diskId,
            CopyId = Guid.NewGuid(),
            CapacityBytes = geometry.CapacityBytes,
            RegionBytes = geometry.RegionBytes,
            JournalBytes = options.JournalBytes,
            State = role == NewCopyRole.Current ? CopyState.Good : CopyState.Rebuilding,
            Reason = role == NewCopyRole.Current ? "" : "new copy, to be filled from the other",
            Version = default,
            IsAlone = role == NewCopyRole.Current,
            NeedsFullCompare = true,
            Epoch = 1,
            FirstRecord = 1,
            Sequence = 0,
            CorruptBlocksFound = 0,
            BlocksRepaired = 0,
        };
        // The superblocks go first, old ones with them, and come last: until then the file is "never finished".
        metadata.ZeroRange(0, MetadataLayout.JournalOffset);
        metadata.Flush();
        Blank(metadata, layout, Math.Min(oldLengthBytes, layout.LengthBytes));
        var copy = new DiskCopy(image, metadata, superblock, options);
        copy.LearnImage(isImageZero);
        superblock.Write(metadata);
        copy._journal.Begin(superblock.Epoch, superblock.FirstRecord);
        return copy;
    }

    // The journal is written with zeroes, not only reserved: the flush of a record must not wait for the file system to turn
    // reserved space into written space. Pages of an older disk are given back; new space is zero as it is.
    private static void Blank(IBlockFile metadata, MetadataLayout layout, long oldLengthBytes)
    {
        byte[] zeroes = new byte[Math.Min(layout.JournalBytes, RunBytes)];
        for (long done = 0; done < layout.JournalBytes; done += zeroes.Length)
            metadata.Write(MetadataLayout.JournalOffset + done, zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, layout.JournalBytes - done)));
        if (oldLengthBytes > layout.RegionPagesOffset) metadata.ZeroRange(layout.RegionPagesOffset, oldLengthBytes - layout.RegionPagesOffset);
    }

    private void LearnImage(bool isZero)
    {
        byte[] run = new byte[RunBytes];
        for (long offset = 0; !isZero && offset < Geometry.CapacityBytes; offset += run.Length)
        {
            Span<byte> bytes = run.AsSpan(0, (int)Math.Min(run.Length, Geometry.CapacityBytes - offset));
            _image.Read(offset, bytes);
            long first = offset / DiskGeometry.BlockBytes;
            for (int i = 0; i * DiskGeometry.BlockBytes < bytes.Length; i++) _checksums.Set(first + i, BlockHash.Compute(_blockSeed, first + i, BlockOf(bytes, i)));
            if (_checksums.ChangedPages > ChangedPageLimit) _checksums.Store(_superblock.Epoch);
        }
        for (int region = 0; region < Geometry.RegionCount; region++) _dirty.MarkDirty(region);
        _checksums.Store(_superblock.Epoch);
        _dirty.Store(_superblock.Epoch);
        // What the checksums say of the image must be as durable as they are.
        _image.Flush();
        _metadata.Flush();
    }

    /// <summary>Opens a copy and recovers it if its end was not clean.</summary>
    /// <param name="image">The image.</param>
    /// <param name="metadata">Its metadata.</param>
    /// <param name="name">The disk it must be a copy of.</param>
    /// <param name="capacityBytes">The size it must have.</param>
    /// <param name="options">How it is kept; the journal's size is the metadata's.</param>
    /// <exception cref="StorageConfigurationException">It is another disk's, another size's, or a newer format's; nothing was changed.</exception>
    /// <exception cref="MetadataDamagedException">The metadata cannot be used; nothing was changed. The copy can be made anew as a replacement.</exception>
    /// <exception cref="BlockIoException">The files do not take the recovery.</exception>
    public static DiskCopy Open(IBlockFile image, IBlockFile metadata, DiskName name, long capacityBytes, DiskCopyOptions options)
    {
        Superblock superblock = Superblock.Read(metadata) ?? throw new MetadataDamagedException($"The metadata {metadata.Name} was never finished.");
        if (superblock.Name != name) throw new CopyUnusableException($"The image {image.Name} belongs to disk {superblock.Name}, not to {name}; it was left as it is.");
        if (superblock.CapacityBytes != capacityBytes)
            throw new StorageConfigurationException($"The disk {name} is {capacityBytes} bytes by its definition and {superblock.CapacityBytes} bytes by {metadata.Name}; they must be equal.");
        CheckImageLength(image, name, capacityBytes);
        options = options with { JournalBytes = superblock.JournalBytes };
        options.Validate();
        if (metadata.LengthBytes < new MetadataLayout(new DiskGeometry(superblock.CapacityBytes, superblock.RegionBytes), superblock.JournalBytes).LengthBytes)
            throw new MetadataDamagedException($"The metadata {metadata.Name} is cut off after {metadata.LengthBytes} bytes.");
        var copy = new DiskCopy(image, metadata, superblock, options);
        copy.Recover();
        return copy;
    }

    private void Recover()
    {
        List<JournalRecord> records = _journal.Scan(_superblock.Epoch, _superblock.FirstRecord);
        bool isDirtyWhole = _dirty.Load(_superblock.PagesThrough);
        Guarded(() =>
        {
            // What was read here may be only what the operating system has in memory: a process ended before its flush, or the flush failed, after which the next one
            // proves nothing. It must outlive a loss of power before the image is made as the last record says. Records before the last, and pages, were durable.
            _journal.WriteLastAgain();
            _metadata.Flush();
            _superblock.Write(_metadata);
        });
        _journal.Begin(_superblock.Epoch, _superblock.FirstRecord + (ulong)records.Count);
        if (!isDirtyWhole) _superblock = _superblock with { NeedsFullCompare = true };
        if (records.Count == 0 && isDirtyWhole)
        {
            _dirty.Settle();
            return;
        }
        Recovery = new CopyRecovery(_image, Geometry, _blockSeed, _checksums, _dirty).Run(records, !isDirtyWhole);
        _dirty.Settle();
        ulong lastSequence = records.Count == 0 ? _superblock.Sequence : Math.Max(_superblock.Sequence, records.Max(r => r.Sequence));
        _active = new WriteBatch(lastSequence + 1);
        Guarded(Checkpoint);
    }

    private static Superblock? ReadExisting(IBlockFile metadata, DiskName name)
    {
        try
        {
            return Superblock.Read(metadata);
        }
        catch (MetadataDamagedException e)
        {
            throw new StorageConfigurationException($"The metadata {metadata.Name} exists and is damaged; to make disk {name} anew there, say so.", e);
        }
    }

    private static void CheckImageLength(IBlockFile image, DiskName name, long capacityBytes)
    {
        if (image.LengthBytes < capacityBytes)
            throw new CopyUnusableException($"The image {image.Name} has {image.LengthBytes} bytes; disk {name} needs {capacityBytes}.");
    }

    /// <summary>Flushes and checkpoints if it can, so that the next opening has nothing to recover. Never throws.</summary>
    public void Dispose()
    {
        lock (_mutation)
        lock (_writeOut)
        {
            if (_isClosed) return;
            try
            {
                if (_failure is null)
                {
                    FlushThrough(BeginFlush().Sequence);
                    Guarded(Checkpoint);
                }
            }
            catch (Exception e) when (e is BlockIoException or SimulatedCrashException)
            {
                // The next opening recovers.
            }
            _isClosed = true;
        }
        _image.Dispose();
        _metadata.Dispose();
    }
}
