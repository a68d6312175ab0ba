using System.IO.Hashing;
using ActorFT.Simulation.Toy;
using ActorFT.Storage.Files;

namespace ActorFT.Simulation.World.Disks;

/// <summary>What a device made of sectors that it did not write as it was told, until something else is stable there: exactly what a recovery may take for content.</summary>
internal sealed class DeviceLies(CrashBlockFile image)
{
    private readonly Dictionary<int, HashSet<ulong>> _lies = [];
    private readonly HashSet<int> _rewritten = []; // and not flushed: a loss of power may bring the lie back

    /// <summary>Looks at sectors that were written; <paramref name="told"/> is what the device was told to write.</summary>
    /// <param name="offsetBytes">From where on.</param>
    /// <param name="told">What the device was told to write.</param>
    /// <param name="isRedone">By a recovery, which does not find a lost write, takes its flush for one that never ended, and puts back what was there before.</param>
    public void Wrote(long offsetBytes, ReadOnlySpan<byte> told, bool isRedone)
    {
        for (int at = 0; at + ToyDisks.SectorBytes <= told.Length; at += ToyDisks.SectorBytes)
        {
            int sector = (int)((offsetBytes + at) / ToyDisks.SectorBytes);
            ReadOnlySpan<byte> made = Sector(sector);
            if (!made.SequenceEqual(told.Slice(at, ToyDisks.SectorBytes)) || isRedone && _lies.ContainsKey(sector)) Note(sector);
            else if (_lies.ContainsKey(sector)) _rewritten.Add(sector);
        }
    }

    /// <summary>Looks at sectors that a recovery read, and may take for what the copy holds; <paramref name="told"/> is what the device gave.</summary>
    public void Read(long offsetBytes, ReadOnlySpan<byte> told)
    {
        for (int at = 0; at + ToyDisks.SectorBytes <= told.Length; at += ToyDisks.SectorBytes)
        {
            int sector = (int)((offsetBytes + at) / ToyDisks.SectorBytes);
            ReadOnlySpan<byte> given = told.Slice(at, ToyDisks.SectorBytes);
            if (Sector(sector).SequenceEqual(given)) continue;
            Note(sector, given);
            HasMisled = true;
        }
    }

    /// <summary>A recovery was given something else than the copy holds: what it took for content differs from it.</summary>
    public bool HasMisled { get; set; }

    /// <summary>The sector is not what was written there.</summary>
    public void Note(int sector) => Note(sector, Sector(sector));

    private void Note(int sector, ReadOnlySpan<byte> content)
    {
        if (!_lies.TryGetValue(sector, out HashSet<ulong>? contents)) _lies[sector] = contents = [];
        contents.Add(XxHash3.HashToUInt64(content));
        _rewritten.Remove(sector);
    }

    public void Flushed()
    {
        foreach (int sector in _rewritten) _lies.Remove(sector);
        _rewritten.Clear();
    }

    public void Crashed() => _rewritten.Clear();

    /// <summary>Whether that is what the device made of the sector.</summary>
    public bool Has(int sector, ReadOnlySpan<byte> found) => _lies.TryGetValue(sector, out HashSet<ulong>? contents) && contents.Contains(XxHash3.HashToUInt64(found));

    private ReadOnlySpan<byte> Sector(int sector) => image.Content.Slice(sector * ToyDisks.SectorBytes, ToyDisks.SectorBytes);
}

/// <summary>An image whose device's lies are noted: what it was told to write, and what it gives to a recovery, is compared with what is there then.</summary>
internal sealed class LieWatch(IBlockFile device, DeviceLies lies) : IBlockFile
{
    public string Name => device.Name;

    public long LengthBytes => device.LengthBytes;

    public bool IsVanished => device.IsVanished;

    /// <summary>A recovery has no checksum to know a read by; later every read has one.</summary>
    public bool IsRecovering { get; set; } = true;

    public void Read(long offsetBytes, Span<byte> buffer)
    {
        device.Read(offsetBytes, buffer);
        if (IsRecovering) lies.Read(offsetBytes, buffer);
    }

    public void Write(long offsetBytes, ReadOnlySpan<byte> data)
    {
        device.Write(offsetBytes, data);
        lies.Wrote(offsetBytes, data, IsRecovering);
    }

    public void ZeroRange(long offsetBytes, long lengthBytes)
    {
        device.ZeroRange(offsetBytes, lengthBytes);
        lies.Wrote(offsetBytes, new byte[lengthBytes], IsRecovering);
    }

    public void BeginWriteBack(long offsetBytes, long lengthBytes) => device.BeginWriteBack(offsetBytes, lengthBytes);

    public void Flush()
    {
        device.Flush();
        lies.Flushed();
    }

    public void Reserve(long lengthBytes) => device.Reserve(lengthBytes);

    public void Dispose() => device.Dispose();
}
