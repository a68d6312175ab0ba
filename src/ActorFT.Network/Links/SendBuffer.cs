using System.Buffers;

namespace ActorFT.Network.Links;

/// <summary>
/// Bytes that wait to be sent, in order, in one pooled array that grows as needed and starts anew when empty. The
/// bound is its user's. Not thread-safe.
/// </summary>
internal sealed class SendBuffer : IDisposable
{
    private const int SmallestBytes = 16 * 1024, LargestKeptBytes = 256 * 1024;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(SmallestBytes);
    private int _start;
    private int _end;

    internal int Length => _end - _start;

    internal ReadOnlySpan<byte> Waiting => _bytes.AsSpan(_start.._end);

    /// <summary>Room for so many more bytes at the end, counted as waiting at once.</summary>
    internal Span<byte> Append(int lengthBytes)
    {
        if (_bytes.Length - _end < lengthBytes) MakeRoom(lengthBytes);
        Span<byte> room = _bytes.AsSpan(_end, lengthBytes);
        _end += lengthBytes;
        return room;
    }

    /// <summary>Forgets the first bytes: they are sent.</summary>
    internal void Consume(int lengthBytes)
    {
        _start += lengthBytes;
        if (_start != _end) return;
        _start = _end = 0;
        if (_bytes.Length > LargestKeptBytes) Replace(SmallestBytes);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _start = _end = 0;
    }

    private void MakeRoom(int lengthBytes)
    {
        int needed = Length + lengthBytes;
        // Move only when that frees half the array: else moving the same bytes again and again would cost more than growing.
        if (needed <= _bytes.Length / 2) Move(_bytes);
        else Replace(Math.Max(2 * _bytes.Length, needed));
    }

    private void Replace(int capacityBytes)
    {
        byte[] old = _bytes;
        byte[] next = ArrayPool<byte>.Shared.Rent(capacityBytes);
        Move(next);
        _bytes = next;
        ArrayPool<byte>.Shared.Return(old);
    }

    private void Move(byte[] target)
    {
        Buffer.BlockCopy(_bytes, _start, target, 0, Length);
        _end = Length;
        _start = 0;
    }
}
