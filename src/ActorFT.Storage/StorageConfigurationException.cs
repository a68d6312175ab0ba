namespace ActorFT.Storage;

/// <summary>
/// An operator's fault: the message is one sentence that names the disk or path, the value found and what is allowed.
/// When it is thrown, nothing on any file has been changed.
/// </summary>
public class StorageConfigurationException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public StorageConfigurationException(string message) : base(message) { }

    /// <summary>Creates the exception from its sentence and what caused it.</summary>
    public StorageConfigurationException(string message, Exception cause) : base(message, cause) { }
}

/// <summary>One copy's files are not there, cannot be opened, or are something else. The disk's other copy may serve; nothing has been changed.</summary>
public sealed class CopyUnusableException : StorageConfigurationException
{
    /// <summary>Creates the exception from its sentence.</summary>
    public CopyUnusableException(string message) : base(message) { }

    /// <summary>Creates the exception from its sentence and what caused it.</summary>
    public CopyUnusableException(string message, Exception cause) : base(message, cause) { }
}
