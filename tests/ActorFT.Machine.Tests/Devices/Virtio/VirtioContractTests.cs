namespace ActorFT.Machine.Tests.Devices.Virtio;

public sealed class BlockDeviceContract : DeviceContract
{
    private protected override DeviceBench PowerOn() => new BlockBench();
}

public sealed class NetDeviceContract : DeviceContract
{
    private protected override DeviceBench PowerOn() => new NetBench();
}

public sealed class ConsoleDeviceContract : DeviceContract
{
    private protected override DeviceBench PowerOn() => new ConsoleBench();
}

public sealed class EntropyDeviceContract : DeviceContract
{
    private protected override DeviceBench PowerOn() => new EntropyBench();
}
