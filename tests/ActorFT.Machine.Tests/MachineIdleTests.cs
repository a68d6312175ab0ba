using ActorFT.Machine.Cpu;
using ActorFT.Machine.Devices;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Console;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.IO;
using ActorFT.Machine.Tests.Boot;
using Xunit;

namespace ActorFT.Machine.Tests;

/// <summary>When a machine says that nothing will happen without an input or a timer, and how much may be typed.</summary>
public sealed class MachineIdleTests : IDisposable
{
    private const ulong Rings = MemoryMap.RamBase + 0x10_0000, Buffer = MemoryMap.RamBase + 0x20_0000;
    private const int BufferBytes = 1 << 20, Chains = 12, QueueSize = 16;

    private readonly Machine _machine;

    public MachineIdleTests()
    {
        // wfi; j . -4: a guest that only waits. The driver's side of the console is played by the test.
        byte[] kernel = TestKernels.Elf(MemoryMap.RamBase, new TestKernels.Segment(MemoryMap.RamBase, MemoryMap.RamBase, 8, 8));
        BitConverter.GetBytes(0x1050_0073u).CopyTo(kernel, kernel.Length - 8);
        BitConverter.GetBytes(0xFFDF_F06Fu).CopyTo(kernel, kernel.Length - 4);
        _machine = new Machine(TestKernels.MachineWith(kernel) with { HasVirtioConsole = true });
    }

    public void Dispose() => _machine.Dispose();

    private void Out(uint register, uint value) =>
        Assert.True(((IHartEnvironment)_machine).TryWriteDevice(MemoryMap.VirtioAddress(0) + register, 4, value));

    private List<MachineOutput> Round(params MachineInput[] inputs)
    {
        _machine.BeginRound(_machine.TimeNs + 1000, inputs);
        _machine.RunQuantum(0);
        _machine.EndRound();
        List<MachineOutput> outputs = [];
        _machine.TakeOutputs(outputs);
        return outputs;
    }

    private void StartConsole()
    {
        Out(MmioRegisters.Status, (uint)(VirtioStatus.Acknowledge | VirtioStatus.Driver));
        Out(MmioRegisters.DriverFeaturesSel, 1);
        Out(MmioRegisters.DriverFeatures, (uint)(VirtioFeatures.Version1 >> 32));
        Out(MmioRegisters.Status, (uint)(VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk));
        Out(MmioRegisters.QueueSel, 1);
        Out(MmioRegisters.QueueNum, QueueSize);
        Out(MmioRegisters.QueueDescLow, (uint)Rings);
        Out(MmioRegisters.QueueDriverLow, (uint)Rings + 0x400);
        Out(MmioRegisters.QueueDeviceLow, (uint)Rings + 0x800);
        Out(MmioRegisters.QueueReady, 1);
        Out(MmioRegisters.Status, (uint)(VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk | VirtioStatus.DriverOk));
        for (ushort i = 0; i < Chains; i++)
        {
            _machine.Memory.TryWrite(Rings + 16UL * i, Buffer);
            _machine.Memory.TryWrite(Rings + 16UL * i + 8, (ulong)BufferBytes);
            _machine.Memory.TryWrite(Rings + 0x404 + 2UL * i, i);
        }
        _machine.Memory.TryWrite(Rings + 0x402, (ushort)Chains);
    }

    [Fact]
    public void IsIdle_EveryHartWaits_IsTrueOnlyAfterTheyDo()
    {
        Assert.False(_machine.IsIdle);
        Round();
        Assert.True(_machine.IsIdle);
        Assert.Equal(ulong.MaxValue, _machine.NextTimerNs);
    }

    [Fact]
    public void IsIdle_DeviceHasWorkLeftForTheNextRound_IsFalseUntilItIsDone()
    {
        Round();
        StartConsole();
        Out(MmioRegisters.QueueNotify, 1);
        Assert.False(_machine.IsIdle); // a round's budget moves 8 of the 12 MiB
        int rounds = 0, written = 0;
        while (!_machine.IsIdle)
        {
            Assert.True(rounds++ < 100, "The device never finished its work.");
            written += Round().OfType<ConsoleWritten>().Sum(output => output.Bytes.Length);
        }
        Assert.Equal(Chains * BufferBytes, written);
    }

    [Fact]
    public void ConsoleInputFree_BothConsoles_FallWithWhatIsTypedAndNotRead()
    {
        Assert.Equal(Uart16550.BacklogLimitBytes, _machine.ConsoleInputFree(0));
        Assert.Equal(ConsoleConfig.MaxTypedBytes, _machine.ConsoleInputFree(1));
        Assert.Equal(0, _machine.ConsoleInputFree(2));
        StartConsole();
        Round(new ConsoleTyped(0, new byte[101]), new ConsoleTyped(1, new byte[100]));
        Assert.Equal(Uart16550.BacklogLimitBytes - 100, _machine.ConsoleInputFree(0)); // one byte is in the receive buffer
        Assert.Equal(ConsoleConfig.MaxTypedBytes - 100, _machine.ConsoleInputFree(1));
    }
}
