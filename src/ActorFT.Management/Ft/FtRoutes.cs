using ActorFT.Cluster.Messages;
using ActorFT.Management.Pair;
using ActorFT.Management.Streams;
using Akka.Actor;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorFT.Management.Ft;

/// <summary>What can be read: status, machines, events, and streams of both.</summary>
internal static class FtRoutes
{
    private const int MaxEntries = NodeGateway.MaxHistory;

    private static readonly TimeSpan s_statusInterval = TimeSpan.FromMilliseconds(500);

    public static void Map(IEndpointRouteBuilder routes, NodeGateway gateway, StreamHost streams, IActorRef feed)
    {
        Rendering<PairStatus> statuses = new();
        Rendering<EventHistory> histories = new();
        routes.MapGet("/ft/status", async () => Answers.Rendered(statuses.Of(await gateway.GetStatusAsync().ConfigureAwait(false))))
            .Produces<PairStatus>().WithTags("ft").WithSummary("The whole pair as this node knows it, with the age of each part.");
        routes.MapGet("/ft/machines", async () => Answers.Ok((await gateway.GetStatusAsync().ConfigureAwait(false)).Machines))
            .Produces<MachineView[]>().WithTags("ft").WithSummary("The machines, each with its replicas.");
        routes.MapGet("/ft/machines/{name}", (string name) => MachineAsync(name, gateway))
            .Produces<MachineView>().Produces<Refusal>(404).WithTags("ft").WithSummary("One machine.");
        routes.MapGet("/ft/events", (int? limit) => EventsAsync(limit ?? 100, gateway, histories))
            .Produces<EventHistory>().Produces<Refusal>(400).WithTags("ft").WithSummary($"Faults, what was done, and recoveries of all nodes in reach, oldest first; ?limit=1..{MaxEntries}.");
        routes.MapGet("/ft/events/stream", (Delegate)(Task (HttpContext context) => StreamEventsAsync(context, streams, feed)))
            .Produces<string>(200, "text/event-stream").Produces<Refusal>(503).WithTags("ft").WithSummary("New entries as server-sent events named \"fault\".");
        routes.MapGet("/ft/status/stream", (Delegate)(Task (HttpContext context) => StreamStatusAsync(context, gateway, statuses, streams, feed)))
            .Produces<string>(200, "text/event-stream").Produces<Refusal>(503).WithTags("ft")
            .WithSummary("The pair's status twice a second, and right after each fault and whenever something stands otherwise, as server-sent events named \"status\", and new entries named \"fault\".");
    }

    private static async Task<IResult> MachineAsync(string name, NodeGateway gateway)
    {
        PairStatus status = await gateway.GetStatusAsync().ConfigureAwait(false);
        return status.Machines.FirstOrDefault(machine => machine.Name == name) is { } machine ? Answers.Ok(machine) : UnknownMachine(name, status);
    }

    public static IResult UnknownMachine(string name, PairStatus status) => Answers.Refuse(404,
        $"There is no machine \"{Shorten(name)}\"; known are: {string.Join(", ", status.Machines.Select(machine => machine.Name).DefaultIfEmpty("none"))}.");

    public static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "…";

    private static async Task<IResult> EventsAsync(int limit, NodeGateway gateway, Rendering<EventHistory> histories)
    {
        if (limit is < 1 or > MaxEntries) return Answers.Refuse(400, $"limit is {limit}; allowed is 1 to {MaxEntries}.");
        return Answers.Rendered(histories.Of(await gateway.GetHistoryAsync(limit).ConfigureAwait(false)));
    }

    private static Task StreamEventsAsync(HttpContext context, StreamHost streams, IActorRef feed) => streams.RunAsync(context, async (relay, reader, end) =>
    {
        EventStream events = new(context, end);
        feed.Tell(new EventFeedActor.Watch(relay), ActorRefs.NoSender); // before the head: who has that misses nothing
        await events.BeginAsync().ConfigureAwait(false);
        while (true)
        {
            object? message = await StreamHost.NextAsync(reader, EventStream.KeepAlive, end).ConfigureAwait(false);
            if (message is FaultProtocol.Entry entry) await events.SendAsync("fault", entry).ConfigureAwait(false);
            else await events.SendKeepAliveAsync().ConfigureAwait(false);
        }
    });

    private static Task StreamStatusAsync(HttpContext context, NodeGateway gateway, Rendering<PairStatus> statuses, StreamHost streams, IActorRef feed) => streams.RunAsync(context, async (relay, reader, end) =>
    {
        EventStream events = new(context, end);
        feed.Tell(new EventFeedActor.Watch(relay, WithStandings: true), ActorRefs.NoSender); // as above
        await events.BeginAsync().ConfigureAwait(false);
        long nextAt = Environment.TickCount64, changedAt = long.MinValue / 2;
        while (true)
        {
            long now = Environment.TickCount64;
            if (now >= nextAt)
            {
                await events.SendAsync("status", statuses.Of(await gateway.GetStatusAsync().ConfigureAwait(false))).ConfigureAwait(false);
                nextAt = now + (long)s_statusInterval.TotalMilliseconds;
                if (now < changedAt + NodeGateway.RefreshMs) nextAt = changedAt + NodeGateway.RefreshMs; // the view may be from before the change
                continue;
            }

            object? message = await StreamHost.NextAsync(reader, TimeSpan.FromMilliseconds(nextAt - now), end).ConfigureAwait(false);
            if (message is null) continue;
            if (message is FaultProtocol.Entry entry) await events.SendAsync("fault", entry).ConfigureAwait(false);
            changedAt = Environment.TickCount64;
            nextAt = Math.Min(nextAt, changedAt + NodeGateway.RefreshMs); // the state that goes with it: a view asked for after it
        }
    });
}
