using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices;

/// <summary>A first-in, first-out queue of bytes with a hard limit; its buffer grows on demand up to it.</summary>
internal sealed class ByteQueue(int limitBytes)
{
    private byte[] _ring = new byte[Math.Min(limitBytes, 16)];
    private int _head;

    /// <summary>Bytes in the queue.</summary>
    public int Count { get; private set; }

    /// <summary>Adds one byte; false when the queue is full.</summary>
    public bool TryEnqueue(byte value)
    {
        if (Count == limitBytes) return false;
        if (Count == _ring.Length) Grow();
        _ring[(_head + Count++) % _ring.Length] = value;
        return true;
    }

    /// <summary>Takes the oldest byte of a queue that is not empty.</summary>
    public byte Dequeue()
    {
        if (Count == 0) throw new InvalidOperationException("The queue is empty.");
        byte value = _ring[_head];
        _head = (_head + 1) % _ring.Length;
        Count--;
        return value;
    }

    /// <summary>Empties the queue.</summary>
    public void Clear() => _head = Count = 0;

    private void Grow()
    {
        byte[] larger = new byte[Math.Min(_ring.Length * 2, limitBytes)];
        CopyTo(larger);
        _ring = larger;
        _head = 0;
    }

    private void CopyTo(Span<byte> destination)
    {
        int first = Math.Min(Count, _ring.Length - _head);
        _ring.AsSpan(_head, first).CopyTo(destination);
        _ring.AsSpan(0, Count - first).CopyTo(destination[first..]);
    }

    /// <summary>Writes the content, oldest first.</summary>
    public void Save(StateWriter writer)
    {
        byte[] content = new byte[Count];
        CopyTo(content);
        writer.Bytes(content);
    }

    /// <summary>Replaces the content.</summary>
    public void Restore(ref StateReader reader)
    {
        ReadOnlySpan<byte> content = reader.Bytes(limitBytes);
        Clear();
        foreach (byte value in content) TryEnqueue(value);
    }
}
