using System.Buffers.Binary;

namespace ActorFT.Differential.Generation;

/// <summary>Collects a chunk's instructions; branches are patched when their target is known.</summary>
internal sealed class CodeBuffer
{
    /// <summary>C.EBREAK, which ends every chunk.</summary>
    public static readonly byte[] EBreak = [0x02, 0x90];

    private readonly List<PlacedInstruction> _instructions = [];

    public int LengthBytes { get; private set; }

    /// <summary>While set, instructions are marked as inseparable from the one before them.</summary>
    public bool Inseparable { get; set; }

    public int Count => _instructions.Count;

    public IReadOnlyList<PlacedInstruction> Instructions => _instructions;

    /// <summary>Appends an instruction; returns its number, for <see cref="Patch"/>.</summary>
    public int Emit(uint word)
    {
        var placed = new PlacedInstruction(LengthBytes, word, Inseparable);
        _instructions.Add(placed);
        LengthBytes += placed.LengthBytes;
        return _instructions.Count - 1;
    }

    /// <summary>The distance in bytes from an instruction to another, or to the end if that is its number.</summary>
    public int Distance(int from, int to) =>
        (to == _instructions.Count ? LengthBytes : _instructions[to].OffsetBytes) - _instructions[from].OffsetBytes;

    /// <summary>Sets bits of an instruction that were zero.</summary>
    public void Patch(int number, uint bits) => _instructions[number] = _instructions[number] with { Word = _instructions[number].Word | bits };

    /// <summary>The code with an EBREAK behind it.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[LengthBytes + EBreak.Length];
        foreach (PlacedInstruction instruction in _instructions)
        {
            if (instruction.LengthBytes == 2) BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(instruction.OffsetBytes), (ushort)instruction.Word);
            else BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(instruction.OffsetBytes), instruction.Word);
        }

        EBreak.CopyTo(bytes.AsSpan(LengthBytes));
        return bytes;
    }
}
