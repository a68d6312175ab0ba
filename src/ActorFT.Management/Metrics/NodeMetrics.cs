using System.Diagnostics.Metrics;
using ActorFT.Cluster.Status;
using ActorFT.Management.Pair;

namespace ActorFT.Management.Metrics;

/// <summary>
/// What this node knows of itself, as instruments of <see cref="Meter"/>; /metrics writes them in Prometheus' format, which adds units and "_total"
/// to the names. Each node tells of its own replicas only: Prometheus asks all three.
/// </summary>
internal sealed class NodeMetrics : IDisposable
{
    public const string MeterName = "ActorFT.Management";

    private readonly Meter _meter = new(MeterName);
    private readonly NodeGateway _gateway;

    public NodeMetrics(NodeGateway gateway)
    {
        _gateway = gateway;
        Gauge("actorft.node.state", null, "This node's state: 0 Good, 1 Degraded, 2 Failed, 3 Isolated, 4 Rebuilding, 5 Offline, 6 Transitioning.", () => [Own(status => (double)OwnNode(status).State)]);
        Gauge("actorft.pair.health", null, "The pair as this node knows it: 0 good, 1 degraded, 2 failed.", () => [Own(status => (double)status.Health)]);
        Gauge("actorft.node.current", null, "1 when the node was heard from lately.", () => Nodes(node => node.IsCurrent ? 1 : 0));
        Gauge("actorft.arbiter.reachable", null, "1 when the arbiter answers this node.", () => [Own(status => OwnNode(status).ArbiterReachable ? 1 : 0)]);
        Gauge("actorft.machine.protected", null, "1 when both replicas are in lockstep.", () => Replicas(replica => replica.Protected ? 1 : 0));
        Gauge("actorft.machine.leading", null, "1 when this server leads the machine.", () => Replicas(replica => replica.Role == "Leading" ? 1 : 0));
        Gauge("actorft.machine.state", null, "The replica's state, numbered as actorft_node_state.", () => Replicas(replica => (double)replica.State));
        Gauge("actorft.machine.term", null, "The term known.", () => Replicas(replica => replica.Term));
        Gauge("actorft.replication.lag", "s", "Leading: how far the follower is behind, in machine time.", () => Replicas(replica => replica.LagNs / 1e9));
        Gauge("actorft.replication.buffered_records", null, "Records not acknowledged or not executed yet.", () => Replicas(replica => replica.BufferedRecords));
        Gauge("actorft.output.held", "By", "Outputs held until the follower has what it needs to repeat them.", () => Replicas(replica => replica.HeldBytes));
        Gauge("actorft.machine.instruction_rate", null, "Guest instructions per second.", () => Replicas(replica => replica.InstructionsPerSecond));
        Gauge("actorft.machine.pace_ratio", null, "Leading: part of its time that rounds may run, 0 to 1.", () => Replicas(replica => replica.PacePercent / 100.0));
        Gauge("actorft.resync.progress_ratio", null, "State transfer: part of the present pass that is done; 1 when none runs.",
            () => Replicas(replica => replica.Resync is { TotalPages: > 0 } resync ? (double)resync.DonePages / resync.TotalPages : 1));
        Counter("actorft.failovers", null, "Failovers that made this replica the leader.", () => Replicas(replica => replica.Failovers));
        Counter("actorft.divergences", null, "Digests that were not equal.", () => Replicas(replica => replica.Divergences));
        Counter("actorft.log", "By", "Bytes of records sent.", () => Replicas(replica => replica.LogBytes));
        Counter("actorft.outputs.released", null, "Outputs that left the machine here.", () => Replicas(replica => replica.OutputsReleased));
        Counter("actorft.rounds", null, "Rounds executed.", () => Replicas(replica => replica.Round));
        Gauge("actorft.disk.state", null, "State of this server's copy, numbered as actorft_node_state.", () => Disks(disk => (double)disk.State));
        Gauge("actorft.disk.out_of_sync", "By", "Bytes of this server's copy that differ from the good one, as far as known.", () => Disks(disk => disk.OutOfSyncBytes));
        Counter("actorft.disk.requests", null, "Requests completed.", () => Disks(disk => disk.Requests));
        Counter("actorft.disk.errors", null, "Requests that failed.", () => Disks(disk => disk.Errors));
        Counter("actorft.disk.checksum_mismatches", null, "Blocks whose checksum was wrong.", () => Disks(disk => disk.Mismatches));
        Gauge("actorft.nic.state", null, "The NIC's state, numbered as actorft_node_state.", () => Nics(nic => (double)nic.State));
        Counter("actorft.nic.sent_frames", null, "Frames that left here.", () => Nics(nic => nic.FramesOut));
        Counter("actorft.nic.received_frames", null, "Frames that came in here.", () => Nics(nic => nic.FramesIn));
        Counter("actorft.nic.dropped_frames", null, "Frames dropped.", () => Nics(nic => nic.Dropped));
        Gauge("actorft.link.state", null, "The FT link's state, numbered as actorft_node_state.", () => Links(link => (double)link.State));
        Gauge("actorft.link.round_trip", "s", "Round trip of heartbeats.", () => Links(link => Math.Max(0, link.RoundTripMs) / 1e3));
        Counter("actorft.link.sent", "By", "Bytes sent on the FT link.", () => Links(link => link.SentBytes));
        Counter("actorft.link.received", "By", "Bytes received on the FT link.", () => Links(link => link.ReceivedBytes));
    }

    private void Gauge(string name, string? unit, string description, Func<IEnumerable<Measurement<double>>> observe) =>
        _meter.CreateObservableGauge(name, observe, unit, description);

    private void Counter(string name, string? unit, string description, Func<IEnumerable<Measurement<double>>> observe) =>
        _meter.CreateObservableCounter(name, observe, unit, description);

    private static KeyValuePair<string, object?> Label(string name, string value) => new(name, value);

    private KeyValuePair<string, object?> Server => Label("server", _gateway.Config.Name);

    private NodeView OwnNode(PairStatus status) => status.Nodes.First(node => node.Name == _gateway.Config.Name);

    private Measurement<double> Own(Func<PairStatus, double> value) => new(value(_gateway.LatestStatus), Server);

    private IEnumerable<Measurement<double>> Nodes(Func<NodeView, double> value) =>
        _gateway.LatestStatus.Nodes.Select(node => new Measurement<double>(value(node), Server, Label("node", node.Name)));

    private IEnumerable<(string Machine, MachineStatus Status)> OwnReplicas => _gateway.LatestStatus.Machines.SelectMany(machine =>
        machine.Replicas.Where(replica => replica.Server == _gateway.Config.Name).Select(replica => (machine.Name, replica.Status)));

    private IEnumerable<Measurement<double>> Replicas(Func<MachineStatus, double> value) =>
        OwnReplicas.Select(own => new Measurement<double>(value(own.Status), Server, Label("machine", own.Machine)));

    private IEnumerable<Measurement<double>> Disks(Func<DiskStatus, double> value) => OwnReplicas.SelectMany(own =>
        own.Status.Disks.Select(disk => new Measurement<double>(value(disk), Server, Label("machine", own.Machine), Label("disk", disk.Name))));

    private IEnumerable<Measurement<double>> Nics(Func<NicStatus, double> value) => OwnReplicas.SelectMany(own =>
        own.Status.Nics.Select(nic => new Measurement<double>(value(nic), Server, Label("machine", own.Machine), Label("nic", nic.Name))));

    private IEnumerable<Measurement<double>> Links(Func<LinkStatus, double> value) =>
        OwnNode(_gateway.LatestStatus).Links.Select(link => new Measurement<double>(value(link), Server, Label("link", link.Name)));

    public void Dispose() => _meter.Dispose();
}
