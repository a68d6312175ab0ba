namespace ActorFT.Network;

/// <summary>
/// The operator's fault: something in the configuration or on this host does not allow what was asked for. The message
/// is one sentence that names the key, the value and what is allowed. Nothing was left half-made.
/// </summary>
public sealed class NetworkConfigurationException : Exception
{
    /// <summary>Makes one.</summary>
    /// <param name="message">The sentence.</param>
    public NetworkConfigurationException(string message) : base(message)
    {
    }

    /// <summary>Makes one.</summary>
    /// <param name="message">The sentence.</param>
    /// <param name="inner">What the host said.</param>
    public NetworkConfigurationException(string message, Exception? inner) : base(message, inner)
    {
    }
}
