using ActorFT.Machine.Cpu.Instructions;

namespace ActorFT.Machine.Cpu.Decoding;

/// <summary>Takes operands out of instruction words (Unprivileged spec §2.2, §2.3).</summary>
internal static unsafe class OperandDecoder
{
    /// <summary>Fills the operands of <paramref name="op"/>; <paramref name="offset"/> is the instruction's place in its block.</summary>
    public static void Decode(InstructionFormat format, uint word, int offset, int halfwords, Op* op)
    {
        byte rd = (byte)((word >> 7) & 31), rs1 = (byte)((word >> 15) & 31), rs2 = (byte)((word >> 20) & 31);
        byte rdOrSink = rd == 0 ? (byte)Hart.SinkRegister : rd;
        byte nextHalfwords = (byte)(offset / 2 + halfwords);
        switch (format)
        {
            case InstructionFormat.R:
                (op->Rd, op->Rs1, op->Rs2) = (rdOrSink, rs1, rs2);
                break;
            case InstructionFormat.I:
                (op->Rd, op->Rs1, op->Imm) = (rdOrSink, rs1, (int)word >> 20);
                break;
            case InstructionFormat.Shift:
                (op->Rd, op->Rs1, op->Imm) = (rdOrSink, rs1, (int)((word >> 20) & 63));
                break;
            case InstructionFormat.S:
            case InstructionFormat.FloatStore:
                (op->Rs1, op->Rs2, op->Imm) = (rs1, rs2, (((int)word >> 25) << 5) | rd);
                break;
            case InstructionFormat.B:
                (op->Rs1, op->Rs2, op->Imm) = (rs1, rs2, offset + BranchImmediate(word));
                break;
            case InstructionFormat.U:
                (op->Rd, op->Imm) = (rdOrSink, (int)(word & 0xFFFFF000));
                break;
            case InstructionFormat.UPcRelative:
                (op->Rd, op->Imm) = (rdOrSink, (int)(word & 0xFFFFF000) + offset);
                break;
            case InstructionFormat.J:
                (op->Rd, op->Imm, op->Rs1) = (rdOrSink, offset + JumpImmediate(word), nextHalfwords);
                break;
            case InstructionFormat.JumpRegister:
                (op->Rd, op->Rs1, op->Imm, op->Rs2) = (rdOrSink, rs1, (int)word >> 20, nextHalfwords);
                break;
            case InstructionFormat.Csr:
                // Rd keeps the true number: x0 means "do not read" (Zicsr).
                (op->Rd, op->Rs1, op->Imm, op->Rs2) = (rd, rs1, (int)(word >> 20), nextHalfwords);
                break;
            case InstructionFormat.System:
                op->Imm = (int)word;
                op->Rs2 = nextHalfwords;
                break;
            case InstructionFormat.FloatLoad:
                (op->Rd, op->Rs1, op->Imm) = (rd, rs1, (int)word >> 20);
                break;
            case InstructionFormat.FloatR:
                (op->Rd, op->Rs1, op->Rs2) = (rd, rs1, rs2);
                AddRounding(word, op);
                break;
            case InstructionFormat.FloatR4:
                (op->Rd, op->Rs1, op->Rs2, op->Imm) = (rd, rs1, rs2, (int)(word >> 27));
                AddRounding(word, op);
                break;
            case InstructionFormat.FloatToInteger:
                (op->Rd, op->Rs1, op->Rs2) = (rdOrSink, rs1, rs2);
                AddRounding(word, op);
                break;
        }
    }

    private static void AddRounding(uint word, Op* op) => op->Aux |= (byte)(((word >> 12) & 7) << 2);

    private static int BranchImmediate(uint word) =>
        (((int)word >> 31) << 12) | (int)(((word >> 7) & 1) << 11) | (int)(((word >> 25) & 63) << 5) | (int)(((word >> 8) & 15) << 1);

    private static int JumpImmediate(uint word) =>
        (((int)word >> 31) << 20) | (int)(word & 0xFF000) | (int)(((word >> 20) & 1) << 11) | (int)(((word >> 21) & 1023) << 1);
}
