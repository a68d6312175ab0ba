using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Queues;

/// <summary>One piece of a guest's buffer. Lies in RAM and is not empty, wherever one is kept.</summary>
/// <param name="Address">Guest-physical address.</param>
/// <param name="LengthBytes">Length, at least 1.</param>
internal readonly record struct BufferSegment(ulong Address, uint LengthBytes)
{
    /// <summary>
    /// Copies bytes from the segments, beginning <paramref name="skipBytes"/> into them, until the destination is full or they end.
    /// Returns how many.
    /// </summary>
    public static int Gather(GuestMemory memory, ReadOnlySpan<BufferSegment> segments, ulong skipBytes, Span<byte> destination)
    {
        int copied = 0;
        foreach (BufferSegment segment in segments)
        {
            if (copied == destination.Length) break;
            if (skipBytes >= segment.LengthBytes)
            {
                skipBytes -= segment.LengthBytes;
                continue;
            }
            int count = (int)Math.Min(segment.LengthBytes - skipBytes, (ulong)(destination.Length - copied));
            if (!memory.TryRead(segment.Address + skipBytes, destination.Slice(copied, count))) break;
            copied += count;
            skipBytes = 0;
        }
        return copied;
    }

    /// <summary>Copies bytes into the segments, beginning <paramref name="skipBytes"/> into them; returns how many had room.</summary>
    public static int Scatter(GuestMemory memory, ReadOnlySpan<BufferSegment> segments, ulong skipBytes, ReadOnlySpan<byte> source)
    {
        int copied = 0;
        foreach (BufferSegment segment in segments)
        {
            if (copied == source.Length) break;
            if (skipBytes >= segment.LengthBytes)
            {
                skipBytes -= segment.LengthBytes;
                continue;
            }
            int count = (int)Math.Min(segment.LengthBytes - skipBytes, (ulong)(source.Length - copied));
            if (!memory.TryWrite(segment.Address + skipBytes, source.Slice(copied, count))) break;
            copied += count;
            skipBytes = 0;
        }
        return copied;
    }

    /// <summary>Writes the segments with their count.</summary>
    public static void Save(StateWriter writer, ReadOnlySpan<BufferSegment> segments)
    {
        writer.U32((uint)segments.Length);
        foreach (BufferSegment segment in segments)
        {
            writer.U64(segment.Address);
            writer.U32(segment.LengthBytes);
        }
    }

    /// <summary>Reads segments and checks that each lies in RAM; their bytes sum up to at most <paramref name="limitBytes"/>.</summary>
    public static BufferSegment[] Restore(ref StateReader reader, GuestMemory memory, ulong limitBytes, out ulong totalBytes)
    {
        int count = reader.Count(DescriptorChain.MaxDescriptors);
        if (count * 12 > reader.Remaining)
            throw new StateFormatException($"Saved state ends early: {count} buffers wanted, {reader.Remaining} bytes left.");
        var segments = new BufferSegment[count];
        totalBytes = 0;
        for (int i = 0; i < count; i++)
        {
            segments[i] = new BufferSegment(reader.U64(), reader.U32());
            totalBytes += segments[i].LengthBytes;
            if (segments[i].LengthBytes == 0 || !memory.Contains(segments[i].Address, segments[i].LengthBytes) || totalBytes > limitBytes)
                throw new StateFormatException($"Saved state has a buffer of {segments[i].LengthBytes} bytes at 0x{segments[i].Address:x} that is empty, not in RAM or too long.");
        }
        return segments;
    }
}
