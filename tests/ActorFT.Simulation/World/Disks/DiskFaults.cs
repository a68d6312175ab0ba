using ActorFT.Storage.Files;

namespace ActorFT.Simulation.World.Disks;

/// <summary>Each kind of fault that a copy of a disk can have.</summary>
internal enum DiskFault
{
    FailingReads,
    FailingWrites,
    FailingFlushes,
    FailingMetadata,
    NoSpace,
    Vanished,
    Stall,
    FlipOnRead,
    FlipAtRest,
    FlippedWrite,
    TornWrite,
    LostWrite,
    Isolated,
    Scrub,
}

/// <summary>
/// Breaks copies, beside everything else that goes wrong. The plan: of each server's copies and the other's one is good at any time as far as devices go, so a copy is
/// broken only while the other server lacks nothing; what crashes and partitions make of that is not held back. In some seeds the only copy is broken too.
/// </summary>
internal sealed class DiskFaults(SimWorld world)
{
    private const ulong Ms = 1_000_000;
    private bool _isHealed;

    public void Begin()
    {
        Observe();
        Later();
    }

    private void Observe()
    {
        foreach (SimServer server in world.Servers) foreach (SimCopy copy in server.Copies) copy.Observe();
        world.After(10 * Ms, Observe);
    }

    private void Later()
    {
        if (world.Options.DiskFaults.Count != 0) world.After(world.Random.Between(1, 2 * world.Options.MeanDiskFaultGapNs), Next);
    }

    private void Next()
    {
        if (_isHealed) return;
        DiskFault kind = world.Options.DiskFaults[world.Random.Below(world.Options.DiskFaults.Count)];
        SimServer server = world.Servers[world.Random.Below(2)];
        SimCopy copy = server.Copies[world.Random.Below(server.Copies.Length)];
        if (MayBreak(kind, copy) && Do(kind, copy))
        {
            world.Count($"disk fault: {kind}");
            if (world.IsTraced) world.Trace("fault", $"{kind} at disk {copy.Disk} of {server.Name}");
        }

        Later();
    }

    private bool MayBreak(DiskFault kind, SimCopy copy)
    {
        if (!copy.IsAble) return false;
        return world.Servers[1 - copy.Server.Index].Copies.All(other => other.IsAble)
            ? world.IsDuplex
            : world.Options.BreaksOnlyCopies && IsOfAll(kind) && world.Random.Chance(0.1);
    }

    // A block that only the only copy has, and that it cannot be written in part, leaves the two different in it: the guest was told of an error there.
    private static bool IsOfAll(DiskFault kind) => kind is DiskFault.FailingWrites or DiskFault.FailingFlushes or DiskFault.FailingMetadata or DiskFault.NoSpace or DiskFault.Vanished or DiskFault.Stall;

    private bool Do(DiskFault kind, SimCopy copy)
    {
        switch (kind)
        {
            case DiskFault.FailingReads: return Loud(copy, InjectedFaultKind.IoError, FaultOperations.Read, isOfMetadata: false);
            case DiskFault.FailingWrites: return Loud(copy, InjectedFaultKind.IoError, FaultOperations.Write, isOfMetadata: false);
            case DiskFault.FailingFlushes: return Loud(copy, InjectedFaultKind.IoError, FaultOperations.Flush, isOfMetadata: false);
            case DiskFault.FailingMetadata: return Loud(copy, InjectedFaultKind.IoError, world.Random.Pick(FaultOperations.Write, FaultOperations.Flush, FaultOperations.All), isOfImage: false);
            case DiskFault.NoSpace: return Loud(copy, InjectedFaultKind.NoSpace, FaultOperations.Write);
            case DiskFault.Vanished: return Loud(copy, InjectedFaultKind.Vanish, FaultOperations.All);
            case DiskFault.FlipOnRead: return Loud(copy, InjectedFaultKind.Flip, FaultOperations.Read, isOfMetadata: false);
            case DiskFault.FlippedWrite: return Silent(copy, InjectedFaultKind.Flip);
            case DiskFault.TornWrite: return Silent(copy, InjectedFaultKind.TornWrite);
            case DiskFault.LostWrite: return Silent(copy, InjectedFaultKind.LostWrite);
            case DiskFault.FlipAtRest:
                copy.FlipAtRest();
                if (world.Random.Chance(0.5)) Scrub(copy);
                return true;
            case DiskFault.Stall:
                copy.Stall(world.Random.Between(20 * Ms, 400 * Ms));
                return true;
            case DiskFault.Isolated:
                if (copy.Actor?.Isolate() != true) return false;
                world.Faults.Undo(world.Random.Between(20 * Ms, 500 * Ms), () => copy.Actor?.Repair());
                return true;
            case DiskFault.Scrub: return Scrub(copy);
            default: return false;
        }
    }

    private bool Loud(SimCopy copy, InjectedFaultKind kind, FaultOperations operations, bool isOfImage = true, bool isOfMetadata = true)
    {
        int count = world.Random.Chance(0.5) ? int.MaxValue : 1 + world.Random.Below(3);
        copy.Inject(new InjectedFault(kind, operations, Count: count), isOfImage, isOfMetadata);
        world.Faults.Undo(world.Random.Between(5 * Ms, 300 * Ms), copy.Clear);
        return true;
    }

    // Goes on until it has hit one write; what it hit is found by a read, or a scrub.
    private bool Silent(SimCopy copy, InjectedFaultKind kind)
    {
        copy.Inject(new InjectedFault(kind, FaultOperations.Write, Count: 1), isOfImage: true, isOfMetadata: false);
        world.Faults.Undo(world.Random.Between(20 * Ms, 150 * Ms), () =>
        {
            copy.Clear();
            if (!_isHealed && world.Random.Chance(0.5)) Scrub(copy);
        });
        return true;
    }

    private static bool Scrub(SimCopy copy) => copy.Actor?.Mirror.BeginScrub() == true;

    /// <summary>From here on nothing goes wrong any more, and what did is looked for.</summary>
    public void Heal()
    {
        _isHealed = true;
        foreach (SimServer server in world.Servers) foreach (SimCopy copy in server.Copies) copy.Clear();
        Look();
    }

    private void Look()
    {
        foreach (SimServer server in world.Servers) foreach (SimCopy copy in server.Copies) if (copy.IsWrong) Scrub(copy);
        if (!IsWhole) world.After(100 * Ms, Look);
    }

    /// <summary>Whether both copies of every disk are complete and right.</summary>
    public bool IsWhole => world.Servers.All(server => server.Copies.All(copy => copy is { IsAble: true, Actor: { Mirror: { Resync: null, PeerUse: Storage.Mirror.Live.CopyUse.Current } } }));
}
