namespace ActorFT.Machine.IO;

/// <summary>Something the machine did that its host must act on. Produced in a fixed order, the same in every replica.</summary>
public abstract record MachineOutput;

/// <summary>A frame leaves through a NIC.</summary>
/// <param name="NicIndex">The NIC's position in the machine's definition.</param>
/// <param name="Frame">An Ethernet frame without preamble and FCS.</param>
public sealed record FrameTransmitted(int NicIndex, ReadOnlyMemory<byte> Frame) : MachineOutput;

/// <summary>Bytes leave through a console.</summary>
/// <param name="ConsoleIndex">0 is the UART (and the SBI debug console), 1 the virtio console.</param>
/// <param name="Bytes">What was written.</param>
public sealed record ConsoleWritten(int ConsoleIndex, ReadOnlyMemory<byte> Bytes) : MachineOutput;

/// <summary>What a block request asks for.</summary>
public enum BlockOperation : byte
{
    /// <summary>Read bytes.</summary>
    Read = 0,
    /// <summary>Write bytes.</summary>
    Write = 1,
    /// <summary>Make everything that completed before stable.</summary>
    Flush = 2,
    /// <summary>The range's content is no longer needed. Back ends make it read as zeroes, so that both copies stay equal.</summary>
    Discard = 3,
    /// <summary>The range reads as zeroes afterwards.</summary>
    WriteZeroes = 4,
}

/// <summary>A request to a disk. Its completion comes back as a <see cref="BlockCompleted"/> input.</summary>
/// <param name="DiskIndex">The disk's position in the machine's definition.</param>
/// <param name="RequestId">Unique within the machine's life, rising.</param>
/// <param name="Operation">What to do.</param>
/// <param name="OffsetBytes">Start, a multiple of 512. Checked against the disk's capacity by the device.</param>
/// <param name="LengthBytes">Length, a multiple of 512; 0 for a flush.</param>
/// <param name="Data">For a write: exactly the bytes. Empty otherwise.</param>
public sealed record BlockRequested(int DiskIndex, ulong RequestId, BlockOperation Operation, ulong OffsetBytes, ulong LengthBytes, ReadOnlyMemory<byte> Data) : MachineOutput;

/// <summary>The machine asks for entropy. The answer comes back as an <see cref="EntropyArrived"/> input.</summary>
/// <param name="RequestId">Unique within the machine's life, rising.</param>
/// <param name="LengthBytes">How many bytes at most.</param>
public sealed record EntropyRequested(ulong RequestId, int LengthBytes) : MachineOutput;

/// <summary>Why a machine stops or starts anew (SBI v2.0 chapter 10, System Reset).</summary>
public enum PowerEvent : byte
{
    /// <summary>The guest shut down and reports no failure.</summary>
    Shutdown = 0,
    /// <summary>The guest shut down and reports a system failure (reset reason 1).</summary>
    ShutdownWithFailure = 1,
    /// <summary>The guest asked for a reboot; the machine begins anew at the next round by itself.</summary>
    Reboot = 2,
}

/// <summary>The machine's power state changed.</summary>
/// <param name="Event">What happened.</param>
public sealed record PowerChanged(PowerEvent Event) : MachineOutput;
