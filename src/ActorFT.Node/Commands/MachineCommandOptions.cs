using System.CommandLine;
using System.Globalization;
using ActorFT.Cluster.Configuration;
using ActorFT.Machine;

namespace ActorFT.Node.Commands;

/// <summary>The options that describe a machine; each overrides its key in <c>--config</c>.</summary>
internal sealed class MachineCommandOptions
{
    private const string MaxTimeAllowed = "a number of seconds above 0, such as 30 or 0.5";

    public Option<string?> Config { get; } = Text("--config", "FILE", "The machine's description (HOCON, object machine); see config/machines/debian.conf.");
    public Option<string?> Kernel { get; } = Text("--kernel", "FILE", "The kernel: a Linux RISC-V Image or an RV64 ELF file.");
    public Option<string?> Initrd { get; } = Text("--initrd", "FILE", "The initial RAM disk.");
    public Option<string?> Append { get; } = Text("--append", "TEXT", $"The kernel's command line (otherwise {MachineConfig.DefaultCommandLine}).");
    public Option<string?> Vcpus { get; } = Text("--vcpus", "N", $"vCPUs, {MachineDefinition.MinVcpus} to {MachineDefinition.MaxVcpus} (otherwise 1).");
    public Option<string?> Memory { get; } = Text("--memory", "SIZE", "Memory, such as 512M or 2GiB, in steps of 2 MiB (otherwise 512 MiB).");
    public Option<string?> Console { get; } = Text("--console", "WHERE", $"What stands behind the console: {ConsoleBackEnd.Allowed} (otherwise stdio).");
    public Option<string[]> Disks { get; } = Texts("--disk", "PATH[,ro]", "A disk's raw image or block device; again for more. Replaces the disks of --config.");
    public Option<string[]> Nics { get; } = Texts("--nic", "tap:NAME|none", "A NIC's back end; again for more. Replaces the NICs of --config.");

    /// <summary>Adds those options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[Config, Kernel, Initrd, Append, Vcpus, Memory, Console, Disks, Nics]) command.Options.Add(option);
    }

    /// <summary>An option with a value of one text.</summary>
    public static Option<string?> Text(string name, string valueName, string description) => new(name) { HelpName = valueName, Description = description };

    /// <summary>The machine that the options, over the file they name, describe.</summary>
    public MachineConfig Read(ParseResult result)
    {
        MachineConfig config = result.GetValue(Config) is { } file ? MachineConfigReader.ReadFile(file) : new MachineConfig();
        if (result.GetValue(Kernel) is { } kernel) config = config with { KernelPath = kernel };
        if (result.GetValue(Initrd) is { } initrd) config = config with { InitrdPath = initrd };
        if (result.GetValue(Append) is { } append) config = config with { CommandLine = append };
        if (result.GetValue(Vcpus) is { } vcpus)
            config = config with { VcpuCount = ParseInt("--vcpus", vcpus, MachineDefinition.MinVcpus, MachineDefinition.MaxVcpus) };
        if (result.GetValue(Memory) is { } memory) config = config with { MemoryBytes = ParseMemory(memory) };
        if (result.GetValue(Console) is { } console) config = config with { Console = ParseConsole(console) };
        if (result.GetValue(Disks) is { Length: > 0 } disks) config = config with { Disks = [.. disks.Select(ParseDisk)] };
        if (result.GetValue(Nics) is { Length: > 0 } nics) config = config with { Nics = [.. nics.Select((text, i) => ParseNic(config.Name, text, i))] };
        RefuseMore("--disk", config.Disks.Length, MachineConfigReader.MaxDisks);
        RefuseMore("--nic", config.Nics.Length, MachineConfigReader.MaxNics);
        return config;
    }

    /// <summary>Nanoseconds from the value of <c>--max-time</c>.</summary>
    public static ulong ParseMaxTimeNs(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds is > 0 and <= 1e9
            ? (ulong)(seconds * 1e9) : throw Refuse("--max-time", text, MaxTimeAllowed);

    /// <summary>A round's number from an option's value.</summary>
    public static ulong ParseRound(string option, string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong round) ? round : throw Refuse(option, text, "a round's number");

    /// <summary>Whether <c>--output</c> asks for JSON.</summary>
    public static bool IsJson(string? output) => output switch
    {
        null or "text" => false,
        "json" => true,
        _ => throw Refuse("--output", output, "text or json"),
    };

    /// <summary>An error that names an option, its value and what is allowed.</summary>
    public static OperatorException Refuse(string option, string value, string allowed) =>
        new($"{option} is {(value.Length == 0 ? "empty" : value)}; allowed is {allowed}.");

    private static Option<string[]> Texts(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    private static int ParseInt(string option, string text, int min, int max) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max
            ? value : throw Refuse(option, text, $"a whole number from {min} to {max}");

    private static void RefuseMore(string option, int count, int most)
    {
        if (count > most) throw Refuse(option, $"given {count} times", $"at most {most}");
    }

    private static ConsoleBackEnd ParseConsole(string text) =>
        ConsoleBackEnd.TryParse(text, Environment.CurrentDirectory) ?? throw Refuse("--console", text, ConsoleBackEnd.Allowed);

    private static ulong ParseMemory(string text)
    {
        if (!ByteSize.TryParse(text, out ulong bytes)) throw Refuse("--memory", text, ByteSize.Allowed);
        return bytes is >= MachineConfigReader.MinMemoryBytes and <= MachineConfigReader.MaxMemoryBytes && bytes % MachineConfigReader.MemoryStepBytes == 0
            ? bytes : throw Refuse("--memory", text, "from 2 MiB to 1 TiB in steps of 2 MiB");
    }

    private static DiskConfig ParseDisk(string text, int index)
    {
        bool isReadOnly = text.EndsWith(",ro", StringComparison.Ordinal);
        string path = isReadOnly ? text[..^3] : text;
        if (path.Length == 0)
            throw Refuse("--disk", text, "the path of a raw image or a block device, with ,ro after it for a read-only disk");
        return new DiskConfig(string.Create(CultureInfo.InvariantCulture, $"disk{index}"), path, isReadOnly);
    }

    private static NicConfig ParseNic(string machineName, string text, int index)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"nic{index}");
        string backEnd = NicConfig.TryParseBackEnd(text) ?? throw Refuse("--nic", text, NicConfig.AllowedBackEnd);
        return new NicConfig(name, backEnd, NicConfig.MakeMacAddress(machineName, name));
    }
}
