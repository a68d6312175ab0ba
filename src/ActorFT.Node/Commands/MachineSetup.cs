using ActorFT.Cluster.Configuration;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.State;
using ActorFT.Network;
using ActorFT.Network.Tap;
using ActorFT.Node.SaveFiles;
using ActorFT.Node.Terminal;
using ActorFT.Storage.Raw;

namespace ActorFT.Node.Commands;

/// <summary>Steps from a machine's description to a machine with its back ends, each with its own sentence when it fails.</summary>
internal static class MachineSetup
{
    /// <summary>Makes the machine.</summary>
    /// <exception cref="OperatorException">The definition, or its kernel, is none a machine can have.</exception>
    /// <exception cref="EnvironmentException">The host has not enough memory.</exception>
    public static IMachine Create(MachineDefinition definition, Func<MachineDefinition, IMachine> factory)
    {
        try
        {
            return factory(definition);
        }
        catch (MachineConfigurationException e) { throw new OperatorException($"Machine {definition.Name} cannot be made: {e.Message}", e); }
        catch (OutOfMemoryException e)
        {
            throw new EnvironmentException($"Machine {definition.Name} needs {ByteSize.Format(definition.MemoryBytes)} of memory; the host refuses it.", e);
        }
    }

    /// <summary>Opens a disk's image.</summary>
    public static RawImage OpenImage(DiskConfig disk) => HostFile.Guard(disk.Path, $"the image of disk {disk.Name},", "opened", () =>
    {
        try
        {
            return RawImage.Open(disk.Path, disk.IsReadOnly);
        }
        catch (InvalidDataException e) { throw new OperatorException($"The image of disk {disk.Name}, {e.Message}", e); }
    });

    /// <summary>Opens a NIC's back end.</summary>
    public static INicBackEnd OpenNic(NicConfig nic)
    {
        if (nic.TapName.Length == 0) return new NullNic();
        try
        {
            return TapDevice.Open(new TapOptions { Name = nic.TapName });
        }
        catch (NetworkConfigurationException e) { throw new EnvironmentException($"NIC {nic.Name}: {e.Message}", e); }
    }

    /// <summary>Opens what a console writes to.</summary>
    public static IConsoleSink OpenConsole(ConsoleBackEnd console, Action<IOException> stdoutFailed) => console.Kind switch
    {
        ConsoleKind.Stdio => new StdoutConsole(stdoutFailed),
        ConsoleKind.File => new FileConsole(CreateFile(console.Path, "the console's file", bufferBytes: 0)),
        _ => new NullConsole(),
    };

    /// <summary>Creates a file, or empties it.</summary>
    public static FileStream CreateFile(string path, string what, int bufferBytes = 1 << 20) =>
        HostFile.Guard(path, what, "written", () => new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferBytes));

    /// <summary>Opens a file to read.</summary>
    public static FileStream OpenFile(string path, string what) =>
        HostFile.Guard(path, what, "read", () => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16));

    /// <summary>Opens a save file.</summary>
    public static SaveFileReader OpenSave(string path)
    {
        FileStream stream = OpenFile(path, "the save file");
        try
        {
            return SaveFileReader.Open(stream);
        }
        catch (StateFormatException e) { throw new OperatorException($"{path}: {e.Message}", e); }
    }

    /// <summary>Restores a new machine from a save file; disposes it when that fails.</summary>
    public static void Restore(string path, SaveFileReader save, IMachine machine)
    {
        try
        {
            save.Restore(machine);
        }
        catch (StateFormatException e)
        {
            machine.Dispose();
            throw new OperatorException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>The definition that a log or a save file names, with the bytes of its kernel and initrd.</summary>
    /// <param name="path">The file that names it.</param>
    /// <param name="identity">What it says.</param>
    /// <param name="config">Names kernel and initrd; what it does not name is taken from where the file says they were.</param>
    public static MachineDefinition Complete(string path, RecordLogHeader identity, MachineConfig config)
    {
        config = NameFiles(config, identity);
        try
        {
            return identity.Complete(MachineDefinitionLoader.ReadKernel(config), MachineDefinitionLoader.ReadInitrd(config));
        }
        catch (StateFormatException e) { throw new OperatorException($"{path}: {e.Message}", e); }
    }

    /// <summary>The description with kernel and initrd named: by itself, or by where the file says they were.</summary>
    public static MachineConfig NameFiles(MachineConfig config, RecordLogHeader identity) => config with
    {
        KernelPath = config.KernelPath.Length != 0 ? config.KernelPath : identity.KernelSource,
        InitrdPath = config.InitrdPath.Length != 0 || identity.InitrdHash == Digest.Zero ? config.InitrdPath : identity.InitrdSource,
    };

    /// <summary>Refuses a restore onto a machine that the save file is not of, and says what differs.</summary>
    public static void RequireSame(string path, MachineDefinition saved, MachineDefinition given)
    {
        if (MachineIdentity.Of(saved) == MachineIdentity.Of(given)) return;
        (string What, string Saved, string Given)[] parts =
        [
            ("the name", saved.Name, given.Name),
            ("vcpus", $"{saved.VcpuCount}", $"{given.VcpuCount}"),
            ("memory", ByteSize.Format(saved.MemoryBytes), ByteSize.Format(given.MemoryBytes)),
            ("quantum", $"{saved.QuantumInstructions}", $"{given.QuantumInstructions}"),
            ("append", saved.CommandLine, given.CommandLine),
            ("disks", Join(saved.Disks.Select(DescribeDisk)), Join(given.Disks.Select(DescribeDisk))),
            ("nics", Join(saved.Nics.Select(DescribeNic)), Join(given.Nics.Select(DescribeNic))),
            ("virtio-console", $"{saved.HasVirtioConsole}", $"{given.HasVirtioConsole}"),
            ("entropy", $"{saved.HasEntropy}", $"{given.HasEntropy}"),
        ];
        foreach ((string what, string before, string now) in parts)
            if (before != now) throw new OperatorException($"{path} is of another machine: {what} was {before} when it was saved, and is {now}.");
        throw new OperatorException($"{path} is of another machine: its definition has another hash.");
    }

    private static string Join(IEnumerable<string> parts) => string.Join(", ", parts) is { Length: > 0 } joined ? joined : "none";

    private static string DescribeDisk(DiskDefinition disk) => $"{disk.Name} of {disk.CapacityBytes} bytes{(disk.IsReadOnly ? " read-only" : "")}";

    private static string DescribeNic(NicDefinition nic) => $"{nic.Name} {Convert.ToHexStringLower(nic.MacAddress.AsSpan())} mtu {nic.MtuBytes}";
}
