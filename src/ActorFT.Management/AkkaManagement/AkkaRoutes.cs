using ActorFT.Management.Pair;
using Akka.Actor;
using Akka.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using AkkaCluster = Akka.Cluster.Cluster;

namespace ActorFT.Management.AkkaManagement;

/// <summary>Akka.Management's routes (akka.md): bootstrap for .NET nodes, health checks, and the cluster's members, read-only.</summary>
internal static class AkkaRoutes
{
    private const int MaxSeedNodes = 5; // akka.management's contact-point default

    public static void Map(IEndpointRouteBuilder routes, NodeGateway gateway)
    {
        GetOnly(routes, "/bootstrap/seed-nodes", () => SeedNodes(gateway.System)).Produces<SeedNodesContract>().WithSummary("Members that a new node can join through (Akka.Management for .NET).");
        GetOnly(routes, "/remote/address", () => RemoteAddress(gateway.System)).Produces<RemoteAddressContract>().WithSummary("This node's Akka.Remote address (Akka.Management for .NET).");
        routes.MapGet("/ready", () => Ready(gateway)).Produces<string>(200, "text/plain").WithTags("health")
            .WithSummary("200 when this node is Up in the cluster and each of its replicas leads or follows; 500 with the failed check otherwise.");
        routes.MapGet("/alive", () => Alive(gateway)).Produces<string>(200, "text/plain").WithTags("health").WithSummary("200 when this node's host actor answers within a second; 500 otherwise.");
        routes.MapGet("/cluster/members", () => OnCluster(gateway.System, cluster => Answers.Ok(Members(cluster)))).Produces<ClusterMembersContract>().WithTags("cluster").WithSummary("All members of the Akka cluster.");
        routes.MapGet("/cluster/members/{*address}", (string address) => OnCluster(gateway.System, cluster => Member(cluster, address)))
            .Produces<ClusterMemberContract>().Produces<MessageContract>(404).WithTags("cluster").WithSummary("One member, by its address.");
    }

    // Akka's router declines other methods, which is a 404 (akka.md, part A).
    private static RouteHandlerBuilder GetOnly(IEndpointRouteBuilder routes, string pattern, Func<IResult> handler)
    {
        routes.MapMethods(pattern, ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"], () => Results.NotFound()).ExcludeFromDescription();
        return routes.MapGet(pattern, handler).WithTags("akka");
    }

    private static IResult Unavailable(string message) =>
        Results.Json(new { error = new { reason = "not available", message }, code = 503, message }, Json.Akka, statusCode: 503);

    private static IResult OnCluster(ActorSystem system, Func<AkkaCluster, IResult> answer) =>
        system.Settings.HasCluster ? answer(AkkaCluster.Get(system)) : Unavailable("Clustering is not available");

    private static IResult SeedNodes(ActorSystem system) => OnCluster(system, cluster =>
    {
        bool isMember = cluster.State.Members.Any(member => member.UniqueAddress.Equals(cluster.SelfUniqueAddress))
            && cluster.SelfMember.Status is not (MemberStatus.Down or MemberStatus.Exiting or MemberStatus.Leaving or MemberStatus.Removed);
        Member[] members = isMember
            ? [.. cluster.State.Members.Where(member => !cluster.State.Unreachable.Contains(member) && member.Status is MemberStatus.Up or MemberStatus.WeaklyUp or MemberStatus.Joining)]
            : [];
        Random.Shared.Shuffle(members);
        SeedNodeContract[] nodes = [.. members.Take(MaxSeedNodes)
            .Select(member => new SeedNodeContract(AddressContract.Of(member.Address), member.UniqueAddress.Uid, (int)member.Status, [.. member.Roles]))];
        return Results.Json(new SeedNodesContract(AddressContract.Of(cluster.SelfAddress), nodes), Json.Akka);
    });

    private static IResult RemoteAddress(ActorSystem system)
    {
        Address address = ((ExtendedActorSystem)system).Provider.DefaultAddress;
        return address.HasGlobalScope ? Results.Json(new RemoteAddressContract(address.ToString()), Json.Akka) : Unavailable("Remoting is not available");
    }

    private static ClusterMembersContract Members(AkkaCluster cluster)
    {
        ClusterEvent.CurrentClusterState state = cluster.State;
        Member[] byAge = [.. state.Members.Where(member => member.Status == MemberStatus.Up)];
        Array.Sort(byAge, (left, right) => left.Equals(right) ? 0 : left.IsOlderThan(right) ? -1 : 1);
        SortedDictionary<string, string> perRole = new(StringComparer.Ordinal);
        foreach (string role in state.Members.SelectMany(member => member.Roles).Distinct())
            perRole[role] = byAge.FirstOrDefault(member => member.HasRole(role))?.Address.ToString() ?? "<unknown>";
        return new ClusterMembersContract
        {
            SelfNode = cluster.SelfAddress.ToString(),
            Members = [.. state.Members.Select(ClusterMemberContract.Of)],
            Unreachable = [.. state.Unreachable.Select(member => new UnreachableContract(member.Address.ToString(), [])).OrderBy(one => one.Node, StringComparer.Ordinal)],
            Leader = state.Leader?.ToString(),
            Oldest = byAge.Length == 0 ? null : byAge[0].Address.ToString(),
            OldestPerRole = perRole,
        };
    }

    // "akka.tcp://actorft@10.0.0.1:4053" or "actorft@10.0.0.1:4053".
    private static IResult Member(AkkaCluster cluster, string address)
    {
        string wanted = Uri.UnescapeDataString(address).TrimEnd('/'); // routing leaves %2F as it is
        Member? found = cluster.State.Members.FirstOrDefault(member =>
            member.Address.ToString() == wanted || $"{member.Address.System}@{member.Address.Host}:{member.Address.Port}" == wanted);
        return found is not null ? Answers.Ok(ClusterMemberContract.Of(found)) : Results.Json(new MessageContract($"Member [{wanted}] not found"), Json.Ft, statusCode: 404);
    }

    private static async Task<IResult> Alive(NodeGateway gateway) => await gateway.IsHostAnsweringAsync().ConfigureAwait(false)
        ? Results.Text("OK")
        : Results.Text("Health Check Failed: Check [host] timed out after 1 second", statusCode: 500);

    private static async Task<IResult> Ready(NodeGateway gateway)
    {
        if (!await gateway.IsHostAnsweringAsync().ConfigureAwait(false)) return Results.Text("Health Check Failed: Check [host] timed out after 1 second", statusCode: 500);
        if (gateway.System.Settings.HasCluster && AkkaCluster.Get(gateway.System).SelfMember.Status is not (MemberStatus.Up or MemberStatus.WeaklyUp)) return NotReady("cluster");
        PairStatus status = await gateway.GetStatusAsync().ConfigureAwait(false);
        foreach (string machine in gateway.Config.Machines.Select(machine => machine.Name))
        {
            ReplicaView? own = status.Machines.FirstOrDefault(one => one.Name == machine)?.Replicas.FirstOrDefault(replica => replica.Server == gateway.Config.Name);
            if (own is not { IsCurrent: true, Status.Role: "Leading" or "Following" }) return NotReady($"lockstep-{machine}");
        }

        return Results.Text("OK");
    }

    private static IResult NotReady(string check) => Results.Text($"Not Healthy: Check [{check}] not ok", statusCode: 500);
}
