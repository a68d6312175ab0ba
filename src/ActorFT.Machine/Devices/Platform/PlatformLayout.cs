using System.Collections.Immutable;

namespace ActorFT.Machine.Devices;

/// <summary>What a virtio-mmio slot holds.</summary>
internal enum VirtioKind : byte
{
    Block,
    Net,
    Console,
    Entropy,
}

/// <summary>One virtio-mmio slot.</summary>
/// <param name="Kind">The device in it.</param>
/// <param name="Index">The device's position among its kind in the machine's definition.</param>
/// <param name="Name">The device's name in messages, digests and saved state: "disk-root", "nic-lan", "console", "entropy".</param>
/// <param name="Address">The window's guest-physical address.</param>
/// <param name="Irq">Its interrupt source.</param>
internal sealed record VirtioSlot(VirtioKind Kind, int Index, string Name, ulong Address, int Irq);

/// <summary>
/// Which device sits in which slot: computed from the definition alone, in the order disks, NICs, console, entropy, so
/// that the device tree and the machine agree and both servers build the same machine.
/// </summary>
internal sealed class PlatformLayout
{
    /// <summary>The slots in use, in order of address.</summary>
    public ImmutableArray<VirtioSlot> VirtioSlots { get; }

    /// <summary>Computes the layout of a valid definition (<see cref="MachineDefinitionValidator"/>).</summary>
    public PlatformLayout(MachineDefinition definition)
    {
        ImmutableArray<VirtioSlot>.Builder slots = ImmutableArray.CreateBuilder<VirtioSlot>();
        for (int i = 0; i < definition.Disks.Length; i++) Add(VirtioKind.Block, i, "disk-" + definition.Disks[i].Name);
        for (int i = 0; i < definition.Nics.Length; i++) Add(VirtioKind.Net, i, "nic-" + definition.Nics[i].Name);
        if (definition.HasVirtioConsole) Add(VirtioKind.Console, 0, "console");
        if (definition.HasEntropy) Add(VirtioKind.Entropy, 0, "entropy");
        VirtioSlots = slots.ToImmutable();

        void Add(VirtioKind kind, int index, string name) =>
            slots.Add(new VirtioSlot(kind, index, name, MemoryMap.VirtioAddress(slots.Count), MemoryMap.VirtioIrq(slots.Count)));
    }

    /// <summary>Number of virtio devices a definition asks for.</summary>
    public static int CountVirtioDevices(MachineDefinition definition) =>
        definition.Disks.Length + definition.Nics.Length + (definition.HasVirtioConsole ? 1 : 0) + (definition.HasEntropy ? 1 : 0);
}
