using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Mmio;
using Xunit;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The driver's side of virtio-mmio (VirtIO 1.2 §3.1.1, §4.2.3), written from the specification, not from the device.</summary>
internal sealed class GuestDriver
{
    private const ulong QueueAreaBytes = 0x4000;
    private ulong _nextBuffer = VirtioWorld.RamBase + 0x20000;

    public GuestDriver(VirtioWorld world) => World = world;

    public VirtioWorld World { get; }

    public List<GuestQueue> Queues { get; } = [];

    public ulong AcceptedFeatures { get; private set; }

    public uint Read(uint register) => (uint)World.Transport.Read(register, 4);

    public void Write(uint register, uint value) => World.Transport.Write(register, 4, value);

    public VirtioStatus Status => (VirtioStatus)Read(MmioRegisters.Status);

    public uint InterruptStatus => Read(MmioRegisters.InterruptStatus);

    public void SetStatus(VirtioStatus status) => Write(MmioRegisters.Status, (uint)status);

    public void AddStatus(VirtioStatus status) => SetStatus(Status | status);

    public ulong OfferedFeatures()
    {
        Write(MmioRegisters.DeviceFeaturesSel, 1);
        ulong high = Read(MmioRegisters.DeviceFeatures);
        Write(MmioRegisters.DeviceFeaturesSel, 0);
        return high << 32 | Read(MmioRegisters.DeviceFeatures);
    }

    public void AcceptFeatures(ulong features)
    {
        AcceptedFeatures = features;
        Write(MmioRegisters.DriverFeaturesSel, 0);
        Write(MmioRegisters.DriverFeatures, (uint)features);
        Write(MmioRegisters.DriverFeaturesSel, 1);
        Write(MmioRegisters.DriverFeatures, (uint)(features >> 32));
    }

    /// <summary>Reset to FEATURES_OK.</summary>
    public void Negotiate(ulong? features = null)
    {
        SetStatus(VirtioStatus.None);
        AddStatus(VirtioStatus.Acknowledge);
        AddStatus(VirtioStatus.Driver);
        AcceptFeatures(features ?? OfferedFeatures());
        AddStatus(VirtioStatus.FeaturesOk);
        Assert.True(Status.HasFlag(VirtioStatus.FeaturesOk), "The device refused the features.");
        Queues.Clear();
    }

    /// <summary>The whole initialization, with queues of one size.</summary>
    public GuestDriver Initialize(int queueSize = 16, ulong? features = null)
    {
        Negotiate(features);
        for (int i = 0; i < World.Device.Queues.Length; i++) AddQueue(queueSize);
        AddStatus(VirtioStatus.DriverOk);
        return this;
    }

    public GuestQueue AddQueue(int size)
    {
        int index = Queues.Count;
        ulong area = VirtioWorld.RamBase + 0x1000 + (ulong)index * QueueAreaBytes;
        var queue = new GuestQueue(this, index, size, area);
        Queues.Add(queue);
        ConfigureQueue(index, (uint)size, queue.DescriptorArea, queue.DriverArea, queue.DeviceArea);
        Write(MmioRegisters.QueueReady, 1);
        return queue;
    }

    public void ConfigureQueue(int index, uint size, ulong descriptorArea, ulong driverArea, ulong deviceArea)
    {
        Write(MmioRegisters.QueueSel, (uint)index);
        Write(MmioRegisters.QueueNum, size);
        Write(MmioRegisters.QueueDescLow, (uint)descriptorArea);
        Write(MmioRegisters.QueueDescHigh, (uint)(descriptorArea >> 32));
        Write(MmioRegisters.QueueDriverLow, (uint)driverArea);
        Write(MmioRegisters.QueueDriverHigh, (uint)(driverArea >> 32));
        Write(MmioRegisters.QueueDeviceLow, (uint)deviceArea);
        Write(MmioRegisters.QueueDeviceHigh, (uint)(deviceArea >> 32));
    }

    /// <summary>Reserves zeroed memory in the guest, 16-byte aligned; begins anew when it runs out.</summary>
    public ulong Allocate(int bytes)
    {
        if (_nextBuffer + (ulong)bytes > VirtioWorld.RamBase + VirtioWorld.RamBytes) _nextBuffer = VirtioWorld.RamBase + 0x20000;
        ulong at = _nextBuffer;
        _nextBuffer += (ulong)(bytes + 15) & ~15UL;
        Assert.True(World.Memory.TryWrite(at, new byte[bytes]));
        return at;
    }

    public ulong Allocate(ReadOnlySpan<byte> content)
    {
        ulong at = Allocate(content.Length);
        Assert.True(World.Memory.TryWrite(at, content));
        return at;
    }

    public byte[] Peek(ulong address, int bytes)
    {
        var content = new byte[bytes];
        Assert.True(World.Memory.TryRead(address, content));
        return content;
    }

    /// <summary>Acknowledges all interrupts and tells which there were.</summary>
    public uint AcknowledgeInterrupts()
    {
        uint pending = InterruptStatus;
        Write(MmioRegisters.InterruptAck, pending);
        return pending;
    }

    /// <summary>That the device asked for a reset with a configuration interrupt, and says so by its line (§2.1.2).</summary>
    public void AssertNeedsReset()
    {
        Assert.True(Status.HasFlag(VirtioStatus.DeviceNeedsReset), "The device does not ask for a reset.");
        Assert.Equal(2u, InterruptStatus & 2);
        Assert.True(World.Line);
        Assert.NotNull(World.Device.LastDriverFault);
    }

    public void AssertHealthy() =>
        Assert.False(Status.HasFlag(VirtioStatus.DeviceNeedsReset), $"The device asks for a reset: {World.Device.LastDriverFault}.");
}
