namespace ActorFT.Storage;

/// <summary>
/// An operator's fault: the message is one sentence that names the disk or path, the value found and what is allowed.
/// When it is thrown, nothing on any file has been changed.
/// </summary>
public sealed class StorageConfigurationException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public StorageConfigurationException(string message) : base(message) { }

    /// <summary>Creates the exception from its sentence and what caused it.</summary>
    public StorageConfigurationException(string message, Exception cause) : base(message, cause) { }
}
