using System.Buffers.Binary;

namespace ActorFT.Machine.Tests.Determinism;

/// <summary>Writes RISC-V instructions (Unprivileged spec, "Instruction Set Listings") into a buffer.</summary>
internal sealed class GuestAssembler
{
    private readonly List<byte> _code = [];

    public int Position => _code.Count;

    public byte[] ToArray() => [.. _code];

    public void Word(uint word)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, word);
        _code.AddRange(bytes);
    }

    public void Half(ushort half)
    {
        _code.Add((byte)half);
        _code.Add((byte)(half >> 8));
    }

    public void R(int opcode, int funct3, int funct7, int rd, int rs1, int rs2) =>
        Word((uint)((funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode));

    public void I(int opcode, int funct3, int rd, int rs1, int immediate) =>
        Word(((uint)immediate << 20) | (uint)((rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode));

    public void S(int opcode, int funct3, int rs1, int rs2, int immediate) =>
        Word(((uint)(immediate >> 5) << 25) | (uint)((rs2 << 20) | (rs1 << 15) | (funct3 << 12) | ((immediate & 31) << 7) | opcode));

    public void B(int funct3, int rs1, int rs2, int offset) =>
        Word((((uint)offset >> 12 & 1) << 31) | (((uint)offset >> 5 & 63) << 25) | (uint)((rs2 << 20) | (rs1 << 15) | (funct3 << 12))
            | (((uint)offset >> 1 & 15) << 8) | (((uint)offset >> 11 & 1) << 7) | 0x63);

    public void Jal(int rd, int offset) =>
        Word((((uint)offset >> 20 & 1) << 31) | (((uint)offset >> 1 & 0x3FF) << 21) | (((uint)offset >> 11 & 1) << 20)
            | (((uint)offset >> 12 & 0xFF) << 12) | (uint)(rd << 7) | 0x6F);

    public void Addi(int rd, int rs1, int immediate) => I(0x13, 0, rd, rs1, immediate);

    public void Slli(int rd, int rs1, int shift) => I(0x13, 1, rd, rs1, shift);

    public void Srli(int rd, int rs1, int shift) => I(0x13, 5, rd, rs1, shift);

    public void Add(int rd, int rs1, int rs2) => R(0x33, 0, 0, rd, rs1, rs2);

    public void Load(int funct3, int rd, int rs1, int offset) => I(0x03, funct3, rd, rs1, offset);

    public void Store(int funct3, int rs2, int rs1, int offset) => S(0x23, funct3, rs1, rs2, offset);

    /// <summary>CSRRW (1), CSRRS (2), CSRRC (3), or with an immediate (5, 6, 7).</summary>
    public void Csr(int funct3, int rd, int csr, int source) => I(0x73, funct3, rd, source, csr);

    public void Ecall() => Word(0x73);

    public void Sret() => Word(0x1020_0073);

    /// <summary>Any 32-bit number, zero-extended.</summary>
    public void LoadConstant(int rd, uint value)
    {
        int low = (int)(value << 20) >> 20;
        Word(((value - (uint)low) & 0xFFFF_F000) | (uint)(rd << 7) | 0x37); // lui
        I(0x1B, 0, rd, rd, low); // addiw
        Slli(rd, rd, 32);
        Srli(rd, rd, 32);
    }
}
