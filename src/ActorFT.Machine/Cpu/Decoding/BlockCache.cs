using System.Runtime.InteropServices;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu.Decoding;

/// <summary>
/// Decoded blocks by the physical address of their first instruction, shared by all harts. A block never crosses a page.
/// Derived state: a write to a page drops the page's blocks before the bytes change (so FENCE.I has nothing left to do),
/// and a full cache is emptied whole. Ops of dropped blocks stay readable until the cache is emptied, which happens
/// only between blocks: a running block may drop itself.
/// </summary>
internal sealed unsafe class BlockCache : IDisposable
{
    /// <summary>Most instructions in a block.</summary>
    public const int MaxOpsInBlock = 64;

    private const int ArenaOps = 1 << 21; // 32 MiB, committed as it is used
    private const int TableEntries = 1 << 18;

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public ulong Physical; // 0: empty; RAM never lies at 0
        public Op* Ops;
        public int Count;
        public int Generation; // of the page, when it was decoded
    }

    private readonly GuestMemory _memory;
    private readonly Op* _arena;
    private readonly Entry* _table;
    private readonly int* _pageGeneration;
    private int _arenaUsed, _tableUsed;

    public BlockCache(GuestMemory memory)
    {
        _memory = memory;
        _arena = (Op*)NativeMemory.Alloc(ArenaOps, (nuint)sizeof(Op));
        _table = (Entry*)NativeMemory.AllocZeroed(TableEntries, (nuint)sizeof(Entry));
        _pageGeneration = (int*)NativeMemory.AllocZeroed((nuint)memory.PageCount, sizeof(int));
    }

    /// <summary>Called when the cache was emptied: every hart must forget its pointers into it.</summary>
    public Action? Emptied { get; set; }

    /// <summary>Gives the block at a physical address in RAM, decoding it if need be. Only between blocks.</summary>
    public void Find(ulong physical, out Op* ops, out int count)
    {
        if (_arenaUsed > ArenaOps - MaxOpsInBlock - 1 || _tableUsed > TableEntries / 2) Empty();
        int page = (int)((physical - _memory.BaseAddress) >> GuestMemory.PageShift);
        Entry* entry = Slot(physical);
        if (entry->Physical == physical && entry->Generation == _pageGeneration[page])
        {
            ops = entry->Ops;
            count = entry->Count;
            return;
        }

        ops = _arena + _arenaUsed;
        byte* code = _memory.HostBase + (physical - _memory.BaseAddress);
        int bytesLeft = GuestMemory.PageBytes - (int)(physical & (GuestMemory.PageBytes - 1));
        count = BlockBuilder.Build(code, bytesLeft, ops, out int opsUsed);
        _arenaUsed += opsUsed;
        if (entry->Physical == 0) _tableUsed++;
        *entry = new Entry { Physical = physical, Ops = ops, Count = count, Generation = _pageGeneration[page] };
        _memory.Protect(page, PageFlags.Code);
    }

    private Entry* Slot(ulong physical)
    {
        // Multiplicative hash; linear probing. Entries of dropped blocks are reused at the same address only.
        ulong index = (physical >> 1) * 0x9E37_79B9_7F4A_7C15 >> (64 - 18);
        while (_table[index].Physical != 0 && _table[index].Physical != physical) index = (index + 1) & (TableEntries - 1);
        return _table + index;
    }

    /// <summary>Drops the blocks of a page. The harts' jump caches must be cleared by the caller.</summary>
    public void DropPage(int page)
    {
        _pageGeneration[page]++;
        _memory.Unprotect(page, PageFlags.Code);
    }

    /// <summary>Drops all blocks.</summary>
    public void Empty()
    {
        new Span<Entry>(_table, TableEntries).Clear();
        for (int page = 0; page < _memory.PageCount; page++) _memory.Unprotect(page, PageFlags.Code);
        _arenaUsed = _tableUsed = 0;
        Emptied?.Invoke();
    }

    /// <summary>Frees native memory.</summary>
    public void Dispose()
    {
        NativeMemory.Free(_arena);
        NativeMemory.Free(_table);
        NativeMemory.Free(_pageGeneration);
    }
}
