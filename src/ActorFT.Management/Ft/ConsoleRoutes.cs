using System.Globalization;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Machines;
using ActorFT.Management.Pair;
using ActorFT.Management.Streams;
using Akka.Actor;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorFT.Management.Ft;

/// <summary>
/// A machine's console through the server that leads it. Output is the bytes as the guest wrote them, first what is kept; the stream ends when
/// this server leads no more, so that whoever follows asks who does.
/// </summary>
internal static class ConsoleRoutes
{
    /// <summary>The position of the answer's first byte in this server's output.</summary>
    public const string OffsetHeader = "ActorFT-Console-Offset";

    /// <summary>Typed at once at most.</summary>
    public const int MaxTypedBytes = 4096;

    private static readonly TimeSpan s_leaderCheck = TimeSpan.FromMilliseconds(500);

    public static void Map(IEndpointRouteBuilder routes, NodeGateway gateway, StreamHost streams, TokenGate gate)
    {
        routes.MapGet("/ft/machines/{name}/console", (HttpContext context, string name, long? from) => StreamAsync(context, name, from ?? 0, gateway, streams))
            .Produces<string>(200, "application/octet-stream").Produces<Refusal>(404).Produces<NotLeader>(409).WithTags("console")
            .WithSummary($"The console's output as it comes, first what is kept; ?from=OFFSET leaves out what is before. {OffsetHeader} tells the first byte's offset. 409 names the server to ask.");
        routes.MapPost("/ft/machines/{name}/console", (HttpContext context, string name) => TypeAsync(context, name, gateway, gate))
            .Accepts<byte[]>("application/octet-stream").Produces(204).Produces<Refusal>(401).Produces<Refusal>(403).Produces<Refusal>(404).Produces<NotLeader>(409).Produces<Refusal>(413)
            .WithTags("console").WithSummary($"Types bytes at the console, at most {MaxTypedBytes}. Needs the token.");
    }

    private static async Task<IResult?> RefuseUnlessLeading(string name, NodeGateway gateway)
    {
        PairStatus status = await gateway.GetStatusAsync().ConfigureAwait(false);
        if (status.Machines.FirstOrDefault(one => one.Name == name) is not { } machine) return FtRoutes.UnknownMachine(name, status);
        if (machine.Leader == gateway.Config.Name) return null;
        string endpoint = status.Nodes.FirstOrDefault(node => node.Name == machine.Leader)?.Endpoint ?? "";
        string sentence = machine.Leader.Length == 0 ? $"No server in reach of {gateway.Config.Name} leads {name} now." : $"{machine.Leader} leads {name}: its console is there.";
        return Results.Json(new NotLeader(sentence, machine.Leader, endpoint), Json.Ft, statusCode: 409);
    }

    private static async Task StreamAsync(HttpContext context, string name, long from, NodeGateway gateway, StreamHost streams)
    {
        if (await RefuseUnlessLeading(name, gateway).ConfigureAwait(false) is { } refusal)
        {
            await refusal.ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        await streams.RunAsync(context, async (relay, reader, end) =>
        {
            gateway.Host.Tell(new HostActor.ForMachine(name, new ConsoleActor.Watch(relay)), ActorRefs.NoSender);
            if (await StreamHost.NextAsync(reader, NodeGateway.ViewLimit, end).ConfigureAwait(false) is not ConsoleActor.Output output)
            {
                await Answers.Refuse(504, $"The console of {name} does not answer.").ExecuteAsync(context).ConfigureAwait(false);
                return;
            }

            context.Response.ContentType = "application/octet-stream";
            context.Response.Headers[OffsetHeader] = Math.Max(from, output.Offset).ToString(CultureInfo.InvariantCulture);
            await context.Response.StartAsync(end).ConfigureAwait(false);
            while (true)
            {
                int skip = (int)Math.Clamp(from - output.Offset, 0, output.Bytes.Length);
                if (skip < output.Bytes.Length) await context.Response.Body.WriteAsync(output.Bytes[skip..], end).ConfigureAwait(false);
                await context.Response.Body.FlushAsync(end).ConfigureAwait(false);
                from = Math.Max(from, output.Offset + output.Bytes.Length); // what was kept may come again, if it was on its way when the watch began
                object? next;
                while ((next = await StreamHost.NextAsync(reader, s_leaderCheck, end).ConfigureAwait(false)) is not ConsoleActor.Output)
                    if (gateway.LatestStatus.Machines.All(machine => machine.Name != name || machine.Leader != gateway.Config.Name)) return;
                output = (ConsoleActor.Output)next;
            }
        }).ConfigureAwait(false);
    }

    private static async Task<IResult> TypeAsync(HttpContext context, string name, NodeGateway gateway, TokenGate gate)
    {
        if (gate.Check(context) is { } denied) return denied;
        if (await RefuseUnlessLeading(name, gateway).ConfigureAwait(false) is { } refusal) return refusal;
        byte[] buffer = new byte[MaxTypedBytes + 1];
        int count = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted).ConfigureAwait(false);
        if (count > MaxTypedBytes) return Answers.Refuse(413, $"At most {MaxTypedBytes} bytes can be typed at once.");
        if (count != 0) gateway.Host.Tell(new HostActor.ForMachine(name, new ConsoleActor.Typed(buffer.AsMemory(0, count))), ActorRefs.NoSender);
        return Results.NoContent();
    }
}
