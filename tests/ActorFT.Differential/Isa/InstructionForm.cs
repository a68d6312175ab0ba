namespace ActorFT.Differential.Isa;

/// <summary>What a stream exercises: an extension of RV64GC, all of them together, or encodings that must trap.</summary>
public enum Extension
{
    I,
    M,
    A,
    F,
    D,
    C,
    Zicsr,

    /// <summary>All of the above in one stream.</summary>
    Mixed,

    /// <summary>Loads, stores, atomics and jumps through random page tables, in Sv39 and Sv48.</summary>
    Paging,

    /// <summary>Words with random function fields, most of them reserved.</summary>
    Reserved,
}

/// <summary>The free fields of a 32-bit instruction word.</summary>
[Flags]
internal enum Operand
{
    None = 0,
    Rd = 1 << 0,
    Fd = 1 << 1,
    Rs1 = 1 << 2,
    Fs1 = 1 << 3,
    Rs2 = 1 << 4,
    Fs2 = 1 << 5,
    Fs3 = 1 << 6,
    Rm = 1 << 7,
    ImmI = 1 << 8,
    ImmS = 1 << 9,
    ImmB = 1 << 10,
    ImmU = 1 << 11,
    ImmJ = 1 << 12,
    Shamt5 = 1 << 13,
    Shamt6 = 1 << 14,
    AqRl = 1 << 15,
    Csr = 1 << 16,
    Zimm = 1 << 17,

    /// <summary>rd, rs1 and the immediate, which FENCE must ignore.</summary>
    Fence = 1 << 18,
}

/// <summary>One 32-bit instruction: name, extension, fixed bits, free fields. The same table generates and disassembles.</summary>
internal sealed record InstructionForm(string Name, Extension Extension, uint Match, Operand Operands)
{
    public bool Has(Operand operand) => (Operands & operand) != 0;

    /// <summary>Which bits are fixed.</summary>
    public uint Mask { get; } = ~FreeBits(Operands);

    public bool IsMemory => (Match & 0x7F) is 0x03 or 0x07 or 0x23 or 0x27;

    public bool IsBranch => Has(Operand.ImmB);

    private static uint FreeBits(Operand operands)
    {
        uint bits = 0;
        if ((operands & (Operand.Rd | Operand.Fd)) != 0) bits |= 0x0000_0F80;
        if ((operands & (Operand.Rs1 | Operand.Fs1 | Operand.Zimm)) != 0) bits |= 0x000F_8000;
        if ((operands & (Operand.Rs2 | Operand.Fs2 | Operand.Shamt5)) != 0) bits |= 0x01F0_0000;
        if ((operands & Operand.Fs3) != 0) bits |= 0xF800_0000;
        if ((operands & Operand.Rm) != 0) bits |= 0x0000_7000;
        if ((operands & (Operand.ImmI | Operand.Csr)) != 0) bits |= 0xFFF0_0000;
        if ((operands & (Operand.ImmS | Operand.ImmB)) != 0) bits |= 0xFE00_0F80;
        if ((operands & (Operand.ImmU | Operand.ImmJ)) != 0) bits |= 0xFFFF_F000;
        if ((operands & Operand.Shamt6) != 0) bits |= 0x03F0_0000;
        if ((operands & Operand.AqRl) != 0) bits |= 0x0600_0000;
        if ((operands & Operand.Fence) != 0) bits |= 0xFFFF_8F80;
        return bits;
    }
}
