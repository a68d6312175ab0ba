using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu.Translation;

/// <summary>One translation: if the tag matches, host address = virtual address + addend (fetch: physical address).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    /// <summary>The page's virtual address, or <see cref="Tlb.InvalidTag"/>.</summary>
    public ulong Tag;

    /// <summary>What to add.</summary>
    public nint Addend;
}

/// <summary>
/// A hart's software TLBs. Loads and stores have a direct-mapped array for each of three contexts (U; S with SUM clear; S with
/// SUM set), because Linux toggles SUM around every user access. Derived state: <see cref="PageTableTracker"/> drops
/// entries as soon as a page-table entry they came from is written, so that a TLB is never seen.
/// An entry of a write array exists only while its page is <see cref="PageFlags.FastWritable"/> and not protected.
/// </summary>
internal sealed unsafe class Tlb : IDisposable
{
    /// <summary>Entries of one array; a power of two.</summary>
    public const int Entries = 512;

    /// <summary>Entries of the fetch array; a power of two.</summary>
    public const int FetchEntries = 256;

    /// <summary>Contexts: U, S, S with SUM.</summary>
    public const int Contexts = 3;

    /// <summary>The page part of an address.</summary>
    public const ulong PageMask = ~(ulong)(GuestMemory.PageBytes - 1);

    /// <summary>Matches no address, since bit 11 is set and neither page parts nor alignment bits reach it.</summary>
    public const ulong InvalidTag = 1UL << 11;

    private readonly TlbEntry* _all;
    private readonly bool[] _readUsed = new bool[Contexts], _writeUsed = new bool[Contexts];
    private bool _fetchUsed;

    public Tlb()
    {
        _all = (TlbEntry*)NativeMemory.AlignedAlloc((nuint)((2 * Contexts * Entries + FetchEntries) * sizeof(TlbEntry)), 64);
        Clear(_all, 2 * Contexts * Entries + FetchEntries);
    }

    /// <summary>The read array of a context.</summary>
    public TlbEntry* Read(int context) { _readUsed[context] = true; return _all + 2 * context * Entries; }

    /// <summary>The write array of a context.</summary>
    public TlbEntry* Write(int context) { _writeUsed[context] = true; return _all + (2 * context + 1) * Entries; }

    /// <summary>The slot of the fetch array.</summary>
    public TlbEntry* FetchEntry(ulong va, ulong modeTag)
    {
        _fetchUsed = true;
        return _all + 2 * Contexts * Entries + (((va >> GuestMemory.PageShift) ^ (modeTag << 7)) & (FetchEntries - 1));
    }

    /// <summary>Index of an address in a read or write array.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Index(ulong va) => (nuint)((va >> GuestMemory.PageShift) & (Entries - 1));

    /// <summary>Drops the entries of the read and write arrays.</summary>
    public void FlushData()
    {
        for (int context = 0; context < Contexts; context++)
            if (_readUsed[context]) Clear(_all + 2 * context * Entries, Entries);
        FlushWrites();
    }

    /// <summary>Drops the entries of the write arrays.</summary>
    public void FlushWrites()
    {
        for (int context = 0; context < Contexts; context++)
            if (_writeUsed[context]) Clear(_all + (2 * context + 1) * Entries, Entries);
    }

    /// <summary>Drops the write entries that lead to one page of the host.</summary>
    public void DropWrites(nint hostPage)
    {
        for (int context = 0; context < Contexts; context++)
        {
            if (!_writeUsed[context]) continue;
            TlbEntry* entries = _all + (2 * context + 1) * Entries;
            for (int i = 0; i < Entries; i++)
                if ((nint)entries[i].Tag + entries[i].Addend == hostPage) entries[i].Tag = InvalidTag;
        }
    }

    /// <summary>Drops the entries of the fetch array.</summary>
    public void FlushFetch()
    {
        if (!_fetchUsed) return;
        Clear(_all + 2 * Contexts * Entries, FetchEntries);
        _fetchUsed = false;
    }

    private static void Clear(TlbEntry* entries, int count)
    {
        for (int i = 0; i < count; i++) entries[i].Tag = InvalidTag;
    }

    /// <summary>Frees native memory.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_all);
}
