using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Mmio;

/// <summary>
/// Shows a virtio device to a driver as memory-mapped registers, version 2 (VirtIO 1.2 §4.2): identification, feature
/// negotiation, status, queue set-up, notification, interrupt. The device knows nothing of registers, this knows nothing of chains.
/// <code>
///  status:  0 ──► ACKNOWLEDGE ──► DRIVER ──► FEATURES_OK ──► DRIVER_OK ──► (running)
///                                   └─ refused unless the accepted features were offered and VERSION_1 is among them
///  any ──► 0: reset    any ──► FAILED    running ──► DEVICE_NEEDS_RESET on the driver's fault
/// </code>
/// Invariant: the interrupt line is high exactly while InterruptStatus is not zero.
/// </summary>
internal sealed class VirtioMmioTransport : IMmioDevice, IVirtioTransport
{
    /// <summary>The window: one page, so that no two devices share one.</summary>
    public const ulong WindowSizeBytes = 0x1000;

    private const uint InterruptUsedBuffers = 1, InterruptConfigChange = 2; // §4.2.2, InterruptStatus
    private const VirtioStatus Running = VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk | VirtioStatus.DriverOk;

    private readonly IInterruptLine _line;
    private VirtioStatus _status;
    private uint _deviceFeaturesSel, _driverFeaturesSel, _queueSel;
    private ulong _driverFeatures;
    private uint _interruptStatus;

    public VirtioMmioTransport(VirtioDevice device, GuestMemory memory, IInterruptLine line)
    {
        Device = device;
        _line = line;
        device.Attach(memory, this);
    }

    /// <summary>The device behind the registers.</summary>
    public VirtioDevice Device { get; }

    public string Name => Device.Name;

    public ulong WindowBytes => WindowSizeBytes;

    /// <summary>The device status as the driver reads it.</summary>
    internal VirtioStatus Status => _status;

    /// <summary>A round begins; called before the round's inputs are applied.</summary>
    public void BeginRound() => Device.BeginRound();

    /// <summary>Whether work waits for the next round: the machine must run a round though every hart waits.</summary>
    public bool HasDeferredWork => Device.HasDeferredWork;

    private SplitVirtqueue? SelectedQueue => _queueSel < (uint)Device.Queues.Length ? Device.Queues[_queueSel] : null;

    // Queues are set up between FEATURES_OK and the device's end of service (§3.1.1); a ready one is not touched (§4.2.2.2).
    private SplitVirtqueue? ConfigurableQueue =>
        (_status & (VirtioStatus.FeaturesOk | VirtioStatus.Failed | VirtioStatus.DeviceNeedsReset)) == VirtioStatus.FeaturesOk
        && SelectedQueue is { IsReady: false } queue ? queue : null;

    public ulong Read(ulong offset, int widthBytes)
    {
        if (offset >= WindowSizeBytes) return 0;
        if (offset >= MmioRegisters.Config) return ReadConfig((int)(offset - MmioRegisters.Config), widthBytes);
        if (widthBytes != 4) return 0; // §4.2.2.2: drivers use 32-bit accesses only
        return (uint)offset switch
        {
            MmioRegisters.MagicValue => MmioRegisters.Magic,
            MmioRegisters.Version => 2,
            MmioRegisters.DeviceId => (uint)Device.DeviceType,
            MmioRegisters.VendorId => MmioRegisters.Vendor,
            MmioRegisters.DeviceFeatures => FeatureWord(Device.OfferedFeatures, _deviceFeaturesSel),
            MmioRegisters.QueueNumMax => SelectedQueue is null ? 0u : SplitVirtqueue.MaxSize,
            MmioRegisters.QueueReady => SelectedQueue is { IsReady: true } ? 1u : 0u,
            MmioRegisters.InterruptStatus => _interruptStatus,
            MmioRegisters.Status => (uint)_status,
            // No shared memory region exists: length and base read as -1.
            MmioRegisters.ShmLenLow or MmioRegisters.ShmLenHigh or MmioRegisters.ShmBaseLow or MmioRegisters.ShmBaseHigh => uint.MaxValue,
            // No configuration space here ever changes by itself, so no driver can see an inconsistent one.
            MmioRegisters.ConfigGeneration => 0,
            _ => 0,
        };
    }

    public void Write(ulong offset, int widthBytes, ulong value)
    {
        if (offset >= WindowSizeBytes) return;
        if (offset >= MmioRegisters.Config)
        {
            // §2.5.1: the driver does not write configuration before FEATURES_OK.
            if ((_status & VirtioStatus.FeaturesOk) != 0) Device.WriteConfig((int)(offset - MmioRegisters.Config), widthBytes, value);
            return;
        }
        if (widthBytes == 4) WriteRegister((uint)offset, (uint)value);
    }

    private void WriteRegister(uint offset, uint value)
    {
        switch (offset)
        {
            case MmioRegisters.QueueNotify:
                if (value < (uint)Device.Queues.Length) Device.Notify((int)value);
                break;
            case MmioRegisters.InterruptAck:
                SetInterruptStatus(_interruptStatus & ~value);
                break;
            case MmioRegisters.DeviceFeaturesSel:
                _deviceFeaturesSel = value;
                break;
            case MmioRegisters.DriverFeaturesSel:
                _driverFeaturesSel = value;
                break;
            case MmioRegisters.DriverFeatures:
                WriteDriverFeatures(value);
                break;
            case MmioRegisters.QueueSel:
                _queueSel = value;
                break;
            case MmioRegisters.QueueNum:
                ConfigurableQueue?.SetSize(value);
                break;
            case MmioRegisters.QueueReady:
                WriteQueueReady(value);
                break;
            case MmioRegisters.Status:
                WriteStatus(value);
                break;
            default:
                WriteQueueAddress(offset, value);
                break;
        }
    }

    private void WriteQueueAddress(uint offset, uint value)
    {
        if (ConfigurableQueue is not { } queue) return;
        switch (offset)
        {
            case MmioRegisters.QueueDescLow: queue.DescriptorArea = WithLow(queue.DescriptorArea, value); break;
            case MmioRegisters.QueueDescHigh: queue.DescriptorArea = WithHigh(queue.DescriptorArea, value); break;
            case MmioRegisters.QueueDriverLow: queue.DriverArea = WithLow(queue.DriverArea, value); break;
            case MmioRegisters.QueueDriverHigh: queue.DriverArea = WithHigh(queue.DriverArea, value); break;
            case MmioRegisters.QueueDeviceLow: queue.DeviceArea = WithLow(queue.DeviceArea, value); break;
            case MmioRegisters.QueueDeviceHigh: queue.DeviceArea = WithHigh(queue.DeviceArea, value); break;
        }
    }

    private void WriteQueueReady(uint value)
    {
        // An absurd queue is not taken into use: QueueReady goes on reading 0.
        if (value == 1) ConfigurableQueue?.TryEnable();
        else if (value == 0 && SelectedQueue is { IsReady: true }) Device.StopQueue((int)_queueSel);
    }

    private void WriteDriverFeatures(uint value)
    {
        // Features are open between DRIVER and FEATURES_OK (§3.1.1, steps 4 and 5).
        if ((_status & (VirtioStatus.Driver | VirtioStatus.FeaturesOk | VirtioStatus.Failed)) != VirtioStatus.Driver) return;
        if (_driverFeaturesSel == 0) _driverFeatures = WithLow(_driverFeatures, value);
        else if (_driverFeaturesSel == 1) _driverFeatures = WithHigh(_driverFeatures, value);
        // Words above hold features that no device offers: accepting one of them makes FEATURES_OK fail as any other would.
        else if (value != 0) _driverFeatures |= 1UL << 63;
    }

    // The driver may not clear bits but by a reset (§2.1.1), and each step needs the one before.
    private void WriteStatus(uint value)
    {
        if (value == 0)
        {
            ResetByDriver();
            return;
        }
        VirtioStatus wanted = _status | ((VirtioStatus)(byte)value & VirtioStatus.DriverWritable);
        if ((wanted & VirtioStatus.Failed) != 0) wanted = _status | VirtioStatus.Failed; // only a reset leads on from here
        if ((wanted & VirtioStatus.Acknowledge) == 0) wanted &= ~VirtioStatus.Driver;
        if ((wanted & VirtioStatus.Driver) == 0 || (wanted & ~_status & VirtioStatus.FeaturesOk) != 0 && !AreFeaturesAcceptable())
            wanted &= ~VirtioStatus.FeaturesOk;
        if ((wanted & VirtioStatus.FeaturesOk) == 0) wanted &= ~VirtioStatus.DriverOk;
        bool featuresAccepted = (wanted & ~_status & VirtioStatus.FeaturesOk) != 0;
        _status = wanted;
        if (featuresAccepted) Device.AcceptFeatures(_driverFeatures);
        if (_status == Running && !Device.IsRunning) Device.Start();
        else if (_status != Running && Device.IsRunning) Device.Stop();
    }

    private bool AreFeaturesAcceptable() =>
        (_driverFeatures & ~Device.OfferedFeatures) == 0 && (_driverFeatures & VirtioFeatures.Version1) != 0;

    private ulong ReadConfig(int offset, int widthBytes)
    {
        ReadOnlySpan<byte> config = Device.Config;
        ulong value = 0;
        for (int i = 0; i < widthBytes && offset + i < config.Length; i++) value |= (ulong)config[offset + i] << (8 * i);
        return value;
    }

    void IVirtioTransport.SignalUsedBuffers() => SetInterruptStatus(_interruptStatus | InterruptUsedBuffers);

    void IVirtioTransport.SignalNeedsReset()
    {
        _status |= VirtioStatus.DeviceNeedsReset;
        Device.Stop();
        SetInterruptStatus(_interruptStatus | InterruptConfigChange);
    }

    private void SetInterruptStatus(uint value)
    {
        _interruptStatus = value;
        _line.SetLevel(value != 0);
    }

    private void ResetByDriver()
    {
        Device.ResetByDriver();
        ResetRegisters();
    }

    public void Reset()
    {
        Device.PowerOn();
        ResetRegisters();
    }

    private void ResetRegisters()
    {
        _status = VirtioStatus.None;
        _deviceFeaturesSel = _driverFeaturesSel = _queueSel = 0;
        _driverFeatures = 0;
        SetInterruptStatus(0);
    }

    public void Save(StateWriter writer)
    {
        writer.Section("VMIO", 1);
        writer.U32((uint)Device.DeviceType);
        writer.U8((byte)_status);
        writer.U8((byte)_interruptStatus);
        writer.U32(_deviceFeaturesSel);
        writer.U32(_driverFeaturesSel);
        writer.U32(_queueSel);
        writer.U64(_driverFeatures);
        foreach (SplitVirtqueue queue in Device.Queues) queue.Save(writer);
        Device.Save(writer);
    }

    public void Restore(ref StateReader reader)
    {
        reader.Section("VMIO", 1);
        uint type = reader.U32();
        if (type != (uint)Device.DeviceType) throw new StateFormatException($"Saved state of {Name} is of virtio device type {type}; {(uint)Device.DeviceType} belongs here.");
        var status = (VirtioStatus)reader.U8();
        byte interruptStatus = reader.U8();
        _deviceFeaturesSel = reader.U32();
        _driverFeaturesSel = reader.U32();
        _queueSel = reader.U32();
        _driverFeatures = reader.U64();
        if (!IsReachable(status)) throw new StateFormatException($"Saved state of {Name} has device status 0x{(byte)status:x2}, which no driver can reach.");
        if (interruptStatus > (InterruptUsedBuffers | InterruptConfigChange))
            throw new StateFormatException($"Saved state of {Name} has interrupt status {interruptStatus} where at most 3 is allowed.");
        _status = status;
        bool hasFeatures = (status & VirtioStatus.FeaturesOk) != 0;
        foreach (SplitVirtqueue queue in Device.Queues)
        {
            queue.Restore(ref reader);
            if (queue.IsReady && (!hasFeatures || (status & (VirtioStatus.Failed | VirtioStatus.DeviceNeedsReset)) != 0 && (status & VirtioStatus.DriverOk) != 0))
                throw new StateFormatException($"Saved state of {Name} has a ready queue with device status 0x{(byte)status:x2}.");
        }
        Device.Restore(ref reader, hasFeatures ? _driverFeatures : 0, status == Running);
        SetInterruptStatus(interruptStatus);
    }

    private bool IsReachable(VirtioStatus status)
    {
        const VirtioStatus Known = VirtioStatus.DriverWritable | VirtioStatus.DeviceNeedsReset;
        if ((status & ~Known) != 0) return false;
        if ((status & VirtioStatus.Driver) != 0 && (status & VirtioStatus.Acknowledge) == 0) return false;
        if ((status & VirtioStatus.FeaturesOk) != 0 && ((status & VirtioStatus.Driver) == 0 || !AreFeaturesAcceptable())) return false;
        if ((status & VirtioStatus.DriverOk) != 0 && (status & VirtioStatus.FeaturesOk) == 0) return false;
        return (status & VirtioStatus.DeviceNeedsReset) == 0 || (status & VirtioStatus.DriverOk) != 0;
    }

    private static uint FeatureWord(ulong features, uint word) => word switch { 0 => (uint)features, 1 => (uint)(features >> 32), _ => 0 };

    private static ulong WithLow(ulong value, uint low) => value & 0xffff_ffff_0000_0000 | low;

    private static ulong WithHigh(ulong value, uint high) => value & 0xffff_ffff | (ulong)high << 32;
}
