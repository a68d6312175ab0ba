namespace ActorFT.Differential.Isa;

/// <summary>Puts operands into instruction words.</summary>
internal static class Encode
{
    public static uint R(string name, int rd, int rs1, int rs2) => InstructionForms.Named(name).Match | Rd(rd) | Rs1(rs1) | Rs2(rs2);

    public static uint I(string name, int rd, int rs1, int immediate) => InstructionForms.Named(name).Match | Rd(rd) | Rs1(rs1) | ImmI(immediate);

    public static uint Shift(string name, int rd, int rs1, int amount) => InstructionForms.Named(name).Match | Rd(rd) | Rs1(rs1) | Rs2(amount);

    /// <summary>Stores, and floating-point stores: rs2 is the value's register.</summary>
    public static uint S(string name, int rs1, int rs2, int immediate) => InstructionForms.Named(name).Match | Rs1(rs1) | Rs2(rs2) | ImmS(immediate);

    public static uint B(string name, int rs1, int rs2, int offset) => InstructionForms.Named(name).Match | Rs1(rs1) | Rs2(rs2) | ImmB(offset);

    public static uint U(string name, int rd, int upper) => InstructionForms.Named(name).Match | Rd(rd) | ((uint)upper << 12);

    public static uint Jal(int rd, int offset) => 0x6F | Rd(rd) | ImmJ(offset);

    public static uint Csr(string name, int rd, int csr, int rs1) => InstructionForms.Named(name).Match | Rd(rd) | Rs1(rs1) | ((uint)csr << 20);

    public static uint Rd(int register) => (uint)register << 7;

    public static uint Rs1(int register) => (uint)register << 15;

    public static uint Rs2(int register) => (uint)register << 20;

    public static uint ImmI(int immediate) => (uint)immediate << 20;

    public static uint ImmS(int immediate) => (((uint)immediate >> 5) & 127) << 25 | ((uint)immediate & 31) << 7;

    public static uint ImmB(int offset)
    {
        uint o = (uint)offset;
        return ((o >> 12) & 1) << 31 | ((o >> 5) & 63) << 25 | ((o >> 1) & 15) << 8 | ((o >> 11) & 1) << 7;
    }

    public static uint ImmJ(int offset)
    {
        uint o = (uint)offset;
        return ((o >> 20) & 1) << 31 | ((o >> 1) & 1023) << 21 | ((o >> 11) & 1) << 20 | ((o >> 12) & 255) << 12;
    }

    /// <summary>The offset field of C.J: offset[11|4|9:8|10|6|7|3:1|5] in bits 12 to 2.</summary>
    public static uint ImmCJ(int offset)
    {
        uint o = (uint)offset;
        return ((o >> 11) & 1) << 12 | ((o >> 4) & 1) << 11 | ((o >> 8) & 3) << 9 | ((o >> 10) & 1) << 8 | ((o >> 6) & 1) << 7
            | ((o >> 7) & 1) << 6 | ((o >> 1) & 7) << 3 | ((o >> 5) & 1) << 2;
    }

    /// <summary>The offset field of C.BEQZ: offset[8|4:3] in bits 12 to 10, offset[7:6|2:1|5] in bits 6 to 2.</summary>
    public static uint ImmCB(int offset)
    {
        uint o = (uint)offset;
        return ((o >> 8) & 1) << 12 | ((o >> 3) & 3) << 10 | ((o >> 6) & 3) << 5 | ((o >> 1) & 3) << 3 | ((o >> 5) & 1) << 2;
    }

    /// <summary>The immediate of C.ADDI16SP: nzimm[9] in bit 12, nzimm[4|6|8:7|5] in bits 6 to 2.</summary>
    public static uint ImmCStack(int amount)
    {
        uint a = (uint)amount;
        return ((a >> 9) & 1) << 12 | ((a >> 4) & 1) << 6 | ((a >> 6) & 1) << 5 | ((a >> 7) & 3) << 3 | ((a >> 5) & 1) << 2;
    }
}
