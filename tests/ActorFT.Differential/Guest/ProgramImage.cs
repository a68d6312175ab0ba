using System.Buffers.Binary;
using ActorFT.Differential.Generation;

namespace ActorFT.Differential.Guest;

/// <summary>
/// A list of chunks laid out in memory behind the driver, at the address where QEMU's virt machine and ours have RAM:
/// M-mode start, driver, slots, code, scratch memory (a page's distance between chunks, x2 and x8 at a page's start, so that
/// accesses straddle pages).
/// </summary>
internal sealed class ProgramImage
{
    public const ulong RamBase = 0x8000_0000;
    public const uint SupervisorEntry = 0x8000_1000;

    private const uint HostFlag = 0x8000_3000, FirstSlot = 0x8000_4000;
    private const int PageBytes = 4096;

    // QEMU puts its device tree into the last 2 MiB, aligned, of RAM.
    private const ulong ReservedAtEndBytes = 4 << 20;

    private readonly ulong[] _codeAddress;
    private readonly ulong _scratchBase, _tablesBase;
    private readonly int _tableBytesEach;

    public ProgramImage(IReadOnlyList<Chunk> chunks)
    {
        Chunks = chunks;
        _codeAddress = new ulong[chunks.Count];
        ulong at = AlignToPage(FirstSlot + (ulong)(chunks.Count + 1) * Slot.StrideBytes);
        for (int i = 0; i < chunks.Count; i++)
        {
            _codeAddress[i] = at;
            // Two bytes aligned, so that instructions lie across page ends too.
            at += (ulong)(chunks[i].Code.Length + 1) & ~1UL;
        }

        _scratchBase = AlignToPage(at) + PageBytes;
        _tablesBase = _scratchBase + (ulong)chunks.Count * PageBytes + PageBytes;
        _tableBytesEach = chunks.Any(chunk => chunk.Paging != null) ? PageTableBuilder.MaxTables * PageBytes : 0;
        ulong end = _tablesBase + (ulong)chunks.Count * (ulong)_tableBytesEach;
        RamBytes = System.Numerics.BitOperations.RoundUpToPowerOf2(end - RamBase + ReservedAtEndBytes);
        Bytes = new byte[end - RamBase];
        Driver.MachineModeStart(SupervisorEntry).CopyTo(Bytes, 0);
        Driver.SupervisorStart(FirstSlot, HostFlag).CopyTo(At(SupervisorEntry));
        for (int i = 0; i < chunks.Count; i++) Place(i);
    }

    public IReadOnlyList<Chunk> Chunks { get; }

    /// <summary>Contents of RAM from its start.</summary>
    public byte[] Bytes { get; }

    /// <summary>Size that RAM must have.</summary>
    public ulong RamBytes { get; }

    private static ulong AlignToPage(ulong address) => (address + PageBytes - 1) & ~(ulong)(PageBytes - 1);

    private Span<byte> At(ulong address) => Bytes.AsSpan((int)(address - RamBase));

    private static ulong SlotAddress(int chunk) => FirstSlot + (ulong)chunk * Slot.StrideBytes;

    /// <summary>Where a chunk's code lies.</summary>
    public ulong CodeAddress(int chunk) => _codeAddress[chunk];

    /// <summary>Where a chunk's x2 and x8 point.</summary>
    public ulong ScratchAddress(int chunk) => _scratchBase + (ulong)chunk * PageBytes;

    private ulong TablesAddress(int chunk) => _tablesBase + (ulong)chunk * (ulong)_tableBytesEach;

    /// <summary>How far into a chunk's code an address lies; its whole length if it lies elsewhere.</summary>
    public long CodeOffset(int chunk, ulong address)
    {
        ulong offset = address - CodeAddress(chunk);
        if (Chunks[chunk].Paging != null && Chunks[chunk].UserMode) offset -= PagingSetup.UserCodeOffset;
        return (long)Math.Min(offset, (ulong)Chunks[chunk].Code.Length);
    }

    private void Place(int i)
    {
        Chunk chunk = Chunks[i];
        Span<byte> slot = At(SlotAddress(i));
        ulong scratch = ScratchAddress(i), entry = _codeAddress[i] + (ulong)chunk.EntryOffsetBytes;
        (ulong x2, ulong x8) = (scratch, scratch);
        if (chunk.Paging is { } paging)
        {
            ulong tables = TablesAddress(i);
            var builder = new PageTableBuilder(paging, tables, At(tables)[.._tableBytesEach]);
            ulong leaf = builder.Build(scratch);
            Write(slot, Slot.Satp, (ulong)paging.Scheme << 60 | tables / PageBytes);
            x8 = scratch + PagingSetup.ScratchOffset;
            x2 = chunk.UserMode ? x8 : leaf;
            if (chunk.UserMode) entry += PagingSetup.UserCodeOffset;
        }

        for (int register = 1; register < 32; register++)
        {
            ulong value = chunk.Pointers switch
            {
                Pointers.All => scratch + (ulong)(register * Chunk.PointerDistanceBytes),
                Pointers.X2AndX8 when register == 2 => x2,
                Pointers.X2AndX8 when register == 8 => x8,
                _ => chunk.X[register],
            };
            Write(slot, Slot.X + 8 * register, value);
        }

        for (int register = 0; register < 32; register++) Write(slot, Slot.F + 8 * register, chunk.F[register]);
        Write(slot, Slot.Fcsr, chunk.Fcsr);
        Write(slot, Slot.Entry, entry);
        Write(slot, Slot.Sstatus, chunk.Sstatus);
        Write(slot, Slot.Sie, chunk.Sie);
        Write(slot, Slot.Sip, chunk.Sip);
        Write(slot, Slot.VectorMode, chunk.VectoredTraps ? 1UL : 0);
        chunk.Code.CopyTo(At(_codeAddress[i]));
        chunk.Scratch.CopyTo(At(scratch - (ulong)chunk.Scratch.Length / 2));
    }

    private static void Write(Span<byte> slot, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(slot[offset..], value);

    /// <summary>A chunk's result in memory after a run.</summary>
    public static ReadOnlySpan<byte> ResultIn(ReadOnlySpan<byte> ram, int chunk) =>
        ram.Slice((int)(SlotAddress(chunk) - RamBase) + Slot.Result, Slot.ResultBytes);

    /// <summary>A chunk's page tables after a run.</summary>
    public ReadOnlySpan<byte> TablesIn(ReadOnlySpan<byte> ram, int chunk) => ram.Slice((int)(TablesAddress(chunk) - RamBase), _tableBytesEach);

    /// <summary>A chunk's scratch memory after a run.</summary>
    public ReadOnlySpan<byte> ScratchIn(ReadOnlySpan<byte> ram, int chunk) =>
        ram.Slice((int)(ScratchAddress(chunk) - RamBase) - PageBytes / 2, PageBytes);
}
