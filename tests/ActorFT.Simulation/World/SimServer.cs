using ActorFT.Simulation.World.Disks;

namespace ActorFT.Simulation.World;

/// <summary>A server: what outlives a crash (its disk), and the process that runs on it at the moment.</summary>
internal sealed class SimServer
{
    private readonly SimWorld _world;

    public SimServer(SimWorld world, int index, string name)
    {
        (_world, Index, Name) = (world, index, name);
        if (world.Options.HasMirrors) Copies = [.. Enumerable.Range(0, SimCopy.Disks.Count).Select(disk => new SimCopy(world, this, disk))];
    }

    public int Index { get; }
    public string Name { get; }
    public SimDisk Disk { get; } = new();

    /// <summary>Its copies, if the machine's disks are mirrored, and the durable mark that says whether it may boot from them.</summary>
    public SimCopy[] Copies { get; } = [];
    public ulong Mark { get; set; }

    public SimProcess? Process { get; private set; }
    public bool IsRunning => Process is not null;

    /// <summary>How many times slower than it should be.</summary>
    public ulong SlowFactor { get; set; } = 1;

    public void Start()
    {
        if (Process is not null) return;
        Process = new SimProcess(_world, this, ++_world.Incarnations);
        _world.Trace(Name, $"starts as run {_world.Incarnations}");
        Process.Start();
    }

    public void Crash(bool isSilent, bool losesUnsynced, bool isInOrder = false)
    {
        if (Process is null) return;
        _world.Trace(Name, "crashes");
        SimProcess process = Process;
        Process = null;
        if (isInOrder) (process.Disks as MirroredDisks)?.Stop();
        else if (losesUnsynced) (process.Disks as MirroredDisks)?.LosePower();
        process.Die();
        Disk.Crash(_world.Random, losesUnsynced);
        foreach (SimCopy copy in Copies) copy.Crash(losesUnsynced);
        foreach (SimPath path in _world.Paths) path.Break(isSilent);
    }

    /// <summary>A server that left in order stops, and comes back later.</summary>
    public void StopInOrder(SimProcess process)
    {
        if (Process != process) return;
        _world.Count("left in order");
        Crash(isSilent: false, losesUnsynced: false, isInOrder: true);
        _world.After(_world.Random.Between(50_000_000, 500_000_000), Start);
    }
}
