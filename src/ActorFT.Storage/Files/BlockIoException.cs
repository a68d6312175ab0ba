namespace ActorFT.Storage.Files;

/// <summary>What went wrong with a copy, as its supervisor's policy tells faults apart.</summary>
public enum CopyFaultKind : byte
{
    /// <summary>The device answered with an error (EIO and the like).</summary>
    IoError = 0,
    /// <summary>The file system or device has no room (ENOSPC, EDQUOT).</summary>
    NoSpace = 1,
    /// <summary>The file was deleted, replaced, or its device is gone.</summary>
    Vanished = 2,
    /// <summary>What was read is not what was written: checksum mismatch.</summary>
    Corrupt = 3,
    /// <summary>A request did not end within its deadline.</summary>
    Stalled = 4,
    /// <summary>The copy failed earlier and takes no writes until it is opened again.</summary>
    Failed = 5,
    /// <summary>The request itself is malformed: outside the disk or not in whole sectors.</summary>
    BadRequest = 6,
}

/// <summary>The environment's fault: a file or device could not do what was asked. Policy decides what follows.</summary>
public class BlockIoException : IOException
{
    /// <summary>Creates the exception.</summary>
    public BlockIoException(CopyFaultKind kind, string message, Exception? cause = null) : base(message, cause) => Kind = kind;

    /// <summary>What went wrong.</summary>
    public CopyFaultKind Kind { get; }
}

/// <summary>Blocks whose content does not match their checksum, or that the device cannot read.</summary>
public sealed class BlockCorruptException : BlockIoException
{
    /// <summary>Creates the exception.</summary>
    public BlockCorruptException(IReadOnlyList<long> blocks, CopyFaultKind kind, string message, Exception? cause = null) : base(kind, message, cause) => Blocks = blocks;

    /// <summary>The bad blocks' indices, rising: what a repair must replace.</summary>
    public IReadOnlyList<long> Blocks { get; }
}
