using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The transport against VirtIO 1.2 §2.1, §2.2, §3.1 and §4.2.</summary>
public sealed class VirtioMmioTransportTests : IDisposable
{
    private readonly VirtioWorld _world = new(_ => new ProbeDevice());
    private readonly GuestDriver _driver;

    public VirtioMmioTransportTests() => _driver = new GuestDriver(_world);

    public void Dispose() => _world.Dispose();

    private ProbeDevice Probe => (ProbeDevice)_world.Device;

    private bool IsQueueReady(int index)
    {
        _driver.Write(MmioRegisters.QueueSel, (uint)index);
        return _driver.Read(MmioRegisters.QueueReady) == 1;
    }

    [Fact]
    public void Identification_IsThatOfAModernDevice()
    {
        Assert.Equal(0x74726976u, _driver.Read(MmioRegisters.MagicValue));
        Assert.Equal(2u, _driver.Read(MmioRegisters.Version));
        Assert.Equal(4u, _driver.Read(MmioRegisters.DeviceId));
        Assert.Equal(0x54464341u, _driver.Read(MmioRegisters.VendorId));
    }

    [Fact]
    public void ControlRegisters_AccessedOtherThanAs32Bits_ReadZeroAndWriteNothing()
    {
        foreach (int width in (int[])[1, 2, 8])
        {
            Assert.Equal(0UL, _world.Transport.Read(MmioRegisters.MagicValue, width));
            _world.Transport.Write(MmioRegisters.Status, width, 1);
        }
        Assert.Equal(VirtioStatus.None, _driver.Status);
    }

    [Fact]
    public void WriteOnlyAndUndefinedRegisters_ReadZero()
    {
        foreach (uint register in (uint[])[MmioRegisters.DeviceFeaturesSel, MmioRegisters.DriverFeatures, MmioRegisters.QueueSel, MmioRegisters.QueueNum,
            MmioRegisters.QueueNotify, MmioRegisters.InterruptAck, MmioRegisters.QueueDescLow, 0x0c0, 0x018, 0x028, 0x03c, 0x040])
            Assert.Equal(0u, _driver.Read(register));
    }

    [Fact]
    public void SharedMemory_OfWhichThereIsNone_HasLengthMinusOne()
    {
        Assert.Equal(uint.MaxValue, _driver.Read(MmioRegisters.ShmLenLow));
        Assert.Equal(uint.MaxValue, _driver.Read(MmioRegisters.ShmLenHigh));
        Assert.Equal(uint.MaxValue, _driver.Read(MmioRegisters.ShmBaseLow));
        Assert.Equal(uint.MaxValue, _driver.Read(MmioRegisters.ShmBaseHigh));
    }

    [Fact]
    public void DeviceFeatures_AreReadByWords_AndBeyondThemAreZero()
    {
        Assert.Equal(VirtioFeatures.Common, _driver.OfferedFeatures());
        _driver.Write(MmioRegisters.DeviceFeaturesSel, 2);
        Assert.Equal(0u, _driver.Read(MmioRegisters.DeviceFeatures));
        _driver.Write(MmioRegisters.DeviceFeaturesSel, uint.MaxValue);
        Assert.Equal(0u, _driver.Read(MmioRegisters.DeviceFeatures));
    }

    [Fact]
    public void FeaturesOk_WithoutVersion1_IsRefused()
    {
        _driver.SetStatus(VirtioStatus.Acknowledge);
        _driver.AddStatus(VirtioStatus.Driver);
        _driver.AcceptFeatures(VirtioFeatures.EventIndex);
        _driver.AddStatus(VirtioStatus.FeaturesOk);
        Assert.Equal(VirtioStatus.Acknowledge | VirtioStatus.Driver, _driver.Status);
        _driver.AddStatus(VirtioStatus.DriverOk);
        Assert.Equal(VirtioStatus.Acknowledge | VirtioStatus.Driver, _driver.Status);

        _driver.AcceptFeatures(VirtioFeatures.Version1); // and it may try again
        _driver.AddStatus(VirtioStatus.FeaturesOk);
        Assert.True(_driver.Status.HasFlag(VirtioStatus.FeaturesOk));
        Assert.Equal(VirtioFeatures.Version1, Probe.Features);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 31)]
    [InlineData(1, 2)]
    [InlineData(2, 0)]
    [InlineData(77, 5)]
    public void FeaturesOk_WithAFeatureNotOffered_IsRefused(uint word, int bit)
    {
        _driver.SetStatus(VirtioStatus.Acknowledge);
        _driver.AddStatus(VirtioStatus.Driver);
        _driver.AcceptFeatures(VirtioFeatures.Common);
        _driver.Write(MmioRegisters.DriverFeaturesSel, word);
        _driver.Write(MmioRegisters.DriverFeatures, 1u << bit | (word == 1 ? 1u : 0));
        _driver.AddStatus(VirtioStatus.FeaturesOk);
        Assert.False(_driver.Status.HasFlag(VirtioStatus.FeaturesOk));
    }

    [Fact]
    public void DriverFeatures_BeforeDriverOrAfterFeaturesOk_AreIgnored()
    {
        _driver.SetStatus(VirtioStatus.Acknowledge);
        _driver.AcceptFeatures(1);
        _driver.AddStatus(VirtioStatus.Driver);
        _driver.AcceptFeatures(VirtioFeatures.Version1);
        _driver.AddStatus(VirtioStatus.FeaturesOk);
        _driver.AcceptFeatures(VirtioFeatures.Version1 | 1);
        Assert.Equal(VirtioFeatures.Version1, Probe.Features);
        Assert.True(_driver.Status.HasFlag(VirtioStatus.FeaturesOk));
    }

    [Fact]
    public void Status_WrittenInOneStepOrOutOfOrder_ReachesOnlyWhatItsStepsAllow()
    {
        _driver.SetStatus(VirtioStatus.DriverOk);
        Assert.Equal(VirtioStatus.None, _driver.Status);
        _driver.SetStatus(VirtioStatus.Driver | VirtioStatus.FeaturesOk | VirtioStatus.DriverOk);
        Assert.Equal(VirtioStatus.None, _driver.Status);
        _driver.SetStatus(VirtioStatus.DeviceNeedsReset | (VirtioStatus)0x30);
        Assert.Equal(VirtioStatus.None, _driver.Status);
    }

    [Fact]
    public void Status_WrittenWithBitsMissing_KeepsThem()
    {
        _driver.Initialize();
        _driver.SetStatus(VirtioStatus.Acknowledge);
        Assert.Equal(VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk | VirtioStatus.DriverOk, _driver.Status);
        Assert.True(Probe.IsRunning);
    }

    [Fact]
    public void Failed_StopsTheDevice_AndOnlyAResetLeadsOn()
    {
        _driver.Initialize();
        _driver.AddStatus(VirtioStatus.Failed);
        Assert.False(Probe.IsRunning);
        _driver.Queues[0].MakeAvailable(0);
        _driver.Queues[0].Kick();
        Assert.Equal(0, Probe.Notifications - 2); // the two of DRIVER_OK
        _driver.Initialize();
        Assert.True(Probe.IsRunning);
    }

    [Fact]
    public void Failed_BeforeDriverOk_MakesDriverOkImpossible()
    {
        _driver.Negotiate();
        _driver.AddQueue(8);
        _driver.AddStatus(VirtioStatus.Failed);
        _driver.AddStatus(VirtioStatus.DriverOk);
        Assert.False(_driver.Status.HasFlag(VirtioStatus.DriverOk));
    }

    [Fact]
    public void Reset_ByTheDriver_ClearsStatusInterruptsAndQueues()
    {
        _driver.Initialize();
        ushort head = _driver.Queues[0].Add(GuestBuffer.In(_driver.Allocate(8), 8));
        _driver.Queues[0].Kick();
        Probe.GiveBack(head, 0);
        Assert.True(_world.Line);
        _driver.SetStatus(VirtioStatus.None);
        Assert.Equal((VirtioStatus.None, 0u, false), (_driver.Status, _driver.InterruptStatus, _world.Line));
        Assert.False(IsQueueReady(0));
        Assert.Equal(0UL, Probe.Features);
        Assert.Equal(0, Probe.Queues[0].Size);
    }

    [Fact]
    public void QueueNumMax_IsTheLimitForQueuesThereAre_AndZeroForOthers()
    {
        foreach ((uint index, uint expected) in ((uint, uint)[])[(0, 256), (1, 256), (2, 0), (uint.MaxValue, 0)])
        {
            _driver.Write(MmioRegisters.QueueSel, index);
            Assert.Equal(expected, _driver.Read(MmioRegisters.QueueNumMax));
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(3u)]
    [InlineData(257u)]
    [InlineData(512u)]
    [InlineData(65_536u)]
    [InlineData(65_544u)]
    [InlineData(0x8000_0000u)]
    [InlineData(uint.MaxValue)]
    public void QueueReady_WithAnAbsurdSize_StaysZero(uint size)
    {
        _driver.Negotiate();
        _driver.ConfigureQueue(0, size, VirtioWorld.RamBase, VirtioWorld.RamBase + 0x4000, VirtioWorld.RamBase + 0x8000);
        _driver.Write(MmioRegisters.QueueReady, 1);
        Assert.False(IsQueueReady(0));
    }

    [Theory]
    [InlineData(0x8000_0008UL, 0x8000_4000UL, 0x8000_8000UL)] // descriptors not aligned to 16
    [InlineData(0x8000_0000UL, 0x8000_4001UL, 0x8000_8000UL)] // available ring not to 2
    [InlineData(0x8000_0000UL, 0x8000_4000UL, 0x8000_8002UL)] // used ring not to 4
    [InlineData(0x8020_0000UL, 0x8000_4000UL, 0x8000_8000UL)] // after RAM
    [InlineData(0x801f_ff90UL, 0x8000_4000UL, 0x8000_8000UL)] // reaching over its end
    [InlineData(0x8000_0000UL, 0x801f_fffeUL, 0x8000_8000UL)]
    [InlineData(0x8000_0000UL, 0x8000_4000UL, 0x801f_fffcUL)]
    [InlineData(0x0UL, 0x8000_4000UL, 0x8000_8000UL)]
    [InlineData(0xffff_ffff_ffff_fff0UL, 0x8000_4000UL, 0x8000_8000UL)]
    public void QueueReady_WithAreasMisalignedOrOutsideRam_StaysZero(ulong descriptors, ulong available, ulong used)
    {
        _driver.Negotiate();
        _driver.ConfigureQueue(0, 8, descriptors, available, used);
        _driver.Write(MmioRegisters.QueueReady, 1);
        Assert.False(IsQueueReady(0));
    }

    [Fact]
    public void Queue_IsConfiguredOnlyAfterFeaturesOk_AndNotWhileReady()
    {
        _driver.ConfigureQueue(0, 8, VirtioWorld.RamBase, VirtioWorld.RamBase + 0x4000, VirtioWorld.RamBase + 0x8000);
        Assert.Equal(0, Probe.Queues[0].Size);
        _driver.Initialize(queueSize: 16);
        ulong descriptors = Probe.Queues[0].DescriptorArea;
        _driver.ConfigureQueue(0, 8, VirtioWorld.RamBase, VirtioWorld.RamBase + 0x4000, VirtioWorld.RamBase + 0x8000);
        Assert.Equal((16, descriptors), (Probe.Queues[0].Size, Probe.Queues[0].DescriptorArea));
    }

    [Fact]
    public void QueueReady_SetToZero_StopsThatQueueAlone()
    {
        _driver.Initialize();
        _driver.Write(MmioRegisters.QueueSel, 0);
        _driver.Write(MmioRegisters.QueueReady, 0);
        Assert.Equal(0u, _driver.Read(MmioRegisters.QueueReady));
        Assert.Equal(0, Probe.StoppedQueues[^1]);
        int before = Probe.Notifications;
        _driver.Queues[0].Kick();
        Assert.Equal(before, Probe.Notifications);
        _driver.Queues[1].Kick();
        Assert.Equal(before + 1, Probe.Notifications);
    }

    [Fact]
    public void Notify_BeforeDriverOkOrOfAForeignQueue_IsIgnored()
    {
        _driver.Negotiate();
        GuestQueue queue = _driver.AddQueue(8);
        queue.Add(GuestBuffer.In(_driver.Allocate(8), 8));
        queue.Kick();
        Assert.Empty(Probe.Seen);
        _driver.AddStatus(VirtioStatus.DriverOk);
        Assert.Single(Probe.Seen); // what was available before is seen now
        int before = Probe.Notifications;
        _driver.Write(MmioRegisters.QueueNotify, 1); // exists, but is not ready
        _driver.Write(MmioRegisters.QueueNotify, 2);
        _driver.Write(MmioRegisters.QueueNotify, uint.MaxValue);
        Assert.Equal(before, Probe.Notifications);
    }

    [Fact]
    public void InterruptAck_ClearsOnlyTheBitsWritten_AndTheLineFollows()
    {
        _driver.Initialize(features: VirtioFeatures.Version1);
        GuestQueue queue = _driver.Queues[0];
        ushort head = queue.Add(GuestBuffer.In(_driver.Allocate(8), 8));
        queue.Kick();
        Probe.GiveBack(head, 0);
        queue.WriteDescriptor(3, 0, 1, 0, 0);
        queue.MakeAvailable(3);
        queue.Kick();
        _driver.AssertNeedsReset();
        Assert.Equal(3u, _driver.InterruptStatus);
        _driver.Write(MmioRegisters.InterruptAck, 1);
        Assert.Equal((2u, true), (_driver.InterruptStatus, _world.Line));
        _driver.Write(MmioRegisters.InterruptAck, 0xffff_fffd);
        Assert.Equal((2u, true), (_driver.InterruptStatus, _world.Line));
        _driver.Write(MmioRegisters.InterruptAck, 2);
        Assert.Equal((0u, false), (_driver.InterruptStatus, _world.Line));
    }

    [Fact]
    public void Restore_OfAPendingInterrupt_RaisesTheLine_AndOfNoneLowersIt()
    {
        var quiet = new StateWriter();
        _world.Transport.Save(quiet);
        _driver.Initialize();
        ushort head = _driver.Queues[0].Add(GuestBuffer.In(_driver.Allocate(8), 8));
        _driver.Queues[0].Kick();
        Probe.GiveBack(head, 0);
        var pending = new StateWriter();
        _world.Transport.Save(pending);

        using var twin = new VirtioWorld(_ => new ProbeDevice());
        Restore(pending);
        Assert.True(twin.Line);
        Assert.Equal(1UL, twin.Transport.Read(MmioRegisters.InterruptStatus, 4));
        Restore(quiet);
        Assert.False(twin.Line);

        void Restore(StateWriter state)
        {
            var reader = new StateReader(state.Written);
            twin.Transport.Restore(ref reader);
        }
    }

    [Fact]
    public void DeviceThatNeedsReset_TouchesNoQueueUntilReset_AndWorksAfterIt()
    {
        _driver.Initialize();
        _driver.Queues[0].MakeAvailable(16); // outside the table
        _driver.Queues[0].Kick();
        _driver.AssertNeedsReset();
        _driver.Queues[1].Add(GuestBuffer.In(_driver.Allocate(8), 8));
        _driver.Queues[1].Kick();
        Probe.GiveBack(0, 0, 1);
        Assert.Empty(Probe.Seen);
        Assert.Equal(0, _driver.Queues[1].UsedIndex);
        _driver.AddStatus(VirtioStatus.DriverOk);
        Assert.False(Probe.IsRunning);

        _driver.Initialize();
        _driver.AssertHealthy();
        _driver.Queues[1].Add(GuestBuffer.In(_driver.Allocate(8), 8));
        _driver.Queues[1].Kick();
        Assert.Single(Probe.Seen);
    }

    [Fact]
    public void Config_IsReadAtAnyWidth_AndEndsInZeroes()
    {
        Assert.Equal(0x0807060504030201UL, _world.Transport.Read(0x100, 8));
        Assert.Equal(9UL, _world.Transport.Read(0x108, 8));
        Assert.Equal(0x0605UL, _world.Transport.Read(0x104, 2));
        Assert.Equal(9UL, _world.Transport.Read(0x108, 1));
        Assert.Equal(0UL, _world.Transport.Read(0x109, 1));
        Assert.Equal(0UL, _world.Transport.Read(0xff8, 8));
        Assert.Equal(0UL, _world.Transport.Read(0x1000, 8));
        Assert.Equal(0UL, _world.Transport.Read(ulong.MaxValue - 7, 8));
    }

    [Fact]
    public void Window_IsAPageAndQueuesHold256()
    {
        Assert.Equal(0x1000UL, _world.Transport.WindowBytes);
        Assert.Equal(256, SplitVirtqueue.MaxSize);
    }
}
