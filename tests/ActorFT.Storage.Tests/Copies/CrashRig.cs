using System.Buffers.Binary;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using Xunit;

namespace ActorFT.Storage.Tests.Copies;

/// <summary>
/// One copy on crashing files beside a model of what it promises. A sector's content is one stamp repeated; the model knows for
/// each sector the stamps that a read may find after a crash: what the last completed flush covered, and everything written since.
/// </summary>
internal sealed class CrashRig
{
    internal const int Sector = DiskGeometry.SectorBytes;
    internal static readonly DiskName Name = new("db", "vda");
    internal static readonly DiskCopyOptions Options = new() { JournalBytes = 64 << 10, CacheBytes = 32 << 10, DataJournalBlocks = 3, ChecksumPagesCached = 2 };

    private readonly Random _random;
    private readonly ulong[] _current, _mirrored;
    private readonly Dictionary<int, HashSet<ulong>> _allowed = [];
    private readonly HashSet<int> _writtenSinceConfirm = [];
    private ulong _stamp;

    // Most disks are small so that thousands of seeds fit; every eighth is large enough for zeroing that goes past memory.
    internal CrashRig(int seed)
    {
        long capacityBytes = (seed % 8 == 0 ? 5 << 18 : 1 << 18) - 3 * Sector;
        _random = new Random(seed);
        Geometry = new DiskGeometry(capacityBytes, DiskGeometry.MinRegionBytes);
        Image = new CrashBlockFile("image", capacityBytes, Clock);
        Metadata = new CrashBlockFile("metadata", 0, Clock, tearsInsideSectors: true);
        _current = new ulong[capacityBytes / Sector];
        _mirrored = new ulong[_current.Length];
        Copy = DiskCopy.Create(Image, Metadata, Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, Options);
        Copy.MarkClean(Enumerable.Range(0, Geometry.RegionCount), Copy.Flush());
    }

    internal CrashClock Clock { get; } = new();
    internal DiskGeometry Geometry { get; }
    internal CrashBlockFile Image { get; }
    internal CrashBlockFile Metadata { get; }
    internal DiskCopy Copy { get; private set; }
    internal RecoveryReport Recovered { get; private set; } = RecoveryReport.Clean;

    /// <summary>One random operation; the model follows before the copy so that a crash in the middle finds it prepared.</summary>
    internal void Step()
    {
        int sector = _random.Next(_current.Length);
        switch (_random.Next(20))
        {
            case < 8:
                Write(sector, Math.Min(1 + _random.Next(4), _current.Length - sector));
                break;
            case < 10:
                Write(sector, Math.Min(8 + _random.Next(64), _current.Length - sector));
                break;
            case < 12:
                Zero(sector, Math.Min(1 + _random.Next(_random.Next(8) == 0 ? 2048 : 40), _current.Length - sector));
                break;
            case < 15:
                Read(sector, Math.Min(1 + _random.Next(80), _current.Length - sector));
                break;
            case < 18:
                Flush(isMirrored: false);
                break;
            case 18:
                Flush(isMirrored: true);
                break;
            default:
                CheckDirty();
                break;
        }
    }

    internal void Write(int sector, int count)
    {
        byte[] data = new byte[count * Sector];
        for (int i = 0; i < count; i++)
        {
            _stamp++;
            Note(sector + i, _stamp);
            Fill(data.AsSpan(i * Sector, Sector), _stamp);
        }
        Copy.Write((long)sector * Sector, data);
    }

    internal void Zero(int sector, int count)
    {
        for (int i = 0; i < count; i++) Note(sector + i, 0);
        Copy.WriteZeroes((long)sector * Sector, (long)count * Sector);
    }

    private void Note(int sector, ulong stamp)
    {
        if (!_allowed.TryGetValue(sector, out HashSet<ulong>? allowed)) _allowed[sector] = allowed = [_current[sector]];
        allowed.Add(stamp);
        _current[sector] = stamp;
        _writtenSinceConfirm.Add(sector);
    }

    internal void Flush(bool isMirrored)
    {
        FlushTicket ticket = Copy.Flush();
        _allowed.Clear();
        if (!isMirrored) return;
        Copy.ConfirmMirrored(ticket);
        _writtenSinceConfirm.Clear();
        _current.CopyTo(_mirrored, 0);
    }

    internal void Read(int sector, int count)
    {
        byte[] data = new byte[count * Sector];
        Copy.Read((long)sector * Sector, data);
        for (int i = 0; i < count; i++) Assert.Equal(_current[sector + i], StampOf(data.AsSpan(i * Sector, Sector)));
    }

    internal void CheckDirty()
    {
        HashSet<int> dirty = [.. Copy.DirtyRegions()];
        foreach (int sector in _writtenSinceConfirm) Assert.Contains(RegionOf(sector), dirty);
    }

    internal void CheckAll() => Read(0, _current.Length);

    /// <summary>Power fails now, if it has not; comes back; the copy is opened, crashing again on the way now and then. Checks every promise.</summary>
    /// <param name="crashesInRecovery">How often.</param>
    /// <param name="endsProcesses">Whether now and then only the process ends: what was written and not flushed is read, and lost with the power later.</param>
    internal void CrashAndRecover(int crashesInRecovery, bool endsProcesses = false)
    {
        while (true)
        {
            Clock.PowerOff();
            if (!endsProcesses || _random.Next(2) == 0)
            {
                Image.Crash(_random);
                Metadata.Crash(_random);
            }

            Clock.Restart();
            if (crashesInRecovery-- > 0) Clock.CrashAtOperation = Clock.Operations + 1 + _random.Next(25);
            try
            {
                Copy = DiskCopy.Open(Image, Metadata, Name, Geometry.CapacityBytes, Options);
                Recovered = Copy.Recovery;
                break;
            }
            catch (SimulatedCrashException)
            {
                // once more
            }
        }
        Clock.CrashAtOperation = long.MaxValue;
        Observe();
    }

    /// <summary>Goes on until the copy fails or has been flushed a few times; then it is opened again, as often as that fails. False: it did not fail.</summary>
    internal bool FailAndOpenAgain()
    {
        bool hasFailed = false;
        try
        {
            for (int step = 0; step < 30; step++) Step();
        }
        catch (BlockIoException)
        {
            hasFailed = true;
        }

        while (hasFailed)
        {
            try
            {
                // Power fails at some moment of it, or it is opened.
                Clock.CrashAtOperation = _random.Next(3) == 0 ? Clock.Operations + 1 + _random.Next(25) : long.MaxValue;
                Metadata.LosesAtNextFlush = _random.Next(2) == 0;
                Copy = DiskCopy.Open(Image, Metadata, Name, Geometry.CapacityBytes, Options);
                break;
            }
            catch (BlockIoException)
            {
                // once more
            }
            catch (SimulatedCrashException)
            {
                break;
            }
        }

        Clock.CrashAtOperation = long.MaxValue;
        Metadata.LosesAtNextFlush = false;
        if (!hasFailed || Clock.IsDown) CrashAndRecover(0);
        else Observe();
        return hasFailed;
    }

    private void Observe()
    {
        byte[] data = new byte[Geometry.CapacityBytes];
        Copy.Read(0, data);
        HashSet<int> dirty = [.. Copy.DirtyRegions()];
        _writtenSinceConfirm.Clear();
        for (int sector = 0; sector < _current.Length; sector++)
        {
            ulong found = StampOf(data.AsSpan(sector * Sector, Sector));
            if (_allowed.TryGetValue(sector, out HashSet<ulong>? allowed)) Assert.Contains(found, allowed);
            else Assert.Equal(_current[sector], found);
            _current[sector] = found;
            if (found == _mirrored[sector]) continue;
            Assert.True(dirty.Contains(RegionOf(sector)), $"Sector {sector} differs from the mirror; its region {RegionOf(sector)} is not dirty.");
            _writtenSinceConfirm.Add(sector);
        }
        _allowed.Clear();
    }

    private int RegionOf(int sector) => (int)((long)sector * Sector / Geometry.RegionBytes);

    private static void Fill(Span<byte> sector, ulong stamp)
    {
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(sector).Fill(stamp);
    }

    internal static ulong StampOf(ReadOnlySpan<byte> sector)
    {
        ulong stamp = BinaryPrimitives.ReadUInt64LittleEndian(sector);
        // One stamp all through: the sector equals itself moved by a stamp.
        Assert.True(sector[8..].SequenceEqual(sector[..^8]), "A sector is torn inside.");
        return stamp;
    }
}
