using ActorFT.Lockstep.Protocol;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World.Disks;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Simulation.World;

/// <summary>What a seed decides before anything runs: settings, which faults, for how long.</summary>
internal sealed record SimOptions
{
    private const ulong Ms = 1_000_000;

    public required ulong Seed { get; init; }
    public required LockstepSettings Settings { get; init; }
    public required IReadOnlyList<FaultKind> Faults { get; init; }
    public required ulong ChaosNs { get; init; }
    public required ulong MeanFaultGapNs { get; init; }
    public PlantedBug Bug => Settings.Bug;
    public ulong TickNs { get; init; } = 5 * Ms;

    /// <summary>Whether each replica looks at a page of its memory with each tick.</summary>
    public bool ScrubsMemory { get; init; } = true;

    /// <summary>After the last fault the pair must be duplex within this: a few claim, transfer and re-protection times.</summary>
    public ulong LivenessBoundNs { get; init; } = 8000 * Ms;

    /// <summary>The machine has two disks with two copies each, real ones; else one without a mirror.</summary>
    public bool HasMirrors { get; init; }
    public ToyDisks? ToyDisks => HasMirrors ? SimCopy.Disks : null;
    public IReadOnlyList<DiskFault> DiskFaults { get; init; } = [];
    public ulong MeanDiskFaultGapNs { get; init; }

    /// <summary>Now and then a copy is broken that is the only good one.</summary>
    public bool BreaksOnlyCopies { get; init; }
    public MirrorSettings Mirror { get; init; } = new();

    /// <summary>With mirrored disks. Memory that is flipped is left to the others: what a replica writes that is wrong itself, no disk can judge.</summary>
    public static SimOptions OfDisks(ulong seed, PlantedBug bug = PlantedBug.None, MirrorBug mirrorBug = MirrorBug.None)
    {
        SimOptions options = Of(seed, bug);
        var random = new SimRandom(seed * 0x2545F4914F6CDD1D + 3);
        DiskFault[] all = Enum.GetValues<DiskFault>();
        DiskFault[] chosen = [.. all.Where(_ => random.Chance(0.45))];
        return options with
        {
            HasMirrors = true,
            Faults = [.. options.Faults.Where(fault => fault != FaultKind.BitFlip).DefaultIfEmpty(FaultKind.CrashLosingUnsynced)],
            DiskFaults = chosen.Length == 0 ? all : chosen,
            MeanFaultGapNs = random.Pick(100UL, 250UL, 600UL) * Ms,
            MeanDiskFaultGapNs = random.Pick(30UL, 80UL, 200UL) * Ms,
            BreaksOnlyCopies = random.Chance(0.2),
            LivenessBoundNs = 40_000 * Ms,
            Mirror = new MirrorSettings
            {
                SyncIntervalMs = 60, AskAgainMs = 40, RegionsAtOnce = 2, ScrubBytesPerSecond = 0, KeptResults = 512,
                KeptBytes = random.Chance(0.5) ? 16 << 10 : 32 << 20, // so little that the sides wait for each other
                Bug = mirrorBug,
            },
        };
    }

    public static SimOptions Of(ulong seed, PlantedBug bug = PlantedBug.None)
    {
        var random = new SimRandom(seed * 0x5851F42D4C957F2D + 1);
        FaultKind[] all = Enum.GetValues<FaultKind>();
        // Swarm: each seed has some kinds of fault only, so that no kind hides what another would show.
        FaultKind[] chosen = [.. all.Where(_ => random.Chance(0.45))];
        if (chosen.Length == 0) chosen = all;
        CommitMode commit = random.Pick(CommitMode.Received, CommitMode.Verified);
        return new SimOptions
        {
            Seed = seed,
            Faults = chosen,
            ChaosNs = random.Between(1500, 4000) * Ms,
            MeanFaultGapNs = random.Pick(60UL, 150UL, 400UL) * Ms,
            Settings = new LockstepSettings
            {
                Commit = commit,
                Bug = bug,
                SilenceNs = random.Between(150, 400) * Ms,
                LinkDownGraceNs = random.Between(5, 30) * Ms,
                FollowerClaimDelayNs = random.Between(10, 60) * Ms,
                ArbiterRetryNs = random.Between(20, 100) * Ms,
                ArbiterTimeoutNs = 500 * Ms,
                HeartbeatNs = random.Between(15, 40) * Ms,
                ResendNs = random.Between(20, 60) * Ms,
                HelloNs = random.Between(30, 100) * Ms,
                LagLimitNs = random.Between(100, 250) * Ms,
                SlowFollowerNs = random.Between(150, 900) * Ms,
                FinalPassPages = random.Below(4),
                MaxPasses = 6,
                JoinStallNs = 700 * Ms,
                ReprotectDelayNs = 50 * Ms,
                MaxIsolations = 1000,
                HandOverTimeoutNs = 400 * Ms,
                FirstBootWaitNs = 300 * Ms,
                FlushExpectedNs = (seed % 3) switch { 0 => 0, 1 => 3 * Ms, _ => 100 * Ms }, // a record closes late at a write, or at once
                OnDivergence = random.Pick(DivergencePolicy.IsolateFollower, DivergencePolicy.IsolateLeader),
            },
        };
    }
}
