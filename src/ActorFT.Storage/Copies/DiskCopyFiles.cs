using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Copies;

/// <summary>Where one server keeps one copy, as its configuration says.</summary>
/// <param name="Name">Machine and disk.</param>
/// <param name="CapacityBytes">The disk's size, a positive multiple of 512.</param>
/// <param name="ImagePath">A raw image file or a block device.</param>
/// <param name="MetadataPath">Its metadata; null for the image's path with ".actorft" after it.</param>
public sealed record DiskCopySettings(DiskName Name, long CapacityBytes, string ImagePath, string? MetadataPath = null)
{
    /// <summary>Bytes of a region for a new copy.</summary>
    public int RegionBytes { get; init; } = DiskGeometry.DefaultRegionBytes;

    /// <summary>How the copy is kept.</summary>
    public DiskCopyOptions Options { get; init; } = new();

    /// <summary>Whether faults may be injected (`fault-injection`), off by default.</summary>
    public bool IsFaultInjectionEnabled { get; init; }

    /// <summary>Where the metadata is.</summary>
    public string EffectiveMetadataPath => MetadataPath ?? ImagePath + ".actorft";

    /// <summary>
    /// Checks all disks of a server's configuration together: sizes, and that no file serves two purposes. Touches nothing.
    /// </summary>
    /// <exception cref="StorageConfigurationException">Something is not allowed; the first thing found is named.</exception>
    public static void Validate(IEnumerable<DiskCopySettings> disks)
    {
        var users = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DiskCopySettings disk in disks)
        {
            try
            {
                _ = new DiskGeometry(disk.CapacityBytes, disk.RegionBytes);
                disk.Options.Validate();
            }
            catch (StorageConfigurationException e)
            {
                throw new StorageConfigurationException($"Disk {disk.Name}: {e.Message}", e);
            }
            foreach ((string path, string use) in new[] { (disk.ImagePath, "image"), (disk.EffectiveMetadataPath, "metadata") })
            {
                string me = $"the {use} of disk {disk.Name}";
                if (!users.TryAdd(HostBlockFile.ResolvePath(path), me))
                    throw new StorageConfigurationException($"The file \"{path}\" is both {users[HostBlockFile.ResolvePath(path)]} and {me}; each needs its own.");
            }
        }
    }
}

/// <summary>An opened copy with what it stands on.</summary>
/// <param name="Copy">The copy. Disposing it closes the files.</param>
/// <param name="ImageFaults">Where to inject faults into the image; null unless enabled.</param>
/// <param name="MetadataFaults">Where to inject faults into the metadata; null unless enabled.</param>
public sealed record OpenedCopy(DiskCopy Copy, FaultInjectingBlockFile? ImageFaults, FaultInjectingBlockFile? MetadataFaults);

/// <summary>
/// Copies on the host's file systems: makes and opens them by path. On any operator's fault the files are as they were before:
/// what was made on the way is removed again, what was there is untouched.
/// </summary>
public static class DiskCopyFiles
{
    /// <summary>Whether the copy has metadata, by the presence of the file alone.</summary>
    public static bool HasMetadata(DiskCopySettings settings) => File.Exists(HostBlockFile.ResolvePath(settings.EffectiveMetadataPath));

    /// <summary>The path with its last symbolic link followed: two names of one file are one.</summary>
    public static string Resolve(string path) => HostBlockFile.ResolvePath(path);

    /// <summary>The disk's size, from the copy's metadata alone.</summary>
    /// <exception cref="StorageConfigurationException">A file is missing, in use, foreign or of a newer format.</exception>
    /// <exception cref="MetadataDamagedException">The metadata cannot be used.</exception>
    public static long ReadCapacity(DiskCopySettings settings)
    {
        using HostBlockFile metadata = HostBlockFile.Open(settings.EffectiveMetadataPath, "metadata");
        return (Superblock.Read(metadata) ?? throw new MetadataDamagedException($"The metadata {metadata.Name} was never finished.")).CapacityBytes;
    }

    /// <summary>What a copy's metadata says it is, in words, without opening the image; for whoever is about to destroy it.</summary>
    /// <exception cref="StorageConfigurationException">A file is missing, in use, foreign or of a newer format.</exception>
    public static string Describe(DiskCopySettings settings)
    {
        using HostBlockFile metadata = HostBlockFile.Open(settings.EffectiveMetadataPath, "metadata");
        try
        {
            return Superblock.Read(metadata) is not { } copy ? "metadata that was never finished"
                : $"a copy of disk {copy.Name}, {copy.CapacityBytes} bytes, {copy.State}{(copy.Reason.Length == 0 ? "" : $" ({copy.Reason})")}, version {copy.Version}";
        }
        catch (MetadataDamagedException)
        {
            return "metadata that are damaged";
        }
    }

    /// <summary>Makes a copy: metadata for an image, and the image too (sparse, zero) if it is not there.</summary>
    /// <param name="settings">Where.</param>
    /// <param name="diskId">See <see cref="DiskCopy.Create"/>.</param>
    /// <param name="role">What it starts as.</param>
    /// <param name="replaceMetadata">Whether metadata that is there may be destroyed.</param>
    /// <exception cref="StorageConfigurationException">Something is not allowed.</exception>
    public static OpenedCopy Create(DiskCopySettings settings, Guid diskId, NewCopyRole role, bool replaceMetadata = false)
    {
        DiskCopySettings.Validate([settings]);
        var geometry = new DiskGeometry(settings.CapacityBytes, settings.RegionBytes);
        var made = new List<string>();
        var opened = new List<HostBlockFile>();
        try
        {
            HostBlockFile image = OpenOrMake(settings.ImagePath, "image", made, opened);
            bool isImageNew = made.Count > 0;
            if (isImageNew) image.Extend(settings.CapacityBytes);
            HostBlockFile metadata = OpenOrMake(settings.EffectiveMetadataPath, "metadata", made, opened);
            (IBlockFile wrappedImage, FaultInjectingBlockFile? imageFaults) = Wrap(image, settings);
            (IBlockFile wrappedMetadata, FaultInjectingBlockFile? metadataFaults) = Wrap(metadata, settings);
            DiskCopy copy = DiskCopy.Create(wrappedImage, wrappedMetadata, settings.Name, geometry, diskId, role, settings.Options, replaceMetadata, isImageNew);
            // The files' names must be as durable as what is flushed into them. Best effort: some file systems know no such flush.
            if (OperatingSystem.IsLinux()) foreach (string path in made) _ = LinuxFile.SyncFolder(Path.GetDirectoryName(path)!);
            return new OpenedCopy(copy, imageFaults, metadataFaults);
        }
        catch (Exception e)
        {
            foreach (HostBlockFile file in opened) file.Dispose();
            foreach (string path in made) File.Delete(path);
            if (e is BlockIoException { Kind: CopyFaultKind.NoSpace }) throw new StorageConfigurationException($"There is no space for disk {settings.Name}: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Opens a copy that has metadata and recovers it.</summary>
    /// <exception cref="StorageConfigurationException">A file is missing, in use, foreign or of a newer format.</exception>
    /// <exception cref="MetadataDamagedException">The metadata cannot be used.</exception>
    /// <exception cref="BlockIoException">The files do not take the recovery.</exception>
    public static OpenedCopy Open(DiskCopySettings settings)
    {
        DiskCopySettings.Validate([settings]);
        HostBlockFile? image = null, metadata = null;
        try
        {
            image = HostBlockFile.Open(settings.ImagePath, "image");
            metadata = HostBlockFile.Open(settings.EffectiveMetadataPath, "metadata");
            (IBlockFile wrappedImage, FaultInjectingBlockFile? imageFaults) = Wrap(image, settings);
            (IBlockFile wrappedMetadata, FaultInjectingBlockFile? metadataFaults) = Wrap(metadata, settings);
            return new OpenedCopy(DiskCopy.Open(wrappedImage, wrappedMetadata, settings.Name, settings.CapacityBytes, settings.Options), imageFaults, metadataFaults);
        }
        catch
        {
            image?.Dispose();
            metadata?.Dispose();
            throw;
        }
    }

    private static HostBlockFile OpenOrMake(string path, string what, List<string> made, List<HostBlockFile> opened)
    {
        string full = HostBlockFile.ResolvePath(path);
        bool isNew = !File.Exists(full);
        HostBlockFile file = isNew ? HostBlockFile.Create(full, what) : HostBlockFile.Open(full, what);
        if (isNew) made.Add(full);
        opened.Add(file);
        return file;
    }

    private static (IBlockFile File, FaultInjectingBlockFile? Faults) Wrap(HostBlockFile file, DiskCopySettings settings)
    {
        if (!settings.IsFaultInjectionEnabled) return (file, null);
        var faults = new FaultInjectingBlockFile(file, isFaultInjectionEnabled: true);
        return (faults, faults);
    }
}
