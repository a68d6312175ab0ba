using ActorFT.Differential.Generation;

namespace ActorFT.Differential.Isa;

/// <summary>How a compressed instruction may be used in a random stream.</summary>
internal enum CompressedUse
{
    /// <summary>Computes on registers.</summary>
    Plain,

    /// <summary>Loads or stores through x8 or x2, which point to scratch memory.</summary>
    Memory,

    /// <summary>Jumps relative to the program counter.</summary>
    RelativeJump,

    /// <summary>Jumps to a register.</summary>
    RegisterJump,

    /// <summary>Moves x2.</summary>
    StackAdjust,
}

/// <summary>
/// One 16-bit instruction of RV64GC. Free bits are those outside <see cref="Mask"/>; <see cref="Keeps"/> says whether a word
/// leaves the two base registers x2 and x8 alone, is not reserved, and uses x8 as its base.
/// </summary>
internal sealed record CompressedForm(string Name, ushort Match, ushort Mask, CompressedUse Use, Func<uint, bool> Keeps)
{
    private static uint FullRd(uint c) => (c >> 7) & 31;

    private static uint Rs2(uint c) => (c >> 2) & 31;

    private static bool FreeRd(uint c) => FullRd(c) is not (2 or 8);

    // Three-bit register fields name x8 to x15: 0 is x8.
    private static bool FreeShortRd(uint c) => ((c >> 7) & 7) != 0;

    private static bool FreeLowRd(uint c) => ((c >> 2) & 7) != 0;

    private static bool BaseIsX8(uint c) => ((c >> 7) & 7) == 0;

    private static bool Always(uint c) => true;

    public static readonly IReadOnlyList<CompressedForm> All =
    [
        new("c.addi4spn", 0x0000, 0xE003, CompressedUse.Plain, c => FreeLowRd(c) && (c & 0x1FE0) != 0),
        new("c.fld", 0x2000, 0xE003, CompressedUse.Memory, BaseIsX8),
        new("c.lw", 0x4000, 0xE003, CompressedUse.Memory, c => BaseIsX8(c) && FreeLowRd(c)),
        new("c.ld", 0x6000, 0xE003, CompressedUse.Memory, c => BaseIsX8(c) && FreeLowRd(c)),
        new("c.fsd", 0xA000, 0xE003, CompressedUse.Memory, BaseIsX8),
        new("c.sw", 0xC000, 0xE003, CompressedUse.Memory, BaseIsX8),
        new("c.sd", 0xE000, 0xE003, CompressedUse.Memory, BaseIsX8),
        new("c.addi", 0x0001, 0xE003, CompressedUse.Plain, FreeRd),
        new("c.addiw", 0x2001, 0xE003, CompressedUse.Plain, c => FreeRd(c) && FullRd(c) != 0),
        new("c.li", 0x4001, 0xE003, CompressedUse.Plain, FreeRd),
        new("c.addi16sp", 0x6101, 0xEF83, CompressedUse.StackAdjust, c => (c & 0x107C) != 0),
        new("c.lui", 0x6001, 0xE003, CompressedUse.Plain, c => FreeRd(c) && (c & 0x107C) != 0),
        new("c.srli", 0x8001, 0xEC03, CompressedUse.Plain, FreeShortRd),
        new("c.srai", 0x8401, 0xEC03, CompressedUse.Plain, FreeShortRd),
        new("c.andi", 0x8801, 0xEC03, CompressedUse.Plain, FreeShortRd),
        new("c.sub", 0x8C01, 0xFC63, CompressedUse.Plain, FreeShortRd),
        new("c.xor", 0x8C21, 0xFC63, CompressedUse.Plain, FreeShortRd),
        new("c.or", 0x8C41, 0xFC63, CompressedUse.Plain, FreeShortRd),
        new("c.and", 0x8C61, 0xFC63, CompressedUse.Plain, FreeShortRd),
        new("c.subw", 0x9C01, 0xFC63, CompressedUse.Plain, FreeShortRd),
        new("c.addw", 0x9C21, 0xFC63, CompressedUse.Plain, FreeShortRd),
        new("c.j", 0xA001, 0xE003, CompressedUse.RelativeJump, Always),
        new("c.beqz", 0xC001, 0xE003, CompressedUse.RelativeJump, Always),
        new("c.bnez", 0xE001, 0xE003, CompressedUse.RelativeJump, Always),
        new("c.slli", 0x0002, 0xE003, CompressedUse.Plain, FreeRd),
        new("c.fldsp", 0x2002, 0xE003, CompressedUse.Memory, Always),
        new("c.lwsp", 0x4002, 0xE003, CompressedUse.Memory, c => FreeRd(c) && FullRd(c) != 0),
        new("c.ldsp", 0x6002, 0xE003, CompressedUse.Memory, c => FreeRd(c) && FullRd(c) != 0),
        new("c.jr", 0x8002, 0xF07F, CompressedUse.RegisterJump, c => FreeRd(c) && FullRd(c) != 0),
        new("c.mv", 0x8002, 0xF003, CompressedUse.Plain, c => FreeRd(c) && Rs2(c) != 0),
        new("c.ebreak", 0x9002, 0xFFFF, CompressedUse.RegisterJump, c => false),
        new("c.jalr", 0x9002, 0xF07F, CompressedUse.RegisterJump, c => FreeRd(c) && FullRd(c) != 0),
        new("c.add", 0x9002, 0xF003, CompressedUse.Plain, c => FreeRd(c) && Rs2(c) != 0),
        new("c.fsdsp", 0xA002, 0xE003, CompressedUse.Memory, Always),
        new("c.swsp", 0xC002, 0xE003, CompressedUse.Memory, Always),
        new("c.sdsp", 0xE002, 0xE003, CompressedUse.Memory, Always),
    ];

    public static CompressedForm Named(string name) => All.First(form => form.Name == name);

    public static CompressedForm? Find(uint halfword) => All.FirstOrDefault(form => (halfword & form.Mask) == form.Match);

    /// <summary>A random word of this form that a stream may hold.</summary>
    public uint RandomWord(Prng random)
    {
        while (true)
        {
            uint word = (uint)(random.Next() & 0xFFFF & ~(ulong)Mask) | Match;
            if (Keeps(word)) return word;
        }
    }
}
