using ActorFT.Machine.IO;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Copies;

/// <summary>How a request to one copy ended: the completion for the machine, and what its supervisor needs to know.</summary>
/// <param name="Completed">The completion as the machine takes it. On a fault the supervisor decides whether the machine ever sees it.</param>
/// <param name="Fault">What went wrong; null if nothing did.</param>
/// <param name="Detail">That in words.</param>
/// <param name="BadBlocks">Blocks to repair from the other copy, for a read or a write in part that met bad ones.</param>
/// <param name="Ticket">For a flush that ended well: what it covers, for <see cref="DiskCopy.ConfirmMirrored"/>.</param>
/// <param name="LatencyMs">From submission to end, without time in which the worker's process was stopped.</param>
public sealed record BlockOutcome(BlockCompleted Completed, CopyFaultKind? Fault, string Detail, IReadOnlyList<long> BadBlocks, FlushTicket? Ticket, double LatencyMs);

/// <summary>One of several writes that are a request together.</summary>
/// <param name="OffsetBytes">Where.</param>
/// <param name="Data">What.</param>
public readonly record struct CopyWrite(ulong OffsetBytes, ReadOnlyMemory<byte> Data);

/// <summary>A request has not ended within the deadline. Whether that is a fault is the supervisor's to say.</summary>
/// <param name="Request">The request.</param>
/// <param name="AgeMs">Since it was submitted, without time in which the worker's process was stopped.</param>
public sealed record StallReport(BlockRequested Request, double AgeMs);

/// <summary>How a <see cref="DiskCopyWorker"/> works.</summary>
public sealed record DiskCopyWorkerOptions
{
    /// <summary>Requests under way, at most; more are refused.</summary>
    public int QueueLimit { get; init; } = 256;

    /// <summary>Threads that read.</summary>
    public int ReadThreads { get; init; } = 2;

    /// <summary>A request older than this is reported as stalled, once.</summary>
    public TimeSpan StallDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Largest read or write; a guest's longer one is an I/O error. Discards have no data and no such limit.</summary>
    public int MaxRequestBytes { get; init; } = 64 << 20;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Checks the values.</summary>
    /// <exception cref="StorageConfigurationException">A value is not allowed.</exception>
    public void Validate()
    {
        if (QueueLimit is < 1 or > 4096) throw new StorageConfigurationException($"queue-limit is {QueueLimit}; 1 to 4096 is allowed.");
        if (ReadThreads is < 1 or > 64) throw new StorageConfigurationException($"read-threads is {ReadThreads}; 1 to 64 is allowed.");
        if (StallDeadline <= TimeSpan.Zero) throw new StorageConfigurationException($"stall-deadline is {StallDeadline.TotalMilliseconds} ms; more than 0 is needed.");
        if (MaxRequestBytes < DiskGeometry.SectorBytes) throw new StorageConfigurationException($"max-request-bytes is {MaxRequestBytes}; at least {DiskGeometry.SectorBytes} is needed.");
    }
}

/// <summary>What a worker has done.</summary>
public sealed record DiskCopyWorkerCounts(long Reads, long Writes, long Flushes, long Zeroings, long Faults, long BytesRead, long BytesWritten, int UnderWay);
