namespace ActorFT.Machine.Devices.Virtio;

/// <summary>Feature bits that are no device type's own (VirtIO 1.2 §6).</summary>
internal static class VirtioFeatures
{
    /// <summary>Descriptors may refer to tables of descriptors (§2.7.5.3).</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>used_event and avail_event (§2.7.7, §2.7.10).</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>The device is not a legacy device; a driver must accept it (§6.1).</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>What every device here offers.</summary>
    public const ulong Common = IndirectDescriptors | EventIndex | Version1;
}
