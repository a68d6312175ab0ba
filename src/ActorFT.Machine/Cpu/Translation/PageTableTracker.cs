using System.Runtime.InteropServices;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu.Translation;

/// <summary>
/// Remembers which page-table entries TLB entries were made from, so that a write to one of them drops the TLBs at once.
/// DETERMINISM: this is what makes TLBs invisible. Without it a replica restored from a save (empty TLB) would see a
/// page-table change earlier than one that still holds the old translation, whenever a guest changes an entry
/// without, or some time before, SFENCE.VMA; Linux does so for the A bit.
/// </summary>
internal sealed unsafe class PageTableTracker : IDisposable
{
    private const int EntriesInPage = 512, Words = EntriesInPage / 64;
    private const int MaxSlots = 8192;

    [StructLayout(LayoutKind.Sequential)]
    private struct Slot
    {
        public fixed ulong Data[Words];
        public fixed ulong Fetch[Words];
        public uint DataGeneration, FetchGeneration;
        public int Page;
    }

    private readonly GuestMemory _memory;
    private readonly int* _slotOfPage; // 0: none
    private readonly Slot* _slots;
    private int _slotCount = 1;
    private uint _dataGeneration = 1, _fetchGeneration = 1;

    public PageTableTracker(GuestMemory memory)
    {
        _memory = memory;
        _slotOfPage = (int*)NativeMemory.AllocZeroed((nuint)memory.PageCount, sizeof(int));
        _slots = (Slot*)NativeMemory.AllocZeroed(MaxSlots, (nuint)sizeof(Slot));
    }

    /// <summary>Whether the tracker must be emptied (with all TLBs) before more pages can be tracked.</summary>
    public bool IsFull => _slotCount > MaxSlots - 8; // a walk takes at most four

    /// <summary>A translation was made through entry <paramref name="index"/> of the table in <paramref name="page"/>.</summary>
    public void Use(int page, int index, bool forFetch)
    {
        int number = _slotOfPage[page];
        if (number == 0)
        {
            _slotOfPage[page] = number = _slotCount++;
            _slots[number].Page = page;
        }

        Slot* slot = _slots + number;
        if (forFetch)
        {
            if (slot->FetchGeneration != _fetchGeneration)
            {
                new Span<ulong>(slot->Fetch, Words).Clear();
                slot->FetchGeneration = _fetchGeneration;
            }

            slot->Fetch[index >> 6] |= 1UL << (index & 63);
        }
        else
        {
            if (slot->DataGeneration != _dataGeneration)
            {
                new Span<ulong>(slot->Data, Words).Clear();
                slot->DataGeneration = _dataGeneration;
            }

            slot->Data[index >> 6] |= 1UL << (index & 63);
        }

        _memory.Protect(page, PageFlags.PageTable);
    }

    /// <summary>
    /// Bytes of a page that holds tracked entries are about to change: tells which kinds of translations came from them,
    /// and stops tracking a page from which none comes any more.
    /// </summary>
    public (bool Data, bool Fetch) Written(int page, int offsetBytes, int lengthBytes)
    {
        Slot* slot = _slots + _slotOfPage[page];
        bool data = slot->DataGeneration == _dataGeneration, fetch = slot->FetchGeneration == _fetchGeneration;
        if (!data && !fetch)
        {
            _memory.Unprotect(page, PageFlags.PageTable);
            return (false, false);
        }

        int first = offsetBytes >> 3, last = (offsetBytes + lengthBytes - 1) >> 3;
        bool dataHit = false, fetchHit = false;
        for (int index = first; index <= last; index++)
        {
            ulong bit = 1UL << (index & 63);
            dataHit |= data && (slot->Data[index >> 6] & bit) != 0;
            fetchHit |= fetch && (slot->Fetch[index >> 6] & bit) != 0;
        }

        return (dataHit, fetchHit);
    }

    /// <summary>All data translations of all harts were dropped.</summary>
    public void DataDropped() => _dataGeneration++;

    /// <summary>All fetch translations of all harts were dropped.</summary>
    public void FetchDropped() => _fetchGeneration++;

    /// <summary>All translations were dropped and no page is tracked any more.</summary>
    public void Clear()
    {
        for (int number = 1; number < _slotCount; number++)
        {
            _slotOfPage[_slots[number].Page] = 0;
            _memory.Unprotect(_slots[number].Page, PageFlags.PageTable);
        }

        new Span<Slot>(_slots, _slotCount).Clear();
        _slotCount = 1;
        _dataGeneration = _fetchGeneration = 1;
    }

    /// <summary>Frees native memory.</summary>
    public void Dispose()
    {
        NativeMemory.Free(_slotOfPage);
        NativeMemory.Free(_slots);
    }
}
