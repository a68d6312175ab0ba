namespace ActorFT.Machine.IO;

/// <summary>
/// Something not determined by the machine itself. Inputs take effect at a round's start, in the order given;
/// with the round times they are all a replica needs to repeat an execution.
/// </summary>
public abstract record MachineInput;

/// <summary>A frame arrived for a NIC.</summary>
/// <param name="NicIndex">The NIC's position in the machine's definition.</param>
/// <param name="Frame">An Ethernet frame without preamble and FCS. Never changed after it is handed over.</param>
public sealed record FrameReceived(int NicIndex, ReadOnlyMemory<byte> Frame) : MachineInput;

/// <summary>Bytes were typed at a console.</summary>
/// <param name="ConsoleIndex">0 is the UART, 1 the virtio console.</param>
/// <param name="Bytes">What was typed.</param>
public sealed record ConsoleTyped(int ConsoleIndex, ReadOnlyMemory<byte> Bytes) : MachineInput;

/// <summary>How a block request ended.</summary>
public enum BlockStatus : byte
{
    /// <summary>Done.</summary>
    Ok = 0,
    /// <summary>The device could not do it (VIRTIO_BLK_S_IOERR).</summary>
    IoError = 1,
    /// <summary>The device does not know the operation (VIRTIO_BLK_S_UNSUPP).</summary>
    Unsupported = 2,
}

/// <summary>A block request that the machine made earlier has ended.</summary>
/// <param name="DiskIndex">The disk's position in the machine's definition.</param>
/// <param name="RequestId">The id of the <see cref="BlockRequested"/> output.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Data">For a read that ended well: exactly the bytes read. Empty otherwise.
/// Each replica supplies them from its own copy; a stand-alone record carries them.</param>
public sealed record BlockCompleted(int DiskIndex, ulong RequestId, BlockStatus Status, ReadOnlyMemory<byte> Data) : MachineInput;

/// <summary>Entropy that the machine asked for has arrived.</summary>
/// <param name="RequestId">The id of the <see cref="EntropyRequested"/> output.</param>
/// <param name="Bytes">At most as many bytes as were asked for, at least one.</param>
public sealed record EntropyArrived(ulong RequestId, ReadOnlyMemory<byte> Bytes) : MachineInput;
