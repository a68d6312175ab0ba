using ActorFT.Benchmarks.Guest;
using ActorFT.Machine.Memory;

namespace ActorFT.Benchmarks.Execution;

/// <summary>Sv39 tables (Privileged spec §4.4) that map memory to itself: code by one large page, data by pages of 4 KiB.</summary>
internal static class PageTables
{
    /// <summary>satp.MODE for Sv39, to be shifted to bit 60.</summary>
    public const ulong Satp = 8UL << SatpModeShift;

    public const int SatpModeShift = 8;

    public const ulong RootAddress = 0x8600_0000;

    private const ulong MiddleAddress = RootAddress + 0x1000, LeavesAddress = RootAddress + 0x2000;
    private const ulong Pointer = 1, Leaf = 0xCF; // V; V R W X A D

    public static void Write(GuestMemory memory)
    {
        // 0x8000_0000 lies in the third GiB.
        memory.TryWrite(RootAddress + 2 * 8, Entry(MiddleAddress, Pointer));
        memory.TryWrite(MiddleAddress + 1 * 8, Entry(0x8020_0000, Leaf));
        for (ulong offset = 0; offset < GuestProgram.DataBytes; offset += 0x1000)
        {
            ulong address = GuestProgram.DataAddress + offset, leaf = LeavesAddress + (offset >> 21 << 12);
            memory.TryWrite(MiddleAddress + (address >> 21 & 511) * 8, Entry(leaf, Pointer));
            memory.TryWrite(leaf + (address >> 12 & 511) * 8, Entry(address, Leaf));
        }
    }

    private static ulong Entry(ulong address, ulong flags) => address >> 12 << 10 | flags;
}
