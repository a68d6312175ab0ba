using System.Diagnostics.Metrics;

namespace ActorFT.Cluster.Machines;

/// <summary>Instruments that are recorded where things happen; costs next to nothing while nobody listens.</summary>
public static class ClusterMeters
{
    /// <summary>The meter's name.</summary>
    public const string Name = "ActorFT.Cluster";

    private static readonly Meter s_meter = new(Name);

    /// <summary>How long outputs were held before they left, in seconds; label "machine".</summary>
    public static Histogram<double> OutputHold { get; } = s_meter.CreateHistogram<double>("actorft.output.hold", "s", "How long outputs were held before they left.");

    /// <summary>How long this server's copy of a disk took for a request of the machine, in seconds; labels "server", "machine", "disk" and "operation" (read, write, zero, flush).</summary>
    public static Histogram<double> DiskRequest { get; } = s_meter.CreateHistogram<double>("actorft.disk.request", "s", "How long this server's copy took for the machine's requests.");

    /// <summary>How long a machine that is led here waited for a flush, in seconds: from the end of the round that made it until all is done that the next round needs to end it, on both copies where both count; labels "server", "machine" and "disk".</summary>
    public static Histogram<double> MachineFlush { get; } = s_meter.CreateHistogram<double>("actorft.disk.machine.flush", "s", "How long the machine waited for a flush.");
}
