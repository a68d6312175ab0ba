using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using ActorFT.Machine;

namespace ActorFT.Cluster.Configuration;

/// <summary>
/// A machine as an operator describes it: what <see cref="MachineDefinition"/> needs, as paths and sizes, and what stands
/// behind its devices on this server. Made by <see cref="MachineConfigReader"/> or from options; turned into a
/// definition by <see cref="MachineDefinitionLoader"/>.
/// </summary>
public sealed record MachineConfig
{
    /// <summary>Memory when nothing else is said.</summary>
    public const ulong DefaultMemoryBytes = 512UL << 20;

    /// <summary>Command line when nothing else is said.</summary>
    public const string DefaultCommandLine = "console=ttyS0";

    /// <summary>The machine's name.</summary>
    public string Name { get; init; } = "machine";

    /// <summary>Number of vCPUs.</summary>
    public int VcpuCount { get; init; } = 1;

    /// <summary>RAM in bytes.</summary>
    public ulong MemoryBytes { get; init; } = DefaultMemoryBytes;

    /// <summary>Instructions of one vCPU in a round, at most.</summary>
    public int QuantumInstructions { get; init; } = 50_000;

    /// <summary>Path of the kernel; empty until somebody names it.</summary>
    public string KernelPath { get; init; } = "";

    /// <summary>Path of the initial RAM disk; empty for none.</summary>
    public string InitrdPath { get; init; } = "";

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = DefaultCommandLine;

    /// <summary>What stands behind the UART (and the virtio console, when there is one).</summary>
    public ConsoleBackEnd Console { get; init; } = ConsoleBackEnd.Stdio;

    /// <summary>Whether there is a virtio console beside the UART.</summary>
    public bool HasVirtioConsole { get; init; }

    /// <summary>Whether there is a virtio entropy device.</summary>
    public bool HasEntropy { get; init; } = true;

    /// <summary>Disks, in order.</summary>
    public ImmutableArray<DiskConfig> Disks { get; init; } = [];

    /// <summary>NICs, in order.</summary>
    public ImmutableArray<NicConfig> Nics { get; init; } = [];
}

/// <summary>What stands behind a console.</summary>
public enum ConsoleKind
{
    /// <summary>Nothing: what is written is dropped, nothing is typed.</summary>
    None = 0,
    /// <summary>The program's own standard input and output.</summary>
    Stdio = 1,
    /// <summary>A file that what is written is appended to; nothing is typed.</summary>
    File = 2,
}

/// <summary>A console's back end.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="Path">The file's path, for <see cref="ConsoleKind.File"/>.</param>
public sealed record ConsoleBackEnd(ConsoleKind Kind, string Path = "")
{
    /// <summary>What may be written, for messages.</summary>
    public const string Allowed = "stdio, none or file:PATH";

    /// <summary>Standard input and output.</summary>
    public static ConsoleBackEnd Stdio { get; } = new(ConsoleKind.Stdio);

    /// <summary>Nothing.</summary>
    public static ConsoleBackEnd None { get; } = new(ConsoleKind.None);

    /// <summary>Reads <c>stdio</c>, <c>none</c> or <c>file:PATH</c>; a relative path is relative to <paramref name="baseDirectory"/>.</summary>
    public static ConsoleBackEnd? TryParse(string text, string baseDirectory) => text switch
    {
        "stdio" => Stdio,
        "none" => None,
        _ when text.StartsWith("file:", StringComparison.Ordinal) && text.Length > 5 =>
            new ConsoleBackEnd(ConsoleKind.File, System.IO.Path.Combine(baseDirectory, text[5..])),
        _ => null,
    };
}

/// <summary>A disk and its image on this server.</summary>
/// <param name="Name">Its name: letters, digits, '-' and '_'.</param>
/// <param name="Path">Path of the raw image or block device.</param>
/// <param name="IsReadOnly">Whether the guest may only read.</param>
public sealed record DiskConfig(string Name, string Path, bool IsReadOnly = false)
{
    /// <summary>Path of the metadata of a protected machine's copy; empty for the image's with ".actorft" after it.</summary>
    public string MetadataPath { get; init; } = "";
}

/// <summary>A NIC and what stands behind it on this server.</summary>
/// <param name="Name">Its name: letters, digits, '-' and '_'.</param>
/// <param name="TapName">The TAP interface; empty for none (an unplugged cable).</param>
/// <param name="MacAddress">Six bytes; empty to have one made from the machine's name and the NIC's.</param>
/// <param name="MtuBytes">68 to 65,535.</param>
public sealed record NicConfig(string Name, string TapName, ImmutableArray<byte> MacAddress, int MtuBytes = 1500)
{
    /// <summary>A bridge that the TAP joins; null: none, or by hand.</summary>
    public string? Bridge { get; init; }

    /// <summary>An interface whose carrier counts as this NIC's own; null: none.</summary>
    public string? Uplink { get; init; }

    /// <summary>An IPv4 address that must answer ARP through the TAP; null: none.</summary>
    public IPAddress? ProbeTarget { get; init; }

    /// <summary>Time between two questions to <see cref="ProbeTarget"/>.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Questions in a row that may stay without an answer.</summary>
    public int ProbeMissesAllowed { get; init; } = 3;

    /// <summary>How long the NIC must be good again before the leader comes back to it from the peer's.</summary>
    public TimeSpan ReturnAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What a back end may be, for messages.</summary>
    public const string AllowedBackEnd = "tap:NAME (an interface name of 1 to 15 characters) or none";

    /// <summary>Reads <c>tap:NAME</c> or <c>none</c> into the TAP's name (empty for none); null when it is neither.</summary>
    public static string? TryParseBackEnd(string text)
    {
        if (text == "none") return "";
        if (!text.StartsWith("tap:", StringComparison.Ordinal)) return null;
        string name = text[4..];
        // Linux: IFNAMSIZ is 16 with the final zero; '/' and white space are refused by the kernel (dev_valid_name).
        return name.Length is >= 1 and <= 15 && name is not ("." or "..") && !name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c)) ? name : null;
    }

    /// <summary>
    /// A locally administered address made from two names, so that it is the same on both servers and differs between
    /// machines: 52:54:00 and 24 bits of a hash.
    /// </summary>
    public static ImmutableArray<byte> MakeMacAddress(string machineName, string nicName)
    {
        ulong hash = System.IO.Hashing.XxHash3.HashToUInt64(System.Text.Encoding.UTF8.GetBytes(machineName + "/" + nicName));
        return [0x52, 0x54, 0x00, (byte)(hash >> 16), (byte)(hash >> 8), (byte)hash];
    }

    /// <summary>Reads <c>52:54:00:12:34:56</c>; null when it is no address or a multicast one.</summary>
    public static ImmutableArray<byte>? TryParseMac(string text)
    {
        string[] parts = text.Split(':', '-');
        if (parts.Length != 6) return null;
        var bytes = ImmutableArray.CreateBuilder<byte>(6);
        foreach (string part in parts)
        {
            if (part.Length != 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)) return null;
            bytes.Add(value);
        }
        return (bytes[0] & 1) == 0 && bytes.Any(b => b != 0) ? bytes.MoveToImmutable() : null;
    }
}
