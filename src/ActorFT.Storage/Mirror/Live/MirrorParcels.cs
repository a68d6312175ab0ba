using System.Buffers.Binary;
using ActorFT.Machine.State;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// A mirror's messages in parcels of the FT link: fragments of a bounded size, each with disk (1), number (4), index (2) and count (2) before it. Small ones go
/// with the log on every path, so a parcel may come twice and in any order; large ones with bulk on one.
/// </summary>
public static class MirrorParcels
{
    /// <summary>Kind of a parcel with a mirror's message.</summary>
    public const byte Kind = 1;

    /// <summary>Bytes before a fragment.</summary>
    public const int HeaderBytes = 9;

    /// <summary>Longest fragment, and longest message that goes with the log.</summary>
    public const int FragmentBytes = 1 << 20, SmallBytes = 4096;

    /// <summary>Numbers of what goes with bulk begin here: each way has its own.</summary>
    public const uint BulkNumbers = 0x8000_0000;

    /// <summary>How many fragments a message makes.</summary>
    public static int FragmentCount(int messageBytes, int fragmentBytes = FragmentBytes) => Math.Max(1, (messageBytes + fragmentBytes - 1) / fragmentBytes);

    /// <summary>One of them.</summary>
    public static ReadOnlySpan<byte> Fragment(ReadOnlySpan<byte> message, int index, int fragmentBytes = FragmentBytes) =>
        message[(index * fragmentBytes)..Math.Min(message.Length, (index + 1) * fragmentBytes)];

    /// <summary>Appends what comes before a fragment.</summary>
    public static void WriteHeader(StateWriter writer, byte disk, uint number, int index, int count)
    {
        writer.U8(disk);
        writer.U32(number);
        writer.U16((ushort)index);
        writer.U16((ushort)count);
    }

    /// <summary>Cuts a message up.</summary>
    public static IEnumerable<byte[]> Cut(int disk, uint number, ReadOnlyMemory<byte> message, int fragmentBytes)
    {
        StateWriter writer = new();
        int count = FragmentCount(message.Length, fragmentBytes);
        for (int i = 0; i < count; i++)
        {
            writer.Clear();
            WriteHeader(writer, (byte)disk, number, i, count);
            writer.Raw(Fragment(message.Span, i, fragmentBytes));
            yield return writer.Written.ToArray();
        }
    }

    /// <summary>The disk that a parcel is about; null for what is none.</summary>
    public static int? DiskOf(ReadOnlyMemory<byte> parcel, int disks) => parcel.Length < HeaderBytes || parcel.Span[0] >= disks ? null : parcel.Span[0];
}

/// <summary>Puts a mirror's messages together again. Small ones come on every path: each is delivered once.</summary>
public sealed class MirrorReassembly
{
    private const int Remembered = 256, MaxUnfinished = 64;

    private readonly Queue<uint> _order = new();
    private readonly HashSet<uint> _delivered = [];
    private readonly Dictionary<uint, byte[]?[]> _unfinished = [];

    /// <summary>Begins anew: the other server's run is another, or may be.</summary>
    public void Clear()
    {
        _unfinished.Clear();
        _order.Clear();
        _delivered.Clear();
    }

    /// <summary>A parcel's content came in. Gives the message that is whole by it, else null; a message of one parcel is part of that.</summary>
    public ReadOnlyMemory<byte>? Add(ReadOnlyMemory<byte> content)
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
