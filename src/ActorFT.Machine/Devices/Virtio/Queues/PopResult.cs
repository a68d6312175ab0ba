namespace ActorFT.Machine.Devices.Virtio.Queues;

/// <summary>What a look into the available ring gave.</summary>
internal enum PopResult
{
    /// <summary>Nothing is available.</summary>
    Empty,

    /// <summary>A chain.</summary>
    Chain,

    /// <summary>The driver broke the rules; the device must ask for a reset.</summary>
    Fault,
}
