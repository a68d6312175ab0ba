using System.Globalization;
using ActorFT.Cluster.Status;

namespace ActorFT.Management.Pair;

/// <summary>
/// Makes one answer for the whole pair out of what a node knows: pure, so that every verdict has a test. Its one invariant: what is old is
/// never shown as the present.
/// </summary>
public static class PairStatusBuilder
{
    /// <summary>Builds it.</summary>
    /// <param name="subject">This node.</param>
    /// <param name="known">Statuses with their ages in milliseconds, the own one included.</param>
    /// <param name="nowUnixMs">Now.</param>
    public static PairStatus Build(Subject subject, IReadOnlyList<(NodeStatus Status, long AgeMs)> known, long nowUnixMs)
    {
        NodeView[] nodes = [.. Nodes(subject, known)];
        MachineView[] machines = [.. MachineNames(subject, known).Select(name => Machine(subject, name, known))];
        PairStatus status = new() { Pair = subject.Pair, AnsweredBy = subject.Node, AtUnixMs = nowUnixMs, Nodes = nodes, Machines = machines };
        return PairJudge.Judge(status);
    }

    private static bool IsCurrent(Subject subject, long ageMs) => ageMs >= 0 && ageMs <= subject.ReportLifetime.TotalMilliseconds;

    private static IEnumerable<NodeView> Nodes(Subject subject, IReadOnlyList<(NodeStatus Status, long AgeMs)> known)
    {
        List<NodeView> views = [.. known.Select(one => Node(subject, one.Status, one.AgeMs))];
        if (views.All(view => view.Name != subject.Node)) views.Add(Unheard(subject.Node, subject.IsArbiter ? "arbiter" : "server", "its actors have not answered yet"));
        if (subject.IsArbiter)
        {
            int servers = views.Count(view => view.Role == "server");
            // Which address is whose is not told: with one server known, the other is "the other server".
            if (servers == 0) views.AddRange(subject.ServerAddresses.Select(address => Unheard(address, "server", "nothing was heard from it since this node started")));
            else if (servers == 1) views.Add(Unheard("other server", "server", "nothing was heard from it since this node started"));
        }
        else
        {
            if (views.All(view => view.Name != subject.Peer)) views.Add(Unheard(subject.Peer, "server", "nothing was heard from it since this node started"));
            if (views.All(view => view.Role != "arbiter")) views.Add(Unheard("arbiter", "arbiter", "nothing was heard from it since this node started"));
        }

        return views.OrderBy(view => view.Role == "arbiter").ThenBy(view => view.Name, StringComparer.Ordinal);
    }

    private static NodeView Unheard(string name, string role, string reason) =>
        new() { Name = name, Role = role, State = ComponentState.Offline, Reason = reason, AgeMs = -1 };

    private static NodeView Node(Subject subject, NodeStatus status, long ageMs) => new()
    {
        Name = status.Node,
        Role = status.Role,
        State = IsCurrent(subject, ageMs) ? status.State : ComponentState.Offline,
        Reason = IsCurrent(subject, ageMs) ? status.Reason
            : status.Node == subject.Node ? $"its actors have not answered for {Seconds(ageMs)}"
            : $"not heard from for {Seconds(ageMs)}: it is down, hangs, or is cut off from {subject.Node}",
        SinceUnixMs = IsCurrent(subject, ageMs) ? status.SinceUnixMs : status.AtUnixMs,
        AgeMs = ageMs,
        IsCurrent = IsCurrent(subject, ageMs),
        Version = status.Version,
        Endpoint = status.Endpoint,
        ArbiterReachable = IsCurrent(subject, ageMs) && status.ArbiterReachable,
        Links = status.Links,
        Terms = status.Terms,
    };

    internal static string Seconds(long ms) => ms < 120_000
        ? string.Create(CultureInfo.InvariantCulture, $"{ms / 1000} s")
        : string.Create(CultureInfo.InvariantCulture, $"{ms / 60_000} min");

    private static IEnumerable<string> MachineNames(Subject subject, IReadOnlyList<(NodeStatus Status, long AgeMs)> known) =>
        subject.Machines
            .Concat(known.SelectMany(one => one.Status.Machines.Select(machine => machine.Name)))
            .Concat(known.SelectMany(one => one.Status.Terms.Select(term => term.Machine)))
            .Distinct().Order(StringComparer.Ordinal);

    private static MachineView Machine(Subject subject, string name, IReadOnlyList<(NodeStatus Status, long AgeMs)> known)
    {
        ReplicaView[] replicas = [.. known
            .SelectMany(one => one.Status.Machines.Where(machine => machine.Name == name).Select(machine => new ReplicaView(one.Status.Node, one.AgeMs, IsCurrent(subject, one.AgeMs), machine)))
            .OrderBy(replica => replica.Server, StringComparer.Ordinal)];
        // Two that say they lead: the one of the higher term is right (design.md §3, rule 2).
        ReplicaView? leader = replicas.Where(replica => replica.IsCurrent && replica.Status.Role == "Leading").MaxBy(replica => replica.Status.Term);
        ulong term = replicas.Select(replica => replica.Status.Term)
            .Concat(known.SelectMany(one => one.Status.Terms.Where(kept => kept.Machine == name).Select(kept => kept.Term))).DefaultIfEmpty().Max();
        if (leader is { Status.PeerLeftOut: true }) replicas = [.. replicas.Select(replica => replica.Server == leader.Server ? replica : TakenOut(replica, name))];
        (ComponentState state, string reason) = leader is null ? Leaderless(subject, replicas) : Led(leader, replicas);
        return new MachineView
        {
            Name = name,
            State = state,
            Reason = reason,
            SinceUnixMs = leader?.Status.SinceUnixMs ?? 0,
            IsRunning = leader is { Status.Power: "Running" },
            Protected = leader is { Status.Protected: true },
            Leader = leader?.Server ?? "",
            // Not protected, yet in lockstep: a disk is whole on one server only.
            Follower = leader is not null && (leader.Status.Protected || replicas.Any(replica => replica.IsCurrent && replica.Server == leader.Status.Follower && replica.Status.Role == "Following")) ? leader.Status.Follower : "",
            Term = term,
            Replicas = replicas,
        };
    }

    // The server itself only knows that nobody takes it in.
    private static ReplicaView TakenOut(ReplicaView replica, string machine) => replica with
    {
        Status = replica.Status with { State = ComponentState.Isolated, Reason = $"stays out until an operator allows it (actorft protect {machine})" },
    };

    private static (ComponentState, string) Led(ReplicaView leader, ReplicaView[] replicas)
    {
        if (leader.Status.Power == "Failed") return (ComponentState.Failed, $"the guest reported a failure and switched itself off{Detail(leader.Status.Reason)}");
        if (leader.Status.Power != "Running") return (ComponentState.Offline, "the guest switched itself off");
        if (leader.Status.State == ComponentState.Failed) return (ComponentState.Failed, leader.Status.Reason); // nobody is served
        ReplicaView? rebuilding = replicas.FirstOrDefault(replica => replica.IsCurrent && replica != leader && replica.Status.State == ComponentState.Rebuilding);
        if (!leader.Status.Protected && (rebuilding is not null || leader.Status.Resync is not null))
            return (ComponentState.Rebuilding, $"exposed while the other server is made equal{Detail(rebuilding?.Status.Reason ?? leader.Status.Detail)}");
        if (!leader.Status.Protected) return (ComponentState.Degraded, leader.Status.Reason.Length != 0 ? leader.Status.Reason : $"exposed{Detail(leader.Status.Detail)}");
        // Protected, with a part of a server's not good: the machine goes on by the other server's, for now.
        string part = replicas.Where(replica => replica.IsCurrent && replica.Status.FirstBadPart.Length != 0).Select(replica => $"{replica.Status.FirstBadPart} (on {replica.Server})").FirstOrDefault() ?? "";
        if (leader.Status.State == ComponentState.Good && part.Length != 0) return (ComponentState.Degraded, part);
        return leader.Status.State == ComponentState.Good ? (ComponentState.Good, "") : (leader.Status.State, part.Length != 0 ? part : leader.Status.Reason);
    }

    private static (ComponentState, string) Leaderless(Subject subject, ReplicaView[] replicas)
    {
        ReplicaView[] current = [.. replicas.Where(replica => replica.IsCurrent)];
        if (current.FirstOrDefault(replica => replica.Status.Role == "Following") is { } follower)
            return (ComponentState.Transitioning, $"its leader is not heard from by {subject.Node}; {follower.Server} is in lockstep and takes over if the arbiter agrees");
        if (current.FirstOrDefault(replica => replica.Status.State == ComponentState.Failed) is { } failed)
            return (ComponentState.Failed, $"{failed.Server}: {failed.Status.Reason}");
        if (current.Length != 0)
            return (ComponentState.Transitioning, string.Join("; ", current.Select(replica => $"{replica.Server} {(replica.Status.Detail.Length != 0 ? replica.Status.Detail : "is joining")}")));
        return replicas.Length == 0
            ? (ComponentState.Offline, $"no server in reach of {subject.Node} has told of it")
            : (ComponentState.Offline, $"no server that runs it is in reach of {subject.Node}; the latest word of it is {Seconds(replicas.Min(replica => replica.AgeMs))} old");
    }

    private static string Detail(string detail) => detail.Length == 0 ? "" : $": {detail}";
}
