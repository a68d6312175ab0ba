namespace ActorFT.Cluster.Configuration;

/// <summary>
/// An operator's mistake: a wrong key, value, option or file. The message is one sentence that names the culprit, its
/// value and what is allowed. Programs end with exit code 2.
/// </summary>
public sealed class OperatorException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public OperatorException(string message) : base(message) { }

    /// <summary>Creates the exception from its sentence and what led to it.</summary>
    public OperatorException(string message, Exception cause) : base(message, cause) { }
}

/// <summary>
/// The environment's fault: no permission, no space, no device, not enough memory. The message is one sentence that names
/// the resource and what the host said. Programs end with exit code 3.
/// </summary>
public sealed class EnvironmentException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public EnvironmentException(string message) : base(message) { }

    /// <summary>Creates the exception from its sentence and what led to it.</summary>
    public EnvironmentException(string message, Exception cause) : base(message, cause) { }
}
