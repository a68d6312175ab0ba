namespace ActorFT.Machine.Cpu.Decoding;

/// <summary>Expands 16-bit instructions to the 32-bit ones they stand for (Unprivileged spec chapter 16, RV64GC).</summary>
internal static class CompressedExpander
{
    /// <summary>What reserved encodings expand to: defined to be illegal.</summary>
    public const uint Illegal = 0;

    /// <summary>Expands one instruction; bits 1:0 are not 11.</summary>
    public static uint Expand(ushort c) => (c & 3) switch
    {
        0 => Quadrant0(c),
        1 => Quadrant1(c),
        _ => Quadrant2(c),
    };

    private const uint OpImm = 0x13, OpImm32 = 0x1B, Lui = 0x37, Op = 0x33, Op32 = 0x3B, Load = 0x03, Store = 0x23;
    private const uint LoadFp = 0x07, StoreFp = 0x27, Branch = 0x63, Jal = 0x6F, Jalr = 0x67;

    private static uint Bits(uint c, int high, int low) => (c >> low) & ((1u << (high - low + 1)) - 1);

    private static uint I(uint opcode, uint funct3, uint rd, uint rs1, uint imm) => (imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;

    private static uint R(uint opcode, uint funct3, uint funct7, uint rd, uint rs1, uint rs2) =>
        (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;

    private static uint S(uint opcode, uint funct3, uint rs1, uint rs2, uint imm) =>
        ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | ((imm & 31) << 7) | opcode;

    // The 6-bit immediate in bits 12 and 6:2, sign-extended to 12 bits.
    private static uint SignedImmediate(uint c) => (Bits(c, 6, 2) | (0u - Bits(c, 12, 12) << 5)) & 0xFFF;

    private static uint Quadrant0(uint c)
    {
        uint low = Bits(c, 4, 2) + 8, high = Bits(c, 9, 7) + 8;
        uint word = (Bits(c, 12, 10) << 3) | (Bits(c, 6, 6) << 2) | (Bits(c, 5, 5) << 6);
        uint doubleword = (Bits(c, 12, 10) << 3) | (Bits(c, 6, 5) << 6);
        switch (c >> 13)
        {
            case 0: // C.ADDI4SPN
                uint imm = (Bits(c, 12, 11) << 4) | (Bits(c, 10, 7) << 6) | (Bits(c, 6, 6) << 2) | (Bits(c, 5, 5) << 3);
                return imm == 0 ? Illegal : I(OpImm, 0, low, 2, imm);
            case 1: return I(LoadFp, 3, low, high, doubleword); // C.FLD
            case 2: return I(Load, 2, low, high, word); // C.LW
            case 3: return I(Load, 3, low, high, doubleword); // C.LD
            case 5: return S(StoreFp, 3, high, low, doubleword); // C.FSD
            case 6: return S(Store, 2, high, low, word); // C.SW
            case 7: return S(Store, 3, high, low, doubleword); // C.SD
            default: return Illegal;
        }
    }

    private static uint Quadrant1(uint c)
    {
        uint rd = Bits(c, 11, 7), imm = SignedImmediate(c);
        switch (c >> 13)
        {
            case 0: return I(OpImm, 0, rd, rd, imm); // C.ADDI, C.NOP and hints
            case 1: return rd == 0 ? Illegal : I(OpImm32, 0, rd, rd, imm); // C.ADDIW
            case 2: return I(OpImm, 0, rd, 0, imm); // C.LI
            case 3 when rd == 2: // C.ADDI16SP
                uint stack = (Bits(c, 6, 6) << 4) | (Bits(c, 2, 2) << 5) | (Bits(c, 5, 5) << 6) | (Bits(c, 4, 3) << 7) | ((0u - Bits(c, 12, 12)) << 9 & 0xFFF);
                return stack == 0 ? Illegal : I(OpImm, 0, 2, 2, stack);
            case 3: // C.LUI
                return imm == 0 ? Illegal : (((0u - (imm >> 11)) << 5 | (imm & 31)) << 12) | (rd << 7) | Lui;
            case 4: return Arithmetic(c);
            case 5: return Jump(c);
            case 6: return BranchZero(c, 0); // C.BEQZ
            default: return BranchZero(c, 1); // C.BNEZ
        }
    }

    private static uint Arithmetic(uint c)
    {
        uint rd = Bits(c, 9, 7) + 8, rs2 = Bits(c, 4, 2) + 8;
        uint shamt = Bits(c, 6, 2) | (Bits(c, 12, 12) << 5);
        switch (Bits(c, 11, 10))
        {
            case 0: return I(OpImm, 5, rd, rd, shamt); // C.SRLI
            case 1: return I(OpImm, 5, rd, rd, shamt | 0x400); // C.SRAI
            case 2: return I(OpImm, 7, rd, rd, SignedImmediate(c)); // C.ANDI
        }

        return ((Bits(c, 12, 12) << 2) | Bits(c, 6, 5)) switch
        {
            0 => R(Op, 0, 0x20, rd, rd, rs2), // C.SUB
            1 => R(Op, 4, 0, rd, rd, rs2), // C.XOR
            2 => R(Op, 6, 0, rd, rd, rs2), // C.OR
            3 => R(Op, 7, 0, rd, rd, rs2), // C.AND
            4 => R(Op32, 0, 0x20, rd, rd, rs2), // C.SUBW
            5 => R(Op32, 0, 0, rd, rd, rs2), // C.ADDW
            _ => Illegal,
        };
    }

    private static uint Jump(uint c)
    {
        uint imm = (Bits(c, 12, 12) << 11) | (Bits(c, 11, 11) << 4) | (Bits(c, 10, 9) << 8) | (Bits(c, 8, 8) << 10)
            | (Bits(c, 7, 7) << 6) | (Bits(c, 6, 6) << 7) | (Bits(c, 5, 3) << 1) | (Bits(c, 2, 2) << 5);
        uint sign = 0u - Bits(c, 12, 12);
        uint full = imm | (sign << 12);
        return (((full >> 20) & 1) << 31) | (((full >> 1) & 1023) << 21) | (((full >> 11) & 1) << 20) | (((full >> 12) & 255) << 12) | Jal;
    }

    private static uint BranchZero(uint c, uint funct3)
    {
        uint rs1 = Bits(c, 9, 7) + 8;
        uint imm = (Bits(c, 12, 12) << 8) | (Bits(c, 11, 10) << 3) | (Bits(c, 6, 5) << 6) | (Bits(c, 4, 3) << 1) | (Bits(c, 2, 2) << 5);
        uint full = imm | ((0u - Bits(c, 12, 12)) << 9);
        return (((full >> 12) & 1) << 31) | (((full >> 5) & 63) << 25) | (rs1 << 15) | (funct3 << 12) | (((full >> 1) & 15) << 8) | (((full >> 11) & 1) << 7) | Branch;
    }

    private static uint Quadrant2(uint c)
    {
        uint rd = Bits(c, 11, 7), rs2 = Bits(c, 6, 2);
        uint loadWord = (Bits(c, 12, 12) << 5) | (Bits(c, 6, 4) << 2) | (Bits(c, 3, 2) << 6);
        uint loadDoubleword = (Bits(c, 12, 12) << 5) | (Bits(c, 6, 5) << 3) | (Bits(c, 4, 2) << 6);
        uint storeWord = (Bits(c, 12, 9) << 2) | (Bits(c, 8, 7) << 6);
        uint storeDoubleword = (Bits(c, 12, 10) << 3) | (Bits(c, 9, 7) << 6);
        switch (c >> 13)
        {
            case 0: return I(OpImm, 1, rd, rd, rs2 | (Bits(c, 12, 12) << 5)); // C.SLLI
            case 1: return I(LoadFp, 3, rd, 2, loadDoubleword); // C.FLDSP
            case 2: return rd == 0 ? Illegal : I(Load, 2, rd, 2, loadWord); // C.LWSP
            case 3: return rd == 0 ? Illegal : I(Load, 3, rd, 2, loadDoubleword); // C.LDSP
            case 4 when Bits(c, 12, 12) == 0:
                if (rs2 != 0) return R(Op, 0, 0, rd, 0, rs2); // C.MV
                return rd == 0 ? Illegal : I(Jalr, 0, 0, rd, 0); // C.JR
            case 4:
                if (rs2 != 0) return R(Op, 0, 0, rd, rd, rs2); // C.ADD
                return rd == 0 ? 0x0010_0073 : I(Jalr, 0, 1, rd, 0); // C.EBREAK, C.JALR
            case 5: return S(StoreFp, 3, 2, rs2, storeDoubleword); // C.FSDSP
            case 6: return S(Store, 2, 2, rs2, storeWord); // C.SWSP
            default: return S(Store, 3, 2, rs2, storeDoubleword); // C.SDSP
        }
    }
}
