namespace ActorFT.Simulation.World;

/// <summary>A server: what outlives a crash (its disk), and the process that runs on it at the moment.</summary>
internal sealed class SimServer(SimWorld world, int index, string name)
{
    public int Index { get; } = index;
    public string Name { get; } = name;
    public SimDisk Disk { get; } = new();
    public SimProcess? Process { get; private set; }
    public bool IsRunning => Process is not null;

    /// <summary>How many times slower than it should be.</summary>
    public ulong SlowFactor { get; set; } = 1;

    public void Start()
    {
        if (Process is not null) return;
        Process = new SimProcess(world, this, ++world.Incarnations);
        world.Trace(Name, $"starts as run {world.Incarnations}");
        Process.Start();
    }

    public void Crash(bool isSilent, bool losesUnsynced)
    {
        if (Process is null) return;
        world.Trace(Name, "crashes");
        SimProcess process = Process;
        Process = null;
        process.Die();
        Disk.Crash(world.Random, losesUnsynced);
        foreach (SimPath path in world.Paths) path.Break(isSilent);
    }

    /// <summary>A server that left in order stops, and comes back later.</summary>
    public void StopInOrder(SimProcess process)
    {
        if (Process != process) return;
        world.Count("left in order");
        Crash(isSilent: false, losesUnsynced: false);
        world.After(world.Random.Between(50_000_000, 500_000_000), Start);
    }
}
