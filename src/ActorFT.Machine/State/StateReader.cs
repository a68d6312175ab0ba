using System.Buffers.Binary;
using System.Text;

namespace ActorFT.Machine.State;

/// <summary>
/// Reads what <see cref="StateWriter"/> wrote. Input may be torn or hostile: every read checks what is left and
/// every length is checked before anything is allocated; errors are <see cref="StateFormatException"/>, nothing else.
/// </summary>
public ref struct StateReader
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>Reads from the start of <paramref name="data"/>.</summary>
    public StateReader(ReadOnlySpan<byte> data) => _rest = data;

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _rest.Length;

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
            throw new StateFormatException($"Saved state ends early: {count} bytes wanted, {_rest.Length} left.");
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    /// <summary>Reads one byte.</summary>
    public byte U8() => Take(1)[0];

    /// <summary>Reads one byte that must be 0 or 1.</summary>
    public bool Bool()
    {
        byte value = U8();
        return value <= 1 ? value == 1 : throw new StateFormatException($"Saved state holds {value} where 0 or 1 is allowed.");
    }

    /// <summary>Reads two bytes.</summary>
    public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    /// <summary>Reads four bytes.</summary>
    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>Reads eight bytes.</summary>
    public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>Reads a 32-bit length of at most <paramref name="limitBytes"/> and that many bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int limitBytes)
    {
        uint length = U32();
        if (length > (uint)limitBytes) throw new StateFormatException($"Saved state holds a field of {length} bytes where at most {limitBytes} are allowed.");
        return Take((int)length);
    }

    /// <summary>Reads <paramref name="count"/> bytes.</summary>
    public ReadOnlySpan<byte> Raw(int count) => Take(count);

    /// <summary>Reads a 32-bit count that may be at most <paramref name="limit"/>.</summary>
    public int Count(int limit)
    {
        uint count = U32();
        return count <= (uint)limit ? (int)count : throw new StateFormatException($"Saved state counts {count} items where at most {limit} are allowed.");
    }

    /// <summary>Checks a section's tag and version.</summary>
    public void Section(string tag, ushort version)
    {
        string found = Encoding.Latin1.GetString(Take(4));
        if (found != tag) throw new StateFormatException($"Saved state has section \"{Printable(found)}\" where \"{tag}\" belongs.");
        ushort foundVersion = U16();
        if (foundVersion != version) throw new StateFormatException($"Section \"{tag}\" has version {foundVersion}; this build reads version {version}.");
    }

    /// <summary>Checks that nothing is left over.</summary>
    public readonly void End()
    {
        if (_rest.Length != 0) throw new StateFormatException($"Saved state has {_rest.Length} bytes after its end.");
    }

    private static string Printable(string text) => string.Concat(text.Select(c => c is >= ' ' and < (char)127 ? c : '?'));
}
