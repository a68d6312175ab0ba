using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Management;
using ActorFT.Management.Ft;
using ActorFT.Management.Pair;
using ActorFT.Node.Operate;
using ActorFT.Node.Terminal;
using Spectre.Console;

namespace ActorFT.Node.Commands.Operate;

/// <summary>What only looks: status, machines, disk, nic, link, events, fault list.</summary>
internal static class StatusCommands
{
    private const string Codes = "Exit codes: 0 healthy, 1 degraded, 2 failed, 3 wrong use, 4 no node answers.";

    public static Command Status() => OperateCommand.Create("status", $"""
        Shows the pair on one screen: nodes, links, machines, components, last faults, and what to do next.

        Examples:
          actorft status
          actorft status --url http://10.0.0.1:8551,http://10.0.0.2:8551
          actorft status --output json | jq .health

        {Codes}
        """, [], async (client, isJson, _) =>
        {
            PairAnswer answer = await client.GetPairAsync(isJson ? 0 : 20).ConfigureAwait(false);
            if (isJson) OperateCommand.Print(answer.Best.Json);
            else
            {
                StatusScreen.Write(NewConsole(), answer);
                if (answer.Silent.Count != 0) OperateCommand.Print($"\nNo answer from {string.Join(", ", answer.Silent.Select(url => url.ToString().TrimEnd('/')))}.");
            }

            return (int)answer.Best.Status.Health;
        });

    public static Command Machines() => OperateCommand.Create("machines", $"""
        Lists the machines with their replicas.

        Examples:
          actorft machines
          actorft machines --output json

        {Codes}
        """, [], async (client, isJson, _) =>
        {
            PairStatus status = (await client.GetPairAsync().ConfigureAwait(false)).Best.Status;
            if (isJson) OperateCommand.Print(JsonSerializer.Serialize(status.Machines, Json.Ft));
            else
            {
                IAnsiConsole console = NewConsole();
                if (status.Machines.Length == 0) console.MarkupLine("No machine is configured.");
                foreach (MachineView machine in status.Machines)
                {
                    console.MarkupLine($"[bold]{Words.Safe(machine.Name)}[/]  {Words.State(machine.State)}{(machine.Reason.Length == 0 ? "" : $"  {Words.Safe(machine.Reason)}")}");
                    console.Write(StatusScreen.Replicas(machine));
                }
            }

            return (int)status.Health;
        });

    public static Command Components(string kind)
    {
        Command components = Components(kind, kind);
        components.Subcommands.Add(Components(kind, "list"));
        return components;
    }

    private static Command Components(string kind, string word) => OperateCommand.Create(word, $"""
        Lists the {(kind == "link" ? "FT links" : kind == "nic" ? "NICs" : "disks")} with their state on each server.

        Examples:
          actorft {kind}{(word == kind ? "" : " " + word)}
          actorft {kind} --output json

        {Codes}
        """, [], async (client, isJson, _) =>
        {
            PairStatus status = (await client.GetPairAsync().ConfigureAwait(false)).Best.Status;
            Show(kind, status, isJson);
            return (int)status.Health;
        });

    private static void Show(string kind, PairStatus status, bool isJson)
    {
        if (isJson)
        {
            OperateCommand.Print(JsonOf(kind, status));
            return;
        }

        IAnsiConsole console = NewConsole();
        if (kind == "link")
        {
            console.Write(StatusScreen.Links(status));
            return;
        }

        string[] lines = [.. status.Machines.SelectMany(machine => StatusScreen.ComponentLines([machine], kind).Select(line => $"{Words.Safe(machine.Name)} {line}"))];
        foreach (string line in lines.DefaultIfEmpty($"No machine has a {kind}.")) console.MarkupLine(line);
    }

    /// <summary>One disk: its copies' state, reason, what they took lately, errors.</summary>
    public static Command Disk()
    {
        Argument<string> name = new("NAME") { Description = "The disk's name, such as root." };
        return OperateCommand.Create("status", """
            Shows one disk: the state of each server's copy and why, what it took for requests lately, its errors, progress.

            Examples:
              actorft disk status root
              actorft disk status root --output json

            Exit codes: 0 both copies are good, 1 one is, 2 none is, 3 wrong use, 4 no node answers.
            """, [name], async (client, isJson, result) =>
            {
                string given = result.GetValue(name)!, wanted = given.StartsWith("disk-", StringComparison.Ordinal) ? given["disk-".Length..] : given;
                PairStatus all = (await client.GetPairAsync().ConfigureAwait(false)).Best.Status;
                PairStatus status = all with
                {
                    Machines = [.. all.Machines.Select(machine => machine with
                    {
                        Replicas = [.. machine.Replicas.Select(replica => replica with { Status = replica.Status with { Disks = [.. replica.Status.Disks.Where(disk => disk.Name == wanted)] } })],
                    }).Where(machine => machine.Replicas.Any(replica => replica.Status.Disks.Length != 0))],
                };
                if (status.Machines.Length == 0)
                    throw new OperatorException($"No machine has a disk \"{given}\"; there are: {string.Join(", ", all.Machines.SelectMany(machine => machine.Replicas).SelectMany(replica => replica.Status.Disks).Select(disk => disk.Name).Distinct().Order(StringComparer.Ordinal).DefaultIfEmpty("none"))}.");
                Show("disk", status, isJson);
                return status.Machines.Max(machine => 2 - Math.Min(2, machine.Replicas.Count(replica => replica.IsCurrent && replica.Status.Disks.Any(disk => disk.State == ComponentState.Good))));
            });
    }

    private static string JsonOf(string kind, PairStatus status)
    {
        var replicas = status.Machines.SelectMany(machine => machine.Replicas.Select(replica => (machine.Name, replica)));
        object list = kind switch
        {
            "link" => status.Nodes.SelectMany(node => node.Links.Select(link => new { server = node.Name, isCurrent = node.IsCurrent, link })),
            "nic" => replicas.SelectMany(one => one.replica.Status.Nics.Select(nic => new { machine = one.Name, server = one.replica.Server, isCurrent = one.replica.IsCurrent, nic })),
            _ => replicas.SelectMany(one => one.replica.Status.Disks.Select(disk => new { machine = one.Name, server = one.replica.Server, isCurrent = one.replica.IsCurrent, disk })),
        };
        return JsonSerializer.Serialize(list, Json.Ft);
    }

    public static Command Events(string name)
    {
        Option<bool> follow = new("--follow") { Description = "Go on with what happens from now on, from whichever node answers; Ctrl-C ends it." };
        follow.Aliases.Add("-f");
        Option<int> limit = new("--limit") { Description = "How many of the latest to show, 1 to 500.", DefaultValueFactory = _ => 50 };
        return OperateCommand.Create(name, $"""
            {(name == "events" ? "Shows faults, what was done about them, what became of them, and recoveries" : "Shows faults with their likely cause, what was done, what became of them, and the evidence")}, oldest first, of all nodes.

            Examples:
              actorft {(name == "events" ? name : "fault list")}
              actorft events --follow
              actorft {(name == "events" ? name : "fault list")} --limit 500 --output json

            Exit codes: 0 shown, 3 wrong use, 4 no node answers.
            """, name == "events" ? [follow, limit] : [limit], async (client, isJson, result) =>
            {
                int count = result.GetValue(limit);
                if (count is < 1 or > 500) throw new OperatorException($"--limit is {count}; allowed is 1 to 500.");
                IAnsiConsole console = NewConsole();
                (EventHistory history, string json) = await client.GetHistoryAsync(count).ConfigureAwait(false);
                bool isFollowing = name == "events" && result.GetValue(follow);
                if (isJson && !isFollowing) OperateCommand.Print(json);
                else
                {
                    foreach (FaultProtocol.Entry entry in history.Entries.Where(entry => name == "events" || entry.Report.Severity > FaultSeverity.Info))
                    {
                        Show(console, entry, isJson);
                        if (name != "events") foreach (string line in StatusScreen.Details(entry)) console.MarkupLine(line);
                    }
                }

                if (!isJson && history.Entries.Length == 0) OperateCommand.Print("Nothing has happened.");
                if (!isJson && history.MissingNodes != 0)
                    Notices.Say($"{history.MissingNodes} node{(history.MissingNodes == 1 ? "" : "s")} did not answer: what only {(history.MissingNodes == 1 ? "it" : "they")} saw is missing here.");
                if (isFollowing) await FollowAsync(client, history, entry => Show(console, entry, isJson)).ConfigureAwait(false);
                return OperateExitCode.Healthy;
            });
    }

    private static void Show(IAnsiConsole console, FaultProtocol.Entry entry, bool isJson)
    {
        if (isJson) OperateCommand.Print(JsonSerializer.Serialize(entry, Json.Ft));
        else console.MarkupLine(StatusScreen.Fault(entry));
    }

    // Until Ctrl-C: from one node while it gives its stream, then from another; what happened in between is in the history.
    private static async Task FollowAsync(NodeClient client, EventHistory shown, Action<FaultProtocol.Entry> show)
    {
        HashSet<string> known = [.. shown.Entries.Select(entry => entry.Id)];
        bool isFirst = true, wasTold = false;
        while (true)
        {
            foreach (Uri url in client.Urls)
            {
                using HttpResponseMessage? stream = await client.OpenAsync(url, "ft/events/stream", CancellationToken.None).ConfigureAwait(false);
                if (stream is null) continue;
                wasTold = false;
                if (!isFirst) await CatchUpAsync(client, known, show).ConfigureAwait(false);
                isFirst = false;
                try
                {
                    using StreamReader reader = new(await stream.Content.ReadAsStreamAsync().ConfigureAwait(false));
                    while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
                        if (line.StartsWith("data:", StringComparison.Ordinal) && JsonSerializer.Deserialize<FaultProtocol.Entry>(line["data:".Length..], Json.Ft) is { } entry && known.Add(entry.Id)) show(entry);
                }
                catch (Exception e) when (e is IOException or HttpRequestException or JsonException)
                {
                    // the next node
                }
            }

            if (!wasTold) Notices.Say("No node gives its events now; asking again until one does.");
            wasTold = true;
            await Task.Delay(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
        }
    }

    private static async Task CatchUpAsync(NodeClient client, HashSet<string> known, Action<FaultProtocol.Entry> show)
    {
        try
        {
            foreach (FaultProtocol.Entry entry in (await client.GetHistoryAsync(100).ConfigureAwait(false)).History.Entries.Where(entry => known.Add(entry.Id))) show(entry);
        }
        catch (PairUnreachableException)
        {
            // the stream says more than a history that cannot be had
        }
    }

    public static Command Top()
    {
        Option<int> count = new("--count") { Description = "End after so many looks; 0: at Ctrl-C.", DefaultValueFactory = _ => 0 };
        return OperateCommand.Create("top", $"""
            Shows rates live, once a second: instructions, log, lag, held outputs, links. Ctrl-C ends it.

            Examples:
              actorft top
              actorft top --count 10 --output json

            {Codes}
            """, [count], async (client, isJson, result) =>
            {
                int health = 0;
                IAnsiConsole console = NewConsole();
                bool isLive = !Console.IsOutputRedirected && !isJson;
                for (int look = 0; result.GetValue(count) == 0 || look < result.GetValue(count); look++)
                {
                    if (look != 0) await Task.Delay(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
                    NodeAnswer answer = (await client.GetPairAsync().ConfigureAwait(false)).Best;
                    health = (int)answer.Status.Health;
                    if (isJson)
                    {
                        OperateCommand.Print(answer.Json);
                        continue;
                    }

                    if (isLive) console.Clear();
                    console.MarkupLine($"{Words.Time(answer.Status.AtUnixMs)}  {answer.Status.Health}  {Words.Safe(answer.Status.Summary)}");
                    console.Write(Rates(answer.Status));
                    console.Write(StatusScreen.Links(answer.Status));
                }

                return health;
            });
    }

    private static Table Rates(PairStatus status)
    {
        Table table = new Table().Border(TableBorder.None);
        foreach (string column in new[] { "machine", "server", "role", "instructions", "log", "lag", "held", "hold p50", "hold p99", "records", "pace" }) table.AddColumn($"[grey]{column}[/]");
        foreach (MachineView machine in status.Machines)
        {
            foreach (ReplicaView replica in machine.Replicas.Where(replica => replica.IsCurrent))
            {
                var one = replica.Status;
                table.AddRow(Words.Safe(machine.Name), Words.Safe(replica.Server), Words.Safe(one.Role), Words.Rate(one.InstructionsPerSecond), Words.Bytes(one.LogBytesPerSecond) + "/s", Words.Ms(one.LagNs / 1e6),
                    Words.Bytes(one.HeldBytes), Words.Ms(one.HoldP50Ms), Words.Ms(one.HoldP99Ms), one.BufferedRecords.ToString(CultureInfo.InvariantCulture), $"{one.PacePercent} %");
            }
        }

        return table;
    }

    /// <summary>A console that neither guesses a width of 80 for files nor writes colours into them.</summary>
    public static IAnsiConsole NewConsole()
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected) console.Profile.Width = 200;
        return console;
    }
}
