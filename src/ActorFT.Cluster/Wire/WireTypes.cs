using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Cluster.Wire;

/// <summary>
/// Every type that may appear in a message that crosses Akka.Remote, in a fixed order: Hyperion knows them by number, and refuses
/// all others. Nodes that talk agree on the numbers: any change raises <see cref="WireSerializer.MessageVersion"/>.
/// </summary>
public static class WireTypes
{
    /// <summary>The types.</summary>
    public static IReadOnlyList<Type> All { get; } =
    [
        typeof(ArbiterProtocol.Ask), typeof(ArbiterProtocol.Answer), typeof(ArbiterQuery), typeof(ArbiterClaim), typeof(ArbiterReply),
        typeof(ActorFT.Lockstep.Terms.Configuration), typeof(Member),
        typeof(NodeStatus), typeof(LinkStatus), typeof(LinkStatus[]), typeof(MachineStatus), typeof(MachineStatus[]), typeof(TermStatus), typeof(TermStatus[]),
        typeof(ResyncStatus), typeof(VcpuStatus), typeof(VcpuStatus[]), typeof(DiskStatus), typeof(DiskStatus[]), typeof(LatencyStatus), typeof(NicStatus), typeof(NicStatus[]),
        typeof(ComponentState),
        typeof(CommandProtocol.Command), typeof(CommandProtocol.Outcome),
        typeof(FaultProtocol.Report), typeof(FaultProtocol.Entry), typeof(FaultProtocol.Entry[]), typeof(FaultProtocol.GetHistory), typeof(FaultProtocol.History),
        typeof(FaultSeverity), typeof(string[]),
    ];
}
