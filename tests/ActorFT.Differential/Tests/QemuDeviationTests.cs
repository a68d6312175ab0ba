using ActorFT.Differential.Generation;
using ActorFT.Differential.Guest;
using ActorFT.Differential.Isa;
using ActorFT.Differential.Runners;
using Xunit;

namespace ActorFT.Differential.Tests;

/// <summary>Where QEMU 7.2 departs from the specification, which the streams therefore leave out: our hart keeps to it.</summary>
public class QemuDeviationTests
{
    private const ulong StoreMisaligned = 6;

    private static (ProgramImage Image, ChunkResult Result) Run(bool userMode, params uint[] words) => Run(userMode, paging: null, words);

    private static (ProgramImage Image, ChunkResult Result) Run(bool userMode, PagingSetup? paging, params uint[] words)
    {
        var code = new CodeBuffer();
        foreach (uint word in words) code.Emit(word);
        var chunk = new Chunk
        {
            Index = 0,
            Code = code.ToBytes(),
            Instructions = code.Instructions,
            X = new ulong[32],
            F = new ulong[32],
            Fcsr = 0,
            Sstatus = (userMode ? 0 : Chunk.SstatusSpp) | Chunk.SstatusSum,
            Scratch = new byte[2 * Chunk.ScratchFillBytes],
            Paging = paging,
        };
        var image = new ProgramImage([chunk]);
        byte[] ram = HartRunner.Run(image).Ram;
        return (image, new ChunkResult(image, ram, 0));
    }

    [Theory]
    [InlineData("sc.w", 2)]
    [InlineData("sc.d", 4)]
    public void MisalignedStoreConditional_WithoutReservation_TrapsAllTheSame(string name, int offset)
    {
        // Unprivileged spec, "Zalrsc": the address must be aligned, whatever the reservation. QEMU only fails the SC.
        (ProgramImage image, ChunkResult result) = Run(userMode: true, Encode.I("addi", 5, 8, offset), Encode.R(name, 6, 5, 7));
        Assert.Equal(1, result.TrapCount);
        Assert.Equal((image.CodeAddress(0) + 4, StoreMisaligned, image.ScratchAddress(0) + (ulong)offset), result.LoggedTrap(0));
        Assert.Equal(0UL, result.X(6));
    }

    [Fact]
    public void Sepc_WrittenOdd_ReadsEven()
    {
        // Privileged spec §4.1.7: the low bit of sepc is always zero.
        const int sepc = 0x141;
        (_, ChunkResult result) = Run(userMode: false, Encode.I("addi", 5, 0, 0x123), Encode.Csr("csrrw", 0, sepc, 5), Encode.Csr("csrrs", 6, sepc, 0));
        Assert.Equal(0x122UL, result.X(6));
    }

    [Fact]
    public void Instret_BetweenTwoReads_CountsTheInstructions()
    {
        // Zicntr. QEMU counts only with -icount, which the streams do not use.
        const int instret = 0xC02;
        uint add = Encode.I("addi", 7, 7, 1);
        (_, ChunkResult result) = Run(userMode: false, Encode.Csr("csrrs", 5, instret, 0), add, add, add, Encode.Csr("csrrs", 6, instret, 0));
        Assert.Equal(4UL, result.X(6) - result.X(5));
    }

    [Fact]
    public void SupervisorFetch_FromUserPageReadBefore_FaultsInSpiteOfSum()
    {
        // Privileged spec §4.3.1: SUM does not matter to fetches. QEMU's TLB takes the page's X bit from the load.
        const ulong instructionPageFault = 12;
        const ulong rights = PagingSetup.Valid | PagingSetup.Readable | PagingSetup.Executable | PagingSetup.User | PagingSetup.Accessed;
        var page = new Leaf(rights, PageTarget.Own);
        (ProgramImage image, ChunkResult result) = Run(
            userMode: false, new PagingSetup(Scheme: 8, LeafLevel: 0, page, page), Encode.I("ld", 5, 8, 0), Encode.I("jalr", 0, 8, 0));
        Assert.Equal(0, result.TrapCount);
        Assert.Equal(instructionPageFault, result.Scause);
        Assert.Equal(image.ScratchAddress(0) + PagingSetup.ScratchOffset, result.Sepc);
    }
}
