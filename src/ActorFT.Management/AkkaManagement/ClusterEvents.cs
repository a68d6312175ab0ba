using ActorFT.Management.Streams;
using Akka.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using AkkaCluster = Akka.Cluster.Cluster;

namespace ActorFT.Management.AkkaManagement;

/// <summary>GET /cluster/domain-events: the cluster's events in the JVM's shapes (akka.md, part C). There are no data centres: "default".</summary>
internal static class ClusterEvents
{
    private const string DataCenter = "default";

    public static void Map(IEndpointRouteBuilder routes, NodeGateway gateway, StreamHost streams) =>
        routes.MapGet("/cluster/domain-events", (HttpContext context, string[]? type) => StreamAsync(context, type ?? [], gateway, streams))
            .Produces<string>(200, "text/event-stream").WithTags("cluster").WithSummary("The cluster's events as server-sent events; the present state comes first. ?type=NAME selects, repeatable.");

    private static Task StreamAsync(HttpContext context, string[] types, NodeGateway gateway, StreamHost streams) => streams.RunAsync(context, async (relay, reader, end) =>
    {
        if (!gateway.System.Settings.HasCluster)
        {
            await Answers.Refuse(503, "Clustering is not available").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        EventStream events = new(context, end);
        await events.BeginAsync().ConfigureAwait(false);
        AkkaCluster cluster = AkkaCluster.Get(gateway.System);
        cluster.Subscribe(relay, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.IClusterDomainEvent));
        while (true)
        {
            object? message = await StreamHost.NextAsync(reader, EventStream.KeepAlive, end).ConfigureAwait(false);
            if (message is null) await events.SendKeepAliveAsync().ConfigureAwait(false);
            else if (Describe(message) is { } described && IsWanted(types, described.Type, message)) await events.SendAsync(described.Type, described.Data).ConfigureAwait(false);
        }
    });

    private static bool IsWanted(string[] types, string type, object message)
    {
        string[] known = [.. types.Where(one => s_names.Contains(one))];
        return known.Length == 0 || known.Any(one => one == type || one == "ClusterDomainEvent"
            || (one == "MemberEvent" && message is ClusterEvent.IMemberEvent) || (one == "ReachabilityEvent" && message is ClusterEvent.ReachabilityEvent));
    }

    private static readonly HashSet<string> s_names =
    [
        "ClusterDomainEvent", "MemberEvent", "ReachabilityEvent", "DataCenterReachabilityEvent", "MemberJoined", "MemberWeaklyUp", "MemberUp", "MemberLeft", "MemberExited",
        "MemberDowned", "MemberRemoved", "UnreachableMember", "ReachableMember", "LeaderChanged", "RoleLeaderChanged", "ClusterShuttingDown",
    ];

    private static (string Type, object Data)? Describe(object message)
    {
        string type = message.GetType().Name;
        switch (message)
        {
            case ClusterEvent.MemberRemoved removed: return (type, new { type, member = Member(removed.Member), previousStatus = removed.PreviousStatus.ToString() });
            case ClusterEvent.IMemberEvent change: return (type, new { type, member = Member(change.Member) });
            case ClusterEvent.ReachabilityEvent change: return (type, new { type, member = Member(change.Member) });
            case ClusterEvent.LeaderChanged { Leader: { } leader }: return (type, new { type, address = leader.ToString() });
            case ClusterEvent.LeaderChanged: return (type, new { type });
            case ClusterEvent.RoleLeaderChanged { Leader: { } leader } change: return (type, new { type, role = change.Role, address = leader.ToString() });
            case ClusterEvent.RoleLeaderChanged change: return (type, new { type, role = change.Role });
            case ClusterEvent.ClusterShuttingDown: return (type, new { type });
            default: return null;
        }
    }

    private static object Member(Member member) => new
    {
        uniqueAddress = new { address = member.Address.ToString(), longUid = (long)member.UniqueAddress.Uid },
        status = member.Status.ToString(),
        roles = member.Roles.Order().ToArray(),
        dataCenter = DataCenter,
    };
}
