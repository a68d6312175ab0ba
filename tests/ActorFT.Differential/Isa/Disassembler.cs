namespace ActorFT.Differential.Isa;

/// <summary>Names an instruction word and its operands, for reports.</summary>
internal static class Disassembler
{
    private static readonly string[] RoundingModes = ["rne", "rtz", "rdn", "rup", "rmm", "reserved5", "reserved6", "dyn"];

    public static string Describe(uint word)
    {
        if ((word & 3) != 3) return $"{CompressedForm.Find(word & 0xFFFF)?.Name ?? "reserved"} ({word & 0xFFFF:x4})";
        InstructionForm? form = InstructionForms.Find(word);
        if (form == null) return $"reserved ({word:x8})";

        uint rd = (word >> 7) & 31, rs1 = (word >> 15) & 31, rs2 = (word >> 20) & 31;
        int immediate = (int)word >> 20;
        var operands = new List<string>();
        if (form.Has(Operand.Rd)) operands.Add($"x{rd}");
        if (form.Has(Operand.Fd)) operands.Add($"f{rd}");
        if (form.Has(Operand.Csr)) operands.Add($"csr {word >> 20:x3}");
        if (form.Has(Operand.Rs1)) operands.Add($"x{rs1}");
        if (form.Has(Operand.Fs1)) operands.Add($"f{rs1}");
        if (form.Has(Operand.Zimm)) operands.Add($"{rs1}");
        if (form.Has(Operand.Rs2)) operands.Add($"x{rs2}");
        if (form.Has(Operand.Fs2)) operands.Add($"f{rs2}");
        if (form.Has(Operand.Fs3)) operands.Add($"f{word >> 27}");
        if (form.Has(Operand.ImmI)) operands.Add($"{immediate}");
        if (form.Has(Operand.ImmS)) operands.Add($"{(immediate & ~31) | (int)rd}");
        if (form.Has(Operand.ImmB)) operands.Add($"{(immediate & ~0x81F) | (int)(rd & 30) | (int)(rd & 1) << 11}");
        if (form.Has(Operand.ImmU)) operands.Add($"{word >> 12:x}");
        if (form.Has(Operand.ImmJ)) operands.Add($"jump {word:x8}");
        if (form.Has(Operand.Shamt5 | Operand.Shamt6)) operands.Add($"{(word >> 20) & 63}");
        if (form.Has(Operand.Rm)) operands.Add(RoundingModes[(word >> 12) & 7]);
        return $"{form.Name} {string.Join(", ", operands)} ({word:x8})";
    }

    /// <summary>The registers that an instruction reads: integer ones and floating-point ones.</summary>
    public static (uint[] Integer, uint[] Float) Sources(uint word)
    {
        uint rs1 = (word >> 15) & 31, rs2 = (word >> 20) & 31, rs3 = word >> 27;
        if ((word & 3) != 3) return ([(word >> 7) & 31, (word >> 2) & 31, 8 + ((word >> 7) & 7), 8 + ((word >> 2) & 7)], [(word >> 2) & 31, 8 + ((word >> 2) & 7)]);
        InstructionForm? form = InstructionForms.Find(word);
        if (form == null) return ([rs1, rs2], [rs1, rs2]);
        uint[] integer = [.. form.Has(Operand.Rs1) ? (uint[])[rs1] : [], .. form.Has(Operand.Rs2) ? (uint[])[rs2] : []];
        uint[] floating = [.. form.Has(Operand.Fs1) ? (uint[])[rs1] : [], .. form.Has(Operand.Fs2) ? (uint[])[rs2] : [], .. form.Has(Operand.Fs3) ? (uint[])[rs3] : []];
        return (integer, floating);
    }
}
