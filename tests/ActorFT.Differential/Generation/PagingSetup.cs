namespace ActorFT.Differential.Generation;

/// <summary>Where a page-table entry points.</summary>
internal enum PageTarget
{
    /// <summary>To the scratch page that belongs there.</summary>
    Own,

    /// <summary>To the page after that; misaligned when the leaf is a superpage.</summary>
    Next,

    /// <summary>To where nothing answers.</summary>
    Nowhere,
}

/// <summary>A leaf entry's bits outside the page number, and where it points.</summary>
internal readonly record struct Leaf(ulong Flags, PageTarget Target);

/// <summary>
/// Page tables for one chunk. They map RAM onto itself for S-mode, again <see cref="UserCodeOffset"/> above itself for U-mode, and
/// the chunk's scratch pages, below and above where x8 points, <see cref="ScratchOffset"/> above themselves, by the leaves given here.
/// </summary>
/// <param name="Scheme">satp.MODE: 8 for Sv39, 9 for Sv48.</param>
/// <param name="LeafLevel">0 for pages, 1 for megapages, 2 for gigapages: then both leaves are one.</param>
/// <param name="Below">The page below x8.</param>
/// <param name="Above">The page from x8 on.</param>
internal sealed record PagingSetup(int Scheme, int LeafLevel, Leaf Below, Leaf Above)
{
    public const ulong Valid = 1, Readable = 2, Writable = 4, Executable = 8, User = 16, Global = 32, Accessed = 64, Dirty = 128;

    public const ulong UserCodeOffset = 0x4000_0000, ScratchOffset = 0xC000_0000;

    public const ulong NowhereAddress = 0x0800_0000;

    /// <summary>Flags and reserved bits with something wrong now and then, for a mode.</summary>
    public static Leaf RandomLeaf(Prng random, bool userMode, bool mayPointNowhere)
    {
        ulong flags = Valid | Readable | Writable | Executable | Accessed | Dirty | (userMode ? User : 0);
        for (ulong flag = Valid; flag <= Dirty; flag <<= 1)
        {
            int percent = flag is Valid ? 5 : flag is Accessed or Dirty ? 40 : 20;
            if (random.Chance(percent)) flags ^= flag;
        }

        // RSW is the supervisor's; bits 54 to 63 are reserved.
        flags |= (ulong)random.Below(4) << 8;
        if (random.Chance(4)) flags |= 1UL << random.Between(54, 63);
        PageTarget target = random.Chance(90) ? PageTarget.Own : mayPointNowhere ? PageTarget.Nowhere : PageTarget.Next;
        return new Leaf(flags, target);
    }
}
