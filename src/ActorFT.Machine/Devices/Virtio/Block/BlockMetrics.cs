namespace ActorFT.Machine.Devices.Virtio.Block;

/// <summary>Counters for people; not state.</summary>
internal sealed class BlockMetrics
{
    /// <summary>Requests made of the host.</summary>
    public long Requests { get; set; }

    /// <summary>Requests of the driver that ended with an error.</summary>
    public long Errors { get; set; }

    /// <summary>Completions that matched no request in flight.</summary>
    public long Ignored { get; set; }

    public long BytesRead { get; set; }

    public long BytesWritten { get; set; }
}
