using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines;
using ActorFT.Network;
using ActorFT.Network.Tap;
using ActorFT.Storage.Raw;

namespace ActorFT.Cluster;

/// <summary>Opens what stands behind a machine's devices on this server, with the operator's sentence when it cannot.</summary>
internal static class MachineBackEndOpening
{
    /// <summary>Opens a disk's image.</summary>
    public static RawImage OpenImage(MachineConfig machine, DiskConfig disk)
    {
        if (!disk.IsReadOnly && File.Exists((disk.MetadataPath.Length == 0 ? disk.Path + ".actorft" : disk.MetadataPath)))
            throw new OperatorException($"Machine {machine.Name}: the image {disk.Path} of disk {disk.Name} is a copy of a protected machine's disk; written without its metadata it would count as damaged. Use another image, or read-only = on.");
        try
        {
            return RawImage.Open(disk.Path, disk.IsReadOnly);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new OperatorException($"Machine {machine.Name}: the image {disk.Path} of disk {disk.Name} does not exist.", e);
        }
        catch (InvalidDataException e)
        {
            throw new OperatorException($"Machine {machine.Name}, disk {disk.Name}: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EnvironmentException($"Machine {machine.Name}: the image {disk.Path} of disk {disk.Name} cannot be opened: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>Opens the console's file, if it has one.</summary>
    public static ConsoleLog OpenConsole(MachineConfig machine)
    {
        string? path = machine.Console.Kind == ConsoleKind.File ? machine.Console.Path : null;
        try
        {
            return new ConsoleLog(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new EnvironmentException($"Machine {machine.Name}: the file {path} of its console cannot be opened for writing: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>Opens a NIC's back end.</summary>
    public static INicBackEnd OpenNic(MachineConfig machine, NicConfig nic)
    {
        if (nic.TapName.Length == 0) return new NullNic();
        TapOptions options = new()
        {
            Name = nic.TapName,
            MtuBytes = nic.MtuBytes,
            Bridge = nic.Bridge,
            Uplink = nic.Uplink,
            ProbeTarget = nic.ProbeTarget,
            ProbeIntervalMs = (int)nic.ProbeInterval.TotalMilliseconds,
            ProbeMissesAllowed = nic.ProbeMissesAllowed,
        };
        try
        {
            options.Validate();
        }
        catch (NetworkConfigurationException e)
        {
            throw new OperatorException($"Machine {machine.Name}, NIC {nic.Name}: {e.Message}", e);
        }

        try
        {
            return TapDevice.Open(options);
        }
        catch (NetworkConfigurationException e)
        {
            throw new EnvironmentException($"Machine {machine.Name}, NIC {nic.Name}: {e.Message}", e); // this host does not allow it, or lacks it
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EnvironmentException($"Machine {machine.Name}, NIC {nic.Name}: {e.Message}", e);
        }
    }
}
