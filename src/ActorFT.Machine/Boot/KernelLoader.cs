using ActorFT.Machine.Devices;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Boot;

/// <summary>
/// Everything that lies in memory when a machine is switched on, and where its first hart begins (a0 = hart id,
/// a1 = <see cref="DeviceTreeAddress"/>). The same bytes at power-on and at each reboot, on both servers.
/// </summary>
internal sealed class BootImage
{
    private readonly IReadOnlyList<(ulong Address, ReadOnlyMemory<byte> Bytes)> _parts;

    internal BootImage(ulong entryAddress, ulong deviceTreeAddress, byte[] deviceTree, IReadOnlyList<(ulong Address, ReadOnlyMemory<byte> Bytes)> parts)
    {
        EntryAddress = entryAddress;
        DeviceTreeAddress = deviceTreeAddress;
        DeviceTree = deviceTree;
        _parts = parts;
    }

    /// <summary>Guest-physical address of the first instruction.</summary>
    public ulong EntryAddress { get; }

    /// <summary>Guest-physical address of the device tree.</summary>
    public ulong DeviceTreeAddress { get; }

    /// <summary>The device tree.</summary>
    public ReadOnlyMemory<byte> DeviceTree { get; }

    /// <summary>Makes memory what it is at power-on: all zero but kernel, initrd and device tree.</summary>
    public void Load(GuestMemory memory)
    {
        memory.Clear();
        foreach ((ulong address, ReadOnlyMemory<byte> bytes) in _parts)
            if (!memory.TryWrite(address, bytes.Span))
                throw new InvalidOperationException($"{bytes.Length} bytes at 0x{address:x} do not lie in this memory; the boot image was made for another machine.");
    }
}

/// <summary>
/// Places kernel, initial RAM disk and device tree in a machine's memory: the kernel where its header says, the initrd
/// page-aligned at the top of RAM, the device tree page-aligned below it. Refuses what cannot work before anything starts.
/// </summary>
internal static class KernelLoader
{
    private const ulong MiB = 1 << 20, MemoryGranuleBytes = 2 * MiB;

    /// <summary>Checks a definition and prepares its boot.</summary>
    /// <exception cref="MachineConfigurationException">The operator's mistake, in one sentence.</exception>
    public static BootImage Prepare(MachineDefinition definition)
    {
        MachineDefinitionValidator.Validate(definition);
        KernelImage kernel = KernelImage.Parse(definition.Kernel.Span, MemoryMap.RamBase);
        ulong initrdBytes = (ulong)definition.Initrd.Length;
        // The initrd's address is a fixed-width number in the tree, so the tree's size does not depend on it.
        ulong treeBytes = (ulong)DeviceTreeBuilder.Build(definition, 0).Length;
        CheckFits(definition, kernel, PageUp(initrdBytes), PageUp(treeBytes));

        ulong initrdStart = MemoryMap.RamBase + definition.MemoryBytes - PageUp(initrdBytes);
        ulong treeStart = initrdStart - PageUp(treeBytes);
        byte[] tree = DeviceTreeBuilder.Build(definition, initrdStart);
        List<(ulong, ReadOnlyMemory<byte>)> parts = [];
        foreach (KernelSegment segment in kernel.Segments) parts.Add((segment.Address, definition.Kernel.Slice(segment.FileOffset, segment.FileBytes)));
        if (initrdBytes != 0) parts.Add((initrdStart, definition.Initrd));
        parts.Add((treeStart, tree));
        return new BootImage(kernel.EntryAddress, treeStart, tree, parts);
    }

    private static void CheckFits(MachineDefinition definition, KernelImage kernel, ulong initrdBytes, ulong treeBytes)
    {
        ulong kernelBytes = PageUp(kernel.End - MemoryMap.RamBase);
        ulong neededForKernel = GranuleUp(kernelBytes + treeBytes), needed = GranuleUp(kernelBytes + treeBytes + initrdBytes);
        if (needed <= definition.MemoryBytes) return;
        throw new MachineConfigurationException(neededForKernel > definition.MemoryBytes
            ? $"memory is {definition.MemoryBytes / MiB} MiB, but loading the kernel ({kernel.Format}) needs at least {needed / MiB} MiB."
            : $"The initrd of {definition.Initrd.Length} bytes does not fit: memory is {definition.MemoryBytes / MiB} MiB, and kernel and initrd need at least {needed / MiB} MiB.");
    }

    private static ulong PageUp(ulong bytes) => (bytes + GuestMemory.PageBytes - 1) & ~(ulong)(GuestMemory.PageBytes - 1);

    private static ulong GranuleUp(ulong bytes) => (bytes + MemoryGranuleBytes - 1) & ~(MemoryGranuleBytes - 1);
}
