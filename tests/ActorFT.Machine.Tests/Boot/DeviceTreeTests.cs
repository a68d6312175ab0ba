using ActorFT.Machine.Boot;
using ActorFT.Machine.Devices;
using Xunit;

namespace ActorFT.Machine.Tests.Boot;

public sealed class DeviceTreeTests
{
    private static MachineDefinition Full(int vcpus) => TestKernels.MachineWith(TestKernels.Image()) with
    {
        VcpuCount = vcpus,
        MemoryBytes = 6UL << 30,
        CommandLine = "console=ttyS0 root=/dev/vda",
        Initrd = new byte[5000],
        RngSeed = new byte[] { 1, 2, 3, 4, 5 },
        Disks = [new("root", 1 << 20), new("data", 1 << 20)],
        Nics = [new("lan", [2, 0, 0, 0, 0, 1])],
        HasVirtioConsole = true,
        HasEntropy = true,
    };

    private static FdtNode Tree(MachineDefinition definition, ulong initrdStart = 0x8765_4000) =>
        FdtParser.Parse(DeviceTreeBuilder.Build(definition, initrdStart));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Cpus_EveryHart_IsDescribedWithItsInterruptController(int vcpus)
    {
        FdtNode root = Tree(Full(vcpus));
        FdtNode cpus = root.At("cpus");
        Assert.Equal([10_000_000u], cpus.Cells("timebase-frequency"));
        FdtNode[] harts = [.. cpus.Children.Where(node => node.Name.StartsWith("cpu@", StringComparison.Ordinal))];
        Assert.Equal(vcpus, harts.Length);
        uint[] contexts = root.At("soc/plic@c000000").Cells("interrupts-extended");
        Assert.Equal(2 * vcpus, contexts.Length);
        for (int i = 0; i < vcpus; i++)
        {
            Assert.Equal([(uint)i], harts[i].Cells("reg"));
            Assert.Equal("riscv,sv48", harts[i].Text("mmu-type"));
            Assert.Equal("rv64imafdc_zicsr_zifencei_zicntr_zihintpause_sstc", harts[i].Text("riscv,isa"));
            Assert.Equal("rv64i", harts[i].Text("riscv,isa-base"));
            Assert.Contains("sstc", harts[i].Strings("riscv,isa-extensions"));
            // Context i of the PLIC is hart i's supervisor external interrupt.
            Assert.Equal(harts[i].At("interrupt-controller").Cells("phandle")[0], contexts[2 * i]);
            Assert.Equal(9u, contexts[2 * i + 1]);
            Assert.Equal(harts[i].Cells("phandle"), cpus.At($"cpu-map/cluster0/core{i}").Cells("cpu"));
        }
    }

    [Fact]
    public void Isa_BothSpellings_NameTheSameExtensions()
    {
        FdtNode hart = Tree(Full(1)).At("cpus/cpu@0");
        string[] parts = hart.Text("riscv,isa")["rv64".Length..].Split('_');
        IEnumerable<string> fromString = parts[0].Select(letter => letter.ToString()).Concat(parts[1..]);
        Assert.Equal(fromString.Order(), hart.Strings("riscv,isa-extensions").Order());
    }

    [Fact]
    public void Phandles_InTheWholeTree_AreUniqueAndEveryReferenceResolves()
    {
        FdtNode root = Tree(Full(8));
        uint[] phandles = [.. root.All().Where(node => node.Properties.ContainsKey("phandle")).Select(node => node.Cells("phandle")[0])];
        Assert.Equal(phandles.Length, phandles.Distinct().Count());
        Assert.All(root.All().Where(node => node.Properties.ContainsKey("interrupt-parent")),
            node => Assert.Equal(root.At("soc/plic@c000000").Cells("phandle"), node.Cells("interrupt-parent")));
    }

    [Fact]
    public void Chosen_TellsCommandLineConsoleInitrdAndSeed()
    {
        FdtNode root = Tree(Full(1));
        FdtNode chosen = root.At("chosen");
        Assert.Equal("console=ttyS0 root=/dev/vda", chosen.Text("bootargs"));
        Assert.Equal("ns16550a", root.At(chosen.Text("stdout-path")).Text("compatible"));
        Assert.Equal([0x8765_4000UL], chosen.Wide("linux,initrd-start"));
        Assert.Equal([0x8765_4000UL + 5000], chosen.Wide("linux,initrd-end"));
        Assert.Equal([1, 2, 3, 4, 5], chosen.Properties["rng-seed"]);
    }

    [Fact]
    public void Chosen_WithoutInitrdAndSeed_HasNoSuchProperties()
    {
        FdtNode chosen = Tree(TestKernels.MachineWith(TestKernels.Image())).At("chosen");
        Assert.Equal(["bootargs", "stdout-path"], chosen.Properties.Keys.Order());
    }

    [Fact]
    public void Memory_BeyondFourGiB_IsWhole()
    {
        Assert.Equal([0x8000_0000UL, 6UL << 30], Tree(Full(1)).At("memory@80000000").Wide("reg"));
    }

    [Fact]
    public void Soc_VirtioNodes_AreTheLayoutInOrder()
    {
        MachineDefinition definition = Full(2);
        FdtNode[] nodes = [.. Tree(definition).At("soc").Children.Where(node => node.Properties.ContainsKey("compatible") && node.Strings("compatible")[0] == "virtio,mmio")];
        var slots = new PlatformLayout(definition).VirtioSlots;
        Assert.Equal(["disk-root", "disk-data", "nic-lan", "console", "entropy"], slots.Select(slot => slot.Name));
        Assert.Equal(slots.Select(slot => (slot.Address, (uint)slot.Irq)), nodes.Select(node => (node.Wide("reg")[0], node.Cells("interrupts")[0])));
    }

    [Fact]
    public void Soc_FixedDevices_HaveTheirWindowsAndSources()
    {
        FdtNode soc = Tree(Full(1)).At("soc");
        FdtNode uart = soc.At("serial@10000000"), rtc = soc.At("rtc@101000"), plic = soc.At("plic@c000000");
        Assert.Equal([0x1000_0000UL, 0x100UL], uart.Wide("reg"));
        Assert.Equal([10u, 3_686_400u], uart.Cells("interrupts").Concat(uart.Cells("clock-frequency")));
        Assert.Equal([0x10_1000UL, 0x1000UL], rtc.Wide("reg"));
        Assert.Equal([11u], rtc.Cells("interrupts"));
        Assert.Equal([0x0C00_0000UL, 0x60_0000UL], plic.Wide("reg"));
        Assert.Equal([63u], plic.Cells("riscv,ndev"));
        Assert.Equal(["sifive,plic-1.0.0", "riscv,plic0"], plic.Strings("compatible"));
    }

    [Fact]
    public void Build_SameDefinitionTwice_GivesTheSameBytes() =>
        Assert.Equal(DeviceTreeBuilder.Build(Full(8), 0x9000_0000), DeviceTreeBuilder.Build(Full(8), 0x9000_0000));

    [Fact]
    public void Writer_UnbalancedNodes_AreABrokenInvariant()
    {
        var tree = new FlattenedDeviceTree();
        tree.BeginNode("");
        Assert.Throws<InvalidOperationException>(() => tree.ToBlob());
        tree.EndNode();
        Assert.Throws<InvalidOperationException>(tree.EndNode);
    }

    [Fact]
    public void Parser_DamagedBlob_IsNoticed()
    {
        // Shows that the parser, on which the tests above rest, does refuse what the specification does not allow.
        byte[] blob = DeviceTreeBuilder.Build(Full(1), 0);
        foreach (int at in (int[])[0, 7, 23, 39, 40, 56, blob.Length - 1])
        {
            byte[] damaged = (byte[])blob.Clone();
            damaged[at] ^= 0x40;
            Assert.ThrowsAny<Exception>(() => FdtParser.Parse(damaged));
        }
    }
}
