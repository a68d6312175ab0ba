using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Devices.Virtio.Queues;

/// <summary>
/// One buffer of a driver: pieces the device may read, then pieces it may write (VirtIO 1.2 §2.7.4.2).
/// Reused from pop to pop. Every piece lies in RAM; empty pieces are left out.
/// </summary>
internal sealed class DescriptorChain
{
    /// <summary>
    /// Descriptors in a chain, at most. A chain may be as long as the queue (§2.7.5.3.1), and a table of indirect ones as
    /// long as the longest queue; §2.7.4.1 lets a device have a limit.
    /// </summary>
    public const int MaxDescriptors = SplitVirtqueue.MaxSize;

    private readonly BufferSegment[] _segments = new BufferSegment[MaxDescriptors];
    private int _readableCount;
    private int _count;

    /// <summary>The index of the first descriptor: what goes back through the used ring.</summary>
    public ushort Head { get; private set; }

    /// <summary>Bytes the device may read.</summary>
    public ulong ReadableBytes { get; private set; }

    /// <summary>Bytes the device may write.</summary>
    public ulong WritableBytes { get; private set; }

    /// <summary>Descriptors looked at, the empty and refused ones included: the work the chain caused.</summary>
    public int DescriptorsSeen { get; set; }

    public ReadOnlySpan<BufferSegment> Readable => _segments.AsSpan(0, _readableCount);

    public ReadOnlySpan<BufferSegment> Writable => _segments.AsSpan(_readableCount, _count - _readableCount);

    /// <summary>Empties the chain for a new one.</summary>
    public void Begin(ushort head)
    {
        Head = head;
        _readableCount = _count = 0;
        ReadableBytes = WritableBytes = 0;
    }

    /// <summary>Adds a piece; the caller checked its place, its order and that there is room.</summary>
    public void Add(ulong address, uint lengthBytes, bool isWritable)
    {
        if (lengthBytes == 0) return;
        _segments[_count++] = new BufferSegment(address, lengthBytes);
        if (isWritable)
        {
            WritableBytes += lengthBytes;
        }
        else
        {
            _readableCount++;
            ReadableBytes += lengthBytes;
        }
    }

    /// <summary>Copies readable bytes from <paramref name="skipBytes"/> on; returns how many there were.</summary>
    public int Read(GuestMemory memory, ulong skipBytes, Span<byte> destination) => BufferSegment.Gather(memory, Readable, skipBytes, destination);

    /// <summary>Copies bytes into the writable part from <paramref name="skipBytes"/> on; returns how many had room.</summary>
    public int Write(GuestMemory memory, ulong skipBytes, ReadOnlySpan<byte> source) => BufferSegment.Scatter(memory, Writable, skipBytes, source);
}
