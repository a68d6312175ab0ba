using System.Buffers.Binary;
using ActorFT.Simulation.Toy;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Simulation.World.Disks;

/// <summary>
/// A server's copy of one disk as it outlives processes: two files behind a volatile cache, and the device's faults. Also what only the plan of faults knows:
/// whether the copy could answer at a time.
/// </summary>
internal sealed class SimCopy
{
    public static readonly ToyDisks Disks = new(2, (int)(Geometry.CapacityBytes / ToyDisks.SectorBytes));
    private static readonly DiskCopyOptions s_options = new() { JournalBytes = 64 << 10, CacheBytes = 32 << 10, DataJournalBlocks = 3, ChecksumPagesCached = 2 };

    private const ulong HealedNs = 400_000_000; // what replaced it is flushed by then

    private readonly SimWorld _world;
    private readonly CrashClock _clock = new();
    private readonly CrashBlockFile _metadata;
    private readonly List<(InjectedFault Fault, bool IsOfImage, bool IsOfMetadata)> _armed = [];
    private ulong _wrongAtNs;
    private FaultInjectingBlockFile? _imageFaults, _metadataFaults;

    public SimCopy(SimWorld world, SimServer server, int disk)
    {
        (_world, Server, Disk) = (world, server, disk);
        Image = new CrashBlockFile($"image-{disk} of {server.Name}", Geometry.CapacityBytes, _clock);
        Lies = new DeviceLies(Image);
        _metadata = new CrashBlockFile($"metadata-{disk} of {server.Name}", 0, _clock);
        byte[] id = new byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(id, disk + 1);
        DiskCopy.Create(Image, _metadata, Name, Geometry, new Guid(id), server.Index == 0 ? NewCopyRole.Current : NewCopyRole.Replacement, s_options, isImageZero: true).Dispose();
    }

    // Not whole blocks, not whole regions.
    public static DiskGeometry Geometry => new((256 << 10) - 2 * ToyDisks.SectorBytes, DiskGeometry.MinRegionBytes);

    public SimServer Server { get; }
    public int Disk { get; }
    public DiskName Name => new(SimWorld.MachineName, $"disk{Disk}");
    public CrashBlockFile Image { get; }

    /// <summary>Until when its device does nothing.</summary>
    public ulong StalledUntilNs { get; private set; }

    /// <summary>Some of what it holds is not what was written: a bit flipped, a write was torn or lost.</summary>
    public bool IsWrong { get; private set; }

    /// <summary>
    /// What the device made of writes. If the process or the power is lost before they were flushed, what is in doubt is taken as it is (docs/disks.md §3, recovery),
    /// for nobody can tell a lie of the device from what a loss of power leaves.
    /// </summary>
    public DeviceLies Lies { get; }

    /// <summary>Its device misbehaves now.</summary>
    public bool IsArmed => _armed.Count != 0 || StalledUntilNs > _world.NowNs;

    /// <summary>When it last could not be relied on.</summary>
    public ulong NotAbleAtNs { get; private set; }

    /// <summary>The actor that has it open, or would.</summary>
    public SimDiskActor? Actor => (Server.Process?.Disks as MirroredDisks)?.Actors[Disk];

    /// <summary>Whether it is complete, right, and answers.</summary>
    public bool IsAble => !IsArmed && !IsWrong && Server.Process is { IsHung: false } && Actor is { IsCurrent: true };

    /// <summary>Keeps when it was not able; called often.</summary>
    public void Observe()
    {
        if (!IsWrong && IsAble) return;
        if (!IsAble) NotAbleAtNs = _world.NowNs;
        if (!IsWrong || IsArmed || Actor is not { } actor || !actor.IsHealed()) _wrongAtNs = _world.NowNs;
        else if (_world.NowNs - _wrongAtNs >= HealedNs)
        {
            IsWrong = false;
            _world.Count("wrong copy healed");
        }
    }

    public DiskCopy Open()
    {
        TakeStock();
        _imageFaults = new FaultInjectingBlockFile(Image, isFaultInjectionEnabled: true);
        _metadataFaults = new FaultInjectingBlockFile(_metadata, isFaultInjectionEnabled: true);
        foreach ((InjectedFault fault, bool isOfImage, bool isOfMetadata) in _armed) Apply(fault, isOfImage, isOfMetadata);
        LieWatch image = new(_imageFaults, Lies);
        DiskCopy copy = DiskCopy.Open(image, _metadataFaults, Name, Geometry.CapacityBytes, s_options);
        image.IsRecovering = false;
        if (Lies.HasMisled) BecomesWrong();
        Lies.HasMisled = false;
        return copy;
    }

    public void Inject(InjectedFault fault, bool isOfImage, bool isOfMetadata)
    {
        NotAbleAtNs = _world.NowNs;
        if (fault.Kind is InjectedFaultKind.Flip or InjectedFaultKind.TornWrite or InjectedFaultKind.LostWrite && fault.Operations == FaultOperations.Write) BecomesWrong();
        _armed.Add((fault, isOfImage, isOfMetadata));
        Apply(fault, isOfImage, isOfMetadata);
    }

    private void Apply(InjectedFault fault, bool isOfImage, bool isOfMetadata)
    {
        if (isOfImage) _imageFaults?.Inject(fault);
        if (isOfMetadata) _metadataFaults?.Inject(fault);
    }

    // What replaces it may be in memory a moment later, and is lost with it when power fails then.
    private void BecomesWrong() => (IsWrong, _wrongAtNs) = (true, _world.NowNs);

    public void FlipAtRest()
    {
        NotAbleAtNs = _world.NowNs;
        BecomesWrong();
        long at = (long)_world.Random.Between(0, (ulong)Geometry.CapacityBytes - 1);
        Image.Corrupt(at, (byte)(1 << _world.Random.Below(8)));
        Lies.Note((int)(at / ToyDisks.SectorBytes));
    }

    public void Stall(ulong forNs)
    {
        NotAbleAtNs = _world.NowNs;
        StalledUntilNs = _world.NowNs + forNs;
    }

    public void Clear()
    {
        if (_armed.Count != 0) NotAbleAtNs = _world.NowNs;
        _armed.Clear();
        _imageFaults?.Clear();
        _metadataFaults?.Clear();
        if (StalledUntilNs > _world.NowNs) StalledUntilNs = _world.NowNs;
    }

    /// <summary>The server lost power, or only the process died.</summary>
    public void Crash(bool losesUnsynced)
    {
        NotAbleAtNs = _world.NowNs;
        Lies.Crashed();
        TakeStock();
        _clock.Restart();
        if (!losesUnsynced) return;
        var random = new Random((int)_world.Random.Next());
        Image.Crash(random);
        _metadata.Crash(random);
    }

    /// <summary>Power fails within the next few operations.</summary>
    public void CrashSoon() => _clock.CrashAtOperation = _clock.Operations + 1 + _world.Random.Below(4);

    public void TakeStock()
    {
        foreach (FaultInjectingBlockFile? file in (FaultInjectingBlockFile?[])[_imageFaults, _metadataFaults])
            foreach (InjectedFaultKind kind in Enum.GetValues<InjectedFaultKind>())
                for (long fired = file?.FiredCount(kind) ?? 0; fired > 0; fired--) _world.Count($"device: {kind}");
        (_imageFaults, _metadataFaults) = (null, null);
    }
}
