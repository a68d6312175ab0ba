using System.Collections.Immutable;
using ActorFT.Machine.Devices;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Machine.Tests.Devices;

public sealed class MmioBusTests
{
    private sealed class Probe(string name, ulong windowBytes) : IMmioDevice
    {
        public List<string> Accesses { get; } = [];

        public string Name => name;

        public ulong WindowBytes => windowBytes;

        public ulong Read(ulong offset, int widthBytes)
        {
            Accesses.Add($"R{widthBytes}@{offset:x}");
            return offset;
        }

        public void Write(ulong offset, int widthBytes, ulong value) => Accesses.Add($"W{widthBytes}@{offset:x}={value:x}");

        public void Reset() { }

        public void Save(StateWriter writer) { }

        public void Restore(ref StateReader reader) { }
    }

    [Fact]
    public void Access_InsideAWindow_ReachesItsDeviceAtTheOffset()
    {
        var bus = new MmioBus();
        Probe high = new("high", 0x1000), low = new("low", 0x100);
        bus.Map(0x2000, high);
        bus.Map(0x1000, low);
        Assert.True(bus.TryRead(0x2FF8, 8, out ulong value));
        Assert.Equal(0xFF8UL, value);
        Assert.True(bus.TryWrite(0x10FC, 4, 7));
        Assert.True(bus.TryRead(0x1001, 1, out _));
        Assert.Equal(["R8@ff8"], high.Accesses);
        Assert.Equal(["W4@fc=7", "R1@1"], low.Accesses);
        Assert.Equal(["low", "high"], bus.Devices.ToArray().Select(device => device.Name));
    }

    [Theory]
    [InlineData(0x0FFFUL, 1)] // below all
    [InlineData(0x1100UL, 1)] // between
    [InlineData(0x3000UL, 4)] // above all
    [InlineData(0xFFFF_FFFF_FFFF_FFF8UL, 8)]
    [InlineData(0UL, 8)]
    [InlineData(0x1001UL, 2)] // not aligned
    [InlineData(0x1006UL, 8)]
    public void Access_OutsideEveryWindow_HasNoDevice(ulong address, int width)
    {
        var bus = new MmioBus();
        Probe high = new("high", 0x1000), low = new("low", 0x100);
        bus.Map(0x1000, low);
        bus.Map(0x2000, high);
        foreach (ulong warm in (ulong[])[0x1000, 0x2000]) // whichever window was hit last
        {
            bus.TryWrite(warm, 1, 0);
            Assert.False(bus.TryRead(address, width, out ulong value));
            Assert.Equal(0UL, value);
            Assert.False(bus.TryWrite(address, width, 1));
        }
        Assert.Equal(2, high.Accesses.Count + low.Accesses.Count);
    }

    [Fact]
    public void Access_StraddlingAWindowsEnd_HasNoDevice()
    {
        var bus = new MmioBus();
        Probe odd = new("odd", 0x104);
        bus.Map(0x1000, odd);
        Assert.False(bus.TryRead(0x1100, 8, out _));
        Assert.True(bus.TryRead(0x1100, 4, out _));
        Assert.Single(odd.Accesses);
    }

    [Fact]
    public void Access_EmptyBus_HasNoDevice() => Assert.False(new MmioBus().TryRead(0x1000, 4, out _));

    [Fact]
    public void Map_OverlappingWindow_IsRefused()
    {
        var bus = new MmioBus();
        bus.Map(0x1000, new Probe("a", 0x100));
        bus.Map(0x1100, new Probe("b", 0x100));
        Assert.Throws<ArgumentException>(() => bus.Map(0x10F8, new Probe("c", 8)));
        Assert.Throws<ArgumentException>(() => bus.Map(0xFF8, new Probe("c", 16)));
        Assert.Throws<ArgumentException>(() => bus.Map(0x11F8, new Probe("c", 16)));
        Assert.Throws<ArgumentException>(() => bus.Map(0x2000, new Probe("c", 0)));
    }

    [Fact]
    public void Layout_FullMachine_HasDistinctWindowsAndSourcesThatFitThePlic()
    {
        var definition = new MachineDefinition
        {
            Name = "full",
            VcpuCount = 8,
            MemoryBytes = 1 << 28,
            Kernel = default,
            Disks = [.. Enumerable.Range(0, 20).Select(i => new DiskDefinition($"d{i}", 512))],
            Nics = [.. Enumerable.Range(0, 10).Select(i => new NicDefinition($"n{i}", [2, 0, 0, 0, 0, (byte)i]))],
            HasVirtioConsole = true,
            HasEntropy = true,
        };
        ImmutableArray<VirtioSlot> slots = new PlatformLayout(definition).VirtioSlots;
        Assert.Equal(MemoryMap.MaxVirtioSlots, slots.Length);
        int[] irqs = [.. slots.Select(slot => slot.Irq), MemoryMap.UartIrq, MemoryMap.RtcIrq];
        Assert.Equal(irqs.Length, irqs.Distinct().Count());
        Assert.All(irqs, irq => Assert.InRange(irq, 1, Plic.SourceCount));
        Assert.Equal(["disk-d0", "disk-d1"], slots.Take(2).Select(slot => slot.Name));
        Assert.Equal([VirtioKind.Console, VirtioKind.Entropy], slots.TakeLast(2).Select(slot => slot.Kind));
        Assert.Equal((0x1000_1000UL, 1), (slots[0].Address, slots[0].Irq));
        Assert.Equal((0x1000_8000UL, 8), (slots[7].Address, slots[7].Irq));
        Assert.Equal((0x1000_9000UL, 12), (slots[8].Address, slots[8].Irq));

        var bus = new MmioBus();
        bus.Map(MemoryMap.PlicBase, new Plic(8));
        bus.Map(MemoryMap.RtcBase, new Probe("rtc", 0x1000));
        bus.Map(MemoryMap.UartBase, new Probe("uart", 0x100));
        foreach (VirtioSlot slot in slots) bus.Map(slot.Address, new Probe(slot.Name, MemoryMap.VirtioStrideBytes)); // throws on overlap
        Assert.True(bus.Devices.Length == 3 + slots.Length);
    }
}
