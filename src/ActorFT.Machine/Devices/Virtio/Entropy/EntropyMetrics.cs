namespace ActorFT.Machine.Devices.Virtio.Entropy;

/// <summary>Counters for people; not state.</summary>
internal sealed class EntropyMetrics
{
    /// <summary>Requests made of the host.</summary>
    public long Requests { get; set; }

    /// <summary>Bytes given to the driver.</summary>
    public long BytesArrived { get; set; }

    /// <summary>Answers that matched no request in flight, or were empty.</summary>
    public long Ignored { get; set; }
}
