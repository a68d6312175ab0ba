using System.Collections.Immutable;
using ActorFT.Machine.Devices;

namespace ActorFT.Machine;

/// <summary>
/// Checks that a definition describes a machine that can be built: the operator's mistakes, each told in one sentence
/// with the key, the value and what is allowed. The kernel's content is the loader's business.
/// </summary>
public static class MachineDefinitionValidator
{
    /// <summary>Longest name of a machine, disk or NIC.</summary>
    public const int MaxNameCharacters = 63;

    /// <summary>Longest command line: Linux for RISC-V keeps 1024 bytes with the terminator and would silently cut the rest.</summary>
    public const int MaxCommandLineCharacters = 1023;

    /// <summary>RAM's unit.</summary>
    public const ulong MemoryGranuleBytes = 2 << 20;

    /// <summary>Most RAM.</summary>
    public const ulong MaxMemoryBytes = 1UL << 40;

    /// <summary>Longest quantum; a longer one would only delay interrupts.</summary>
    public const int MaxQuantumInstructions = 100_000_000;

    /// <summary>Most seed bytes in the device tree.</summary>
    public const int MaxRngSeedBytes = 4096;

    private const ulong MaxDiskBytes = 1UL << 62;
    private const int SectorBytes = 512, MacBytes = 6, MinMtuBytes = 68, MaxMtuBytes = 65_535;

    /// <summary>Returns if the definition is sound.</summary>
    /// <exception cref="MachineConfigurationException">It is not.</exception>
    public static void Validate(MachineDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        CheckName("name", definition.Name);
        Require(definition.VcpuCount is >= MachineDefinition.MinVcpus and <= MachineDefinition.MaxVcpus,
            $"vcpus is {definition.VcpuCount}; {MachineDefinition.MinVcpus} to {MachineDefinition.MaxVcpus} are allowed.");
        Require(definition.MemoryBytes is not 0 and <= MaxMemoryBytes && definition.MemoryBytes % MemoryGranuleBytes == 0,
            $"memory is {definition.MemoryBytes} bytes; a multiple of 2 MiB from 2 MiB to 1 TiB is allowed.");
        Require(definition.QuantumInstructions is >= 1 and <= MaxQuantumInstructions,
            $"quantum is {definition.QuantumInstructions} instructions; 1 to {MaxQuantumInstructions} are allowed.");
        Require(definition.RngSeed.Length <= MaxRngSeedBytes,
            $"The random seed has {definition.RngSeed.Length} bytes; at most {MaxRngSeedBytes} are allowed.");
        CheckCommandLine(definition.CommandLine);
        CheckDisks(definition.Disks);
        CheckNics(definition.Nics);
        int devices = PlatformLayout.CountVirtioDevices(definition);
        Require(devices <= MemoryMap.MaxVirtioSlots, $"The machine has {devices} disks, NICs and other virtio devices; at most {MemoryMap.MaxVirtioSlots} are allowed.");
    }

    private static void CheckCommandLine(string? commandLine)
    {
        Require(commandLine is not null, "The command line is missing; an empty one is allowed.");
        Require(commandLine!.Length <= MaxCommandLineCharacters,
            $"The command line has {commandLine.Length} characters; at most {MaxCommandLineCharacters} are allowed.");
        foreach (char c in commandLine)
            Require(c is >= ' ' and <= '~', $"The command line holds the character U+{(int)c:X4}; printable ASCII is allowed.");
    }

    private static void CheckDisks(ImmutableArray<DiskDefinition> disks)
    {
        Require(!disks.IsDefault, "The list of disks is missing; an empty one is allowed.");
        for (int i = 0; i < disks.Length; i++)
        {
            DiskDefinition disk = disks[i];
            CheckName($"The name of disk {i}", disk.Name);
            Require(!disks.Take(i).Any(other => other.Name == disk.Name), $"Two disks are named \"{disk.Name}\"; each needs its own name.");
            Require(disk.CapacityBytes is not 0 and <= MaxDiskBytes && disk.CapacityBytes % SectorBytes == 0,
                $"The capacity of disk \"{disk.Name}\" is {disk.CapacityBytes} bytes; a positive multiple of {SectorBytes} up to 2^62 is allowed.");
        }
    }

    private static void CheckNics(ImmutableArray<NicDefinition> nics)
    {
        Require(!nics.IsDefault, "The list of NICs is missing; an empty one is allowed.");
        for (int i = 0; i < nics.Length; i++)
        {
            NicDefinition nic = nics[i];
            CheckName($"The name of NIC {i}", nic.Name);
            Require(!nics.Take(i).Any(other => other.Name == nic.Name), $"Two NICs are named \"{nic.Name}\"; each needs its own name.");
            CheckMac(nic);
            Require(!nics.Take(i).Any(other => other.MacAddress.SequenceEqual(nic.MacAddress)),
                $"NIC \"{nic.Name}\" has the MAC address {MacText(nic.MacAddress)} of another NIC; each needs its own.");
            Require(nic.MtuBytes is >= MinMtuBytes and <= MaxMtuBytes,
                $"The MTU of NIC \"{nic.Name}\" is {nic.MtuBytes}; {MinMtuBytes} to {MaxMtuBytes} bytes are allowed.");
        }
    }

    private static void CheckMac(NicDefinition nic)
    {
        ImmutableArray<byte> mac = nic.MacAddress;
        Require(!mac.IsDefault && mac.Length == MacBytes,
            $"The MAC address of NIC \"{nic.Name}\" has {(mac.IsDefault ? 0 : mac.Length)} bytes; {MacBytes} are allowed.");
        Require((mac[0] & 1) == 0 && mac.Any(part => part != 0),
            $"The MAC address of NIC \"{nic.Name}\" is {MacText(mac)}; a unicast address that is not all zero is allowed.");
    }

    private static string MacText(ImmutableArray<byte> mac) => string.Join(':', mac.Select(part => Convert.ToHexStringLower([part])));

    private static void CheckName(string key, string? name)
    {
        Require(name is { Length: >= 1 and <= MaxNameCharacters } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'),
            $"{key} is \"{Printable(name)}\"; 1 to {MaxNameCharacters} letters, digits, '-' and '_' are allowed.");
    }

    private static string Printable(string? name)
    {
        if (name is null) return "";
        string shown = string.Concat(name.Take(MaxNameCharacters + 1).Select(c => c is >= ' ' and <= '~' ? c : '?'));
        return name.Length > shown.Length ? shown + "…" : shown;
    }

    private static void Require(bool condition, string sentence)
    {
        if (!condition) throw new MachineConfigurationException(sentence);
    }
}
