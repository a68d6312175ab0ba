using System.Text;
using ActorFT.Differential.Generation;
using ActorFT.Differential.Guest;
using ActorFT.Differential.Isa;
using ActorFT.Differential.Runners;

namespace ActorFT.Differential.Comparison;

/// <summary>What came of running chunks on both sides.</summary>
/// <param name="Compared">Instructions of the extension that ran on both sides; those that a jump may have skipped are not counted.</param>
/// <param name="Trapped">Traps that ended or interrupted chunks, breakpoints not counted.</param>
/// <param name="Reports">One text for each chunk that differs, up to a limit.</param>
internal sealed record ComparisonResult(long Compared, long Trapped, IReadOnlyList<string> Reports);

/// <summary>Runs chunks on QEMU and on our hart and finds the instruction at which they part.</summary>
internal sealed class Comparer(Func<ProgramImage, byte[]> reference, Func<ProgramImage, byte[]> subject)
{
    private const int MaxReports = 5;

    /// <summary>Slots, code, page tables and scratch memory of this many chunks fit comfortably.</summary>
    public static int ChunksInProgram(Extension extension) => extension == Extension.Paging ? 1024 : 4096;

    public static Comparer QemuAgainstHart { get; } = new(QemuRunner.Run, image => HartRunner.Run(image).Ram);

    /// <summary>Compares all chunks; <paramref name="origin"/> says in reports how to make them again.</summary>
    public ComparisonResult Compare(IEnumerable<Chunk> chunks, Extension extension, string origin)
    {
        long compared = 0, trapped = 0;
        var reports = new List<string>();
        foreach (Chunk[] batch in chunks.Chunk(ChunksInProgram(extension)))
        {
            var image = new ProgramImage(batch);
            byte[] expectedRam = reference(image), foundRam = subject(image);
            for (int i = 0; i < batch.Length; i++)
            {
                ChunkResult expected = new(image, expectedRam, i), found = new(image, foundRam, i);
                compared += CountCompared(image, i, extension, expected);
                trapped += expected.TrapCount;
                IReadOnlyList<string> differences = found.DifferencesFrom(expected);
                if (reports.Count < MaxReports && differences.Count != 0) reports.Add(Explain(batch[i], differences, origin));
            }
        }

        return new ComparisonResult(compared, trapped, reports);
    }

    // Up to where the chunk ended, less what branches may have skipped at most: a careful count.
    private static long CountCompared(ProgramImage image, int index, Extension extension, ChunkResult result)
    {
        Chunk chunk = image.Chunks[index];
        long end = image.CodeOffset(index, result.Sepc);
        int reached = 0, skippable = 0;
        foreach (PlacedInstruction instruction in chunk.Instructions)
        {
            if (instruction.OffsetBytes >= end) break;
            if (BelongsTo(instruction.Word, extension)) reached++;
            if (IsJump(instruction.Word)) skippable += StreamGenerator.MaxSkippedByJump;
        }

        return Math.Max(0, reached - skippable);
    }

    private static bool BelongsTo(uint word, Extension extension) => extension switch
    {
        Extension.Mixed => true,
        Extension.Paging => true,
        Extension.Reserved => true,
        Extension.C => (word & 3) != 3,
        _ => (word & 3) == 3 && InstructionForms.Find(word)?.Extension == extension,
    };

    private static bool IsJump(uint word) => (word & 3) != 3
        ? CompressedForm.Find(word) is { Use: CompressedUse.RelativeJump or CompressedUse.RegisterJump }
        : (word & 0x7F) is 0x63 or 0x67 or 0x6F;

    /// <summary>Runs the chunk ended before its first instruction, before its second, and so on, to find where the sides part.</summary>
    private string Explain(Chunk chunk, IReadOnlyList<string> wholeDifferences, string origin)
    {
        int count = chunk.Instructions.Count;
        int[] cuts = [.. Enumerable.Range(0, count + 1).Where(i => i == count || !chunk.Instructions[i].Inseparable)];
        var image = new ProgramImage([.. cuts.Select(chunk.EndedAfter)]);
        byte[] expectedRam = reference(image), foundRam = subject(image);
        var text = new StringBuilder();
        text.Append($"{origin}, chunk {chunk.Index} ({(chunk.UserMode ? "U" : "S")}-mode, initial fcsr {chunk.Fcsr:x}");
        if (chunk.Paging != null) text.Append($", initial sstatus {chunk.Sstatus:x}, {chunk.Paging}");
        text.Append("): ");
        for (int i = 0; i < cuts.Length; i++)
        {
            ChunkResult expected = new(image, expectedRam, i), found = new(image, foundRam, i);
            IReadOnlyList<string> differences = found.DifferencesFrom(expected);
            if (differences.Count == 0) continue;
            if (i == 0) return text.Append("the start state already differs: ").AppendJoin("; ", differences).ToString();

            ChunkResult before = new(image, expectedRam, i - 1);
            for (int number = cuts[i - 1]; number < cuts[i]; number++)
            {
                PlacedInstruction culprit = chunk.Instructions[number];
                text.Append($"instruction {number}, {Disassembler.Describe(culprit.Word)}, at {image.CodeAddress(i) + (ulong)culprit.OffsetBytes:x}");
                AppendOperands(text, culprit.Word, before);
                if (number + 1 < cuts[i]) text.AppendLine(", or");
            }

            text.AppendLine().Append("  differs in (expected, found): ").AppendJoin("; ", differences.Take(12));
            text.AppendLine().Append($"  expected traps:{expected.DescribeTraps()}, ours:{found.DescribeTraps()}");
            return text.ToString();
        }

        return text.Append("differs only among the other chunks: ").AppendJoin("; ", wholeDifferences.Take(12)).AppendLine().Append("  code: ")
            .AppendJoin(", ", chunk.Instructions.Select(instruction => Disassembler.Describe(instruction.Word))).ToString();
    }

    private static void AppendOperands(StringBuilder text, uint word, ChunkResult before)
    {
        (uint[] integers, uint[] floats) = Disassembler.Sources(word);
        foreach (uint register in integers.Distinct()) text.Append($", x{register}={before.X(register):x16}");
        foreach (uint register in floats.Distinct()) text.Append($", f{register}={before.F(register):x16}");
        text.Append($", fcsr={before.Fcsr:x}");
    }
}
