using System.Buffers.Binary;
using System.IO.Hashing;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Metadata;

/// <summary>Which slot of a page holds its latest content, and the epoch that this content came with.</summary>
internal readonly record struct ShadowPosition(int Slot, ulong Epoch);

/// <summary>
/// Pages with two slots each: a new version goes to the slot that does not hold the latest one, so a torn write destroys
/// nothing. A slot: epoch (8 bytes), hash (8), payload (4080). An all-zero slot is a valid page of zeroes, epoch 0.
/// A version counts once the superblock says its epoch or a later one. Until then it is of a checkpoint that was cut short: a second one writes over it, never
/// over the version before, which may be the only one that is durable (a flush failed, or only the process ended).
/// </summary>
internal sealed class ShadowPages
{
    private const int HeaderBytes = 16;
    internal const int PayloadBytes = MetadataLayout.PageBytes - HeaderBytes;
    private readonly IBlockFile _file;
    private readonly long _offsetBytes;
    private readonly long _hashSeed;
    private readonly byte[] _slots = new byte[2 * MetadataLayout.PageBytes];

    /// <param name="file">The metadata file.</param>
    /// <param name="offsetBytes">Where the first page's first slot is.</param>
    /// <param name="hashSeed">Keeps pages of one disk or array from passing for pages of another.</param>
    internal ShadowPages(IBlockFile file, long offsetBytes, ulong hashSeed)
    {
        _file = file;
        _offsetBytes = offsetBytes;
        _hashSeed = unchecked((long)hashSeed ^ offsetBytes);
    }

    /// <summary>Reads a page's latest whole version of an epoch into <paramref name="payload"/>; false if neither slot holds one.</summary>
    internal bool Load(long page, Span<byte> payload, ulong epoch, out ShadowPosition position)
    {
        _file.Read(SlotOffset(page, 0), _slots);
        position = default;
        bool found = false;
        for (int slot = 0; slot < 2; slot++)
        {
            ReadOnlySpan<byte> bytes = _slots.AsSpan(slot * MetadataLayout.PageBytes, MetadataLayout.PageBytes);
            ulong ofEpoch = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            bool isBlank = bytes.IndexOfAnyExcept((byte)0) < 0;
            if (!isBlank && BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]) != Hash(page, ofEpoch, bytes[HeaderBytes..])) continue;
            if (ofEpoch > epoch || found && ofEpoch <= position.Epoch) continue;
            bytes[HeaderBytes..].CopyTo(payload);
            position = new ShadowPosition(slot, ofEpoch);
            found = true;
        }
        return found;
    }

    /// <summary>Writes a version that comes with an epoch; one of that epoch which was written before is replaced.</summary>
    internal ShadowPosition Store(long page, ReadOnlySpan<byte> payload, ShadowPosition latest, ulong epoch)
    {
        var next = new ShadowPosition(latest.Epoch == epoch ? latest.Slot : 1 - latest.Slot, epoch);
        Span<byte> bytes = _slots.AsSpan(0, MetadataLayout.PageBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, next.Epoch);
        payload.CopyTo(bytes[HeaderBytes..]);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], Hash(page, next.Epoch, payload));
        _file.Write(SlotOffset(page, next.Slot), bytes);
        return next;
    }

    private long SlotOffset(long page, int slot) => _offsetBytes + (page * 2 + slot) * MetadataLayout.PageBytes;

    private ulong Hash(long page, ulong epoch, ReadOnlySpan<byte> payload) =>
        XxHash3.HashToUInt64(payload, unchecked(_hashSeed + page * (long)0x9E3779B97F4A7C15) ^ unchecked((long)epoch));
}
