using ActorFT.Cluster.Messages;

namespace ActorFT.Management.Ft;

/// <summary>GET /ft/events.</summary>
/// <param name="Entries">Faults, actions and recoveries, oldest first.</param>
/// <param name="MissingNodes">How many nodes did not answer: their own entries may be missing.</param>
public sealed record EventHistory(FaultProtocol.Entry[] Entries, int MissingNodes);

/// <summary>The optional body of an action.</summary>
/// <param name="Server">The server that is to do it, or whose component it is; absent: whichever leads.</param>
/// <param name="Component">A component, such as "disk-root" or "memory".</param>
/// <param name="Arguments">More, each "key=value".</param>
public sealed record ActionRequest(string? Server, string? Component, string[]? Arguments);

/// <summary>What became of an action.</summary>
/// <param name="Succeeded">Whether it was done or begun.</param>
/// <param name="Sentence">One sentence.</param>
public sealed record ActionOutcome(bool Succeeded, string Sentence);

/// <summary>Who leads a machine whose console was asked for here.</summary>
/// <param name="Error">One sentence.</param>
/// <param name="Leader">The server that leads; empty when none in reach does.</param>
/// <param name="Endpoint">Its HTTP endpoint; empty when unknown.</param>
public sealed record NotLeader(string Error, string Leader, string Endpoint);
