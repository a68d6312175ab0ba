using System.Globalization;
using ActorFT.Machine.Devices;

namespace ActorFT.Machine.Boot;

/// <summary>
/// Describes a machine to its guest: the device tree of a definition. Bindings are those of the Linux kernel's
/// Documentation/devicetree/bindings for each compatible.
/// DETERMINISM: the bytes depend on the definition and the initrd's place alone; they are part of the guest's memory.
/// </summary>
internal sealed class DeviceTreeBuilder
{
    private const uint SupervisorExternalInterrupt = 9; // Privileged spec, scause
    private const uint PlicPhandle = 1, FirstHartPhandle = 16, FirstInterruptControllerPhandle = 32;
    private const string IsaBase = "rv64i";
    private const string Isa = "rv64imafdc_zicsr_zifencei_zicntr_zihintpause_sstc";

    private readonly MachineDefinition _definition;
    private readonly PlatformLayout _layout;
    private readonly FlattenedDeviceTree _tree = new();

    private DeviceTreeBuilder(MachineDefinition definition)
    {
        _definition = definition;
        _layout = new PlatformLayout(definition);
    }

    /// <summary>Builds the blob.</summary>
    /// <param name="definition">A valid definition.</param>
    /// <param name="initrdStart">Guest-physical address of the initrd; not used if the definition has none.</param>
    public static byte[] Build(MachineDefinition definition, ulong initrdStart)
    {
        DeviceTreeBuilder builder = new(definition);
        builder.Root(initrdStart);
        return builder._tree.ToBlob();
    }

    private void Root(ulong initrdStart)
    {
        _tree.BeginNode("");
        _tree.Cells("#address-cells", 2);
        _tree.Cells("#size-cells", 2);
        _tree.Strings("compatible", "actorft,machine", "riscv-virtio");
        _tree.Strings("model", "actorft,machine");
        Chosen(initrdStart);
        _tree.BeginNode("aliases");
        _tree.Strings("serial0", "/soc/" + NodeName("serial", MemoryMap.UartBase));
        _tree.EndNode();
        _tree.BeginNode(NodeName("memory", MemoryMap.RamBase));
        _tree.Strings("device_type", "memory");
        _tree.Wide("reg", MemoryMap.RamBase, _definition.MemoryBytes);
        _tree.EndNode();
        Cpus();
        Soc();
        _tree.EndNode();
    }

    private void Chosen(ulong initrdStart)
    {
        _tree.BeginNode("chosen");
        _tree.Strings("bootargs", _definition.CommandLine);
        _tree.Strings("stdout-path", "/soc/" + NodeName("serial", MemoryMap.UartBase));
        if (!_definition.Initrd.IsEmpty)
        {
            _tree.Wide("linux,initrd-start", initrdStart);
            _tree.Wide("linux,initrd-end", initrdStart + (ulong)_definition.Initrd.Length);
        }
        if (!_definition.RngSeed.IsEmpty) _tree.Bytes("rng-seed", _definition.RngSeed.Span);
        _tree.EndNode();
    }

    private void Cpus()
    {
        _tree.BeginNode("cpus");
        _tree.Cells("#address-cells", 1);
        _tree.Cells("#size-cells", 0);
        _tree.Cells("timebase-frequency", MemoryMap.TimebaseHz);
        for (uint hart = 0; hart < _definition.VcpuCount; hart++) Cpu(hart);
        _tree.BeginNode("cpu-map");
        _tree.BeginNode("cluster0");
        for (uint hart = 0; hart < _definition.VcpuCount; hart++)
        {
            _tree.BeginNode("core" + hart.ToString(CultureInfo.InvariantCulture));
            _tree.Cells("cpu", FirstHartPhandle + hart);
            _tree.EndNode();
        }
        _tree.EndNode();
        _tree.EndNode();
        _tree.EndNode();
    }

    private void Cpu(uint hart)
    {
        _tree.BeginNode(NodeName("cpu", hart));
        _tree.Strings("device_type", "cpu");
        _tree.Cells("reg", hart);
        _tree.Strings("status", "okay");
        _tree.Strings("compatible", "riscv");
        _tree.Strings("riscv,isa-base", IsaBase);
        _tree.Strings("riscv,isa-extensions", "i", "m", "a", "f", "d", "c", "zicsr", "zifencei", "zicntr", "zihintpause", "sstc");
        _tree.Strings("riscv,isa", Isa);
        _tree.Strings("mmu-type", "riscv,sv48");
        _tree.Cells("phandle", FirstHartPhandle + hart);
        _tree.BeginNode("interrupt-controller");
        _tree.Strings("compatible", "riscv,cpu-intc");
        _tree.Cells("#address-cells", 0);
        _tree.Cells("#interrupt-cells", 1);
        _tree.Flag("interrupt-controller");
        _tree.Cells("phandle", FirstInterruptControllerPhandle + hart);
        _tree.EndNode();
        _tree.EndNode();
    }

    private void Soc()
    {
        _tree.BeginNode("soc");
        _tree.Cells("#address-cells", 2);
        _tree.Cells("#size-cells", 2);
        _tree.Strings("compatible", "simple-bus");
        _tree.Flag("ranges");
        InterruptController();

        BeginDevice("serial", MemoryMap.UartBase, 0x100, MemoryMap.UartIrq, "ns16550a");
        _tree.Cells("clock-frequency", MemoryMap.UartClockHz);
        _tree.EndNode();

        BeginDevice("rtc", MemoryMap.RtcBase, 0x1000, MemoryMap.RtcIrq, "google,goldfish-rtc");
        _tree.EndNode();

        // Linux numbers disks and NICs in the order in which it finds them here.
        foreach (VirtioSlot slot in _layout.VirtioSlots)
        {
            BeginDevice("virtio_mmio", slot.Address, MemoryMap.VirtioStrideBytes, slot.Irq, "virtio,mmio");
            _tree.Flag("dma-coherent");
            _tree.EndNode();
        }
        _tree.EndNode();
    }

    private void InterruptController()
    {
        uint[] contexts = new uint[_definition.VcpuCount * 2];
        for (int hart = 0; hart < _definition.VcpuCount; hart++)
        {
            contexts[2 * hart] = FirstInterruptControllerPhandle + (uint)hart;
            contexts[2 * hart + 1] = SupervisorExternalInterrupt;
        }
        _tree.BeginNode(NodeName("plic", MemoryMap.PlicBase));
        _tree.Strings("compatible", "sifive,plic-1.0.0", "riscv,plic0");
        _tree.Cells("#address-cells", 0);
        _tree.Cells("#interrupt-cells", 1);
        _tree.Flag("interrupt-controller");
        _tree.Cells("interrupts-extended", contexts);
        _tree.Wide("reg", MemoryMap.PlicBase, 0x60_0000);
        _tree.Cells("riscv,ndev", Plic.SourceCount);
        _tree.Cells("phandle", PlicPhandle);
        _tree.EndNode();
    }

    private void BeginDevice(string kind, ulong address, ulong windowBytes, int irq, string compatible)
    {
        _tree.BeginNode(NodeName(kind, address));
        _tree.Strings("compatible", compatible);
        _tree.Wide("reg", address, windowBytes);
        _tree.Cells("interrupts", (uint)irq);
        _tree.Cells("interrupt-parent", PlicPhandle);
    }

    private static string NodeName(string kind, ulong address) => kind + "@" + address.ToString("x", CultureInfo.InvariantCulture);
}
