using System.CommandLine;
using ActorFT.Cluster.Configuration;
using ActorFT.Node.Operate;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Node.Commands;

/// <summary><c>actorft disk create</c> and <c>disk verify</c>: work on this server's files while no node has them open.</summary>
internal static class DiskFileCommands
{
    private const string Codes = "Exit codes: 0 done, 2 a mistake in the file or options, or blocks are bad, 3 the host could not (in use, permission, space).";

    /// <summary>Makes a server's copies.</summary>
    public static Command Create()
    {
        (Option<string> config, Option<string?> machine, Option<string?> disk, Option<bool> debug) = CommonOptions();
        Option<string?> size = new("--size") { Description = "Size of an image that is not there yet, such as 10 GiB.", HelpName = "SIZE" };
        Option<bool> replacement = new("--replacement") { Description = "The copy is to be filled from the other server's; its content counts for nothing." };
        Option<bool> force = new("--force") { Description = "Destroy metadata that is there." };
        Command command = new("create", $"""
            Makes a protected machine's disk copies on this server: metadata beside each image, and the image if it is not there. On one
            server the images hold the disks' content (or are made, empty); on the other use --replacement, also for a disk that was exchanged.

            Examples:
              actorft disk create --config config/server-a.conf --size "1 GiB"
              actorft disk create --config config/server-b.conf --size "1 GiB" --replacement
              actorft disk create --config config/server-b.conf --disk root --replacement --force

            {Codes}
            """) { config, machine, disk, size, replacement, force, debug };
        command.SetAction(result => CommandBoundary.Run(result.GetValue(debug), () =>
        {
            string? sizeText = result.GetValue(size);
            ulong bytes = 0;
            if (sizeText is not null && !ByteSize.TryParse(sizeText, out bytes)) throw new OperatorException($"--size is \"{sizeText}\"; a size such as 512 MiB or 10 GiB is allowed.");
            foreach ((MachineConfig owner, DiskConfig one, NodeConfig node) in Chosen(result.GetValue(config)!, result.GetValue(machine), result.GetValue(disk)))
                Make(node, owner, one, bytes, result.GetValue(replacement), result.GetValue(force));
            return ExitCode.Success;
        }));
        return command;
    }

    /// <summary>Reads every block of a server's copies.</summary>
    public static Command Verify()
    {
        (Option<string> config, Option<string?> machine, Option<string?> disk, Option<bool> debug) = CommonOptions();
        Command command = new("verify", $"""
            Reads every block of a server's disk copies and checks it, while no node has them open. Recovers a copy whose end was not in order.

            Examples:
              actorft disk verify --config config/server-a.conf
              actorft disk verify --config config/server-a.conf --disk root

            {Codes}
            """) { config, machine, disk, debug };
        command.SetAction(result => CommandBoundary.Run(result.GetValue(debug), () =>
        {
            long bad = 0;
            foreach ((MachineConfig owner, DiskConfig one, NodeConfig node) in Chosen(result.GetValue(config)!, result.GetValue(machine), result.GetValue(disk)))
                bad += Check(node, owner, one);
            return bad == 0 ? ExitCode.Success : ExitCode.OperatorMistake;
        }));
        return command;
    }

    private static (Option<string>, Option<string?>, Option<string?>, Option<bool>) CommonOptions() => (
        new Option<string>("--config") { Description = "This server's HOCON file.", HelpName = "FILE", Required = true },
        new Option<string?>("--machine") { Description = "The machine; default: all of the file.", HelpName = "NAME" },
        new Option<string?>("--disk") { Description = "The disk; default: all of the machine.", HelpName = "NAME" },
        new Option<bool>("--debug") { Description = "Show stacks with errors." });

    private static List<(MachineConfig Machine, DiskConfig Disk, NodeConfig Node)> Chosen(string path, string? machine, string? disk)
    {
        NodeConfig node = NodeConfigReader.ReadFile(path);
        List<(MachineConfig, DiskConfig, NodeConfig)> chosen = [.. node.Machines.Where(m => machine is null || m.Name == machine)
            .SelectMany(m => m.Disks.Where(d => disk is null || d.Name == disk).Select(d => (m, d, node)))];
        return chosen.Count != 0 ? chosen
            : throw new OperatorException($"{path} has no such disk; it has {(node.Machines.SelectMany(m => m.Disks.Select(d => $"{d.Name} of machine {m.Name}")).ToArray() is { Length: > 0 } all ? string.Join(", ", all) : "none")}.");
    }

    private static void Make(NodeConfig node, MachineConfig machine, DiskConfig disk, ulong sizeBytes, bool isReplacement, bool isForced) => Guarded(node, machine, disk, () =>
    {
        string image = DiskCopyFiles.Resolve(disk.Path);
        long capacity = (long)sizeBytes;
        if (capacity == 0)
        {
            if (!File.Exists(image)) throw new OperatorException($"The image {disk.Path} of disk {machine.Name}/{disk.Name} does not exist; give its --size to have it made.");
            using HostBlockFile file = HostBlockFile.Open(image, "image");
            capacity = file.LengthBytes;
        }

        DiskCopySettings settings = DiskSettings.SettingsOf(machine, disk, capacity, allowsFaultInjection: false);
        if (DiskCopyFiles.HasMetadata(settings))
        {
            string destroyed = WhatForceDestroys(disk.Path, DiskCopyFiles.Describe(settings), isReplacement);
            if (!isForced) throw new OperatorException($"Disk {machine.Name}/{disk.Name} has metadata already ({settings.EffectiveMetadataPath}); it was left as it is. --force destroys {destroyed}.");
            OperateCommand.Print($"Disk {disk.Name} of machine {machine.Name}: destroying {destroyed}.");
        }

        OpenedCopy made = DiskCopyFiles.Create(settings, Guid.NewGuid(), isReplacement ? NewCopyRole.Replacement : NewCopyRole.Current, isForced);
        made.Copy.Dispose();
        OperateCommand.Print($"Disk {disk.Name} of machine {machine.Name}: {disk.Path}, {capacity} bytes, {(isReplacement ? "to be filled from the other server's copy" : "whose content is the disk's")}.");
    });

    private static string WhatForceDestroys(string image, string copy, bool isReplacement) => isReplacement
        ? $"{copy}: the other server's copy overwrites {image}, and with it every write that only this copy holds"
        : $"what is known of {copy}: {image} is taken for the disk's content as it is, and every write that only the other server's copy holds is lost once that one is made anew from it";

    private static long Check(NodeConfig node, MachineConfig machine, DiskConfig disk)
    {
        long bad = 0;
        Guarded(node, machine, disk, () =>
        {
            DiskCopySettings settings = DiskSettings.SettingsOf(machine, disk, 0, allowsFaultInjection: false);
            settings = settings with { CapacityBytes = DiskCopyFiles.ReadCapacity(settings) };
            using DiskCopy copy = DiskCopyFiles.Open(settings).Copy;
            for (int region = 0; region < copy.Geometry.RegionCount; region++) bad += copy.CheckRegion(region).LongCount(block => !block.IsGood);
            CopyDescription described = copy.Describe();
            OperateCommand.Print($"Disk {disk.Name} of machine {machine.Name}: {copy.Geometry.BlockCount} blocks, {bad} bad; {described.State}{(described.Reason.Length == 0 ? "" : $" ({described.Reason})")}, version {described.Version}, {described.DirtyRegionCount} regions may differ from the other server's.");
        });
        return bad;
    }

    private static void Guarded(NodeConfig node, MachineConfig machine, DiskConfig disk, Action action)
    {
        try
        {
            action();
        }
        catch (StorageConfigurationException e)
        {
            throw new OperatorException($"{node.FileName}: disk {machine.Name}/{disk.Name}: {e.Message}", e);
        }
        catch (MetadataDamagedException e)
        {
            throw new OperatorException($"{node.FileName}: disk {machine.Name}/{disk.Name}: {e.Message}", e);
        }
        catch (BlockIoException e)
        {
            throw new EnvironmentException($"{node.FileName}: disk {machine.Name}/{disk.Name}: {e.Message}", e);
        }
    }
}
