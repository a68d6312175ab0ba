using System.Buffers.Binary;
using ActorFT.Differential.Generation;

namespace ActorFT.Differential.Guest;

/// <summary>Writes a chunk's page tables, the root first, into memory set aside for them.</summary>
internal ref struct PageTableBuilder(PagingSetup setup, ulong tablesAddress, Span<byte> memory)
{
    /// <summary>Sv48's root, and one table of each level below, two of the last when the scratch pages lie in two.</summary>
    public const int MaxTables = 6;

    private const int PageBytes = 4096;
    private const ulong Ram = 0x8000_0000;
    private const ulong AllRights = PagingSetup.Valid | PagingSetup.Readable | PagingSetup.Writable | PagingSetup.Executable
        | PagingSetup.Accessed | PagingSetup.Dirty;

    private readonly Span<byte> _memory = memory;
    private int _tablesUsed = 1;

    /// <summary>Maps everything; returns the physical address of the entry for the page at <paramref name="scratch"/>.</summary>
    public ulong Build(ulong scratch)
    {
        Map(Ram, Ram, 2, AllRights);
        Map(Ram + PagingSetup.UserCodeOffset, Ram, 2, AllRights | PagingSetup.User);
        MapLeaf(scratch - PageBytes, setup.Below);
        return MapLeaf(scratch, setup.Above);
    }

    private ulong MapLeaf(ulong page, Leaf leaf)
    {
        ulong size = (ulong)PageBytes << (9 * setup.LeafLevel);
        ulong target = leaf.Target switch
        {
            PageTarget.Own => page & ~(size - 1),
            PageTarget.Next => (page & ~(size - 1)) + PageBytes,
            _ => PagingSetup.NowhereAddress & ~(size - 1),
        };
        return Map(page + PagingSetup.ScratchOffset, target, setup.LeafLevel, leaf.Flags);
    }

    /// <summary>Writes a leaf, making tables on the way; returns its physical address.</summary>
    private ulong Map(ulong virtualAddress, ulong physical, int leafLevel, ulong flags)
    {
        int table = 0;
        for (int level = setup.Scheme == 8 ? 2 : 3; ; level--)
        {
            int index = (int)(virtualAddress >> (12 + 9 * level)) & 511, offset = table * PageBytes + index * 8;
            Span<byte> entry = _memory[offset..];
            if (level == leafLevel)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(entry, physical / PageBytes << 10 | flags);
                return tablesAddress + (ulong)offset;
            }

            ulong present = BinaryPrimitives.ReadUInt64LittleEndian(entry);
            if (present == 0)
            {
                present = (tablesAddress / PageBytes + (ulong)_tablesUsed++) << 10 | PagingSetup.Valid;
                BinaryPrimitives.WriteUInt64LittleEndian(entry, present);
            }

            table = (int)((present >> 10) - tablesAddress / PageBytes);
        }
    }
}
