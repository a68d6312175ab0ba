using System.Collections.Immutable;

namespace ActorFT.Machine;

/// <summary>
/// What a machine is: the same on both servers. Two machines of equal definition, round times and inputs have equal
/// histories. Holds bytes, not files: whoever makes it has read them.
/// </summary>
public sealed record MachineDefinition
{
    /// <summary>Fewest and most vCPUs.</summary>
    public const int MinVcpus = 1, MaxVcpus = 8;

    /// <summary>The machine's name: letters, digits, '-' and '_'.</summary>
    public required string Name { get; init; }

    /// <summary>Number of harts, 1 to 8.</summary>
    public required int VcpuCount { get; init; }

    /// <summary>RAM in bytes, a multiple of 2 MiB.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>Retired instructions of one vCPU in a round, at most.</summary>
    public int QuantumInstructions { get; init; } = 50_000;

    /// <summary>A Linux RISC-V Image (raw or PE/EFI-wrapped) or an RV64 ELF executable.</summary>
    public required ReadOnlyMemory<byte> Kernel { get; init; }

    /// <summary>The initial RAM disk; empty for none.</summary>
    public ReadOnlyMemory<byte> Initrd { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>virtio-blk devices, in order: /dev/vda, /dev/vdb, …</summary>
    public ImmutableArray<DiskDefinition> Disks { get; init; } = [];

    /// <summary>virtio-net devices, in order.</summary>
    public ImmutableArray<NicDefinition> Nics { get; init; } = [];

    /// <summary>Whether there is a virtio console beside the UART.</summary>
    public bool HasVirtioConsole { get; init; }

    /// <summary>Whether there is a virtio entropy device.</summary>
    public bool HasEntropy { get; init; } = true;

    /// <summary>The wall clock at power-on: nanoseconds since 1970-01-01 UTC. The RTC shows it plus the round's time.</summary>
    public ulong StartWallClockNs { get; init; }

    /// <summary>Bytes that seed the guest's random pool through the device tree (chosen.rng-seed); empty for none. An input as any other.</summary>
    public ReadOnlyMemory<byte> RngSeed { get; init; }
}

/// <summary>One disk of a machine.</summary>
/// <param name="Name">Its name: letters, digits, '-' and '_'.</param>
/// <param name="CapacityBytes">Its size, a positive multiple of 512.</param>
/// <param name="IsReadOnly">Whether the guest may only read.</param>
public sealed record DiskDefinition(string Name, ulong CapacityBytes, bool IsReadOnly = false);

/// <summary>One NIC of a machine.</summary>
/// <param name="Name">Its name: letters, digits, '-' and '_'.</param>
/// <param name="MacAddress">Six bytes; not multicast.</param>
/// <param name="MtuBytes">68 to 65,535.</param>
public sealed record NicDefinition(string Name, ImmutableArray<byte> MacAddress, int MtuBytes = 1500);
