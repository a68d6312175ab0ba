using ActorFT.Cluster.Wire;

namespace ActorFT.Cluster.Status;

// What one server knows of itself, as it tells it to the other nodes and to the endpoint. Plain data: strings, numbers, arrays.

/// <summary>One server's (or the arbiter's) view of itself.</summary>
public sealed record NodeStatus : IWireMessage
{
    /// <summary>The node's name.</summary>
    public required string Node { get; init; }
    /// <summary>"server" or "arbiter".</summary>
    public required string Role { get; init; }
    /// <summary>Its state.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good; empty when it is.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when, milliseconds since 1970 UTC.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>When this was written, milliseconds since 1970 UTC of the node's clock.</summary>
    public long AtUnixMs { get; init; }
    /// <summary>The build's version.</summary>
    public string Version { get; init; } = "";
    /// <summary>The node's HTTP endpoint, such as "http://127.0.0.1:8558"; empty when it has none.</summary>
    public string Endpoint { get; init; } = "";
    /// <summary>Whether this node got answers from the arbiter lately.</summary>
    public bool ArbiterReachable { get; init; }
    /// <summary>FT links, a path each.</summary>
    public LinkStatus[] Links { get; init; } = [];
    /// <summary>The replicas on this server.</summary>
    public MachineStatus[] Machines { get; init; } = [];
    /// <summary>Arbiter only: the configurations it keeps.</summary>
    public TermStatus[] Terms { get; init; } = [];
}

/// <summary>One network path of the FT link.</summary>
public sealed record LinkStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>Its state.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when, milliseconds since 1970 UTC.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>Round trip of heartbeats, milliseconds; negative before the first.</summary>
    public double RoundTripMs { get; init; }
    /// <summary>Part of segments sent again, 0 to 1.</summary>
    public double LossRatio { get; init; }
    /// <summary>Bytes sent so far.</summary>
    public long SentBytes { get; init; }
    /// <summary>Bytes received so far.</summary>
    public long ReceivedBytes { get; init; }
}

/// <summary>What the arbiter keeps of one machine.</summary>
public sealed record TermStatus(string Machine, ulong Term, string Leader, string Follower);

/// <summary>One replica of a machine.</summary>
public sealed record MachineStatus
{
    /// <summary>The machine's name.</summary>
    public required string Name { get; init; }
    /// <summary>The replica's state.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when, milliseconds since 1970 UTC.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>"Leading", "Following" or "Joining".</summary>
    public string Role { get; init; } = "Joining";
    /// <summary>What the replica is doing or waiting for, in words.</summary>
    public string Detail { get; init; } = "";
    /// <summary>The term known; 0 for none.</summary>
    public ulong Term { get; init; }
    /// <summary>The leader of that term; empty for none.</summary>
    public string Leader { get; init; } = "";
    /// <summary>The follower of that term; empty for none.</summary>
    public string Follower { get; init; } = "";
    /// <summary>Whether both replicas are in lockstep.</summary>
    public bool Protected { get; init; }
    /// <summary>Leading: the other server stays out until an operator allows it.</summary>
    public bool PeerLeftOut { get; init; }
    /// <summary>"received" or "verified".</summary>
    public string Commit { get; init; } = "received";
    /// <summary>"Running", "Off" or "Failed": the guest's power.</summary>
    public string Power { get; init; } = "Running";
    /// <summary>Rounds executed.</summary>
    public ulong Round { get; init; }
    /// <summary>Machine time, nanoseconds since power-on.</summary>
    public ulong TimeNs { get; init; }
    /// <summary>Leading: how far the follower is behind, nanoseconds of machine time.</summary>
    public ulong LagNs { get; init; }
    /// <summary>Bytes of outputs held.</summary>
    public long HeldBytes { get; init; }
    /// <summary>Records not acknowledged or not executed yet.</summary>
    public int BufferedRecords { get; init; }
    /// <summary>Leading: percent of its time that rounds may run.</summary>
    public int PacePercent { get; init; } = 100;
    /// <summary>Guest instructions per second over the last interval.</summary>
    public double InstructionsPerSecond { get; init; }
    /// <summary>Log bytes sent per second over the last interval.</summary>
    public double LogBytesPerSecond { get; init; }
    /// <summary>Log bytes sent so far.</summary>
    public long LogBytes { get; init; }
    /// <summary>Outputs released so far.</summary>
    public long OutputsReleased { get; init; }
    /// <summary>Median time an output was held in the last interval, milliseconds.</summary>
    public double HoldP50Ms { get; init; }
    /// <summary>99th percentile of the time an output was held in the last interval, milliseconds.</summary>
    public double HoldP99Ms { get; init; }
    /// <summary>Failovers that made this replica leader since the program's start.</summary>
    public int Failovers { get; init; }
    /// <summary>Divergences seen since the program's start.</summary>
    public int Divergences { get; init; }
    /// <summary>State transfer in progress; null for none.</summary>
    public ResyncStatus? Resync { get; init; }
    /// <summary>The last state transfer that this replica sent to its end: from its first page to lockstep, milliseconds; 0 for none.</summary>
    public double LastResyncMs { get; init; }
    /// <summary>For how much of that the machine stood still, milliseconds.</summary>
    public double LastResyncPauseMs { get; init; }
    /// <summary>Bytes of memory and device state that it sent.</summary>
    public long LastResyncBytes { get; init; }
    /// <summary>vCPUs.</summary>
    public VcpuStatus[] Vcpus { get; init; } = [];
    /// <summary>This server's disk copies.</summary>
    public DiskStatus[] Disks { get; init; } = [];
    /// <summary>This server's NICs.</summary>
    public NicStatus[] Nics { get; init; } = [];

    /// <summary>With this server's parts; a replica that is otherwise good is Degraded by a part that is not.</summary>
    public MachineStatus WithParts(DiskStatus[] disks, NicStatus[] nics)
    {
        MachineStatus built = this with { Disks = disks, Nics = nics };
        return State == ComponentState.Good && built.FirstBadPart is { Length: > 0 } bad ? built with { State = ComponentState.Degraded, Reason = bad } : built;
    }

    /// <summary>The first disk or NIC that is not Good, with its reason; empty when all are.</summary>
    public string FirstBadPart => Disks.Where(disk => disk.State != ComponentState.Good).Select(disk => $"disk {disk.Name}: {disk.State}, {disk.Reason}")
        .Concat(Nics.Where(nic => nic.State != ComponentState.Good).Select(nic => $"NIC {nic.Name}: {nic.State}, {nic.Reason}")).FirstOrDefault() ?? "";
}

/// <summary>Progress of a state transfer.</summary>
/// <param name="Pass">The pass, from 0.</param>
/// <param name="DonePages">Pages of the pass sent.</param>
/// <param name="TotalPages">Pages of the pass.</param>
/// <param name="BytesPerSecond">Rate.</param>
/// <param name="SecondsLeft">Estimate for the pass; negative when unknown.</param>
public sealed record ResyncStatus(int Pass, long DonePages, long TotalPages, double BytesPerSecond, double SecondsLeft);

/// <summary>One vCPU.</summary>
/// <param name="Index">Its number.</param>
/// <param name="State">Its state.</param>
/// <param name="Reason">Why it is not Good.</param>
/// <param name="Retired">Instructions retired since power-on or reboot.</param>
/// <param name="Activity">What ended its last quantum: "Exhausted", "Waiting", …</param>
public sealed record VcpuStatus(int Index, ComponentState State, string Reason, ulong Retired, string Activity);

/// <summary>One server's copy of a disk.</summary>
public sealed record DiskStatus
{
    /// <summary>The disk's name.</summary>
    public required string Name { get; init; }
    /// <summary>The copy's state.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when, milliseconds since 1970 UTC.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>Size in bytes.</summary>
    public ulong CapacityBytes { get; init; }
    /// <summary>Whether this server's replica is served through the peer's copy.</summary>
    public bool ServedByPeer { get; init; }
    /// <summary>Bytes that differ from the good copy, as far as known.</summary>
    public long OutOfSyncBytes { get; init; }
    /// <summary>Requests completed, errors, checksum mismatches found, blocks repaired.</summary>
    public long Requests { get; init; }
    /// <summary>Requests that failed.</summary>
    public long Errors { get; init; }
    /// <summary>Blocks whose checksum was wrong.</summary>
    public long Mismatches { get; init; }
    /// <summary>Blocks repaired from the peer.</summary>
    public long Repaired { get; init; }
    /// <summary>Scrub or resync progress, 0 to 1; negative when none runs.</summary>
    public double Progress { get; init; } = -1;
    /// <summary>Resync's rate.</summary>
    public long ResyncBytesPerSecond { get; init; }
    /// <summary>Resync's time left, seconds; negative when unknown.</summary>
    public double ResyncSecondsLeft { get; init; } = -1;
    /// <summary>Requests answered by the peer's copy.</summary>
    public long FromPeer { get; init; }
    /// <summary>Bytes copied from the peer's copy.</summary>
    public long ResyncedBytes { get; init; }
    /// <summary>How long this copy took for the machine's reads lately; null for none.</summary>
    public LatencyStatus? ReadLatency { get; init; }
    /// <summary>The same for writes, zeroing among them.</summary>
    public LatencyStatus? WriteLatency { get; init; }
    /// <summary>The same for flushes.</summary>
    public LatencyStatus? FlushLatency { get; init; }
}

/// <summary>How long requests of one kind took that ended well in the last half minute to minute.</summary>
/// <param name="Requests">How many they were.</param>
/// <param name="P50Us">Their median, microseconds.</param>
/// <param name="P99Us">Their 99th percentile, microseconds.</param>
public sealed record LatencyStatus(long Requests, long P50Us, long P99Us);

/// <summary>One server's NIC.</summary>
public sealed record NicStatus
{
    /// <summary>The NIC's name.</summary>
    public required string Name { get; init; }
    /// <summary>Its state.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when, milliseconds since 1970 UTC.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>The back end: a TAP's name or "null".</summary>
    public string BackEnd { get; init; } = "";
    /// <summary>Whether the machine's frames pass here now.</summary>
    public bool InUse { get; init; }
    /// <summary>Frames out, in, dropped.</summary>
    public long FramesOut { get; init; }
    /// <summary>Frames in.</summary>
    public long FramesIn { get; init; }
    /// <summary>Frames dropped.</summary>
    public long Dropped { get; init; }
}
