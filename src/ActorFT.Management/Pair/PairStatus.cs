using ActorFT.Cluster.Status;

namespace ActorFT.Management.Pair;

/// <summary>The pair at one look; also the command line's exit code.</summary>
public enum PairHealth
{
    /// <summary>Every machine runs protected and every component is good.</summary>
    Good = 0,
    /// <summary>Every machine runs; something is less than it should be.</summary>
    Degraded = 1,
    /// <summary>A machine does not run, or nobody in reach knows whether it does.</summary>
    Failed = 2,
}

/// <summary>The whole pair as one node knows it: <c>GET /ft/status</c>. Times are milliseconds since 1970 UTC.</summary>
public sealed record PairStatus
{
    /// <summary>The pair's name.</summary>
    public required string Pair { get; init; }
    /// <summary>The node that answers.</summary>
    public required string AnsweredBy { get; init; }
    /// <summary>When, by that node's clock.</summary>
    public long AtUnixMs { get; init; }
    /// <summary>The verdict.</summary>
    public PairHealth Health { get; init; }
    /// <summary>The verdict in one sentence.</summary>
    public string Summary { get; init; } = "";
    /// <summary>What is wrong, worst first: a sentence each.</summary>
    public string[] Problems { get; init; } = [];
    /// <summary>What a person should do; never empty.</summary>
    public string[] NextSteps { get; init; } = [];
    /// <summary>The servers by name, then the arbiter.</summary>
    public NodeView[] Nodes { get; init; } = [];
    /// <summary>The machines by name.</summary>
    public MachineView[] Machines { get; init; } = [];
}

/// <summary>One node as another knows it.</summary>
public sealed record NodeView
{
    /// <summary>Its name; an address while only that is known.</summary>
    public required string Name { get; init; }
    /// <summary>"server" or "arbiter".</summary>
    public required string Role { get; init; }
    /// <summary>Its state; Offline when nothing was heard from it lately.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>How old what follows is, in milliseconds; negative: never heard from.</summary>
    public long AgeMs { get; init; }
    /// <summary>Whether what follows may be taken for the present.</summary>
    public bool IsCurrent { get; init; }
    /// <summary>The build's version.</summary>
    public string Version { get; init; } = "";
    /// <summary>Its HTTP endpoint; empty for none.</summary>
    public string Endpoint { get; init; } = "";
    /// <summary>Whether the arbiter answers it.</summary>
    public bool ArbiterReachable { get; init; }
    /// <summary>Its ends of the FT links.</summary>
    public LinkStatus[] Links { get; init; } = [];
    /// <summary>Arbiter: the terms it keeps.</summary>
    public TermStatus[] Terms { get; init; } = [];
}

/// <summary>One machine: both replicas as one computer.</summary>
public sealed record MachineView
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>Its state as its clients see it, redundancy included.</summary>
    public ComponentState State { get; init; }
    /// <summary>Why it is not Good.</summary>
    public string Reason { get; init; } = "";
    /// <summary>Since when it is in that state, where known; 0 otherwise.</summary>
    public long SinceUnixMs { get; init; }
    /// <summary>Whether a server in reach runs it.</summary>
    public bool IsRunning { get; init; }
    /// <summary>Whether both replicas are in lockstep.</summary>
    public bool Protected { get; init; }
    /// <summary>The server that leads it; empty when none in reach does.</summary>
    public string Leader { get; init; } = "";
    /// <summary>The server that follows; empty for none.</summary>
    public string Follower { get; init; } = "";
    /// <summary>The term known.</summary>
    public ulong Term { get; init; }
    /// <summary>The replicas by server.</summary>
    public ReplicaView[] Replicas { get; init; } = [];
}

/// <summary>One replica as a node knows it.</summary>
/// <param name="Server">Its server.</param>
/// <param name="AgeMs">How old the status is.</param>
/// <param name="IsCurrent">Whether it may be taken for the present.</param>
/// <param name="Status">The status, as the server told it.</param>
public sealed record ReplicaView(string Server, long AgeMs, bool IsCurrent, MachineStatus Status);
