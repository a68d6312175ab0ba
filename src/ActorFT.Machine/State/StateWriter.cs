using System.Buffers;
using System.Buffers.Binary;

namespace ActorFT.Machine.State;

/// <summary>
/// Writes state as little-endian primitives into a growing buffer. What is written here is exactly what the
/// digest covers and what a save file holds, so a component that writes a field has it compared and restored.
/// </summary>
public sealed class StateWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>Everything written so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Everything written so far, as memory valid until the next write or <see cref="Clear"/>.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.WrittenMemory;

    /// <summary>Forgets what was written; keeps the buffer.</summary>
    public void Clear() => _buffer.ResetWrittenCount();

    /// <summary>Writes one byte.</summary>
    public void U8(byte value) { _buffer.GetSpan(1)[0] = value; _buffer.Advance(1); }

    /// <summary>Writes one byte, 0 or 1.</summary>
    public void Bool(bool value) => U8(value ? (byte)1 : (byte)0);

    /// <summary>Writes two bytes.</summary>
    public void U16(ushort value) { BinaryPrimitives.WriteUInt16LittleEndian(_buffer.GetSpan(2), value); _buffer.Advance(2); }

    /// <summary>Writes four bytes.</summary>
    public void U32(uint value) { BinaryPrimitives.WriteUInt32LittleEndian(_buffer.GetSpan(4), value); _buffer.Advance(4); }

    /// <summary>Writes eight bytes.</summary>
    public void U64(ulong value) { BinaryPrimitives.WriteUInt64LittleEndian(_buffer.GetSpan(8), value); _buffer.Advance(8); }

    /// <summary>Writes a 32-bit length and the bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> value) { U32((uint)value.Length); Raw(value); }

    /// <summary>Writes the bytes alone, for fields whose length both sides know.</summary>
    public void Raw(ReadOnlySpan<byte> value) => _buffer.Write(value);

    /// <summary>Opens a section: a four-letter tag and a version, which <see cref="StateReader.Section"/> checks.</summary>
    public void Section(string tag, ushort version)
    {
        if (tag.Length != 4) throw new ArgumentException($"A section's tag has four letters; \"{tag}\" has {tag.Length}.", nameof(tag));
        foreach (char c in tag) U8((byte)c);
        U16(version);
    }
}
