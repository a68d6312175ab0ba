using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Wire;
using Akka.Actor;

namespace ActorFT.Cluster.Host;

/// <summary>
/// Nodes whose builds speak another version of the messages: each is told once, and again when it is understood. The other side does the same, so
/// both say it. What the FT link carries has a version of its own (docs/operations.md, Upgrade).
/// </summary>
/// <param name="config">This node.</param>
/// <param name="report">Takes fault reports.</param>
internal sealed class ForeignBuilds(NodeConfig config, Action<FaultProtocol.Report> report)
{
    private readonly Dictionary<NodeAddress, (string Sentence, ulong AtNs)> _foreign = [];

    /// <summary>A message came that is not understood.</summary>
    public void Hear(ForeignMessage message, Address sender, ulong nowNs)
    {
        if (Find(sender) is not { } node) return;
        string sentence = $"{NameOf(node)} runs a build whose messages have version {message.Version}, and those of {config.Name}'s build have version {message.OwnVersion}: neither understands the other";
        if (!_foreign.ContainsKey(node)) report(new FaultProtocol.Report("node-refused", FaultSeverity.Error, "", Component(node), sentence + "."));
        _foreign[node] = (sentence, nowNs);
    }

    /// <summary>A message came that is understood.</summary>
    public void Understand(Address sender)
    {
        if (_foreign.Count == 0 || Find(sender) is not { } node || !_foreign.Remove(node)) return;
        report(new FaultProtocol.Report("node-accepted", FaultSeverity.Info, "", Component(node), $"{NameOf(node)} and {config.Name} understand each other's messages again.", "", null, "node-refused"));
    }

    /// <summary>Why this node is not Good; empty when nobody is refused now.</summary>
    public string Reason(ulong nowNs) => _foreign.Values.Where(one => IsNow(one.AtNs, nowNs)).Select(one => one.Sentence).FirstOrDefault() ?? "";

    /// <summary>Whether a node speaks another version, and does so now.</summary>
    public bool IsForeign(NodeAddress node, ulong nowNs) => _foreign.TryGetValue(node, out (string Sentence, ulong AtNs) foreign) && IsNow(foreign.AtNs, nowNs);

    private bool IsNow(ulong atNs, ulong nowNs) => nowNs - atNs <= config.ReportLifetime.TotalNanoseconds;

    private IEnumerable<NodeAddress> Others => config.IsArbiter ? config.ServerAddresses : [config.PeerAddress!, config.ArbiterAddress!];

    // Bounded: whoever else speaks here is nobody.
    private NodeAddress? Find(Address sender) => Others.FirstOrDefault(node => node.Host == sender.Host && node.Port == sender.Port);

    private string NameOf(NodeAddress node) => node == config.PeerAddress ? config.PeerName : node == config.ArbiterAddress ? "The arbiter" : $"The server at {node.Host}:{node.Port}";

    private static string Component(NodeAddress node) => $"node-{node.Host}:{node.Port}";
}
