using System.Globalization;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using Akka.Actor;

namespace ActorFT.Cluster;

/// <summary>Opens a protected machine's disk copies on this server, with the operator's sentence when one cannot be used. Touches nothing then.</summary>
internal static class DiskOpening
{
    /// <summary>Refuses, before anything is opened, files that would serve two purposes.</summary>
    public static void RefuseSharedFiles(NodeConfig node)
    {
        Dictionary<string, string> users = new(StringComparer.Ordinal);
        foreach (MachineConfig machine in node.Machines)
        {
            foreach (DiskConfig disk in machine.Disks)
            {
                DiskCopySettings settings = DiskSettings.SettingsOf(machine, disk, DiskGeometry.SectorBytes, false);
                foreach ((string path, string use) in new[] { (settings.ImagePath, "image"), (settings.EffectiveMetadataPath, "metadata") })
                {
                    string me = $"the {use} of disk {settings.Name}", full = DiskCopyFiles.Resolve(path);
                    if (!users.TryAdd(full, me)) throw new OperatorException($"{node.FileName}: the file {path} is both {users[full]} and {me}; each needs its own.");
                }
            }
        }
    }

    /// <summary>
    /// Opens one. A copy that cannot be opened though it could before is a fault of this copy alone: the node joins without it, and the other server's serves.
    /// </summary>
    public static DiskActorOptions Open(NodeConfig node, MachineConfig machine, int index, ulong term)
    {
        DiskConfig disk = machine.Disks[index];
        DiskCopySettings settings = DiskSettings.SettingsOf(machine, disk, 0, node.AllowsFaultInjection);
        try
        {
            if (!DiskCopyFiles.HasMetadata(settings))
            {
                if (Unopened($"it has no metadata {settings.EffectiveMetadataPath}") is { } without) return without;
                throw new OperatorException($"{node.FileName}: disk {settings.Name} has no metadata {settings.EffectiveMetadataPath}; make the copy with \"actorft disk create --config {node.FileName}\", on one server with the disk's content, on the other with --replacement.");
            }

            settings = settings with { CapacityBytes = DiskCopyFiles.ReadCapacity(settings) };
            OpenedCopy opened = DiskCopyFiles.Open(settings);
            string why = CopyAuthority.WhyNotCurrent(opened.Copy.Describe(), term);
            return Options(opened, opened.Copy.Geometry, why);
        }
        catch (CopyUnusableException e)
        {
            return Unopened(e.Message) ?? throw new OperatorException($"{node.FileName}: disk {settings.Name}: {e.Message}", e);
        }
        catch (StorageConfigurationException e)
        {
            throw new OperatorException($"{node.FileName}: disk {settings.Name}: {e.Message}", e);
        }
        catch (MetadataDamagedException e)
        {
            return Unopened(e.Message) ?? throw new OperatorException($"{node.FileName}: disk {settings.Name}: {e.Message.TrimEnd('.')}; have it filled from the other server's copy with \"actorft disk create --config {node.FileName} --disk {disk.Name} --replacement\".", e);
        }
        catch (BlockIoException e)
        {
            return Unopened(e.Message) ?? throw new EnvironmentException($"{node.FileName}: disk {settings.Name} cannot be opened: {e.Message.TrimEnd('.')}.", e);
        }

        DiskActorOptions? Unopened(string reason)
        {
            if (Recall(node, machine, disk) is not { } geometry) return null;
            settings = settings with { CapacityBytes = geometry.CapacityBytes };
            return Options(null, geometry, $"the copy cannot be opened: {reason.TrimEnd('.')}");
        }

        DiskActorOptions Options(OpenedCopy? opened, DiskGeometry geometry, string why) => new()
        {
            Index = index, Server = node.Name, Settings = settings, Opened = opened, Geometry = geometry, Term = term, IsCurrent = why.Length == 0, NotCurrentBecause = why,
            Policy = node.Disks.Policy, Worker = node.Disks.Worker, Mirror = node.Disks.Mirror, Faults = ActorRefs.Nobody,
        };
    }

    private static string PathOf(NodeConfig node, MachineConfig machine) => Path.Combine(node.DataDirectory, machine.Name + ".disks");

    /// <summary>Keeps what the machine needs to know of its disks, a line each: name, bytes, bytes of a region. Best effort: without it a node needs every copy to start.</summary>
    public static void Remember(NodeConfig node, MachineConfig machine, IReadOnlyList<DiskActorOptions> disks)
    {
        string path = PathOf(node, machine);
        try
        {
            string[] lines = [.. disks.Select(disk => string.Create(CultureInfo.InvariantCulture, $"{disk.Settings.Name.Disk} {disk.Geometry.CapacityBytes} {disk.Geometry.RegionBytes}"))];
            if (File.Exists(path) && File.ReadAllLines(path).SequenceEqual(lines)) return;
            File.WriteAllLines(path + ".new", lines);
            File.Move(path + ".new", path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What is wrong with the folder is said where the node needs it.
        }
    }

    private static DiskGeometry? Recall(NodeConfig node, MachineConfig machine, DiskConfig disk)
    {
        try
        {
            foreach (string line in File.ReadLines(PathOf(node, machine)))
                if (line.Split(' ') is [{ } name, { } capacity, { } region] && name == disk.Name)
                    return new DiskGeometry(long.Parse(capacity, CultureInfo.InvariantCulture), int.Parse(region, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException or StorageConfigurationException)
        {
            // As if it were not there.
        }

        return null;
    }
}
