using System.Buffers.Binary;
using ActorFT.Differential.Comparison;
using ActorFT.Differential.Generation;
using ActorFT.Differential.Guest;
using ActorFT.Differential.Isa;
using ActorFT.Differential.Runners;
using Xunit;

namespace ActorFT.Differential.Tests;

/// <summary>The harness itself: it finds what it is there to find, and exercises what it says.</summary>
public class HarnessTests
{
    /// <summary>A hart with a defect: it takes one instruction for another.</summary>
    private static byte[] RunWithDefect(ProgramImage image, uint word, uint takenFor)
    {
        byte[] original = [.. image.Bytes];
        for (int at = 0; at < image.Bytes.Length - 4; at += 2)
        {
            Span<byte> here = image.Bytes.AsSpan(at);
            if (BinaryPrimitives.ReadUInt32LittleEndian(here) == word) BinaryPrimitives.WriteUInt32LittleEndian(here, takenFor);
        }

        byte[] ram = HartRunner.Run(image).Ram;
        original.CopyTo(image.Bytes, 0);
        return ram;
    }

    [Fact]
    public void Comparison_OfDefectiveHart_NamesTheInstruction()
    {
        var generator = new StreamGenerator(Extension.D, 7);
        Chunk[] chunks = [.. Enumerable.Range(0, 50).Select(generator.Make)];
        uint culprit = chunks.SelectMany(chunk => chunk.Instructions).First(placed => InstructionForms.Find(placed.Word)?.Name == "fsgnj.d").Word;
        var comparer = new Comparer(image => HartRunner.Run(image).Ram, image => RunWithDefect(image, culprit, culprit | 0x1000));

        ComparisonResult result = comparer.Compare(chunks, Extension.D, "planted defect");

        string report = Assert.Single(result.Reports);
        Assert.Contains(Disassembler.Describe(culprit), report, StringComparison.Ordinal);
        Assert.Contains($"f{(culprit >> 7) & 31}: ", report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Extension.I)]
    [InlineData(Extension.Mixed)]
    [InlineData(Extension.Paging)]
    public void Hart_WithAndWithoutItsCaches_DoesTheSame(Extension extension)
    {
        var generator = new StreamGenerator(extension, 8);
        var comparer = new Comparer(image => HartRunner.Run(image).Ram, image => HartRunner.Run(image, thrashCaches: true).Ram);
        ComparisonResult result = comparer.Compare(Enumerable.Range(0, 500).Select(generator.Make), extension, "without caches");
        Assert.True(result.Reports.Count == 0, string.Join(Environment.NewLine, result.Reports));
    }

    public static TheoryData<Extension> Extensions => [.. Enum.GetValues<Extension>().Where(e => e < Extension.Mixed)];

    [Theory]
    [MemberData(nameof(Extensions))]
    public void Stream_OfAnExtension_UsesEachOfItsInstructions(Extension extension)
    {
        var generator = new StreamGenerator(extension, 9);
        uint[] words = [.. Enumerable.Range(0, 600).SelectMany(i => generator.Make(i).Instructions).Select(placed => placed.Word)];
        if (extension == Extension.C)
        {
            string?[] used = [.. words.Where(word => (word & 3) != 3).Select(word => CompressedForm.Find(word)?.Name).Distinct()];
            Assert.Empty(CompressedForm.All.Select(form => form.Name).Where(name => name != "c.ebreak").Except(used));
            return;
        }

        // EBREAK ends chunks; WFI waits for interrupts, of which there are none here.
        InstructionForm?[] found = [.. words.Where(word => (word & 3) == 3).Select(InstructionForms.Find).Distinct()];
        Assert.Empty(InstructionForms.Of(extension).Where(form => form.Name is not ("ebreak" or "wfi")).Except(found).Select(form => form!.Name));
    }

    [Fact]
    public void Chunk_OfASeed_IsTheSameInAnyOrder()
    {
        var forward = new StreamGenerator(Extension.Mixed, 10);
        var other = new StreamGenerator(Extension.Mixed, 10);
        Chunk first = forward.Make(3);
        other.Make(99);
        Chunk second = other.Make(3);
        Assert.Equal(first.Code, second.Code);
        Assert.Equal(first.X, second.X);
        Assert.NotEqual(first.Code, forward.Make(4).Code);
    }

    [Fact]
    public void ZicsrStream_TakesInterrupts_DirectAndVectored()
    {
        const ulong softwareInterrupt = (1UL << 63) | 1;
        var generator = new StreamGenerator(Extension.Zicsr, 11);
        var image = new ProgramImage([.. Enumerable.Range(0, 600).Select(generator.Make)]);
        byte[] ram = HartRunner.Run(image).Ram;
        ulong taken = 0, vectored = 0;
        for (int i = 0; i < image.Chunks.Count; i++)
        {
            var result = new ChunkResult(image, ram, i);
            vectored += result.VectoredInterrupts;
            for (int trap = 0; trap < Slot.MaxLoggedTraps; trap++)
                if (result.LoggedTrap(trap).Scause == softwareInterrupt) taken++;
        }

        Assert.InRange(vectored, 10UL, taken - 10);
    }

    [Fact]
    public void IntegerStream_RewritesItsOwnCode()
    {
        var generator = new StreamGenerator(Extension.I, 12);
        var image = new ProgramImage([.. Enumerable.Range(0, 200).Select(generator.Make)]);
        byte[] ram = HartRunner.Run(image).Ram;
        int rewritten = 0;
        for (int i = 0; i < image.Chunks.Count; i++)
        {
            int at = (int)(image.CodeAddress(i) - ProgramImage.RamBase), length = image.Chunks[i].Code.Length;
            if (!ram.AsSpan(at, length).SequenceEqual(image.Chunks[i].Code)) rewritten++;
        }

        Assert.True(rewritten > 20, $"{rewritten} of {image.Chunks.Count} chunks");
    }
}
