namespace ActorFT.Machine.Devices.Virtio;

/// <summary>Device status bits (VirtIO 1.2 §2.1).</summary>
[Flags]
internal enum VirtioStatus : byte
{
    None = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    DeviceNeedsReset = 64,
    Failed = 128,

    /// <summary>Bits the driver may set; DEVICE_NEEDS_RESET is the device's alone.</summary>
    DriverWritable = Acknowledge | Driver | DriverOk | FeaturesOk | Failed,
}
