namespace ActorFT.Machine.Devices.Virtio;

/// <summary>What a device asks of the transport that shows it to the driver.</summary>
internal interface IVirtioTransport
{
    /// <summary>Tells the driver that buffers were used.</summary>
    void SignalUsedBuffers();

    /// <summary>Sets DEVICE_NEEDS_RESET and tells the driver (VirtIO 1.2 §2.1.2); stops the device before it returns.</summary>
    void SignalNeedsReset();
}
