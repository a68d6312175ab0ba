using ActorFT.Cluster.Messages;
using ActorFT.Management.Pair;

namespace ActorFT.Node.Operate;

/// <summary>What one node answered.</summary>
/// <param name="Url">The node.</param>
/// <param name="Status">The pair as it knows it.</param>
/// <param name="Json">The same as it came.</param>
internal sealed record NodeAnswer(Uri Url, PairStatus Status, string Json);

/// <summary>The best of all answers.</summary>
/// <param name="Best">The answer of the node that knows most.</param>
/// <param name="All">All answers.</param>
/// <param name="Silent">Those that did not answer.</param>
/// <param name="Faults">The latest faults, oldest first; null when they could not be had in time.</param>
internal sealed record PairAnswer(NodeAnswer Best, IReadOnlyList<NodeAnswer> All, IReadOnlyList<Uri> Silent, IReadOnlyList<FaultProtocol.Entry>? Faults);
