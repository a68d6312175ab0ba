using ActorFT.Machine;

namespace ActorFT.Cluster.Configuration;

/// <summary>Makes a machine's definition from its description, reading kernel and initrd.</summary>
public static class MachineDefinitionLoader
{
    /// <summary>Most bytes of a kernel or an initrd.</summary>
    public const long MaxFileBytes = 1L << 30;

    /// <summary>Reads the files and makes the definition.</summary>
    /// <param name="config">The description.</param>
    /// <param name="diskCapacityBytes">Each disk's size, in the description's order.</param>
    /// <param name="startWallClockNs">The wall clock at power-on, nanoseconds since 1970.</param>
    /// <param name="rngSeed">Seeds the guest's random pool; empty for none.</param>
    /// <exception cref="OperatorException">A file that does not exist, or a definition no machine can have.</exception>
    /// <exception cref="EnvironmentException">A file that cannot be read.</exception>
    public static MachineDefinition Load(MachineConfig config, IReadOnlyList<ulong> diskCapacityBytes, ulong startWallClockNs, ReadOnlyMemory<byte> rngSeed) => new()
    {
        Name = config.Name,
        VcpuCount = config.VcpuCount,
        MemoryBytes = config.MemoryBytes,
        QuantumInstructions = config.QuantumInstructions,
        Kernel = ReadKernel(config),
        Initrd = ReadInitrd(config),
        CommandLine = config.CommandLine,
        Disks = [.. config.Disks.Select((disk, i) => new DiskDefinition(disk.Name, diskCapacityBytes[i], disk.IsReadOnly))],
        Nics = [.. config.Nics.Select(nic => new NicDefinition(nic.Name, nic.MacAddress, nic.MtuBytes))],
        HasVirtioConsole = config.HasVirtioConsole,
        HasEntropy = config.HasEntropy,
        StartWallClockNs = startWallClockNs,
        RngSeed = rngSeed,
    };

    /// <summary>Reads the kernel.</summary>
    public static ReadOnlyMemory<byte> ReadKernel(MachineConfig config) => config.KernelPath.Length != 0
        ? HostFile.ReadBytes(config.KernelPath, "the kernel", MaxFileBytes)
        : throw new OperatorException("No kernel is named; name one with --kernel FILE or the key machine.kernel.");

    /// <summary>Reads the initrd; empty when there is none.</summary>
    public static ReadOnlyMemory<byte> ReadInitrd(MachineConfig config) =>
        config.InitrdPath.Length == 0 ? default : HostFile.ReadBytes(config.InitrdPath, "the initrd", MaxFileBytes);
}
