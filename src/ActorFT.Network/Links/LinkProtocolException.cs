namespace ActorFT.Network.Links;

/// <summary>A connection cannot go on. The message is the sentence that operators see.</summary>
internal sealed class LinkProtocolException(LinkDownCause cause, string message, Exception? inner = null) : Exception(message, inner)
{
    internal LinkDownCause Cause => cause;
}
