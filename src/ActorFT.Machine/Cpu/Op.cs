using System.Runtime.InteropServices;

namespace ActorFT.Machine.Cpu;

/// <summary>
/// One predecoded instruction: where to continue in the host, and its operands. Blocks of them lie in native memory
/// one after the other; a handler ends by jumping to the next one's handler (a tail call that costs one jump), the
/// block's last one returns to <see cref="Hart.Run"/>.
/// Offsets in code (<see cref="Imm"/> of branches, jumps, AUIPC) are relative to the block's first instruction, so that
/// a block, found by physical address, serves every virtual address it is mapped at.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Op
{
    /// <summary>Does the instruction and goes on to the next.</summary>
    public delegate*<Hart, Op*, void> Run;

    /// <summary>Immediate, block-relative target, CSR number, raw instruction bits or third source, as the format says.</summary>
    public int Imm;

    /// <summary>Destination; x0 is redirected to <see cref="Hart.SinkRegister"/>.</summary>
    public byte Rd;

    /// <summary>First source. JAL: the link offset in halfwords.</summary>
    public byte Rs1;

    /// <summary>Second source. JALR: the link offset in halfwords.</summary>
    public byte Rs2;

    /// <summary>Bits 0-1: length in halfwords (0 for the synthetic end of a block). Bits 2-4: rounding mode. Bit 5: see <see cref="IsFused"/>.</summary>
    public byte Aux;

    /// <summary>Bit 5 of <see cref="Aux"/>.</summary>
    public const byte FusedBit = 32;

    /// <summary>Whether the handler does the next instruction too.</summary>
    public readonly bool IsFused => (Aux & FusedBit) != 0;

    /// <summary>Length of the instruction in bytes.</summary>
    public readonly int LengthBytes => (Aux & 3) * 2;

    /// <summary>The rounding-mode field.</summary>
    public readonly int RoundingField => (Aux >> 2) & 7;
}
