using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Faults;

/// <summary>What is done when a component has had too many faults.</summary>
public enum PolicyAction
{
    /// <summary>An operator is told, nothing else.</summary>
    Alert = 0,
    /// <summary>The component is taken out of service until an operator repairs it.</summary>
    Isolate = 1,
    /// <summary>The machine is handed over to the other server.</summary>
    FailOver = 2,
}

/// <summary>The classes of components that have a policy.</summary>
public enum FaultClass
{
    /// <summary>A server's replica as a whole, its vCPUs and memory.</summary>
    Replica = 0,
    /// <summary>One server's copy of a disk.</summary>
    Disk = 1,
    /// <summary>One server's NIC.</summary>
    Nic = 2,
    /// <summary>An FT link.</summary>
    Link = 3,
    /// <summary>The arbiter, as a server sees it.</summary>
    Arbiter = 4,
}

/// <summary>When a component has had too many faults, and what is done then: <c>actorft.faults.policies</c>.</summary>
public sealed record FaultPolicy
{
    /// <summary>So many faults within <see cref="Window"/> are borne: the component comes back by itself after each.</summary>
    public int MaxFaults { get; init; } = 5;

    /// <summary>See <see cref="MaxFaults"/>.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Faults (three at least) that follow each other faster than this on average are too many as well; zero: not looked at.</summary>
    public TimeSpan MinTimeBetween { get; init; }

    /// <summary>What is done at the next fault.</summary>
    public PolicyAction Action { get; init; }
}

/// <summary>How alerts leave: <c>actorft.faults.alerts</c>.</summary>
public sealed record AlertSettings
{
    /// <summary>What is alerted.</summary>
    public FaultSeverity MinSeverity { get; init; } = FaultSeverity.Warning;

    /// <summary>The same fault of the same component is alerted again after so long at the earliest.</summary>
    public TimeSpan RepeatAfter { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long one delivery may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A program and its first arguments; empty for none.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>An http or https address; null for none.</summary>
    public Uri? Webhook { get; init; }

    /// <summary>A file of certificates (PEM), one of which the webhook's own must be or come from; "" for this host's list.</summary>
    public string WebhookAuthority { get; init; } = "";

    /// <summary>"" for none, "local" for this host's /dev/log, or "HOST:PORT" for UDP.</summary>
    public string Syslog { get; init; } = "";

    /// <summary>Whether there is any way for an alert to leave.</summary>
    public bool HasWay => Command.Count != 0 || Webhook is not null || Syslog.Length != 0;
}

/// <summary><c>actorft.faults</c>.</summary>
public sealed record FaultSettings
{
    /// <summary>Each class's policy.</summary>
    public IReadOnlyDictionary<FaultClass, FaultPolicy> Policies { get; init; } = new Dictionary<FaultClass, FaultPolicy>
    {
        [FaultClass.Replica] = new(),
        [FaultClass.Disk] = new() { Action = PolicyAction.Isolate },
        [FaultClass.Nic] = new() { Action = PolicyAction.Isolate },
        [FaultClass.Link] = new() { MaxFaults = 10, Action = PolicyAction.Isolate },
        [FaultClass.Arbiter] = new(),
    };

    /// <summary>Alerts.</summary>
    public AlertSettings Alerts { get; init; } = new();
}
