using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ActorFT.Machine;

namespace ActorFT.Cluster.Configuration;

/// <summary>
/// Reads a machine's description from HOCON (<c>config/machines/*.conf</c>, object <c>machine</c>). Every key is documented in
/// <c>config/machines/debian.conf</c>. Relative paths are relative to the file. Errors are <see cref="OperatorException"/>.
/// </summary>
public static class MachineConfigReader
{
    /// <summary>Smallest and largest memory of a machine.</summary>
    public const ulong MinMemoryBytes = 2UL << 20, MaxMemoryBytes = 1UL << 40;

    /// <summary>Memory comes in pieces of this size.</summary>
    public const ulong MemoryStepBytes = 2UL << 20;

    /// <summary>Most disks and NICs of one machine: each needs a slot on the machine's bus.</summary>
    public const int MaxDisks = 8, MaxNics = 8;

    /// <summary>What a name may be.</summary>
    public const string AllowedName = "1 to 32 letters, digits, '-' and '_'";

    private static readonly string[] s_machineKeys =
        ["name", "vcpus", "memory", "quantum", "kernel", "initrd", "append", "console", "virtio-console", "entropy", "disks", "nics"];

    /// <summary>Reads a file that holds one object <c>machine</c>.</summary>
    public static MachineConfig ReadFile(string path)
    {
        HoconSection root = HoconSection.ReadFile(path).AllowOnly("machine");
        HoconSection machine = root.GetSection("machine") ?? throw new OperatorException($"{path}: machine is missing; it must be an object {{ … }}.");
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        string fileName = Path.GetFileNameWithoutExtension(path);
        return Read(machine, directory, IsName(fileName) ? fileName : "machine");
    }

    /// <summary>Reads a machine from its section.</summary>
    /// <param name="section">The object that holds the machine's keys.</param>
    /// <param name="baseDirectory">Where relative paths start.</param>
    /// <param name="defaultName">The machine's name when the section gives none.</param>
    public static MachineConfig Read(HoconSection section, string baseDirectory, string defaultName)
    {
        section.AllowOnly(s_machineKeys);
        string name = GetName(section, defaultName);
        string console = section.GetString("console", "stdio");
        return new MachineConfig
        {
            Name = name,
            VcpuCount = section.GetInt("vcpus", MachineDefinition.MinVcpus, MachineDefinition.MaxVcpus, 1),
            MemoryBytes = section.GetBytes("memory", MinMemoryBytes, MaxMemoryBytes, MemoryStepBytes, MachineConfig.DefaultMemoryBytes),
            QuantumInstructions = section.GetInt("quantum", 1_000, 10_000_000, 50_000),
            KernelPath = Absolute(baseDirectory, section.GetString("kernel", "")),
            InitrdPath = Absolute(baseDirectory, section.GetString("initrd", "")),
            CommandLine = section.GetString("append", MachineConfig.DefaultCommandLine),
            Console = ConsoleBackEnd.TryParse(console, baseDirectory) ?? throw section.Error("console", console, ConsoleBackEnd.Allowed),
            HasVirtioConsole = section.GetBool("virtio-console", false),
            HasEntropy = section.GetBool("entropy", true),
            Disks = ReadDisks(section, baseDirectory),
            Nics = ReadNics(section, name),
        };
    }

    /// <summary>Whether the text may name a machine, a disk or a NIC.</summary>
    public static bool IsName(string text) =>
        text.Length is >= 1 and <= 32 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    private static ImmutableArray<DiskConfig> ReadDisks(HoconSection machine, string baseDirectory)
    {
        var disks = ImmutableArray.CreateBuilder<DiskConfig>();
        foreach (HoconSection section in machine.GetSections("disks"))
        {
            section.AllowOnly("name", "path", "metadata", "read-only");
            disks.Add(new DiskConfig(
                GetName(section, Numbered("disk", disks.Count)),
                Absolute(baseDirectory, section.GetRequiredString("path", "the path of a raw image or a block device")),
                section.GetBool("read-only", false)) { MetadataPath = Absolute(baseDirectory, section.GetString("metadata", "")) });
        }
        RefuseDuplicates(machine, "disks", MaxDisks, disks.Select(d => d.Name));
        return disks.ToImmutable();
    }

    private static ImmutableArray<NicConfig> ReadNics(HoconSection machine, string machineName)
    {
        var nics = ImmutableArray.CreateBuilder<NicConfig>();
        foreach (HoconSection section in machine.GetSections("nics"))
        {
            section.AllowOnly("name", "back-end", "mac", "mtu", "bridge", "uplink", "probe-target", "probe-interval", "probe-misses", "return-after");
            string name = GetName(section, Numbered("nic", nics.Count));
            string backEnd = section.GetString("back-end", "none");
            string mac = section.GetString("mac", "");
            nics.Add(new NicConfig(
                name,
                NicConfig.TryParseBackEnd(backEnd) ?? throw section.Error("back-end", backEnd, NicConfig.AllowedBackEnd),
                mac.Length == 0 ? NicConfig.MakeMacAddress(machineName, name)
                    : NicConfig.TryParseMac(mac) ?? throw section.Error("mac", mac, "six bytes such as 52:54:00:12:34:56, not a multicast address"),
                section.GetInt("mtu", 68, 65_535, 1500))
            {
                Bridge = GetInterface(section, "bridge"),
                Uplink = GetInterface(section, "uplink"),
                ProbeTarget = GetProbeTarget(section),
                ProbeInterval = section.GetDuration("probe-interval", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(500)),
                ProbeMissesAllowed = section.GetInt("probe-misses", 1, 100, 3),
                ReturnAfter = section.GetDuration("return-after", TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromSeconds(5)),
            });
        }
        RefuseDuplicates(machine, "nics", MaxNics, nics.Select(n => n.Name));
        return nics.ToImmutable();
    }

    // The host has the last word on names and whether they exist; here only what could not even be one.
    private static string? GetInterface(HoconSection nic, string key)
    {
        if (nic.GetString(key, "") is not { Length: > 0 } name) return null;
        if (nic.GetString("back-end", "none") == "none") throw nic.Error(key, name, "a name only beside back-end = \"tap:NAME\"");
        return NicConfig.TryParseBackEnd("tap:" + name) ?? throw nic.Error(key, name, "an interface name of 1 to 15 characters");
    }

    private static IPAddress? GetProbeTarget(HoconSection nic)
    {
        if (nic.GetString("probe-target", "") is not { Length: > 0 } text) return null;
        // Dotted with all four numbers: IPAddress takes "1" for 0.0.0.1.
        bool isAddress = IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork && text.Count(c => c == '.') == 3;
        return isAddress ? address : throw nic.Error("probe-target", text, "an IPv4 address of the machine's network, such as 192.0.2.1");
    }

    private static string GetName(HoconSection section, string absent)
    {
        string name = section.GetString("name", absent);
        return IsName(name) ? name : throw section.Error("name", name.Length == 0 ? "empty" : name, AllowedName);
    }

    private static void RefuseDuplicates(HoconSection machine, string key, int most, IEnumerable<string> names)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (!seen.Add(name))
                throw new OperatorException($"{machine.FileName}: {machine.KeyPath(key)} has the name {name} twice; allowed is each name once.");
        }
        if (seen.Count > most) throw machine.Error(key, $"a list of {seen.Count}", $"at most {most}");
    }

    private static string Numbered(string prefix, int index) => prefix + index.ToString(CultureInfo.InvariantCulture);

    private static string Absolute(string baseDirectory, string path) => path.Length == 0 ? "" : Path.GetFullPath(path, baseDirectory);
}
