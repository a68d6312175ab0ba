namespace ActorFT.Machine.Devices.Virtio.Entropy;

/// <summary>Features and limits of the entropy device (VirtIO 1.2 §5.4), which has no configuration space.</summary>
internal static class EntropyConfig
{
    /// <summary>The features offered.</summary>
    public const ulong Features = VirtioFeatures.Common;

    /// <summary>Bytes of one answer; a longer buffer is filled in part, as §5.4.6.1 allows.</summary>
    public const int MaxRequestBytes = 1024;

    /// <summary>Requests in flight, those of a driver that has reset the device since included.</summary>
    public const int MaxInFlightRequests = 64;
}
