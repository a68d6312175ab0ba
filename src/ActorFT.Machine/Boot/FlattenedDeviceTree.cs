using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ActorFT.Machine.Boot;

/// <summary>
/// Writes a flattened device tree (Devicetree Specification 0.4, chapter 5: version 17, compatible down to 16): header,
/// empty memory reservation block, structure block, strings block. The bytes depend on the calls alone.
/// </summary>
internal sealed class FlattenedDeviceTree
{
    private const uint Magic = 0xD00DFEED, Version = 17, LastCompatibleVersion = 16;
    private const uint BeginNodeToken = 1, EndNodeToken = 2, PropertyToken = 3, EndToken = 9;
    private const int HeaderBytes = 40, ReservationBytes = 16;

    private readonly ArrayBufferWriter<byte> _structure = new();
    private readonly ArrayBufferWriter<byte> _strings = new();
    private readonly Dictionary<string, uint> _stringOffsets = new(StringComparer.Ordinal); // looked up, never iterated
    private int _depth;

    /// <summary>Opens a node; the root's name is empty.</summary>
    public void BeginNode(string name)
    {
        PutU32(_structure, BeginNodeToken);
        PutPadded(Terminated(name));
        _depth++;
    }

    /// <summary>Closes the innermost open node.</summary>
    public void EndNode()
    {
        if (_depth-- == 0) throw new InvalidOperationException("No node is open.");
        PutU32(_structure, EndNodeToken);
    }

    /// <summary>A property without value.</summary>
    public void Flag(string name) => Bytes(name, []);

    /// <summary>A property of raw bytes.</summary>
    public void Bytes(string name, ReadOnlySpan<byte> value)
    {
        PutU32(_structure, PropertyToken);
        PutU32(_structure, (uint)value.Length);
        PutU32(_structure, StringOffset(name));
        PutPadded(value);
    }

    /// <summary>A property of 32-bit cells.</summary>
    public void Cells(string name, params ReadOnlySpan<uint> cells)
    {
        byte[] value = new byte[cells.Length * 4];
        for (int i = 0; i < cells.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(value.AsSpan(i * 4), cells[i]);
        Bytes(name, value);
    }

    /// <summary>A property of 64-bit numbers, two cells each.</summary>
    public void Wide(string name, params ReadOnlySpan<ulong> numbers)
    {
        byte[] value = new byte[numbers.Length * 8];
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteUInt64BigEndian(value.AsSpan(i * 8), numbers[i]);
        Bytes(name, value);
    }

    /// <summary>A property of one or more strings.</summary>
    public void Strings(string name, params ReadOnlySpan<string> strings)
    {
        ArrayBufferWriter<byte> value = new();
        foreach (string text in strings) value.Write(Terminated(text));
        Bytes(name, value.WrittenSpan);
    }

    /// <summary>The finished blob. All nodes must be closed.</summary>
    public byte[] ToBlob()
    {
        if (_depth != 0) throw new InvalidOperationException($"{_depth} nodes are still open.");
        int structureAt = HeaderBytes + ReservationBytes;
        int structureBytes = _structure.WrittenCount + 4; // and the end token
        int stringsAt = structureAt + structureBytes;
        byte[] blob = new byte[stringsAt + _strings.WrittenCount];
        Span<uint> header =
        [
            Magic, (uint)blob.Length, (uint)structureAt, (uint)stringsAt, HeaderBytes,
            Version, LastCompatibleVersion, 0 /* boot CPU */, (uint)_strings.WrittenCount, (uint)structureBytes,
        ];
        for (int i = 0; i < header.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(i * 4), header[i]);
        // The reservation block is its terminator alone: sixteen zeroes.
        _structure.WrittenSpan.CopyTo(blob.AsSpan(structureAt));
        BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(stringsAt - 4), EndToken);
        _strings.WrittenSpan.CopyTo(blob.AsSpan(stringsAt));
        return blob;
    }

    private uint StringOffset(string name)
    {
        if (_stringOffsets.TryGetValue(name, out uint offset)) return offset;
        offset = (uint)_strings.WrittenCount;
        _strings.Write(Terminated(name));
        _stringOffsets.Add(name, offset);
        return offset;
    }

    private static byte[] Terminated(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal)) throw new ArgumentException("A device tree string cannot hold a NUL.", nameof(text));
        return [.. Encoding.UTF8.GetBytes(text), 0];
    }

    private void PutPadded(ReadOnlySpan<byte> bytes)
    {
        int padded = (bytes.Length + 3) & ~3;
        Span<byte> span = _structure.GetSpan(padded)[..padded];
        bytes.CopyTo(span);
        span[bytes.Length..].Clear();
        _structure.Advance(padded);
    }

    private static void PutU32(ArrayBufferWriter<byte> to, uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(to.GetSpan(4), value);
        to.Advance(4);
    }
}
