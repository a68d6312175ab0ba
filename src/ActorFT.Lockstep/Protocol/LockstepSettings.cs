namespace ActorFT.Lockstep.Protocol;

/// <summary>When an output of a record may leave in duplex.</summary>
public enum CommitMode : byte
{
    /// <summary>When the follower has stored the record.</summary>
    Received = 0,
    /// <summary>When the follower has executed the record and the digests agree.</summary>
    Verified = 1,
}

/// <summary>When a guest's flush ends in duplex.</summary>
public enum FlushMode : byte
{
    /// <summary>When both copies are stable.</summary>
    Both = 0,
    /// <summary>When the leader's is. Its price: what the guest was told is on disk may be lost if the leader's server is lost for good and the other crashes too.</summary>
    Leader = 1,
}

/// <summary>Whom a divergence isolates when neither replica's self-check shows which one is faulty.</summary>
public enum DivergencePolicy : byte
{
    /// <summary>The follower: no failover.</summary>
    IsolateFollower = 0,
    /// <summary>The leader.</summary>
    IsolateLeader = 1,
    /// <summary>Nobody: outputs stay held and the machine stops until an operator decides.</summary>
    Hold = 2,
}

/// <summary>
/// What users tune about lockstep; the same on both servers but for <see cref="PreferredWithoutArbiter"/>'s reading of it.
/// All times are nanoseconds of the shell's monotonic clock. Each has its reason beside it.
/// </summary>
public sealed record LockstepSettings
{
    private const ulong Ms = 1_000_000;

    /// <summary>When outputs may leave.</summary>
    public CommitMode Commit { get; init; } = CommitMode.Received;

    /// <summary>When a flush ends.</summary>
    public FlushMode Flush { get; init; } = FlushMode.Both;

    /// <summary>What to do when digests differ and no self-check tells why.</summary>
    public DivergencePolicy OnDivergence { get; init; } = DivergencePolicy.IsolateFollower;

    /// <summary>
    /// The server that may act alone when neither arbiter nor peer is in reach; null, the default, is "safe": outputs stay held.
    /// Its price: if the other server still reaches the arbiter, both lead.
    /// </summary>
    public string? PreferredWithoutArbiter { get; init; }

    /// <summary>A record closes at the latest after this much machine time: bounds how far the follower trails.</summary>
    public ulong MaxRecordNs { get; init; } = 2 * Ms;

    /// <summary>
    /// So long after a flush, in machine time, the next one is expected: the follower is told of each round as it begins, so that it has done what is before the flush,
    /// and the flush, as soon as this server.
    /// </summary>
    public ulong FlushExpectedNs { get; init; } = 100 * Ms;

    /// <summary>
    /// So long after a frame or typed bytes came, or something was put out, in machine time, more is expected to be put out: the follower is told of each round as it
    /// begins, and not when it has ended, so that no output need wait for it. Longer costs a busy machine a record a round for nothing.
    /// </summary>
    public ulong OutputExpectedNs { get; init; } = 5 * Ms;

    /// <summary>A digest is taken at least this often in machine time.</summary>
    public ulong DigestIntervalNs { get; init; } = 10 * Ms;

    /// <summary>A side that has nothing to say says so this often.</summary>
    public ulong HeartbeatNs { get; init; } = 50 * Ms;

    /// <summary>Silence for so long is suspicion: many heartbeats, so that a loaded host is not suspected.</summary>
    public ulong SilenceNs { get; init; } = 600 * Ms;

    /// <summary>An acknowledgement that nothing waits for may wait so long for others: an idle machine's log stays thin.</summary>
    public ulong AckDelayNs { get; init; } = 5 * Ms;

    /// <summary>
    /// What a leader knows of its follower holds for so long, and what it let go may leave for so long, for half and half of the silence that makes
    /// the other server claim: so it is silent by then. See <see cref="Perform.ReturnIfLate"/>.
    /// </summary>
    public ulong PauseNs => SilenceNs / 2;

    /// <summary>All paths down for so long is suspicion.</summary>
    public ulong LinkDownGraceNs { get; init; } = 20 * Ms;

    /// <summary>A follower lets a leader that is only cut off claim first: less is disturbed if the leader wins.</summary>
    public ulong FollowerClaimDelayNs { get; init; } = 40 * Ms;

    /// <summary>An unanswered request to the arbiter is sent again after this.</summary>
    public ulong ArbiterRetryNs { get; init; } = 150 * Ms;

    /// <summary>Without an answer for so long, the arbiter counts as out of reach.</summary>
    public ulong ArbiterTimeoutNs { get; init; } = 2000 * Ms;

    /// <summary>A record not acknowledged for so long is sent again.</summary>
    public ulong ResendNs { get; init; } = 100 * Ms;

    /// <summary>A server without state says hello this often.</summary>
    public ulong HelloNs { get; init; } = 200 * Ms;

    /// <summary>The leader's rounds never get further ahead of what the follower executed; it slows from half of this on.</summary>
    public ulong LagLimitNs { get; init; } = 250 * Ms;

    /// <summary>A follower that keeps the leader below half speed for so long is isolated.</summary>
    public ulong SlowFollowerNs { get; init; } = 10_000 * Ms;

    /// <summary>Bytes of records not yet stored by the follower, at which the leader stops.</summary>
    public long MaxUnstoredBytes { get; init; } = 64 << 20;

    /// <summary>Bytes of held outputs, at which the leader stops.</summary>
    public long MaxHeldBytes { get; init; } = 64 << 20;

    /// <summary>Records a follower keeps before executing them, at most; beyond it does not acknowledge.</summary>
    public int MaxStoredRecords { get; init; } = 4096;

    /// <summary>A state transfer whose next pass would send at most so many pages ends with a stop: 1500 pages take some 10 ms on 10 Gbit/s.</summary>
    public int FinalPassPages { get; init; } = 1500;

    /// <summary>Passes of a state transfer; the last one is final whatever is left.</summary>
    public int MaxPasses { get; init; } = 12;

    /// <summary>A state transfer in which nothing moved for so long begins anew.</summary>
    public ulong JoinStallNs { get; init; } = 10_000 * Ms;

    /// <summary>A peer isolated by policy (slow, diverged, failed transfer) is taken in again not sooner than this.</summary>
    public ulong ReprotectDelayNs { get; init; } = 1000 * Ms;

    /// <summary>Isolations by policy within <see cref="IsolationWindowNs"/> after which the peer stays out until an operator allows it.</summary>
    public int MaxIsolations { get; init; } = 5;

    /// <summary>See <see cref="MaxIsolations"/>.</summary>
    public ulong IsolationWindowNs { get; init; } = 3_600_000 * Ms;

    /// <summary>A hand-over not begun at the arbiter after so long is called off.</summary>
    public ulong HandOverTimeoutNs { get; init; } = 2000 * Ms;

    /// <summary>A machine that never ran boots on the first server by name; the second waits so long for it.</summary>
    public ulong FirstBootWaitNs { get; init; } = 3000 * Ms;

    /// <summary>A planted bug, for the simulation to find.</summary>
    internal PlantedBug Bug { get; init; }
}
