using System.Collections.Immutable;
using ActorFT.Machine.Tests.Boot;
using Xunit;

namespace ActorFT.Machine.Tests;

public sealed class MachineDefinitionValidatorTests
{
    private static readonly ImmutableArray<byte> Mac = [0x02, 0, 0, 0, 0, 1];

    private static MachineDefinition Good => TestKernels.MachineWith([]) with
    {
        Disks = [new("root", 1 << 20)],
        Nics = [new("lan", Mac)],
        HasVirtioConsole = true,
        HasEntropy = true,
    };

    public static TheoryData<string, string> Mistakes() => new()
    {
        { "name-empty", "name is \"\"; 1 to 63 letters, digits, '-' and '_' are allowed." },
        { "name-space", "name is \"a b\"; 1 to 63 letters, digits, '-' and '_' are allowed." },
        { "name-control", "name is \"a?b\"; 1 to 63 letters, digits, '-' and '_' are allowed." },
        { "name-umlaut", "name is \"?\"; 1 to 63 letters, digits, '-' and '_' are allowed." },
        { "vcpus-0", "vcpus is 0; 1 to 8 are allowed." },
        { "vcpus-9", "vcpus is 9; 1 to 8 are allowed." },
        { "memory-0", "memory is 0 bytes; a multiple of 2 MiB from 2 MiB to 1 TiB is allowed." },
        { "memory-odd", "memory is 3145728 bytes; a multiple of 2 MiB from 2 MiB to 1 TiB is allowed." },
        { "memory-huge", "memory is 1099513724928 bytes; a multiple of 2 MiB from 2 MiB to 1 TiB is allowed." },
        { "quantum-0", "quantum is 0 instructions; 1 to 100000000 are allowed." },
        { "command-line-long", "The command line has 1024 characters; at most 1023 are allowed." },
        { "command-line-control", "The command line holds the character U+000A; printable ASCII is allowed." },
        { "seed-long", "The random seed has 4097 bytes; at most 4096 are allowed." },
        { "disk-name", "The name of disk 0 is \"a/b\"; 1 to 63 letters, digits, '-' and '_' are allowed." },
        { "disk-twice", "Two disks are named \"root\"; each needs its own name." },
        { "disk-empty", "The capacity of disk \"root\" is 0 bytes; a positive multiple of 512 up to 2^62 is allowed." },
        { "disk-odd", "The capacity of disk \"root\" is 1000 bytes; a positive multiple of 512 up to 2^62 is allowed." },
        { "disks-missing", "The list of disks is missing; an empty one is allowed." },
        { "nics-missing", "The list of NICs is missing; an empty one is allowed." },
        { "nic-name", "The name of NIC 0 is \"\"; 1 to 63 letters, digits, '-' and '_' are allowed." },
        { "nic-twice", "Two NICs are named \"lan\"; each needs its own name." },
        { "mac-short", "The MAC address of NIC \"lan\" has 5 bytes; 6 are allowed." },
        { "mac-missing", "The MAC address of NIC \"lan\" has 0 bytes; 6 are allowed." },
        { "mac-multicast", "The MAC address of NIC \"lan\" is 03:00:00:00:00:01; a unicast address that is not all zero is allowed." },
        { "mac-zero", "The MAC address of NIC \"lan\" is 00:00:00:00:00:00; a unicast address that is not all zero is allowed." },
        { "mac-twice", "NIC \"wan\" has the MAC address 02:00:00:00:00:01 of another NIC; each needs its own." },
        { "mtu-small", "The MTU of NIC \"lan\" is 67; 68 to 65535 bytes are allowed." },
        { "mtu-large", "The MTU of NIC \"lan\" is 65536; 68 to 65535 bytes are allowed." },
        { "too-many-devices", "The machine has 33 disks, NICs and other virtio devices; at most 32 are allowed." },
    };

    private static MachineDefinition With(string mistake) => mistake switch
    {
        "name-empty" => Good with { Name = "" },
        "name-space" => Good with { Name = "a b" },
        "name-control" => Good with { Name = "a\nb" },
        "name-umlaut" => Good with { Name = "ü" },
        "vcpus-0" => Good with { VcpuCount = 0 },
        "vcpus-9" => Good with { VcpuCount = 9 },
        "memory-0" => Good with { MemoryBytes = 0 },
        "memory-odd" => Good with { MemoryBytes = 3 << 20 },
        "memory-huge" => Good with { MemoryBytes = (1UL << 40) + (2 << 20) },
        "quantum-0" => Good with { QuantumInstructions = 0 },
        "command-line-long" => Good with { CommandLine = new string('x', 1024) },
        "command-line-control" => Good with { CommandLine = "a\nb" },
        "seed-long" => Good with { RngSeed = new byte[4097] },
        "disk-name" => Good with { Disks = [new("a/b", 512)] },
        "disk-twice" => Good with { Disks = [new("root", 512), new("root", 512)] },
        "disk-empty" => Good with { Disks = [new("root", 0)] },
        "disk-odd" => Good with { Disks = [new("root", 1000)] },
        "disks-missing" => Good with { Disks = default },
        "nics-missing" => Good with { Nics = default },
        "nic-name" => Good with { Nics = [new("", Mac)] },
        "nic-twice" => Good with { Nics = [new("lan", Mac), new("lan", [2, 0, 0, 0, 0, 9])] },
        "mac-short" => Good with { Nics = [new("lan", [2, 0, 0, 0, 0])] },
        "mac-missing" => Good with { Nics = [new("lan", default)] },
        "mac-multicast" => Good with { Nics = [new("lan", [3, 0, 0, 0, 0, 1])] },
        "mac-zero" => Good with { Nics = [new("lan", [0, 0, 0, 0, 0, 0])] },
        "mac-twice" => Good with { Nics = [new("lan", Mac), new("wan", Mac)] },
        "mtu-small" => Good with { Nics = [new("lan", Mac, 67)] },
        "mtu-large" => Good with { Nics = [new("lan", Mac, 65_536)] },
        "too-many-devices" => Good with { Disks = [.. Enumerable.Range(0, 30).Select(i => new DiskDefinition($"d{i}", 512))] },
        _ => throw new ArgumentOutOfRangeException(nameof(mistake), mistake, "No such mistake."),
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void Validate_Mistake_IsToldInOneSentence(string mistake, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<MachineConfigurationException>(() => MachineDefinitionValidator.Validate(With(mistake))).Message);

    [Fact]
    public void Validate_SoundDefinitionsAtTheLimits_Pass()
    {
        MachineDefinitionValidator.Validate(Good);
        MachineDefinitionValidator.Validate(Good with
        {
            Name = new string('n', 63),
            VcpuCount = 8,
            MemoryBytes = 1UL << 40,
            CommandLine = new string('~', 1023),
            QuantumInstructions = 1,
            Disks = [.. Enumerable.Range(0, 29).Select(i => new DiskDefinition($"d_{i}", 512))],
            Nics = [new("lan", Mac, 65_535)],
        });
        MachineDefinitionValidator.Validate(Good with { VcpuCount = 1, MemoryBytes = 2 << 20, Disks = [], Nics = [new("lan", Mac, 68)] });
    }
}
