namespace ActorFT.Storage.Files;

/// <summary>
/// A file or block device by position: all of the platform that storage uses. Contract, held for every implementation by
/// one shared test:
/// reads and writes are whole or throw; a read sees every write that returned before it;
/// after <see cref="Flush"/> returned, every write that returned before it survives a crash;
/// writes not flushed may after a crash be there, absent, or torn, in any combination.
/// Reads may run beside anything; writes to disjoint ranges may run beside each other.
/// Errors are <see cref="BlockIoException"/>, nothing else.
/// </summary>
public interface IBlockFile : IDisposable
{
    /// <summary>Names the file in messages.</summary>
    string Name { get; }

    /// <summary>The length in bytes.</summary>
    long LengthBytes { get; }

    /// <summary>Whether the name no longer leads to this file: deleted or replaced.</summary>
    bool IsVanished { get; }

    /// <summary>Fills <paramref name="buffer"/> from <paramref name="offsetBytes"/>; reading past the end is an error.</summary>
    void Read(long offsetBytes, Span<byte> buffer);

    /// <summary>Writes all of <paramref name="data"/> at <paramref name="offsetBytes"/>.</summary>
    void Write(long offsetBytes, ReadOnlySpan<byte> data);

    /// <summary>Makes the range read as zeroes, giving its space back where possible. As durable as a write.</summary>
    void ZeroRange(long offsetBytes, long lengthBytes);

    /// <summary>What was written there will not soon be written again: the device may begin with it, so that a later flush has less to do. Only a hint; promises nothing.</summary>
    void BeginWriteBack(long offsetBytes, long lengthBytes)
    {
    }

    /// <summary>Returns when everything written before is on stable storage.</summary>
    void Flush();

    /// <summary>Grows the file to the length with the space reserved where possible, new bytes zero. Never shrinks.</summary>
    void Reserve(long lengthBytes);
}
