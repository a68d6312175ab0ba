using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Generation;

/// <summary>
/// A chunk for each of the 49,152 halfwords that are not the start of a longer instruction, reserved ones and hints included:
/// the word alone, with breakpoints everywhere that it could jump to.
/// </summary>
internal static class CompressedWords
{
    private const int JumpReachBytes = 2048, BranchReachBytes = 256;

    // C.FLDSP and C.LDSP reach 504 bytes above x2, which is one of the pointers.
    private const int ScratchBytes = 2048;

    public static IEnumerable<Chunk> All()
    {
        int index = 0;
        for (uint word = 0; word <= 0xFFFF; word++)
        {
            if ((word & 3) == 3) continue;
            string? name = CompressedForm.Find(word)?.Name;
            if (!(name is "c.bnez" or "c.j" && JumpsToItself(word, name))) yield return Make(index++, word, zeroRegisters: false);
            if (name is "c.beqz" && !JumpsToItself(word, name) || name is "c.bnez") yield return Make(index++, word, zeroRegisters: true);
        }
    }

    /// <summary>Words that All leaves out where they jump, since they would jump for ever: C.J, C.BEQZ and C.BNEZ with offset 0.</summary>
    public const int EndlessJumps = 1 + 8 + 8;

    private static bool JumpsToItself(uint word, string name) =>
        (word & (name == "c.j" ? Encode.ImmCJ(-2) : Encode.ImmCB(-2))) == 0;

    private static Chunk Make(int index, uint word, bool zeroRegisters)
    {
        var random = new Prng(word);
        int reach = CompressedForm.Find(word)?.Name switch
        {
            "c.j" => JumpReachBytes,
            "c.beqz" or "c.bnez" => BranchReachBytes,
            _ => 0,
        };
        byte[] code = new byte[2 * reach + 4];
        for (int i = 0; i < code.Length; i += 2) CodeBuffer.EBreak.CopyTo(code, i);
        BitConverter.TryWriteBytes(code.AsSpan(reach), (ushort)word);

        byte[] scratch = new byte[ScratchBytes];
        for (int i = 0; i < scratch.Length; i += 8)
        {
            BitConverter.TryWriteBytes(scratch.AsSpan(i), random.Next());
            CodeBuffer.EBreak.CopyTo(scratch, i);
        }

        return new Chunk
        {
            Index = index,
            Code = code,
            EntryOffsetBytes = reach,
            Instructions = [new PlacedInstruction(reach, word, Inseparable: false)],
            X = new ulong[32],
            F = [.. Enumerable.Range(0, 32).Select(_ => random.Next())],
            Fcsr = 0,
            Sstatus = (3UL << Chunk.SstatusFsShift) | (random.Chance(50) ? Chunk.SstatusSpp : 0),
            Scratch = scratch,
            Pointers = zeroRegisters ? Pointers.None : Pointers.All,
        };
    }
}
