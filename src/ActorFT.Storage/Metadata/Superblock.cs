using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using ActorFT.Machine.State;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Metadata;

/// <summary>
/// What a metadata file says about its copy as a whole. Written to both slots, one after the other with a flush between:
/// a torn write leaves the other slot, and a slot that rots later has a twin, so that a copy never falls back to an older
/// opinion of itself. A slot: magic (8 bytes), format version (2), zero (2), body length (4), hash (8), body.
/// </summary>
internal sealed record Superblock
{
    internal const ushort FormatVersion = 2;

    // Pages of format 1 counted their own versions, which after checkpoints that were cut short may be beyond the epoch: all count, as they did then.
    private const ushort CountingPages = 1;

    // What the first checkpoint of format 2 adds: no page of format 1 has counted so far.
    private const ulong BeyondCounts = 1UL << 32;

    internal static ReadOnlySpan<byte> Magic => "ActorFTd"u8;
    private const int HeaderBytes = 24;
    private const int NameLimitBytes = 256, ReasonLimitBytes = 1024;

    internal ushort Format { get; init; } = FormatVersion;
    internal required ulong Generation { get; init; }
    internal required DiskName Name { get; init; }
    internal required Guid DiskId { get; init; }
    internal required Guid CopyId { get; init; }
    internal required long CapacityBytes { get; init; }
    internal required int RegionBytes { get; init; }
    internal required int JournalBytes { get; init; }
    internal required CopyState State { get; init; }
    internal required string Reason { get; init; }
    internal required MirrorVersion Version { get; init; }
    /// <summary>Whether in <see cref="Version"/> this copy was the only current one.</summary>
    internal required bool IsAlone { get; init; }
    /// <summary>Whether dirty regions cannot be relied on: resync must compare everything.</summary>
    internal required bool NeedsFullCompare { get; init; }
    /// <summary>Journal records of other epochs are of the past.</summary>
    internal required ulong Epoch { get; init; }
    /// <summary>The epoch that the next checkpoint begins.</summary>
    internal ulong NextEpoch => Epoch + (Format == CountingPages ? BeyondCounts : 1);
    /// <summary>Versions of pages beyond this are of a checkpoint that was cut short.</summary>
    internal ulong PagesThrough => Format == CountingPages ? ulong.MaxValue : Epoch;
    /// <summary>Number of the first record of the epoch.</summary>
    internal required ulong FirstRecord { get; init; }
    internal required ulong Sequence { get; init; }
    internal required ulong CorruptBlocksFound { get; init; }
    internal required ulong BlocksRepaired { get; init; }

    /// <summary>
    /// Writes both slots, durably, one after the other. A copy that is opened does so first: with an outdated twin a torn write of the next one's slot 0 would bring the outdated
    /// opinion back, and what is read then may be only what the operating system has in memory.
    /// </summary>
    internal void Write(IBlockFile file)
    {
        byte[] slot = Encode();
        file.Write(0, slot);
        file.Flush();
        file.Write(MetadataLayout.SuperblockSlotStride, slot);
        file.Flush();
    }

    internal byte[] Encode()
    {
        var body = new StateWriter();
        body.U64(Generation);
        body.Bytes(Encoding.UTF8.GetBytes(Name.Machine));
        body.Bytes(Encoding.UTF8.GetBytes(Name.Disk));
        body.Raw(DiskId.ToByteArray());
        body.Raw(CopyId.ToByteArray());
        body.U64((ulong)CapacityBytes);
        body.U32((uint)RegionBytes);
        body.U32((uint)JournalBytes);
        body.U8((byte)State);
        body.Bytes(Encoding.UTF8.GetBytes(Shorten(Reason)));
        body.U64(Version.Term);
        body.U64(Version.Change);
        body.Bool(IsAlone);
        body.Bool(NeedsFullCompare);
        body.U64(Epoch);
        body.U64(FirstRecord);
        body.U64(Sequence);
        body.U64(CorruptBlocksFound);
        body.U64(BlocksRepaired);
        byte[] slot = new byte[MetadataLayout.PageBytes];
        Magic.CopyTo(slot);
        BinaryPrimitives.WriteUInt16LittleEndian(slot.AsSpan(8), Format);
        BinaryPrimitives.WriteInt32LittleEndian(slot.AsSpan(12), body.Written.Length);
        body.Written.CopyTo(slot.AsSpan(HeaderBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(slot.AsSpan(16), XxHash3.HashToUInt64(slot));
        return slot;
    }

    // 200 characters are at most 800 bytes of UTF-8: within the limit without cutting one in half.
    private static string Shorten(string reason) => reason.Length <= 200 ? reason : reason[..200];

    /// <summary>Reads the newer whole slot; null if the file was never finished (empty or zero where the slots are).</summary>
    /// <exception cref="StorageConfigurationException">The file is not metadata, or a newer version's.</exception>
    /// <exception cref="MetadataDamagedException">It is metadata, but neither slot is whole.</exception>
    internal static Superblock? Read(IBlockFile file)
    {
        if (file.LengthBytes < MetadataLayout.JournalOffset) return ReadStub(file);
        Superblock? best = null;
        bool hasMagic = false, hasForeign = false;
        byte[] slot = new byte[MetadataLayout.PageBytes];
        for (int i = 0; i < 2; i++)
        {
            try
            {
                file.Read(i * MetadataLayout.SuperblockSlotStride, slot);
            }
            catch (BlockIoException)
            {
                hasMagic = true; // an unreadable slot may be any: never taken for "never finished"
                continue;
            }
            if (slot.AsSpan(0, 8).SequenceEqual(Magic)) hasMagic = true;
            else
            {
                hasForeign |= slot.AsSpan().IndexOfAnyExcept((byte)0) >= 0;
                continue;
            }
            Superblock? decoded = Decode(slot, file.Name);
            if (decoded is not null && (best is null || decoded.Generation > best.Generation)) best = decoded;
        }
        if (best is not null) return best;
        if (hasMagic) throw new MetadataDamagedException($"The metadata {file.Name} has no whole superblock.");
        return hasForeign ? throw new CopyUnusableException($"The file {file.Name} is not a disk's metadata; it was left as it is.") : null;
    }

    private static Superblock? ReadStub(IBlockFile file)
    {
        byte[] content = new byte[file.LengthBytes];
        file.Read(0, content);
        return content.AsSpan().IndexOfAnyExcept((byte)0) < 0 ? null
            : content.AsSpan().StartsWith(Magic) ? throw new MetadataDamagedException($"The metadata {file.Name} is cut off after {content.Length} bytes.")
            : throw new CopyUnusableException($"The file {file.Name} is not a disk's metadata; it was left as it is.");
    }

    /// <summary>Decodes a slot; null if torn or rotten.</summary>
    internal static Superblock? Decode(ReadOnlySpan<byte> slot, string fileName)
    {
        byte[] copy = slot.ToArray();
        ulong hash = BinaryPrimitives.ReadUInt64LittleEndian(copy.AsSpan(16));
        copy.AsSpan(16, 8).Clear();
        if (XxHash3.HashToUInt64(copy) != hash) return null;
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(copy.AsSpan(8));
        // Every version keeps magic, version, length and hash where they are, so that this is always told from damage.
        if (version is not (CountingPages or FormatVersion))
            throw new StorageConfigurationException($"The metadata {fileName} has format {version} and this program reads formats {CountingPages} to {FormatVersion}; it was left as it is.");
        int length = BinaryPrimitives.ReadInt32LittleEndian(copy.AsSpan(12));
        if (length is < 0 or > MetadataLayout.PageBytes - HeaderBytes) return null;
        try
        {
            return DecodeBody(version, new StateReader(copy.AsSpan(HeaderBytes, length)));
        }
        catch (StateFormatException)
        {
            return null;
        }
    }

    private static Superblock DecodeBody(ushort format, StateReader body)
    {
        var superblock = new Superblock
        {
            Format = format,
            Generation = body.U64(),
            Name = new DiskName(Encoding.UTF8.GetString(body.Bytes(NameLimitBytes)), Encoding.UTF8.GetString(body.Bytes(NameLimitBytes))),
            DiskId = new Guid(body.Raw(16)),
            CopyId = new Guid(body.Raw(16)),
            CapacityBytes = (long)body.U64(),
            RegionBytes = (int)body.U32(),
            JournalBytes = (int)body.U32(),
            State = (CopyState)body.U8(),
            Reason = Encoding.UTF8.GetString(body.Bytes(ReasonLimitBytes)),
            Version = new MirrorVersion(body.U64(), body.U64()),
            IsAlone = body.Bool(),
            NeedsFullCompare = body.Bool(),
            Epoch = body.U64(),
            FirstRecord = body.U64(),
            Sequence = body.U64(),
            CorruptBlocksFound = body.U64(),
            BlocksRepaired = body.U64(),
        };
        body.End();
        return Enum.IsDefined(superblock.State) ? superblock : throw new StateFormatException("A copy's state is unknown.");
    }
}

/// <summary>A copy's metadata cannot be used: torn beyond repair, cut off or rotten. The copy can only be rebuilt or compared in full.</summary>
public sealed class MetadataDamagedException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public MetadataDamagedException(string message) : base(message) { }
}
