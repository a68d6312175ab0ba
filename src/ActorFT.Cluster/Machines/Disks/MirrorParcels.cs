using System.Buffers.Binary;
using ActorFT.Machine.State;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// Mirrors' messages as parcels of the FT link: fragments of at most <see cref="FragmentBytes"/>, each with disk (1), number (4), index (2) and count (2)
/// before it. Small ones go with the log on every path, by the coordinator; large ones with bulk on one, by <see cref="MirrorOutbox"/>.
/// </summary>
internal static class MirrorParcels
{
    /// <summary>Kind of a parcel with a mirror's message.</summary>
    internal const byte Kind = 1;

    /// <summary>Bytes before a fragment.</summary>
    internal const int HeaderBytes = 9;

    /// <summary>Longest fragment, and longest message that goes with the log.</summary>
    internal const int FragmentBytes = 1 << 20, SmallBytes = 4096;

    /// <summary>Numbers of what goes with bulk begin here: each way has its own.</summary>
    internal const uint BulkNumbers = 0x8000_0000;

    /// <summary>How many fragments a message makes.</summary>
    internal static int FragmentCount(int messageBytes) => Math.Max(1, (messageBytes + FragmentBytes - 1) / FragmentBytes);

    /// <summary>One of them.</summary>
    internal static ReadOnlySpan<byte> Fragment(ReadOnlySpan<byte> message, int index) => message[(index * FragmentBytes)..Math.Min(message.Length, (index + 1) * FragmentBytes)];

    /// <summary>Appends what comes before a fragment.</summary>
    internal static void WriteHeader(StateWriter writer, byte disk, uint number, int index, int count)
    {
        writer.U8(disk);
        writer.U32(number);
        writer.U16((ushort)index);
        writer.U16((ushort)count);
    }
}

/// <summary>Puts a mirror's messages together again. Small ones come on every path: each is delivered once.</summary>
internal sealed class MirrorReassembly
{
    private const int Remembered = 256, MaxUnfinished = 64;

    private readonly Queue<uint> _order = new();
    private readonly HashSet<uint> _delivered = [];
    private readonly Dictionary<uint, byte[]?[]> _unfinished = [];

    /// <summary>Begins anew: the other server's run is another, or may be.</summary>
    internal void Clear()
    {
        _unfinished.Clear();
        _order.Clear();
        _delivered.Clear();
    }

    /// <summary>A parcel's content came in. Gives the message that is whole by it, else null; a message of one parcel is part of that.</summary>
    internal ReadOnlyMemory<byte>? Add(ReadOnlyMemory<byte> content)
    {
        uint number = BinaryPrimitives.ReadUInt32LittleEndian(content.Span[1..]);
        int index = BinaryPrimitives.ReadUInt16LittleEndian(content.Span[5..]), count = BinaryPrimitives.ReadUInt16LittleEndian(content.Span[7..]);
        if (count == 0 || index >= count || _delivered.Contains(number)) return null;
        ReadOnlyMemory<byte> message = content[MirrorParcels.HeaderBytes..];
        if (count != 1)
        {
            if (!_unfinished.TryGetValue(number, out byte[]?[]? parts))
            {
                if (_unfinished.Count >= MaxUnfinished) _unfinished.Remove(_unfinished.Keys.Min());
                _unfinished[number] = parts = new byte[]?[count];
            }

            if (parts.Length != count) return null;
            parts[index] = message.ToArray();
            if (parts.Any(p => p is null)) return null;
            _unfinished.Remove(number);
            byte[] whole = GC.AllocateUninitializedArray<byte>(parts.Sum(p => p!.Length));
            int at = 0;
            foreach (byte[]? piece in parts)
            {
                piece!.CopyTo(whole, at);
                at += piece.Length;
            }

            message = whole;
        }

        _delivered.Add(number);
        _order.Enqueue(number);
        if (_order.Count > Remembered) _delivered.Remove(_order.Dequeue());
        return message;
    }
}
