namespace ActorFT.Storage.Files;

/// <summary>What an injected fault does to an operation.</summary>
public enum InjectedFaultKind : byte
{
    /// <summary>The operation fails with an I/O error and does nothing.</summary>
    IoError = 0,
    /// <summary>The operation waits until <see cref="FaultInjectingBlockFile.ReleaseStalls"/> or its duration has passed.</summary>
    Stall = 1,
    /// <summary>One bit of what is read comes back flipped, or of what is written goes down flipped.</summary>
    Flip = 2,
    /// <summary>Only the first half of a write happens; it is reported as done.</summary>
    TornWrite = 3,
    /// <summary>A write does not happen; it is reported as done.</summary>
    LostWrite = 4,
    /// <summary>Writes fail for want of space.</summary>
    NoSpace = 5,
    /// <summary>Everything fails as if the device had been pulled.</summary>
    Vanish = 6,
}

/// <summary>Which operations a fault applies to.</summary>
[Flags]
public enum FaultOperations : byte
{
    /// <summary>Reads.</summary>
    Read = 1,
    /// <summary>Writes and zeroing.</summary>
    Write = 2,
    /// <summary>Flushes.</summary>
    Flush = 4,
    /// <summary>All of them.</summary>
    All = 7,
}

/// <summary>A fault to inject.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="Operations">To which operations.</param>
/// <param name="OffsetBytes">Start of the range it applies to; operations that touch the range are hit. Flushes always are.</param>
/// <param name="LengthBytes">Length of the range.</param>
/// <param name="Skip">Matching operations let through first.</param>
/// <param name="Count">Matching operations hit; then the fault is over.</param>
/// <param name="StallMs">How long a stall lasts; 0 until released.</param>
public sealed record InjectedFault(
    InjectedFaultKind Kind, FaultOperations Operations = FaultOperations.All, long OffsetBytes = 0, long LengthBytes = long.MaxValue,
    int Skip = 0, int Count = int.MaxValue, int StallMs = 0);

/// <summary>
/// Breaks a copy on purpose, for tests and drills. Can be made only with the explicit switch of the configuration
/// (`fault-injection = on`), so that no configuration breaks disks by accident. Without faults it is transparent.
/// </summary>
public sealed class FaultInjectingBlockFile : IBlockFile
{
    private sealed class Armed(InjectedFault fault)
    {
        internal InjectedFault Fault { get; } = fault;
        internal int Seen { get; set; }
        internal int Fired { get; set; }
    }

    private readonly IBlockFile _inner;
    private readonly Lock _gate = new();
    private readonly List<Armed> _faults = [];
    private ManualResetEventSlim _release = new(initialState: false);
    private readonly long[] _fired = new long[Enum.GetValues<InjectedFaultKind>().Length];

    /// <summary>Wraps a file.</summary>
    /// <param name="inner">The file to break.</param>
    /// <param name="isFaultInjectionEnabled">The configuration's switch; false is refused.</param>
    public FaultInjectingBlockFile(IBlockFile inner, bool isFaultInjectionEnabled)
    {
        if (!isFaultInjectionEnabled) throw new StorageConfigurationException("Faults can be injected into disks only with fault-injection = on; it is off.");
        _inner = inner;
    }

    /// <inheritdoc/>
    public string Name => _inner.Name;

    /// <inheritdoc/>
    public long LengthBytes => _inner.LengthBytes;

    /// <inheritdoc/>
    public bool IsVanished
    {
        get
        {
            lock (_gate) return _inner.IsVanished || _faults.Any(f => f.Fault.Kind == InjectedFaultKind.Vanish);
        }
    }

    /// <summary>How often faults of a kind really fired.</summary>
    public long FiredCount(InjectedFaultKind kind) => Volatile.Read(ref _fired[(int)kind]);

    /// <summary>Arms a fault.</summary>
    public void Inject(InjectedFault fault)
    {
        lock (_gate) _faults.Add(new Armed(fault));
    }

    /// <summary>Ends all faults and lets stalled operations go on.</summary>
    public void Clear()
    {
        lock (_gate) _faults.Clear();
        ReleaseStalls();
    }

    /// <summary>Lets operations that wait now go on.</summary>
    public void ReleaseStalls()
    {
        lock (_gate)
        {
            _release.Set();
            _release = new ManualResetEventSlim(initialState: false);
        }
    }

    /// <inheritdoc/>
    public void Read(long offsetBytes, Span<byte> buffer)
    {
        InjectedFaultKind? kind = Hit(FaultOperations.Read, offsetBytes, buffer.Length);
        _inner.Read(offsetBytes, buffer);
        if (kind == InjectedFaultKind.Flip && buffer.Length > 0) buffer[buffer.Length / 2] ^= 0x10;
    }

    /// <inheritdoc/>
    public void Write(long offsetBytes, ReadOnlySpan<byte> data)
    {
        switch (Hit(FaultOperations.Write, offsetBytes, data.Length))
        {
            case InjectedFaultKind.LostWrite:
                return;
            case InjectedFaultKind.TornWrite:
                _inner.Write(offsetBytes, data[..(data.Length / 2)]);
                return;
            case InjectedFaultKind.Flip when data.Length > 0:
                byte[] flipped = data.ToArray();
                flipped[flipped.Length / 2] ^= 0x10;
                _inner.Write(offsetBytes, flipped);
                return;
            default:
                _inner.Write(offsetBytes, data);
                return;
        }
    }

    /// <inheritdoc/>
    public void ZeroRange(long offsetBytes, long lengthBytes)
    {
        switch (Hit(FaultOperations.Write, offsetBytes, lengthBytes))
        {
            case InjectedFaultKind.LostWrite:
                return;
            case InjectedFaultKind.TornWrite:
                _inner.ZeroRange(offsetBytes, lengthBytes / 2);
                return;
            default:
                _inner.ZeroRange(offsetBytes, lengthBytes);
                return;
        }
    }

    /// <inheritdoc/>
    public void BeginWriteBack(long offsetBytes, long lengthBytes) => _inner.BeginWriteBack(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public void Flush()
    {
        Hit(FaultOperations.Flush, 0, long.MaxValue);
        _inner.Flush();
    }

    /// <inheritdoc/>
    public void Reserve(long lengthBytes)
    {
        Hit(FaultOperations.Write, 0, lengthBytes);
        _inner.Reserve(lengthBytes);
    }

    /// <summary>Finds the fault that applies; throws or waits for the kinds that do; returns the others.</summary>
    private InjectedFaultKind? Hit(FaultOperations operation, long offsetBytes, long lengthBytes)
    {
        InjectedFault? fault;
        ManualResetEventSlim release;
        lock (_gate)
        {
            fault = Match(operation, offsetBytes, lengthBytes);
            release = _release;
        }
        if (fault is null) return null;
        Interlocked.Increment(ref _fired[(int)fault.Kind]);
        switch (fault.Kind)
        {
            case InjectedFaultKind.IoError:
                throw new BlockIoException(CopyFaultKind.IoError, $"{Name}: injected I/O error.");
            case InjectedFaultKind.NoSpace when operation == FaultOperations.Write:
                throw new BlockIoException(CopyFaultKind.NoSpace, $"{Name}: injected lack of space.");
            case InjectedFaultKind.Vanish:
                throw new BlockIoException(CopyFaultKind.Vanished, $"{Name}: injected loss of the device.");
            case InjectedFaultKind.Stall:
                if (fault.StallMs > 0) release.Wait(fault.StallMs);
                else release.Wait();
                return null;
            default:
                return fault.Kind;
        }
    }

    private InjectedFault? Match(FaultOperations operation, long offsetBytes, long lengthBytes)
    {
        foreach (Armed armed in _faults)
        {
            InjectedFault fault = armed.Fault;
            if ((fault.Operations & operation) == 0) continue;
            bool overlaps = operation == FaultOperations.Flush || (offsetBytes < End(fault.OffsetBytes, fault.LengthBytes) && fault.OffsetBytes < End(offsetBytes, lengthBytes));
            if (!overlaps || armed.Seen++ < fault.Skip || armed.Fired >= fault.Count) continue;
            armed.Fired++;
            return fault;
        }
        return null;
    }

    private static long End(long offset, long length) => length > long.MaxValue - offset ? long.MaxValue : offset + length;

    /// <inheritdoc/>
    public void Dispose() => _inner.Dispose();
}
