using Akka.Actor;
using Akka.Cluster;

namespace ActorFT.Management.AkkaManagement;

// JSON shapes of Akka.Management for .NET (PascalCase: names are the contract) and of the JVM's Cluster HTTP API (camelCase); akka.md, parts A and C.

/// <summary>An address, as Newtonsoft writes Akka's.</summary>
/// <param name="Host">Host, or null.</param>
/// <param name="Port">Port, or null.</param>
/// <param name="System">Actor system.</param>
/// <param name="Protocol">"akka.tcp".</param>
/// <param name="HasLocalScope">Whether host and port are missing.</param>
/// <param name="HasGlobalScope">Whether they are not.</param>
public sealed record AddressContract(string? Host, int? Port, string System, string Protocol, bool HasLocalScope, bool HasGlobalScope)
{
    internal static AddressContract Of(Address address) =>
        new(address.Host, address.Port, address.System, address.Protocol, address.HasLocalScope, address.HasGlobalScope);
}

/// <summary>A member that a node may join through.</summary>
public sealed record SeedNodeContract(AddressContract Node, long NodeUid, int Status, string[] Roles);

/// <summary>GET /bootstrap/seed-nodes.</summary>
public sealed record SeedNodesContract(AddressContract SelfNode, SeedNodeContract[] Nodes);

/// <summary>GET /remote/address.</summary>
public sealed record RemoteAddressContract(string Address);

/// <summary>A member of the cluster.</summary>
public sealed record ClusterMemberContract(string Node, string NodeUid, string Status, string[] Roles)
{
    internal static ClusterMemberContract Of(Member member) =>
        new(member.Address.ToString(), ((long)member.UniqueAddress.Uid).ToString(System.Globalization.CultureInfo.InvariantCulture), member.Status.ToString(), [.. member.Roles.Order()]);
}

/// <summary>An unreachable member. Who observes it is not told by Akka.NET's public API: the list is empty.</summary>
public sealed record UnreachableContract(string Node, string[] ObservedBy);

/// <summary>GET /cluster/members.</summary>
public sealed record ClusterMembersContract
{
    /// <summary>This node.</summary>
    public required string SelfNode { get; init; }
    /// <summary>All members.</summary>
    public required ClusterMemberContract[] Members { get; init; }
    /// <summary>Those out of reach.</summary>
    public required UnreachableContract[] Unreachable { get; init; }
    /// <summary>The cluster's leader; omitted when there is none. Not a machine's leader.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public string? Leader { get; init; }
    /// <summary>The oldest Up member; omitted when there is none.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public string? Oldest { get; init; }
    /// <summary>The oldest Up member of each role.</summary>
    public required SortedDictionary<string, string> OldestPerRole { get; init; }
}

/// <summary>A sentence of the Cluster HTTP API.</summary>
public sealed record MessageContract(string Message);
