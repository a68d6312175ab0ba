using ActorFT.Cluster.Status;
using ActorFT.Machine.IO;
using ActorFT.Storage.Metadata;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// How long this server's own copy of a disk took for the machine's requests: for the disk's status, and for /metrics. One caller at a time; allocates nothing
/// for a request.
/// </summary>
public sealed class CopyLatencies
{
    // By operation; what frees blocks and what zeroes them does the same here.
    private static readonly string[] s_operations = ["read", "write", "flush", "zero", "zero"];

    private readonly LatencyWindow _reads = new(), _writes = new(), _flushes = new();
    private readonly KeyValuePair<string, object?>[][] _labels;

    /// <summary>Nothing is known yet.</summary>
    public CopyLatencies(string server, DiskName name) =>
        _labels = [.. s_operations.Select(operation => new KeyValuePair<string, object?>[] { new("server", server), new("machine", name.Machine), new("disk", name.Disk), new("operation", operation) })];

    /// <summary>Of reads, lately; null for none.</summary>
    public LatencyStatus? ReadsAt(long nowMs) => _reads.At(nowMs);

    /// <summary>Of writes, and of zeroing, lately; null for none.</summary>
    public LatencyStatus? WritesAt(long nowMs) => _writes.At(nowMs);

    /// <summary>Of flushes, lately; null for none.</summary>
    public LatencyStatus? FlushesAt(long nowMs) => _flushes.At(nowMs);

    /// <summary>The copy has ended a request.</summary>
    public void Note(BlockOperation operation, double latencyMs, long nowMs)
    {
        (operation switch { BlockOperation.Read => _reads, BlockOperation.Flush => _flushes, _ => _writes }).Note(latencyMs, nowMs);
        ClusterMeters.DiskRequest.Record(latencyMs / 1e3, _labels[(int)operation]);
    }
}
