using ActorFT.Storage.Copies;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Configuration;

/// <summary>What users tune about all disks of a node: the section <c>actorft.disks</c>, every key of which is in reference.conf.</summary>
public sealed record DiskSettings
{
    /// <summary>Restarts and limits.</summary>
    public MirrorPolicy Policy { get; init; } = new();

    /// <summary>Resync, scrub and flushes.</summary>
    public MirrorSettings Mirror { get; init; } = new();

    /// <summary>The worker's settings.</summary>
    public DiskCopyWorkerOptions Worker { get; init; } = new() { QueueLimit = 4096, MaxRequestBytes = 16 << 20 };

    /// <summary>Reads the section.</summary>
    internal static DiskSettings Read(HoconSection? section)
    {
        DiskSettings defaults = new();
        if (section is null) return defaults;
        section.AllowOnly("stall", "stall-behind", "resync-rate", "scrub-rate", "sync-interval", "restarts", "restart-window", "restart-delay", "mean-time-between-faults", "bad-blocks");
        return defaults with
        {
            Worker = defaults.Worker with { StallDeadline = section.GetDuration("stall", TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10), defaults.Worker.StallDeadline) },
            Mirror = defaults.Mirror with
            {
                StallBehindMs = Ms(section, "stall-behind", 0, 600_000, defaults.Mirror.StallBehindMs),
                ResyncBytesPerSecond = (long)section.GetBytes("resync-rate", 0, 1UL << 40, 1, (ulong)defaults.Mirror.ResyncBytesPerSecond),
                ScrubBytesPerSecond = (long)section.GetBytes("scrub-rate", 0, 1UL << 40, 1, (ulong)defaults.Mirror.ScrubBytesPerSecond),
                SyncIntervalMs = Ms(section, "sync-interval", 100, 600_000, defaults.Mirror.SyncIntervalMs),
            },
            Policy = defaults.Policy with
            {
                RestartLimit = section.GetInt("restarts", 0, 1_000_000, defaults.Policy.RestartLimit),
                RestartWindowMs = Ms(section, "restart-window", 1_000, 7 * 86_400_000L, defaults.Policy.RestartWindowMs),
                RestartDelayMs = Ms(section, "restart-delay", 1, 3_600_000, defaults.Policy.RestartDelayMs),
                MinMeanTimeBetweenFaultsMs = Ms(section, "mean-time-between-faults", 0, 7 * 86_400_000L, defaults.Policy.MinMeanTimeBetweenFaultsMs),
                BadBlockLimit = section.GetInt("bad-blocks", 1, 1_000_000_000, defaults.Policy.BadBlockLimit),
            },
        };
    }

    private static long Ms(HoconSection section, string key, double minMs, double maxMs, long absentMs) =>
        (long)section.GetDuration(key, TimeSpan.FromMilliseconds(minMs), TimeSpan.FromMilliseconds(maxMs), TimeSpan.FromMilliseconds(absentMs)).TotalMilliseconds;

    /// <summary>Where a machine's copy of a disk is on this server.</summary>
    public static DiskCopySettings SettingsOf(MachineConfig machine, DiskConfig disk, long capacityBytes, bool allowsFaultInjection) =>
        new(new Storage.Metadata.DiskName(machine.Name, disk.Name), capacityBytes, disk.Path, disk.MetadataPath.Length == 0 ? null : disk.MetadataPath)
        {
            IsFaultInjectionEnabled = allowsFaultInjection,
        };
}
