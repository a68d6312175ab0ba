namespace ActorFT.Storage.Files;

/// <summary>The simulated server lost power in the middle of an operation. Never thrown outside simulation.</summary>
public sealed class SimulatedCrashException : Exception
{
    /// <summary>Creates the exception.</summary>
    public SimulatedCrashException() : base("The simulated server lost power.") { }
}

/// <summary>
/// Counts the operations of all files of one simulated server and stops the server dead before the one armed:
/// every later operation throws <see cref="SimulatedCrashException"/> until <see cref="Restart"/>.
/// </summary>
public sealed class CrashClock
{
    /// <summary>Operations so far.</summary>
    public long Operations { get; private set; }

    /// <summary>The operation that does not happen any more; <see cref="long.MaxValue"/> for none.</summary>
    public long CrashAtOperation { get; set; } = long.MaxValue;

    /// <summary>Whether the server is down.</summary>
    public bool IsDown { get; private set; }

    /// <summary>Power comes back; nothing is armed.</summary>
    public void Restart()
    {
        IsDown = false;
        CrashAtOperation = long.MaxValue;
    }

    /// <summary>Pulls the plug now.</summary>
    public void PowerOff() => IsDown = true;

    /// <summary>Whether the operation about to start is the one in which power fails.</summary>
    internal bool Tick()
    {
        if (IsDown) throw new SimulatedCrashException();
        if (++Operations < CrashAtOperation) return false;
        IsDown = true;
        return true;
    }
}

/// <summary>
/// A file in memory with the crash semantics of a disk behind a volatile cache, driven by a seed. At
/// <see cref="Crash"/> every 512-byte sector written since the last flush takes, independently, the content of any one
/// write since then or of none: writes are lost, torn between sectors and reordered.
/// With <c>tearsInsideSectors</c> a sector may moreover be half one content and half another, cut at any byte.
/// Single-threaded, deterministic.
/// </summary>
public sealed class CrashBlockFile : IBlockFile
{
    private const int SectorBytes = 512;
    private readonly CrashClock _clock;
    private readonly bool _tearsInsideSectors;
    private readonly SortedDictionary<long, List<byte[]>> _unstable = [];
    private byte[] _current;
    private byte[] _stable;
    private int _stableLength;

    /// <summary>Creates the file, zero and stable.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="lengthBytes">Its length.</param>
    /// <param name="clock">Shared by the files of one server.</param>
    /// <param name="tearsInsideSectors">Whether sectors are not written atomically.</param>
    public CrashBlockFile(string name, long lengthBytes, CrashClock clock, bool tearsInsideSectors = false)
    {
        Name = name;
        _clock = clock;
        _tearsInsideSectors = tearsInsideSectors;
        _current = new byte[lengthBytes];
        _stable = new byte[lengthBytes];
        _stableLength = (int)lengthBytes;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long LengthBytes => _current.Length;

    /// <inheritdoc/>
    public bool IsVanished => false;

    /// <summary>Capacity limit for <see cref="Reserve"/>: beyond it there is no space.</summary>
    public long SpaceLimitBytes { get; set; } = long.MaxValue;

    /// <summary>The next flush fails, and what was written before it never reaches the disk, while reads show it until the power is lost: as Linux does after a failed write-back.</summary>
    public bool LosesAtNextFlush { get; set; }

    /// <summary>Flushes that completed.</summary>
    public long Flushes { get; private set; }

    /// <summary>The content as a program sees it, for checkers and for silent corruption. Changes made here are stable at once.</summary>
    public ReadOnlySpan<byte> Content => _current;

    /// <summary>Flips bits behind everyone's back.</summary>
    public void Corrupt(long offsetBytes, byte mask)
    {
        _current[offsetBytes] ^= mask;
        _stable[offsetBytes] ^= mask;
        if (_unstable.TryGetValue(offsetBytes / SectorBytes, out List<byte[]>? versions)) foreach (byte[] version in versions) version[offsetBytes % SectorBytes] ^= mask;
    }

    /// <inheritdoc/>
    public void Read(long offsetBytes, Span<byte> buffer)
    {
        if (_clock.Tick()) throw new SimulatedCrashException();
        CheckRange(offsetBytes, buffer.Length);
        _current.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer);
    }

    /// <inheritdoc/>
    public void Write(long offsetBytes, ReadOnlySpan<byte> data)
    {
        bool crashes = _clock.Tick();
        CheckRange(offsetBytes, data.Length);
        data.CopyTo(_current.AsSpan((int)offsetBytes));
        Remember(offsetBytes, data.Length);
        // The write was on its way when power failed: some of it may have reached the disk.
        if (crashes) throw new SimulatedCrashException();
    }

    /// <inheritdoc/>
    public void ZeroRange(long offsetBytes, long lengthBytes)
    {
        bool crashes = _clock.Tick();
        CheckRange(offsetBytes, lengthBytes);
        _current.AsSpan((int)offsetBytes, (int)lengthBytes).Clear();
        Remember(offsetBytes, lengthBytes);
        if (crashes) throw new SimulatedCrashException();
    }

    private void Remember(long offsetBytes, long lengthBytes)
    {
        for (long sector = offsetBytes / SectorBytes; sector * SectorBytes < offsetBytes + lengthBytes; sector++)
        {
            if (!_unstable.TryGetValue(sector, out List<byte[]>? versions)) _unstable[sector] = versions = [];
            versions.Add(SectorOf(_current, sector).ToArray());
        }
    }

    private static Span<byte> SectorOf(byte[] content, long sector)
    {
        int start = (int)(sector * SectorBytes);
        return content.AsSpan(start, Math.Min(SectorBytes, content.Length - start));
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (_clock.Tick()) throw new SimulatedCrashException();
        if (LosesAtNextFlush)
        {
            LosesAtNextFlush = false;
            _unstable.Clear();
            throw new BlockIoException(CopyFaultKind.IoError, $"{Name}: what was written could not be written back.");
        }

        foreach (long sector in _unstable.Keys) SectorOf(_current, sector).CopyTo(SectorOf(_stable, sector));
        _unstable.Clear();
        _stableLength = _current.Length;
        Flushes++;
    }

    /// <inheritdoc/>
    public void Reserve(long lengthBytes)
    {
        if (_clock.Tick()) throw new SimulatedCrashException();
        if (lengthBytes > SpaceLimitBytes) throw new BlockIoException(CopyFaultKind.NoSpace, $"{Name}: {lengthBytes} bytes wanted, {SpaceLimitBytes} available.");
        if (lengthBytes <= _current.Length) return;
        Array.Resize(ref _current, (int)lengthBytes);
        Array.Resize(ref _stable, (int)lengthBytes);
    }

    /// <summary>Decides with <paramref name="random"/> what of the unflushed writes reached the disk, and forgets the rest.</summary>
    public void Crash(Random random)
    {
        foreach ((long sector, List<byte[]> versions) in _unstable)
        {
            byte[] picked = Pick(random, sector, versions);
            if (_tearsInsideSectors)
            {
                byte[] other = Pick(random, sector, versions);
                int cut = random.Next(picked.Length + 1);
                picked = [.. picked.AsSpan(0, cut), .. other.AsSpan(cut)];
            }
            picked.CopyTo(SectorOf(_stable, sector));
        }
        _unstable.Clear();
        Array.Resize(ref _stable, _stableLength);
        _current = (byte[])_stable.Clone();
    }

    private byte[] Pick(Random random, long sector, List<byte[]> versions)
    {
        int which = random.Next(versions.Count + 1);
        return which == versions.Count ? SectorOf(_stable, sector).ToArray() : versions[which];
    }

    private void CheckRange(long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > _current.Length)
            throw new BlockIoException(CopyFaultKind.IoError, $"{Name}: bytes {offsetBytes} to {offsetBytes + lengthBytes} lie outside its {_current.Length} bytes.");
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
