using System.Collections.Immutable;
using System.Net;
using ActorFT.Cluster.Faults;
using ActorFT.Lockstep.Protocol;

namespace ActorFT.Cluster.Configuration;

/// <summary>Where a node's Akka.Remote listens. Literal IP addresses: Akka compares them as text.</summary>
/// <param name="Host">An IP address.</param>
/// <param name="Port">1 to 65535.</param>
public sealed record NodeAddress(string Host, int Port)
{
    /// <summary>The actor system's address, such as "akka.tcp://actorft@127.0.0.1:4551".</summary>
    public string ActorSystemAddress => $"akka.tcp://{SystemName}@{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}";

    /// <summary>The name of every node's actor system.</summary>
    public const string SystemName = "actorft";
}

/// <summary>One network path of the FT link.</summary>
/// <param name="Name">What an operator calls it.</param>
/// <param name="Local">This server's address and port on it.</param>
/// <param name="Peer">The other server's.</param>
public sealed record LinkPathConfig(string Name, IPEndPoint Local, IPEndPoint Peer);

/// <summary>A node: one server of the pair, or the arbiter. Made by <see cref="NodeConfigReader"/>.</summary>
public sealed record NodeConfig
{
    /// <summary>The file it was read from, for messages.</summary>
    public required string FileName { get; init; }

    /// <summary>The whole file's text, for the actor system.</summary>
    public required string Text { get; init; }

    /// <summary>The pair's name: the same on all three nodes.</summary>
    public required string Pair { get; init; }

    /// <summary>This node's name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is the arbiter.</summary>
    public bool IsArbiter { get; init; }

    /// <summary>Where its Akka.Remote listens.</summary>
    public required NodeAddress Address { get; init; }

    /// <summary>Servers: the other server's name. Empty for the arbiter.</summary>
    public string PeerName { get; init; } = "";

    /// <summary>Servers: the other server's Akka.Remote. Arbiter: null.</summary>
    public NodeAddress? PeerAddress { get; init; }

    /// <summary>Servers: the arbiter's Akka.Remote. Arbiter: null.</summary>
    public NodeAddress? ArbiterAddress { get; init; }

    /// <summary>Arbiter: the servers' Akka.Remotes.</summary>
    public ImmutableArray<NodeAddress> ServerAddresses { get; init; } = [];

    /// <summary>Where the node keeps what must survive a restart. Absolute.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>FT link paths; empty for the arbiter.</summary>
    public ImmutableArray<LinkPathConfig> Links { get; init; } = [];

    /// <summary>PEM files for mutual TLS on the FT links: own certificate, its key, the peer's certificate; null for plain TCP.</summary>
    public (string Certificate, string Key, string PeerCertificate)? LinkTls { get; init; }

    /// <summary>Lockstep settings.</summary>
    public LockstepSettings Lockstep { get; init; } = new();

    /// <summary>State transfer's bytes per second at most; 0 for unbounded.</summary>
    public ulong ResyncBytesPerSecond { get; init; }

    /// <summary>See <see cref="MemoryScrubBytesPerSecond"/>.</summary>
    public const ulong DefaultMemoryScrubBytesPerSecond = 16 << 20;

    /// <summary>Memory checked against its kept hashes, bytes per second; 0 for none.</summary>
    public ulong MemoryScrubBytesPerSecond { get; init; } = DefaultMemoryScrubBytesPerSecond;

    /// <summary>The machines of the pair; empty for the arbiter.</summary>
    public ImmutableArray<MachineConfig> Machines { get; init; } = [];

    /// <summary>How disks are kept.</summary>
    public DiskSettings Disks { get; init; } = new();

    /// <summary>Whether faults may be injected by command.</summary>
    public bool AllowsFaultInjection { get; init; }

    /// <summary>How often status goes to the other nodes.</summary>
    public TimeSpan StatusInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    // Less than a second after the protocol knows that the arbiter does not answer (LockstepSettings.ArbiterTimeoutNs), so that the views of one loss agree.
    private static readonly TimeSpan s_leastReportLifetime = TimeSpan.FromMilliseconds(2_500);

    /// <summary>
    /// What a node told of itself longer ago is the past: five of its reports are missing. The one rule behind every view of a node that is silent: its state, metrics,
    /// events, the command line and the dashboard. Nodes of a pair have one <c>status-interval</c>.
    /// </summary>
    public TimeSpan ReportLifetime => 5 * StatusInterval > s_leastReportLifetime ? 5 * StatusInterval : s_leastReportLifetime;

    /// <summary>The log.</summary>
    public LogSettings Log { get; init; } = new();

    /// <summary>Policies of faults, and alerts.</summary>
    public FaultSettings Faults { get; init; } = new();

    /// <summary>The HTTP endpoint's address; null when it has none (port 0).</summary>
    public IPEndPoint? Management { get; init; }

    /// <summary>A file with the token that changes need; null: the endpoint changes nothing.</summary>
    public string? ManagementTokenFile { get; init; }
}
