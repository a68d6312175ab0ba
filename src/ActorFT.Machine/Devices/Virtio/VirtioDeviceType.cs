namespace ActorFT.Machine.Devices.Virtio;

/// <summary>Device types (VirtIO 1.2 §5).</summary>
internal enum VirtioDeviceType : uint
{
    Net = 1,
    Block = 2,
    Console = 3,
    Entropy = 4,
}
