namespace ActorFT.Differential.Generation;

/// <summary>An instruction in a chunk's code.</summary>
/// <param name="OffsetBytes">From the code's start.</param>
/// <param name="Word">The instruction; its upper half is zero when it has 16 bits.</param>
/// <param name="Inseparable">Whether code must not end before it: the instruction before it took something from the driver that a later one gives back.</param>
internal readonly record struct PlacedInstruction(int OffsetBytes, uint Word, bool Inseparable)
{
    public int LengthBytes => (Word & 3) == 3 ? 4 : 2;
}

/// <summary>Which integer registers point to a chunk's scratch memory.</summary>
internal enum Pointers
{
    /// <summary>x2 and x8, to its middle; with page tables in S-mode, x2 to the page's entry.</summary>
    X2AndX8,

    /// <summary>Every register r, to <see cref="Chunk.PointerDistanceBytes"/> * r above its middle: for code that may go through any of them.</summary>
    All,

    /// <summary>None.</summary>
    None,
}

/// <summary>
/// A short piece of code with the state it starts from. Everything is independent of where it is placed, except that x2 and
/// x8 get the address of the chunk's scratch memory, and what AUIPC and links leave in registers.
/// </summary>
internal sealed class Chunk
{
    /// <summary>Scratch bytes on each side of where x2 and x8 point that have random contents; the rest is zero.</summary>
    public const int ScratchFillBytes = 64;

    /// <summary>Names the chunk within its stream.</summary>
    public required int Index { get; init; }

    /// <summary>Bytes of the code, the final EBREAK included.</summary>
    public required byte[] Code { get; init; }

    /// <summary>Where execution starts.</summary>
    public int EntryOffsetBytes { get; init; }

    /// <summary>The instructions in the order of their addresses, without the final EBREAK.</summary>
    public required IReadOnlyList<PlacedInstruction> Instructions { get; init; }

    /// <summary>x0 to x31 at the start.</summary>
    public required ulong[] X { get; init; }

    /// <summary>f0 to f31 at the start.</summary>
    public required ulong[] F { get; init; }

    /// <summary>fcsr at the start.</summary>
    public required uint Fcsr { get; init; }

    /// <summary>sstatus before the SRET that enters the code: SPP says whether it runs in S- or U-mode.</summary>
    public required ulong Sstatus { get; init; }

    /// <summary>sie and sip at the start: bit 1 is the software interrupt.</summary>
    public ulong Sie { get; init; }

    public ulong Sip { get; init; }

    /// <summary>stvec.MODE: whether interrupts go through a table.</summary>
    public bool VectoredTraps { get; init; }

    /// <summary>Contents of the middle of the scratch memory.</summary>
    public required byte[] Scratch { get; init; }

    /// <summary>Which integer registers point to scratch memory.</summary>
    public Pointers Pointers { get; init; }

    public const int PointerDistanceBytes = 8;

    /// <summary>Page tables, or null for none: satp.MODE 0.</summary>
    public PagingSetup? Paging { get; init; }

    public bool UserMode => (Sstatus & SstatusSpp) == 0;

    public const ulong SoftwareInterrupt = 1UL << 1, SstatusSpie = 1UL << 5, SstatusSpp = 1UL << 8, SstatusSum = 1UL << 18, SstatusMxr = 1UL << 19;
    public const int SstatusFsShift = 13;

    /// <summary>The same chunk, ended before its instruction number <paramref name="count"/>.</summary>
    public Chunk EndedAfter(int count)
    {
        byte[] code = [.. Code];
        if (count < Instructions.Count) CodeBuffer.EBreak.CopyTo(code.AsSpan(Instructions[count].OffsetBytes));
        return new Chunk
        {
            Index = Index,
            Code = code,
            EntryOffsetBytes = EntryOffsetBytes,
            Instructions = Instructions,
            X = X,
            F = F,
            Fcsr = Fcsr,
            Sstatus = Sstatus,
            Scratch = Scratch,
            Sie = Sie,
            Sip = Sip,
            VectoredTraps = VectoredTraps,
            Pointers = Pointers,
            Paging = Paging,
        };
    }
}
