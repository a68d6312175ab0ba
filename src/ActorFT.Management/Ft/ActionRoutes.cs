using System.Text.Json;
using ActorFT.Cluster.Messages;
using ActorFT.Management.Pair;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorFT.Management.Ft;

/// <summary>What can be changed. Every route asks the <see cref="TokenGate"/> before it looks at anything else.</summary>
internal static class ActionRoutes
{
    private const int MaxTextCharacters = 128, MaxArguments = 16;

    private static readonly (string Verb, string Summary)[] s_machineVerbs =
    [
        (CommandProtocol.Verbs.FailOver, "Hands the machine over to the other server."),
        (CommandProtocol.Verbs.Protect, "Lets a server that was taken out take part again."),
        (CommandProtocol.Verbs.Isolate, "Takes a component (disk-NAME, nic-NAME, link-NAME) out of service; without a component the replica of the server that is named, at once and until protect."),
        (CommandProtocol.Verbs.Repair, "Brings a component (disk-NAME, nic-NAME, link-NAME) back into service."),
        (CommandProtocol.Verbs.Scrub, "Compares a disk's copies (disk-NAME) and repairs what differs."),
        (CommandProtocol.Verbs.Inject, "Injects a fault into disk-NAME, nic-NAME, link-NAME, vcpu-NUMBER or memory, where actorft.fault-injection is on."),
        (CommandProtocol.Verbs.Clear, "Takes an injected fault away, where actorft.fault-injection is on."),
        (CommandProtocol.Verbs.ForceStart, "Boots here although the other server's state is out of reach: what only it knew is lost."),
    ];

    public static void Map(IEndpointRouteBuilder routes, NodeGateway gateway, TokenGate gate)
    {
        foreach ((string verb, string summary) in s_machineVerbs)
        {
            Describe(routes.MapPost($"/ft/machines/{{name}}/{verb}", (HttpContext context, string name) => OnMachineAsync(context, verb, name, gateway, gate)), summary)
                .Accepts<ActionRequest>("application/json");
        }

        Describe(routes.MapPost("/ft/servers/{name}/leave", (HttpContext context, string name) => OnServerAsync(context, CommandProtocol.Verbs.Leave, name, gateway, gate)),
            "The server hands over what it leads and leaves for maintenance.");
        Describe(routes.MapPost("/ft/servers/{name}/return", (HttpContext context, string name) => OnServerAsync(context, CommandProtocol.Verbs.Return, name, gateway, gate)),
            "The server comes back from maintenance and is made equal.");
        Describe(routes.MapPost("/ft/alerts/test", (Delegate)(Task<IResult> (HttpContext context) => TestAlertAsync(context, gateway, gate))), "Sends a test alert on every way that this node's file names.");
    }

    private static RouteHandlerBuilder Describe(RouteHandlerBuilder route, string summary) => route
        .Produces<ActionOutcome>().Produces<ActionOutcome>(409).Produces<Refusal>(400).Produces<Refusal>(401).Produces<Refusal>(403).Produces<Refusal>(404).Produces<Refusal>(421)
        .Produces<Refusal>(504).WithTags("actions").WithSummary(summary + " Needs the token.");

    private static async Task<IResult> OnMachineAsync(HttpContext context, string verb, string machine, NodeGateway gateway, TokenGate gate)
    {
        if (gate.Check(context) is { } denied) return denied;
        if (RefuseArbiter(gateway) is { } arbiter) return arbiter;
        (ActionRequest? body, IResult? malformed) = await ReadBodyAsync(context).ConfigureAwait(false);
        if (malformed is not null) return malformed;
        PairStatus status = await gateway.GetStatusAsync().ConfigureAwait(false);
        if (status.Machines.All(one => one.Name != machine)) return FtRoutes.UnknownMachine(machine, status);
        if (body!.Server is { Length: > 0 } server && UnknownServer(server, status) is { } unknown) return unknown;
        return await CarryOutAsync(gateway, [new CommandProtocol.Command(verb, machine, body.Server ?? "", body.Component ?? "", body.Arguments ?? [])]).ConfigureAwait(false);
    }

    private static async Task<IResult> OnServerAsync(HttpContext context, string verb, string server, NodeGateway gateway, TokenGate gate)
    {
        if (gate.Check(context) is { } denied) return denied;
        if (RefuseArbiter(gateway) is { } arbiter) return arbiter;
        PairStatus status = await gateway.GetStatusAsync().ConfigureAwait(false);
        if (UnknownServer(server, status) is { } unknown) return unknown;
        if (status.Machines.Length == 0) return Answers.Ok(new ActionOutcome(true, $"{server} runs no machine."));
        return await CarryOutAsync(gateway, [.. status.Machines.Select(machine => new CommandProtocol.Command(verb, machine.Name, server, "", []))]).ConfigureAwait(false);
    }

    private static async Task<IResult> TestAlertAsync(HttpContext context, NodeGateway gateway, TokenGate gate)
    {
        if (gate.Check(context) is { } denied) return denied;
        CommandProtocol.Outcome? outcome = await gateway.TestAlertAsync().ConfigureAwait(false);
        return outcome is null ? Answers.Refuse(504, "The test alert was not done in time.") : Results.Json(new ActionOutcome(outcome.Succeeded, outcome.Sentence), Json.Ft, statusCode: outcome.Succeeded ? 200 : 409);
    }

    private static IResult? RefuseArbiter(NodeGateway gateway) =>
        gateway.Config.IsArbiter ? Answers.Refuse(421, $"{gateway.Config.Name} is the arbiter: it only votes. Ask a server.") : null;

    private static IResult? UnknownServer(string server, PairStatus status)
    {
        string[] servers = [.. status.Nodes.Where(node => node.Role == "server").Select(node => node.Name)];
        return servers.Contains(server) ? null : Answers.Refuse(404, $"There is no server \"{FtRoutes.Shorten(server)}\"; known are {string.Join(" and ", servers)}.");
    }

    private static async Task<IResult> CarryOutAsync(NodeGateway gateway, CommandProtocol.Command[] commands)
    {
        CommandProtocol.Outcome?[] outcomes = await Task.WhenAll(commands.Select(gateway.CommandAsync)).ConfigureAwait(false);
        if (outcomes.Any(outcome => outcome is null))
            return Answers.Refuse(504, $"No answer came in time to \"{commands[0].Verb}\": it is not known whether it was done. Look at the status before asking again.");
        bool succeeded = outcomes.All(outcome => outcome!.Succeeded);
        ActionOutcome all = new(succeeded, string.Join(" ", outcomes.Select(outcome => outcome!.Sentence)));
        return Results.Json(all, Json.Ft, statusCode: succeeded ? 200 : 409);
    }

    private static async Task<(ActionRequest? Body, IResult? Malformed)> ReadBodyAsync(HttpContext context)
    {
        const string Allowed = "The body must be empty or JSON such as {\"server\":\"server-b\",\"component\":\"disk-root\",\"arguments\":[\"key=value\"]}.";
        if (context.Request.ContentLength is null or 0 && !context.Request.Headers.TransferEncoding.Any()) return (new ActionRequest(null, null, null), null);
        try
        {
            ActionRequest? body = await JsonSerializer.DeserializeAsync<ActionRequest>(context.Request.Body, Json.Ft, context.RequestAborted).ConfigureAwait(false);
            if (body is null) return (null, Answers.Refuse(400, Allowed));
            string?[] texts = [body.Server, body.Component, .. body.Arguments ?? []];
            return texts.Length > MaxArguments + 2 || texts.Any(text => text is { Length: > MaxTextCharacters })
                ? (null, Answers.Refuse(400, $"The body has a text of more than {MaxTextCharacters} characters or more than {MaxArguments} arguments."))
                : (body, null);
        }
        catch (JsonException)
        {
            return (null, Answers.Refuse(400, Allowed));
        }
    }
}
