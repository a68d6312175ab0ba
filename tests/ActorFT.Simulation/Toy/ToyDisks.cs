using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using ActorFT.Machine.IO;

namespace ActorFT.Simulation.Toy;

/// <summary>A request of the machine that ended, with what a read of it had to give: for each sector the stamp of the write before it.</summary>
internal sealed record ToyEnd(BlockRequested Request, BlockCompleted Completed, ulong[] Expected);

/// <summary>
/// The disks of a machine that has several, and what is in each sector: a stamp, unique to the write, and a checksum over it and its place. So a sector says by
/// itself which write it is of, or that it is none's.
/// </summary>
internal sealed record ToyDisks(int Count, int Sectors)
{
    public const int SectorBytes = 512, MaxRequestSectors = 40;
    private const int StampWord = 3, LastWord = SectorBytes / 8 - 1;
    private const ulong ZeroMark = 127;

    /// <summary>What could not be read at power-on: it may hold anything that was ever written there.</summary>
    public const ulong Unknown = ulong.MaxValue;

    /// <summary>The stamp of a sector of a write, or of zeroes, in one life of the machine; of another history with the same request it is another.</summary>
    public static ulong Stamp(ulong life, ulong request, ulong history, int sector, bool isZero) =>
        (life & 0xFF) << 56 | (request & 0xFFFFFF) << 32 | (history & 0x1FFFFFF) << 7 | (isZero ? ZeroMark : (ulong)sector);

    /// <summary>Whether what a stamp stands for is zeroes.</summary>
    public static bool IsZero(ulong stamp) => stamp == 0 || stamp != Unknown && (stamp & 0x7F) == ZeroMark;

    public static void Fill(Span<byte> sector, ReadOnlySpan<byte> head, ulong stamp, int disk, int address)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(sector);
        head[..ToyMachine.HeadBytes].CopyTo(sector);
        words[StampWord..LastWord].Fill(stamp);
        words[LastWord] = Sum(sector, disk, address);
    }

    /// <summary>The stamp of what a sector holds; null when no write was ever that.</summary>
    public static ulong? StampOf(ReadOnlySpan<byte> sector, int disk, int address)
    {
        if (!sector.ContainsAnyExcept((byte)0)) return 0;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(sector);
        return words[LastWord] == Sum(sector, disk, address) ? words[StampWord] : null;
    }

    /// <summary>Whether a sector holds what a stamp stands for.</summary>
    public static bool Holds(ReadOnlySpan<byte> sector, int disk, int address, ulong stamp) =>
        StampOf(sector, disk, address) is { } found && (IsZero(stamp) ? found == 0 : found == stamp);

    private static ulong Sum(ReadOnlySpan<byte> sector, int disk, int address) =>
        XxHash3.HashToUInt64(sector[..(LastWord * 8)], (long)disk << 32 | (long)address) | 1;

    public static int SectorOf(BlockRequested request) => (int)(request.OffsetBytes / SectorBytes);

    public static int CountOf(BlockRequested request) => (int)(request.LengthBytes / SectorBytes);

    public static ulong HistoryOf(ReadOnlySpan<byte> data) => BinaryPrimitives.ReadUInt64LittleEndian(data[(StampWord * 8)..]) >> 7;
}
