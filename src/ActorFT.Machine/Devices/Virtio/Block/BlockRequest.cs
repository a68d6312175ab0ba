using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;

namespace ActorFT.Machine.Devices.Virtio.Block;

/// <summary>A range of a disk.</summary>
internal readonly record struct BlockRange(ulong OffsetBytes, ulong LengthBytes);

/// <summary>
/// A driver's request in flight: what was asked of the host last, where the answer goes, and what is to be asked next.
/// A request of several ranges, or one that must be stable when it ends, asks the host one thing after another.
/// Objects are reused (<see cref="BlockDevice"/> pools them).
/// </summary>
internal sealed class BlockRequest
{
    private BufferSegment[] _segments = [];
    private int _segmentCount;

    /// <summary>Id of the latest output.</summary>
    public ulong Id { get; set; }

    public BlockOperation Operation { get; set; }

    public BlockRange Range { get; set; }

    /// <summary>For a write: the bytes. Kept, since the guest may change its buffer before a restored replica asks again.</summary>
    public ReadOnlyMemory<byte> Data { get; set; }

    /// <summary>The chain's head.</summary>
    public ushort Head { get; set; }

    /// <summary>
    /// Whether the driver has reset the device since: the host still works on it, so it still counts and
    /// is asked again after a restore, but its end concerns nobody.
    /// </summary>
    public bool IsOrphan { get; private set; }

    /// <summary>Bytes reported as written when only the status was: 1 if nothing comes before it, else 0 (§2.7.8.2 counts from the start).</summary>
    public uint StatusOnlyBytes { get; set; }

    /// <summary>Whether a flush follows: write-through (§5.2.6.2).</summary>
    public bool FlushAfter { get; set; }

    /// <summary>Ranges to ask for after this one.</summary>
    public Queue<BlockRange> NextRanges { get; } = new();

    /// <summary>Where data and, as the last byte, the status go.</summary>
    public ReadOnlySpan<BufferSegment> Segments => _segments.AsSpan(0, _segmentCount);

    /// <summary>Bytes that count against the limit in flight.</summary>
    public int InFlightBytes => Operation is BlockOperation.Read or BlockOperation.Write ? (int)Range.LengthBytes : 0;

    public void SetSegments(ReadOnlySpan<BufferSegment> segments)
    {
        if (_segments.Length < segments.Length) _segments = new BufferSegment[segments.Length];
        segments.CopyTo(_segments);
        _segmentCount = segments.Length;
    }

    /// <summary>The output that asks the host.</summary>
    public BlockRequested ToOutput(int diskIndex) => new(diskIndex, Id, Operation, Range.OffsetBytes, Range.LengthBytes, Data);

    /// <summary>Cuts the request off from the driver.</summary>
    public void Orphan()
    {
        IsOrphan = true;
        Head = 0;
        StatusOnlyBytes = 0;
        FlushAfter = false;
        NextRanges.Clear();
        _segmentCount = 0;
    }

    /// <summary>Makes the object new for another request.</summary>
    public void Clear()
    {
        Orphan();
        IsOrphan = false;
        Data = default;
    }
}
