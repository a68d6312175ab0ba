using ActorFT.Lockstep.Protocol;

namespace ActorFT.Simulation.World;

/// <summary>Each kind of fault that the simulation knows.</summary>
internal enum FaultKind
{
    CrashKeepingDisk,
    CrashLosingUnsynced,
    SilentPowerLoss,
    BothCrash,
    Hang,
    HangBeforeOutput,
    CutOnePath,
    CutBothPaths,
    OneWayPartition,
    FullPartition,
    StalledLinks,
    CutOff,
    SlowLink,
    LossyLink,
    DoublingLink,
    CorruptedFrame,
    ArbiterCrash,
    ArbiterCutOff,
    ArbiterLossy,
    SlowPeer,
    BitFlip,
    ColdBitFlip,
    HandOver,
    Leave,
    IsolatePeer,
}

/// <summary>Does faults, each with its end; counts each one that really happened.</summary>
internal sealed class SimFaults(SimWorld world)
{
    private const ulong Ms = 1_000_000;
    private bool _isHealed;

    public double DropChance { get; private set; }
    public double DuplicateChance { get; private set; }
    public double CorruptChance { get; private set; }
    public double ArbiterDropChance { get; private set; }
    public ulong JitterNs { get; private set; } = 200_000;

    public void Begin() => world.After(world.Random.Between(1, 2 * world.Options.MeanFaultGapNs), Next);

    private void Next()
    {
        if (_isHealed) return;
        FaultKind kind = world.Options.Faults[world.Random.Below(world.Options.Faults.Count)];
        if (Do(kind))
        {
            world.Count($"fault: {kind}");
            world.Trace("fault", kind.ToString());
        }
        Begin();
    }

    private SimServer AnyServer => world.Servers[world.Random.Below(2)];

    private SimServer LeadingServer => world.Servers.FirstOrDefault(server => server.Process is { IsLeading: true }) ?? AnyServer;

    private bool Do(FaultKind kind)
    {
        ulong lasting = world.Random.Between(20 * Ms, 900 * Ms);
        switch (kind)
        {
            case FaultKind.CrashKeepingDisk: return Crash(AnyServer, isSilent: false, loses: false);
            case FaultKind.CrashLosingUnsynced: return Crash(AnyServer, isSilent: false, loses: true);
            case FaultKind.SilentPowerLoss: return Crash(AnyServer, isSilent: true, loses: true);
            case FaultKind.BothCrash:
                if (!world.Random.Chance(0.3)) return false;
                bool loses = world.Random.Chance(0.5);
                return Crash(world.Servers[0], isSilent: false, loses) & Crash(world.Servers[1], isSilent: false, loses);
            case FaultKind.Hang: return Hang(AnyServer, lasting);
            case FaultKind.HangBeforeOutput: return HangBeforeOutput(LeadingServer, world.Random.Between(250 * Ms, 900 * Ms));
            case FaultKind.CutOnePath:
                SimPath path = world.Paths[world.Random.Below(2)];
                path.IsCut = true;
                Undo(lasting, () => path.IsCut = false);
                return true;
            case FaultKind.CutBothPaths:
                foreach (SimPath each in world.Paths) each.IsCut = true;
                Undo(lasting, () => { foreach (SimPath each in world.Paths) each.IsCut = false; });
                return true;
            case FaultKind.OneWayPartition: return Swallow(lasting, world.Random.Below(2));
            case FaultKind.FullPartition: return Swallow(lasting, 0) & Swallow(lasting, 1);
            case FaultKind.StalledLinks: return Stall(lasting);
            case FaultKind.CutOff:
                // All its cables are out, as with a switch that died: when they are back, what was on its way comes late.
                string lonely = AnyServer.Name;
                world.Arbiter.CutOff.Add(lonely);
                Stall(lasting);
                Undo(lasting, () => world.Arbiter.CutOff.Remove(lonely));
                return true;
            case FaultKind.SlowLink:
                SimPath slow = world.Paths[world.Random.Below(2)];
                slow.ExtraDelayNs = world.Random.Between(2, 60) * Ms;
                Undo(lasting, () => slow.ExtraDelayNs = 0);
                return true;
            case FaultKind.LossyLink:
                DropChance = world.Random.Between(1, 20) / 100.0;
                Undo(lasting, () => DropChance = 0);
                return true;
            case FaultKind.DoublingLink:
                DuplicateChance = 0.3;
                JitterNs = 3 * Ms;
                Undo(lasting, () => (DuplicateChance, JitterNs) = (0, 200_000));
                return true;
            case FaultKind.CorruptedFrame:
                CorruptChance = 0.01;
                Undo(50 * Ms, () => CorruptChance = 0);
                return true;
            case FaultKind.ArbiterCrash:
                if (!world.Arbiter.IsAlive) return false;
                world.Arbiter.Crash();
                Undo(lasting, world.Arbiter.Start);
                return true;
            case FaultKind.ArbiterCutOff:
                string server = AnyServer.Name;
                world.Arbiter.CutOff.Add(server);
                Undo(lasting, () => world.Arbiter.CutOff.Remove(server));
                return true;
            case FaultKind.ArbiterLossy:
                ArbiterDropChance = 0.5;
                Undo(lasting, () => ArbiterDropChance = 0);
                return true;
            case FaultKind.SlowPeer:
                SimServer sick = AnyServer;
                sick.SlowFactor = world.Random.Between(20, 400);
                Undo(lasting, () => sick.SlowFactor = 1);
                return true;
            case FaultKind.BitFlip: return Flip(isCold: false);
            case FaultKind.ColdBitFlip: return Flip(isCold: true);
            case FaultKind.HandOver: return Tell(process => process.IsDuplex && process.IsLeading && process.Disks is not Disks.MirroredDisks { ArePeersCurrent: false }, now => new HandOverRequested(now));
            case FaultKind.Leave: return Tell(process => process.IsDuplex && world.Random.Chance(0.5), now => new LeaveRequested(now));
            case FaultKind.IsolatePeer:
                if (!Tell(process => process.IsDuplex && process.IsLeading && process.Disks is not Disks.MirroredDisks { AreCurrent: false }, now => new IsolatePeerRequested(now, "the operator says so"))) return false;
                // Whoever leads by then: an operator allows the server back wherever the machine is.
                Undo(lasting, () => { foreach (SimServer each in world.Servers) each.Process?.Deliver(now => new PeerAllowed(now)); });
                return true;
            default: return false;
        }
    }

    /// <summary>A fault point: the arbiter is about to store.</summary>
    public void ArbiterStores()
    {
        if (_isHealed || !world.Options.Faults.Contains(FaultKind.ArbiterCrash) || !world.Random.Chance(0.1)) return;
        world.After(world.Random.Between(1, 1_500_000), () =>
        {
            if (!_isHealed && Do(FaultKind.ArbiterCrash)) world.Count($"fault: {FaultKind.ArbiterCrash}");
        });
    }

    private bool Crash(SimServer server, bool isSilent, bool loses)
    {
        if (!server.IsRunning) return false;
        server.Crash(isSilent, loses);
        Undo(world.Random.Between(5 * Ms, 1200 * Ms), server.Start);
        return true;
    }

    private bool Hang(SimServer server, ulong forNs)
    {
        if (server.Process is not { IsHung: false } process) return false;
        process.Hang();
        Undo(forNs, process.Wake);
        return true;
    }

    // Where it hurts most: outputs were let go and have not left.
    private bool HangBeforeOutput(SimServer server, ulong forNs)
    {
        if (server.Process is not { IsHung: false, IsLeading: true, IsDuplex: true } process) return false;
        process.HangAtPerform();
        Undo(forNs, process.Wake);
        return true;
    }

    private bool Stall(ulong forNs)
    {
        ulong toldAfterNs = world.Random.Between(10 * Ms, 400 * Ms);
        foreach (SimPath path in world.Paths) path.Stall(toldAfterNs);
        Undo(forNs, () => { foreach (SimPath path in world.Paths) path.Heal(); });
        return true;
    }

    private bool Swallow(ulong forNs, int side)
    {
        foreach (SimPath path in world.Paths) path.SwallowsFrom[side] = true;
        Undo(forNs, () => { foreach (SimPath path in world.Paths) path.SwallowsFrom[side] = false; });
        return true;
    }

    // Only in lockstep, and one at a time: alone, or with both replicas hurt, nobody could know.
    private bool Flip(bool isCold)
    {
        if (world.IsAnyTainted || !world.IsDuplex) return false;
        SimProcess process = AnyServer.Process!;
        if (process.Machine is null) return false;
        process.IsTainted = true;
        int words = Toy.ToyMachine.WordsPerPage, hot = Toy.ToyMachine.PageCount * words;
        // What the guest leaves alone changes nothing that it says: every rule holds for it as ever, and only a look at all memory finds it.
        if (isCold)
        {
            process.Machine.Flip(hot + world.Random.Below(Toy.ToyMachine.ColdPageCount * words), world.Random.Below(64));
            return true;
        }
        world.WasAnyTainted = true;
        process.Machine.Flip(world.Random.Below(hot), world.Random.Below(64));
        return true;
    }

    private bool Tell(Func<SimProcess, bool> which, Func<ulong, ProtocolEvent> what)
    {
        if (world.Servers.Select(server => server.Process).FirstOrDefault(process => process is { IsHung: false } && which(process)) is not { } process) return false;
        process.Deliver(what);
        return true;
    }

    private readonly List<Action> _undo = [];

    /// <summary>Ends a fault after a time, or when all do.</summary>
    public void Undo(ulong afterNs, Action undo)
    {
        bool isDone = false;
        Action once = () =>
        {
            if (isDone) return;
            isDone = true;
            undo();
        };
        _undo.Add(once);
        world.After(afterNs, once);
    }

    /// <summary>From here on nothing goes wrong any more.</summary>
    public void Heal()
    {
        _isHealed = true;
        foreach (Action undo in _undo) undo();
        (DropChance, DuplicateChance, CorruptChance, ArbiterDropChance) = (0, 0, 0, 0);
        foreach (SimServer server in world.Servers) server.Start();
    }
}
