using ActorFT.Cluster.Messages;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// What a mirror notes, as the fault manager is told it. Each lie of a device is a fault with diagnosis and outcome; those that are found one after the other
/// count as one against the device (the policy of <c>actorft.faults.policies.disk</c>: else one bad area would isolate the copy). Pure; one for each disk.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="component">The disk, as components are named.</param>
public sealed class MirrorReports(string machine, string component)
{
    /// <summary>Bad blocks that are found within this time of the ones before are of one episode.</summary>
    public const long EpisodeMs = 30_000;

    private long? _badBlocksAtMs;

    /// <summary>A note as a report.</summary>
    /// <param name="note">What it is.</param>
    /// <param name="sentence">That in words.</param>
    /// <param name="nowMs">Now, on a clock that never goes back.</param>
    public FaultProtocol.Report Of(MirrorNote note, string sentence, long nowMs)
    {
        (string kind, FaultSeverity severity) = note switch
        {
            MirrorNote.ServedByPeer => ("disk-served-by-peer", FaultSeverity.Warning),
            MirrorNote.ResyncBegan => ("disk-resync", FaultSeverity.Info),
            MirrorNote.ResyncEnded => ("disk-mirrored", FaultSeverity.Info),
            MirrorNote.BadBlocks => ("disk-bad-blocks", FaultSeverity.Warning),
            MirrorNote.Repaired => ("disk-repaired", FaultSeverity.Info),
            MirrorNote.DataLost => ("disk-data-lost", FaultSeverity.Critical),
            MirrorNote.Differ => ("disk-differs", FaultSeverity.Error),
            _ => ("disk-scrubbed", FaultSeverity.Info),
        };
        bool isOwn = note != MirrorNote.BadBlocks || !IsOfTheSameEpisode(nowMs);
        return new FaultProtocol.Report(kind, severity, machine, component, sentence, Clears: note == MirrorNote.ResyncEnded ? "disk-failed" : "", IsOwn: isOwn);
    }

    private bool IsOfTheSameEpisode(long nowMs)
    {
        bool isSame = nowMs - _badBlocksAtMs < EpisodeMs;
        _badBlocksAtMs = nowMs;
        return isSame;
    }
}
