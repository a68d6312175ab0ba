namespace ActorFT.Node.Operate;

/// <summary>No node answered; the message says which were asked.</summary>
internal sealed class PairUnreachableException(string message) : Exception(message);
