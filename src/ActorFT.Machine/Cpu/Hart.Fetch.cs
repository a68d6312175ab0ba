using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorFT.Machine.Cpu.Decoding;
using ActorFT.Machine.Cpu.Translation;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu;

/// <summary>One entry of a hart's jump cache: virtual address and mode to decoded block. Derived state.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal unsafe struct JumpEntry
{
    /// <summary>Entries of a hart's jump cache; a power of two.</summary>
    public const int CacheEntries = 1 << 14;

    /// <summary>The program counter (even) with the mode in bit 0.</summary>
    public ulong Tag;

    /// <summary>The block's ops.</summary>
    public Op* Ops;

    /// <summary>Instructions in it.</summary>
    public int Count;

    /// <summary>Valid while it is the hart's: emptying the cache costs no walk over it.</summary>
    public uint Generation;

    /// <summary>Index of a program counter. Code 32 KiB apart must not collide: kernel and programs have larger loops than that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Index(ulong pc) => (nuint)(((pc >> 1) ^ (pc >> 15)) & (CacheEntries - 1));
}

internal sealed unsafe partial class Hart
{
    // 0 in U-mode, 1 in S-mode: what is fetchable differs.
    private ulong _modeTag;

    // Entries of the jump cache count while they have it; 0 is never current.
    private uint _jumpGeneration;

    /// <summary>Finds or decodes the block at <paramref name="pc"/>; null after raising a fetch exception.</summary>
    private JumpEntry* FindBlock(ulong pc)
    {
        if (ThrashCaches) Tlb.FlushFetch();
        if (!TranslateFetch(pc, out ulong physical))
        {
            Budget--;
            return null;
        }

        ulong pageEnd = (physical | (GuestMemory.PageBytes - 1)) + 1;
        if (pageEnd - physical == 2 && Straddles(physical)) return StraddlingBlock(pc, physical);
        JumpEntry* entry = _jumpCache + JumpEntry.Index(pc);
        Blocks.Find(physical, out entry->Ops, out entry->Count); // may empty the cache, and so change the generation
        entry->Tag = pc | _modeTag;
        entry->Generation = _jumpGeneration;
        return entry;
    }

    private bool Straddles(ulong physical)
    {
        Memory.TryRead(physical, out ushort low);
        return (low & 3) == 3;
    }

    /// <summary>
    /// A 4-byte instruction that crosses a page: its second half is translated anew each time, and it is decoded anew each
    /// time, so that nothing derived from two pages is kept.
    /// </summary>
    private JumpEntry* StraddlingBlock(ulong pc, ulong physical)
    {
        if (!TranslateFetch(pc + 2, out ulong second))
        {
            Budget--;
            return null;
        }

        Memory.TryRead(physical, out ushort low);
        Memory.TryRead(second, out ushort high);
        BlockBuilder.BuildSingle(low | ((uint)high << 16), 2, _scratchOps);
        _scratchEntry->Ops = _scratchOps;
        _scratchEntry->Count = 1;
        return _scratchEntry;
    }

    private bool TranslateFetch(ulong va, out ulong physical)
    {
        TlbEntry* entry = Tlb.FetchEntry(va, _modeTag);
        if (entry->Tag == ((va & Tlb.PageMask) | _modeTag))
        {
            physical = va + (ulong)entry->Addend;
            return true;
        }

        TrapCause fault = Mmu.Translate(va, AccessKind.Fetch, Mode, _satp, (_sstatus & SstatusBits.Sum) != 0, (_sstatus & SstatusBits.Mxr) != 0, out physical);
        if (fault == Mmu.NoFault && !Memory.Contains(physical, 2)) fault = TrapCause.InstructionAccessFault;
        if (fault != Mmu.NoFault)
        {
            // stval holds the half that faulted; sepc the instruction's start (Privileged spec §4.1.9).
            EnterTrap(Pc, fault, va);
            return false;
        }

        entry->Tag = (va & Tlb.PageMask) | _modeTag;
        entry->Addend = (nint)(physical - va);
        return true;
    }

    /// <summary>Forgets which blocks lie at which virtual addresses.</summary>
    public void ClearJumpCache()
    {
        if (++_jumpGeneration == 0)
        {
            new Span<JumpEntry>(_jumpCache, JumpEntry.CacheEntries).Clear();
            _jumpGeneration = 1;
        }

        Tlb.FlushFetch();
        _mappingsDropped = true;
    }

    /// <summary>Forgets all translations.</summary>
    public void FlushTranslations()
    {
        Tlb.FlushData();
        ClearJumpCache();
    }
}
