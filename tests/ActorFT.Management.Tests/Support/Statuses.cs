using ActorFT.Cluster.Status;
using ActorFT.Management.Pair;

namespace ActorFT.Management.Tests.Support;

/// <summary>A healthy pair, to be broken by tests.</summary>
internal static class Statuses
{
    public static TimeSpan ReportLifetime { get; } = TimeSpan.FromMilliseconds(2_500);

    public static Subject ServerA { get; } = new("demo", "server-a", false, "server-b", [], ["debian"], ReportLifetime);

    public static Subject Arbiter { get; } = new("demo", "arbiter", true, "", ["10.0.0.1:4551", "10.0.0.2:4551"], [], ReportLifetime);

    public static long NowMs => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    public static NodeStatus Server(string name, params MachineStatus[] machines) => new()
    {
        Node = name, Role = "server", State = ComponentState.Good, AtUnixMs = NowMs, SinceUnixMs = 1_000, Version = "0.1.0", Endpoint = "http://127.0.0.1:1", ArbiterReachable = true,
        Links = [new LinkStatus { Name = "ft0", State = ComponentState.Good, RoundTripMs = 0.4 }, new LinkStatus { Name = "ft1", State = ComponentState.Good, RoundTripMs = 0.5 }],
        Machines = machines,
    };

    public static NodeStatus ArbiterNode() => new()
    {
        Node = "arbiter", Role = "arbiter", State = ComponentState.Good, AtUnixMs = NowMs, ArbiterReachable = true, Terms = [new TermStatus("debian", 3, "server-a", "server-b")],
    };

    public static MachineStatus Replica(string role) => new()
    {
        Name = "debian", State = ComponentState.Good, Role = role, Term = 3, Leader = "server-a", Follower = "server-b", Protected = true, LagNs = 1_500_000, HeldBytes = 42,
        Failovers = 2, LogBytes = 1234,
        Vcpus = [new VcpuStatus(0, ComponentState.Good, "", 10, "Waiting")],
        Disks = [new DiskStatus { Name = "root", State = ComponentState.Good, CapacityBytes = 1 << 20 }],
        Nics = [new NicStatus { Name = "lan", State = ComponentState.Good, BackEnd = "tap0", InUse = role == "Leading" }],
    };

    public static (NodeStatus, long)[] Pair(NodeStatus? a = null, NodeStatus? b = null, NodeStatus? arbiter = null, long bAgeMs = 100, long arbiterAgeMs = 100) =>
        [(a ?? Server("server-a", Replica("Leading")), 0), (b ?? Server("server-b", Replica("Following")), bAgeMs), (arbiter ?? ArbiterNode(), arbiterAgeMs)];
}
