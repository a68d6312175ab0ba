using System.Buffers.Binary;
using System.IO.Hashing;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Metadata;

/// <summary>What a journal entry says about its blocks.</summary>
internal enum JournalEntryKind : uint
{
    /// <summary>The block is about to be written to the image; its new checksum is given, its content is not.</summary>
    Intent = 1,
    /// <summary>As <see cref="Intent"/>, and the record carries the content: recovery can write it again.</summary>
    Data = 2,
    /// <summary>The blocks become zero: recovery can do it again.</summary>
    Zero = 3,
    /// <summary>The regions (not blocks) are equal on both copies as of the sequence in the checksum's place.</summary>
    Clean = 4,
    /// <summary>The regions (not blocks) are dirty whatever was written.</summary>
    Dirty = 5,
}

/// <summary>One entry of a record.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="First">The first block, or region.</param>
/// <param name="Count">How many.</param>
/// <param name="Checksum">The new checksum of an Intent or Data block.</param>
internal readonly record struct JournalEntry(JournalEntryKind Kind, long First, int Count, ulong Checksum);

/// <summary>A record as recovery reads it.</summary>
internal sealed record JournalRecord(ulong Number, ulong Sequence, ulong StableRecord, ulong MirroredSequence, JournalEntry[] Entries, byte[] Source, int PayloadOffset)
{
    /// <summary>The content of the n-th Data entry.</summary>
    internal ReadOnlySpan<byte> Payload(int dataIndex) => Source.AsSpan(PayloadOffset + dataIndex * DiskGeometry.BlockBytes, DiskGeometry.BlockBytes);
}

/// <summary>
/// The announcement of writes before they reach the image. One record announces a batch: its durability marks regions dirty,
/// gives new checksums and names the blocks that are in doubt after a crash, with one flush for all three.
/// Records follow each other from the area's start, at multiples of 4 KiB so that writing one never touches another's sectors;
/// record n+1 is written only after record n is durable; a checkpoint starts a new epoch at the area's start.
/// Not thread-safe: the owner's write-out lock guards it.
/// </summary>
/// <remarks>
/// Record: magic "AFTJ" (4 bytes), version (2), zero (2), epoch (8), number (8), sequence (8), stable record (8), mirrored
/// sequence (8), entry count (4), length (4), hash (8); entries of 24 bytes; 4 KiB of content for every Data entry.
/// The hash is seeded with the copy's random identity: a guest cannot write a block that passes for a record.
/// </remarks>
internal sealed class Journal
{
    internal const int AlignmentBytes = 4096, HeaderBytes = 64, EntryBytes = 24;
    private const uint Magic = 0x4A544641; // "AFTJ"
    private const ushort Version = 1;
    private readonly IBlockFile _file;
    private readonly int _areaBytes;
    private readonly long _hashSeed;
    private byte[] _buffer = new byte[1 << 16];
    private int _position;

    internal Journal(IBlockFile file, int areaBytes, ulong hashSeed)
    {
        _file = file;
        _areaBytes = areaBytes;
        _hashSeed = unchecked((long)hashSeed);
    }

    internal ulong Epoch { get; private set; }

    /// <summary>The number of the latest record.</summary>
    internal ulong LastRecord { get; private set; }

    /// <summary>Bytes used since the epoch's start.</summary>
    internal int UsedBytes => _position;

    /// <summary>Largest record: so that one always fits after a checkpoint.</summary>
    internal static int MaxRecordBytes(int areaBytes) => areaBytes / 2;

    internal static int RecordBytes(int entryCount, int dataBlocks) =>
        (HeaderBytes + entryCount * EntryBytes + dataBlocks * DiskGeometry.BlockBytes + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes;

    internal bool HasRoom(int recordBytes) => recordBytes <= _areaBytes - _position;

    /// <summary>Begins an epoch at the area's start.</summary>
    internal void Begin(ulong epoch, ulong firstRecord)
    {
        Epoch = epoch;
        LastRecord = firstRecord - 1;
        _position = 0;
    }

    /// <summary>Appends a record; it counts once the file is flushed. <paramref name="contents"/> holds a content for every Data entry, in order.</summary>
    internal void Append(ulong sequence, ulong stableRecord, ulong mirroredSequence, List<JournalEntry> entries, List<byte[]> contents)
    {
        int length = RecordBytes(entries.Count, contents.Count);
        if (!HasRoom(length)) throw new InvalidOperationException($"A journal record of {length} bytes does not fit: the checkpoint before it is missing.");
        if (_buffer.Length < length) _buffer = new byte[length];
        Span<byte> record = _buffer.AsSpan(0, length);
        record.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(record, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(record[4..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], LastRecord + 1);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(record[32..], stableRecord);
        BinaryPrimitives.WriteUInt64LittleEndian(record[40..], mirroredSequence);
        BinaryPrimitives.WriteInt32LittleEndian(record[48..], entries.Count);
        BinaryPrimitives.WriteInt32LittleEndian(record[52..], length);
        Span<byte> rest = record[HeaderBytes..];
        foreach (JournalEntry entry in entries)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, entry.First);
            BinaryPrimitives.WriteInt32LittleEndian(rest[8..], entry.Count);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[12..], (uint)entry.Kind);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[16..], entry.Checksum);
            rest = rest[EntryBytes..];
        }
        foreach (byte[] content in contents)
        {
            content.CopyTo(rest);
            rest = rest[DiskGeometry.BlockBytes..];
        }
        BinaryPrimitives.WriteUInt64LittleEndian(record[56..], XxHash3.HashToUInt64(record, _hashSeed));
        _file.Write(MetadataLayout.JournalOffset + _position, record);
        _position += length;
        LastRecord++;
    }

    /// <summary>Writes the last record that was read once more: it counts once the file is flushed, whatever became of it when it was written first.</summary>
    internal void WriteLastAgain()
    {
        if (!_last.IsEmpty) _file.Write(MetadataLayout.JournalOffset + _lastAt, _last.Span);
        _last = default;
    }

    private ReadOnlyMemory<byte> _last;
    private int _lastAt;

    /// <summary>
    /// Reads the epoch's records. The first that is not whole ends the journal: it was being written when power failed.
    /// </summary>
    /// <exception cref="MetadataDamagedException">Whole records lie beyond the end: a durable record before them was lost or rotted.</exception>
    internal List<JournalRecord> Scan(ulong epoch, ulong firstRecord)
    {
        byte[] area = new byte[_areaBytes];
        _file.Read(MetadataLayout.JournalOffset, area);
        var records = new List<JournalRecord>();
        int position = 0;
        ulong number = firstRecord;
        while (Decode(area, position, epoch, number) is { } found)
        {
            records.Add(found.Record);
            (_lastAt, _last) = (position, area.AsMemory(position, found.Length));
            position += found.Length;
            number++;
        }
        for (int beyond = position + AlignmentBytes; beyond < area.Length; beyond += AlignmentBytes)
            if (Decode(area, beyond, epoch, null) is { } later && later.Record.Number >= number)
                throw new MetadataDamagedException($"The journal of {_file.Name} lacks record {number} but holds record {later.Record.Number}.");
        return records;
    }

    private (JournalRecord Record, int Length)? Decode(byte[] area, int position, ulong epoch, ulong? number)
    {
        if (area.Length - position < HeaderBytes) return null;
        ReadOnlySpan<byte> header = area.AsSpan(position, HeaderBytes);
        ulong found = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        int count = BinaryPrimitives.ReadInt32LittleEndian(header[48..]), length = BinaryPrimitives.ReadInt32LittleEndian(header[52..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic || BinaryPrimitives.ReadUInt16LittleEndian(header[4..]) != Version
            || BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) != epoch || (number is { } wanted && found != wanted)
            || length < AlignmentBytes || length % AlignmentBytes != 0 || length > area.Length - position
            || count < 0 || count > (length - HeaderBytes) / EntryBytes) return null;
        byte[] record = area.AsSpan(position, length).ToArray();
        ulong hash = BinaryPrimitives.ReadUInt64LittleEndian(record.AsSpan(56));
        record.AsSpan(56, 8).Clear();
        if (XxHash3.HashToUInt64(record, _hashSeed) != hash) return null;
        var entries = new JournalEntry[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = record.AsSpan(HeaderBytes + i * EntryBytes, EntryBytes);
            entries[i] = new JournalEntry((JournalEntryKind)BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]), BinaryPrimitives.ReadInt64LittleEndian(entry),
                BinaryPrimitives.ReadInt32LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]));
        }
        return (new JournalRecord(found, BinaryPrimitives.ReadUInt64LittleEndian(header[24..]), BinaryPrimitives.ReadUInt64LittleEndian(header[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[40..]), entries, record, HeaderBytes + count * EntryBytes), length);
    }
}
