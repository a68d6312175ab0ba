using System.Buffers.Binary;

namespace ActorFT.Benchmarks.Guest;

/// <summary>
/// Writes RV64 machine code (Unprivileged spec §2.2: the formats) for the loops that are measured. Registers are their
/// numbers; branches go back to places already passed, or forward by a known number of instructions.
/// </summary>
internal sealed class Assembler
{
    private readonly List<uint> _words = [];

    /// <summary>Where the next instruction goes, in bytes from the program's first.</summary>
    public int Here => _words.Count * 4;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Here];
        for (int i = 0; i < _words.Count; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), _words[i]);
        return bytes;
    }

    public void Word(uint word) => _words.Add(word);

    public void Addi(int rd, int rs1, int immediate) => I(0x13, 0, rd, rs1, immediate);

    public void Xori(int rd, int rs1, int immediate) => I(0x13, 4, rd, rs1, immediate);

    public void Slli(int rd, int rs1, int shift) => I(0x13, 1, rd, rs1, shift);

    public void Add(int rd, int rs1, int rs2) => R(0x33, 0, 0, rd, rs1, rs2);

    public void Lbu(int rd, int rs1, int offset) => I(0x03, 4, rd, rs1, offset);

    public void Ld(int rd, int rs1, int offset) => I(0x03, 3, rd, rs1, offset);

    public void Sw(int rs2, int rs1, int offset) => S(0x23, 2, rs1, rs2, offset);

    public void Sd(int rs2, int rs1, int offset) => S(0x23, 3, rs1, rs2, offset);

    public void AmoaddD(int rd, int rs2, int rs1) => R(0x2F, 3, 0, rd, rs1, rs2);

    public void FaddD(int rd, int rs1, int rs2) => R(0x53, 7, 0x01, rd, rs1, rs2);

    public void FmulD(int rd, int rs1, int rs2) => R(0x53, 7, 0x09, rd, rs1, rs2);

    public void FcvtDL(int rd, int rs1) => R(0x53, 7, 0x69, rd, rs1, 2);

    public void Csrw(int csr, int rs1) => I(0x73, 1, 0, rs1, csr);

    public void Csrr(int rd, int csr) => I(0x73, 2, rd, 0, csr);

    public void Csrs(int csr, int rs1) => I(0x73, 2, 0, rs1, csr);

    public void Ecall() => Word(0x0000_0073);

    public void Ebreak() => Word(0x0010_0073);

    public void Sret() => Word(0x1020_0073);

    public void FenceI() => Word(0x0000_100F);

    public void SfenceVma() => Word(0x1200_0073);

    /// <summary>auipc: rd = this instruction's address + the immediate's upper 20 bits.</summary>
    public void Auipc(int rd, int upper) => Word((uint)upper << 12 | (uint)rd << 7 | 0x17);

    public void Jal(int rd, int target)
    {
        int offset = target - Here;
        uint bits = (uint)offset;
        Word((bits >> 20 & 1) << 31 | (bits >> 1 & 0x3FF) << 21 | (bits >> 11 & 1) << 20 | (bits >> 12 & 0xFF) << 12 | (uint)rd << 7 | 0x6F);
    }

    public void Ret() => I(0x67, 0, 0, Registers.Ra, 0);

    public void Bltu(int rs1, int rs2, int target)
    {
        uint bits = (uint)(target - Here);
        Word((bits >> 12 & 1) << 31 | (bits >> 5 & 0x3F) << 25 | (uint)rs2 << 20 | (uint)rs1 << 15 | 6 << 12 | (bits >> 1 & 0xF) << 8 | (bits >> 11 & 1) << 7 | 0x63);
    }

    /// <summary>rd = a constant of 44 bits or fewer, by shifts of 11 bits: as many instructions as it takes.</summary>
    public void Li(int rd, ulong value)
    {
        Addi(rd, 0, (int)(value >> 33 & 0x7FF));
        for (int shift = 22; shift >= 0; shift -= 11)
        {
            Slli(rd, rd, 11);
            Addi(rd, rd, (int)(value >> shift & 0x7FF));
        }
    }

    private void R(uint opcode, uint funct3, uint funct7, int rd, int rs1, int rs2) =>
        Word(funct7 << 25 | (uint)rs2 << 20 | (uint)rs1 << 15 | funct3 << 12 | (uint)rd << 7 | opcode);

    private void I(uint opcode, uint funct3, int rd, int rs1, int immediate) =>
        Word((uint)immediate << 20 | (uint)rs1 << 15 | funct3 << 12 | (uint)rd << 7 | opcode);

    private void S(uint opcode, uint funct3, int rs1, int rs2, int offset) =>
        Word((uint)(offset >> 5) << 25 | (uint)rs2 << 20 | (uint)rs1 << 15 | funct3 << 12 | (uint)(offset & 31) << 7 | opcode);
}

/// <summary>Numbers of registers and CSRs, by the names of the ABI and the Privileged specification.</summary>
internal static class Registers
{
    public const int Ra = 1, T0 = 5, T1 = 6, T2 = 7, A0 = 10, A6 = 16, A7 = 17, T3 = 28, T4 = 29;

    public const int Sstatus = 0x100, Stvec = 0x105, Sepc = 0x141, Satp = 0x180;
}
