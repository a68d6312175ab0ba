using System.CommandLine;
using System.Net;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Management;
using ActorFT.Management.Ft;
using ActorFT.Management.Pair;
using ActorFT.Node.Operate;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Commands.Operate;

/// <summary>What changes something: failover, protect, server leave|return|isolate, fault inject|clear, disk|nic|link isolate|repair, disk scrub.</summary>
internal static class ActionCommands
{
    private const string Codes = "Exit codes: 0 done or begun, 2 refused, 3 wrong use or token, 4 no server answers.";

    public static Command FailOver() => OnMachine("failover", CommandProtocol.Verbs.FailOver, "Hands a machine over to the other server; its clients notice nothing.", "actorft failover debian");

    public static Command Protect() => OnMachine("protect", CommandProtocol.Verbs.Protect, "Lets a server that was taken out of a machine take part again.", "actorft protect debian");

    public static Command ForceStart()
    {
        Argument<string> machine = new("MACHINE") { Description = "The machine." };
        Option<string> server = new("--server") { Description = "The server that is to boot it.", HelpName = "NAME", Required = true };
        return OperateCommand.Create("force-start", $"""
            Boots a machine on a server although another one may know more: what only that one knew is LOST. For a disaster
            (docs/operations.md). Everything else brings machines back by itself.

            Examples:
              actorft force-start debian --server server-b

            {Codes}
            """, [machine, server], (client, isJson, result) => ChangeMachineAsync(client, isJson, result.GetValue(machine), CommandProtocol.Verbs.ForceStart,
                new ActionRequest(result.GetValue(server), null, null)));
    }

    private static Command OnMachine(string name, string verb, string what, string example)
    {
        Argument<string?> machine = new("MACHINE") { Description = "The machine; may be left out when there is only one.", Arity = ArgumentArity.ZeroOrOne };
        return OperateCommand.Create(name, $"""
            {what}

            Examples:
              {example}
              {example} --token-file /etc/actorft/token --url http://10.0.0.1:8551

            {Codes}
            """, [machine], (client, isJson, result) => ChangeMachineAsync(client, isJson, result.GetValue(machine), verb, null));
    }

    public static Command Server()
    {
        Command server = new("server", "Takes a server out for maintenance and brings it back.\n\nExamples:\n  actorft server leave server-b\n  actorft server return server-b");
        foreach ((string verb, string what) in new[]
                 {
                     (CommandProtocol.Verbs.Leave, "A server hands over what it leads and leaves its machines, for maintenance. The machines run on, unprotected, on the other server."),
                     (CommandProtocol.Verbs.Return, "A server comes back from maintenance: it is made equal and protects its machines again."),
                 })
        {
            Argument<string> name = new("SERVER") { Description = "The server's name." };
            server.Subcommands.Add(OperateCommand.Create(verb, $"""
                {what}

                Examples:
                  actorft server {verb} server-b

                {Codes}
                """, [name], async (client, isJson, result) =>
                {
                    string wanted = result.GetValue(name)!;
                    (HttpStatusCode code, string sentence) = await client.ChangeAsync($"ft/servers/{Uri.EscapeDataString(wanted)}/{verb}", null, _ => wanted).ConfigureAwait(false);
                    return End(code, sentence, isJson);
                }));
        }

        server.Subcommands.Add(IsolateServer());
        return server;
    }

    private static Command IsolateServer()
    {
        Argument<string> name = new("SERVER") { Description = "The server whose replica goes; not the one that leads." };
        Option<string?> machine = NewMachineOption();
        return OperateCommand.Create("isolate", $"""
            Takes a server's replica of a machine out at once, and keeps it out until `actorft protect`: for a server that disturbs the
            machine. The machine runs on, unprotected, on the other server. For maintenance use `actorft server leave`.

            Examples:
              actorft server isolate server-b
              actorft protect debian

            {Codes}
            """, [name, machine], (client, isJson, result) => ChangeMachineAsync(client, isJson, result.GetValue(machine), CommandProtocol.Verbs.Isolate,
                new ActionRequest(result.GetValue(name), null, null)));
    }

    private static Option<string?> NewMachineOption() => new("--machine") { Description = "The machine; may be left out when there is only one.", HelpName = "NAME" };

    public static Command Fault()
    {
        Command fault = new("fault", "Lists faults with diagnosis, action and outcome; tests the alerts; injects and clears faults for drills.\n\nExamples:\n  actorft fault list\n  actorft fault test-alert\n  actorft fault inject memory --server server-b");
        fault.Subcommands.Add(StatusCommands.Events("list"));
        fault.Subcommands.Add(OnComponent("inject", CommandProtocol.Verbs.Inject, $"Injects a fault into a component, where actorft.fault-injection is on: memory (a flipped bit), vcpu-N (kind=fail, kind=stall), nic-NAME, link-NAME, disk-NAME (kind={string.Join(", kind=", DiskActor.FaultWords)}).",
            "actorft fault inject memory --server server-b\n  actorft fault inject vcpu-0 --set kind=stall --server server-a"));
        fault.Subcommands.Add(OnComponent("clear", CommandProtocol.Verbs.Clear, "Takes an injected fault away.", "actorft fault clear nic-lan --server server-b"));
        fault.Subcommands.Add(OperateCommand.Create("test-alert", """
            Sends a test alert on every way that each node's file names (actorft.faults.alerts): command, webhook, syslog.

            Examples:
              actorft fault test-alert

            Exit codes: 0 all delivered, 2 one was not or a node has no way, 3 wrong use or token, 4 no node answers.
            """, [], async (client, isJson, _) =>
            {
                IReadOnlyList<(HttpStatusCode Code, string Sentence)> answers = await client.ChangeEachAsync("ft/alerts/test").ConfigureAwait(false);
                foreach ((HttpStatusCode code, string sentence) in answers) End(code, sentence, isJson);
                return answers.Max(answer => CodeOf(answer.Code));
            }));
        return fault;
    }

    public static Command Disk()
    {
        Command disk = StatusCommands.Components("disk");
        disk.Subcommands.Add(StatusCommands.Disk());
        disk.Subcommands.Add(DiskFileCommands.Create());
        disk.Subcommands.Add(DiskFileCommands.Verify());
        disk.Subcommands.Add(OnKind("disk", "isolate", CommandProtocol.Verbs.Isolate, "Takes one server's copy of a disk out of service; that server's replica uses the other copy.", "root", true));
        disk.Subcommands.Add(OnKind("disk", "fail", CommandProtocol.Verbs.Isolate, "The same as isolate.", "root", true));
        disk.Subcommands.Add(OnKind("disk", "repair", CommandProtocol.Verbs.Repair, "Brings one server's copy of a disk back; it is made equal while the machine runs.", "root", true));
        disk.Subcommands.Add(OnKind("disk", "scrub", CommandProtocol.Verbs.Scrub, "Compares a disk's copies and repairs what differs.", "root", true));
        return disk;
    }

    public static Command Nic()
    {
        Command nic = StatusCommands.Components("nic");
        nic.Subcommands.Add(OnKind("nic", "isolate", CommandProtocol.Verbs.Isolate, "Takes one server's NIC out of service; frames pass through the other server's.", "lan", true));
        nic.Subcommands.Add(OnKind("nic", "repair", CommandProtocol.Verbs.Repair, "Brings one server's NIC back into service.", "lan", true));
        return nic;
    }

    public static Command Link()
    {
        Command link = StatusCommands.Components("link");
        link.Subcommands.Add(OnKind("link", "isolate", CommandProtocol.Verbs.Isolate, "Takes an FT link out of service on both servers, while another one is up.", "ft0", false));
        link.Subcommands.Add(OnKind("link", "repair", CommandProtocol.Verbs.Repair, "Brings an FT link back into service on both servers.", "ft0", false));
        return link;
    }

    // The component's kind is the command's, so the bare name does; "disk-root" is understood too.
    private static Command OnKind(string kind, string name, string verb, string what, string example, bool isOfServer)
    {
        Argument<string> component = new("NAME") { Description = $"The {kind}'s name, such as {example}." };
        Option<string?> machine = NewMachineOption();
        Option<string?> server = new("--server") { Description = "The server whose component it is; default: the one that leads.", HelpName = "NAME" };
        return OperateCommand.Create(name, $"""
            {what}

            Examples:
              actorft {kind} {name} {example}{(isOfServer ? " --server server-b" : "")}

            {Codes}
            """, isOfServer ? [component, machine, server] : [component, machine], (client, isJson, result) =>
            {
                string given = result.GetValue(component)!, prefix = kind + "-";
                return ChangeMachineAsync(client, isJson, result.GetValue(machine), verb, new ActionRequest(
                    isOfServer ? result.GetValue(server) : null, given.StartsWith(prefix, StringComparison.Ordinal) ? given : prefix + given, null));
            });
    }

    private static Command OnComponent(string name, string verb, string what, string example)
    {
        Argument<string> component = new("COMPONENT") { Description = "The component: disk-NAME, nic-NAME, link-NAME, vcpu-NUMBER or memory." };
        Option<string?> machine = NewMachineOption();
        Option<string?> server = new("--server") { Description = "The server whose component it is; default: the one that leads.", HelpName = "NAME" };
        Option<string[]> arguments = new("--set") { Description = "More, such as kind=stall; repeatable.", HelpName = "KEY=VALUE" };
        return OperateCommand.Create(name, $"""
            {what}

            Examples:
              {example}

            {Codes}
            """, [component, machine, server, arguments], (client, isJson, result) => ChangeMachineAsync(client, isJson, result.GetValue(machine), verb,
                new ActionRequest(result.GetValue(server), result.GetValue(component), result.GetValue(arguments) ?? [])));
    }

    private static async Task<int> ChangeMachineAsync(NodeClient client, bool isJson, string? machine, string verb, ActionRequest? body)
    {
        client.ReadToken(); // before anybody is asked
        if (machine is null)
        {
            PairStatus status = (await client.GetPairAsync().ConfigureAwait(false)).Best.Status;
            machine = status.Machines.Length == 1 ? status.Machines[0].Name
                : throw new OperatorException($"Name the machine; there are {status.Machines.Length}: {string.Join(", ", status.Machines.Select(one => one.Name))}.");
        }

        (HttpStatusCode code, string sentence) = await client.ChangeAsync($"ft/machines/{Uri.EscapeDataString(machine)}/{verb}", body,
            status => body?.Server ?? status.Machines.FirstOrDefault(one => one.Name == machine)?.Leader ?? "").ConfigureAwait(false);
        return End(code, sentence, isJson);
    }

    private static int End(HttpStatusCode code, string sentence, bool isJson)
    {
        bool isDone = code == HttpStatusCode.OK;
        if (isJson) OperateCommand.Print(JsonSerializer.Serialize(new ActionOutcome(isDone, sentence), Json.Ft));
        else if (isDone) OperateCommand.Print(sentence);
        else Notices.Say(HostFile.OneLine(sentence));
        return CodeOf(code);
    }

    private static int CodeOf(HttpStatusCode code) => code switch
    {
        HttpStatusCode.OK => OperateExitCode.Healthy,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.BadRequest => OperateExitCode.Usage,
        HttpStatusCode.GatewayTimeout => OperateExitCode.Unreachable,
        _ => OperateExitCode.Failed,
    };
}
