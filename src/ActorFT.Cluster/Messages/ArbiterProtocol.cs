using ActorFT.Cluster.Wire;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Cluster.Messages;

/// <summary>Between servers and the arbiter.</summary>
public static class ArbiterProtocol
{
    /// <summary>A server asks.</summary>
    /// <param name="Request">The request.</param>
    public sealed record Ask(ArbiterRequest Request) : IWireMessage;

    /// <summary>The arbiter answers.</summary>
    /// <param name="Reply">The answer.</param>
    public sealed record Answer(ArbiterReply Reply) : IWireMessage;
}
