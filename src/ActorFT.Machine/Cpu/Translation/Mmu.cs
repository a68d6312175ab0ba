using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu.Translation;

/// <summary>What a translation is for.</summary>
internal enum AccessKind : byte
{
    Fetch,
    Load,
    Store,
}

/// <summary>
/// Walks Sv39 and Sv48 page tables (Privileged spec §4.3.2), updating A and D bits in hardware (the second scheme that
/// §4.3.1 allows). Holds no state: a walk depends on memory and the arguments alone.
/// </summary>
internal sealed unsafe class Mmu(GuestMemory memory, DerivedState derived)
{
    /// <summary>Returned by <see cref="Translate"/> for success.</summary>
    public const TrapCause NoFault = (TrapCause)ulong.MaxValue;

    private const ulong Valid = 1, Readable = 2, Writable = 4, Executable = 8, UserPage = 16, Accessed = 64, Dirty = 128;

    /// <summary>Bits 54-63: N, PBMT and reserved; must be zero without Svnapot and Svpbmt.</summary>
    private const ulong ReservedBits = 0xFFC0_0000_0000_0000;

    /// <summary>satp.MODE values (Privileged spec §4.1.11).</summary>
    public const ulong ModeBare = 0, ModeSv39 = 8, ModeSv48 = 9;

    /// <summary>
    /// Translates a virtual address. Tells the tracker which entries were used, so the result may be cached until one of
    /// them is written.
    /// </summary>
    public TrapCause Translate(ulong va, AccessKind kind, PrivilegeMode mode, ulong satp, bool sum, bool mxr, out ulong physical)
    {
        physical = va;
        ulong scheme = satp >> 60;
        if (scheme == ModeBare) return NoFault;

        derived.MakeRoom();
        int levels = scheme == ModeSv39 ? 3 : 4, vaBits = 12 + 9 * levels;
        long canonical = (long)(va << (64 - vaBits)) >> (64 - vaBits);
        if ((ulong)canonical != va) return PageFault(kind);

        Span<int> usedPages = stackalloc int[4];
        Span<int> usedIndexes = stackalloc int[4];
        int used = 0;
        ulong table = (satp & 0xFFF_FFFF_FFFF) << 12;
        for (int level = levels - 1; level >= 0; level--)
        {
            int index = (int)(va >> (12 + 9 * level)) & 511;
            ulong entryAddress = table + (ulong)index * 8;
            if (!memory.Contains(entryAddress, 8)) return AccessFault(kind);
            ulong offset = entryAddress - memory.BaseAddress;
            ulong* entry = (ulong*)(memory.HostBase + offset);
            ulong pte = *entry;
            usedPages[used] = (int)(offset >> GuestMemory.PageShift);
            usedIndexes[used++] = index;
            if ((pte & Valid) == 0 || (pte & (Readable | Writable)) == Writable || (pte & ReservedBits) != 0) return PageFault(kind);
            ulong ppn = (pte >> 10) & 0xFFF_FFFF_FFFF;
            if ((pte & (Readable | Executable)) == 0)
            {
                // A pointer to the next level; A, D and U are reserved in it.
                if ((pte & (Accessed | Dirty | UserPage)) != 0) return PageFault(kind);
                table = ppn << 12;
                continue;
            }

            if (!Allows(pte, kind, mode, sum, mxr)) return PageFault(kind);
            ulong lowPages = (1UL << (9 * level)) - 1;
            if ((ppn & lowPages) != 0) return PageFault(kind); // misaligned superpage
            ulong wanted = pte | Accessed | (kind == AccessKind.Store ? Dirty : 0);
            if (wanted != pte)
            {
                memory.MarkWritten(usedPages[used - 1]);
                *entry = wanted;
            }

            for (int i = 0; i < used; i++) derived.PageTables.Use(usedPages[i], usedIndexes[i], kind == AccessKind.Fetch);
            physical = ((ppn & ~lowPages) << 12) | (va & ((lowPages << 12) | 0xFFF));
            return NoFault;
        }

        return PageFault(kind);
    }

    private static bool Allows(ulong pte, AccessKind kind, PrivilegeMode mode, bool sum, bool mxr)
    {
        if (mode == PrivilegeMode.User)
        {
            if ((pte & UserPage) == 0) return false;
        }
        else if ((pte & UserPage) != 0 && (kind == AccessKind.Fetch || !sum))
        {
            return false;
        }

        return kind switch
        {
            AccessKind.Fetch => (pte & Executable) != 0,
            AccessKind.Load => (pte & Readable) != 0 || (mxr && (pte & Executable) != 0),
            _ => (pte & Writable) != 0,
        };
    }

    /// <summary>The page-fault cause for a kind of access.</summary>
    public static TrapCause PageFault(AccessKind kind) => kind switch
    {
        AccessKind.Fetch => TrapCause.InstructionPageFault,
        AccessKind.Load => TrapCause.LoadPageFault,
        _ => TrapCause.StorePageFault,
    };

    /// <summary>The access-fault cause for a kind of access.</summary>
    public static TrapCause AccessFault(AccessKind kind) => kind switch
    {
        AccessKind.Fetch => TrapCause.InstructionAccessFault,
        AccessKind.Load => TrapCause.LoadAccessFault,
        _ => TrapCause.StoreAccessFault,
    };
}
