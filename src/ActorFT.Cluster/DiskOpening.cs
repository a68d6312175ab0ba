using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
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

    /// <summary>Opens one.</summary>
    public static DiskActorOptions Open(NodeConfig node, MachineConfig machine, int index, ulong term)
    {
        DiskConfig disk = machine.Disks[index];
        DiskCopySettings settings = DiskSettings.SettingsOf(machine, disk, 0, node.AllowsFaultInjection);
        try
        {
            if (!DiskCopyFiles.HasMetadata(settings))
                throw new OperatorException($"{node.FileName}: disk {settings.Name} has no metadata {settings.EffectiveMetadataPath}; make the copy with \"actorft disk create --config {node.FileName}\", on one server with the disk's content, on the other with --replacement.");
            settings = settings with { CapacityBytes = DiskCopyFiles.ReadCapacity(settings) };
            OpenedCopy opened = DiskCopyFiles.Open(settings);
            CopyDescription copy = opened.Copy.Describe();
            string why = WhyNotCurrent(copy, term);
            return new DiskActorOptions
            {
                Index = index, Server = node.Name, Settings = settings, Opened = opened, Term = term, IsCurrent = why.Length == 0, NotCurrentBecause = why,
                Policy = node.Disks.Policy, Worker = node.Disks.Worker, Mirror = node.Disks.Mirror, Faults = ActorRefs.Nobody,
            };
        }
        catch (StorageConfigurationException e)
        {
            throw new OperatorException($"{node.FileName}: disk {settings.Name}: {e.Message}", e);
        }
        catch (MetadataDamagedException e)
        {
            throw new OperatorException($"{node.FileName}: disk {settings.Name}: {e.Message.TrimEnd('.')}; have it filled from the other server's copy with \"actorft disk create --config {node.FileName} --disk {disk.Name} --replacement\".", e);
        }
        catch (BlockIoException e)
        {
            throw new EnvironmentException($"{node.FileName}: disk {settings.Name} cannot be opened: {e.Message.TrimEnd('.')}.", e);
        }
    }

    // Both say who is current: the copy's own metadata, and the mark that this server keeps beside its terms (design.md §3 rule 5). An image that was
    // put back from a backup is older than the mark; a mark of 0 says that the disks missed writes.
    private static string WhyNotCurrent(CopyDescription copy, ulong term)
    {
        if (copy.State is not (CopyState.Good or CopyState.Degraded)) return copy.Reason.Length == 0 ? $"it was {copy.State}" : copy.Reason;
        if (term == 0 && copy.Version != default) return "this server's mark says that it missed writes";
        return copy.Version.Term < term ? $"its version is {copy.Version}, but this server's mark says term {term}: it was put back from an older copy" : "";
    }
}
