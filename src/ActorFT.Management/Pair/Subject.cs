namespace ActorFT.Management.Pair;

/// <summary>What this node is and whom it expects to hear from: the part of its configuration that the judge needs.</summary>
/// <param name="Pair">The pair's name.</param>
/// <param name="Node">This node's name.</param>
/// <param name="IsArbiter">Whether it is the arbiter.</param>
/// <param name="Peer">Servers: the other server's name.</param>
/// <param name="ServerAddresses">Arbiter: the servers' addresses, to name those that were never heard from.</param>
/// <param name="Machines">Machines of the configuration.</param>
/// <param name="ReportLifetime">How old what a node told may be and still pass for the present (<see cref="Cluster.Configuration.NodeConfig.ReportLifetime"/>).</param>
public sealed record Subject(string Pair, string Node, bool IsArbiter, string Peer, IReadOnlyList<string> ServerAddresses, IReadOnlyList<string> Machines, TimeSpan ReportLifetime);
