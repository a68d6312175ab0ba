using System.Globalization;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Management.Pair;
using Spectre.Console;

namespace ActorFT.Node.Operate;

/// <summary>The one screen of <c>actorft status</c>: verdict, nodes, links, machines with their components, last faults, what to do.</summary>
internal static class StatusScreen
{
    private const int ShownFaults = 5;

    public static void Write(IAnsiConsole console, PairAnswer answer)
    {
        PairStatus status = answer.Best.Status;
        string colour = status.Health switch { PairHealth.Good => "green", PairHealth.Degraded => "yellow", _ => "red" };
        console.MarkupLine($"[{colour} bold]{status.Health.ToString().ToUpperInvariant()}[/]  pair {Words.Safe(status.Pair)}, as {Words.Safe(status.AnsweredBy)} knows it at {Words.Time(status.AtUnixMs)}");
        console.MarkupLine(Words.Safe(status.Summary));
        console.WriteLine();
        console.Write(Nodes(status));
        if (status.Nodes.Any(node => node.Links.Length != 0))
        {
            console.WriteLine();
            console.Write(Links(status));
        }

        foreach (MachineView machine in status.Machines) WriteMachine(console, machine);
        WriteFaults(console, answer.Faults);
        if (status.Problems.Length > 1)
        {
            console.WriteLine();
            console.MarkupLine("[bold]What is wrong[/]");
            foreach (string problem in status.Problems) console.MarkupLine($"  - {Words.Safe(problem)}");
        }

        console.WriteLine();
        console.MarkupLine("[bold]What to do next[/]");
        foreach (string step in status.NextSteps) console.MarkupLine($"  - {Words.Safe(step)}");
    }

    private static Table NewTable(params string[] columns)
    {
        Table table = new Table().Border(TableBorder.None);
        foreach (string column in columns) table.AddColumn(new TableColumn($"[grey]{column}[/]"));
        return table;
    }

    private static Table Nodes(PairStatus status)
    {
        Table table = NewTable("node", "role", "state", "heard", "leads", "why");
        foreach (NodeView node in status.Nodes)
        {
            string leads = string.Join(", ", status.Machines.Where(machine => machine.Leader == node.Name).Select(machine => machine.Name));
            table.AddRow(Words.Safe(node.Name), node.Role, Words.State(node.State), Words.Age(node.AgeMs, node.IsCurrent), Words.Safe(leads.Length == 0 ? "-" : leads), Words.Safe(node.Reason));
        }

        return table;
    }

    /// <summary>FT links, both ends.</summary>
    public static Table Links(PairStatus status)
    {
        NodeView[] servers = [.. status.Nodes.Where(node => node.Role == "server")];
        Table table = NewTable(["FT link", .. servers.Select(server => "seen by " + Words.Safe(server.Name)), "round trip", "lost", "why"]);
        foreach (string name in servers.SelectMany(server => server.Links).Select(link => link.Name).Distinct().Order(StringComparer.Ordinal))
        {
            LinkStatus?[] ends = [.. servers.Select(server => server.IsCurrent ? server.Links.FirstOrDefault(link => link.Name == name) : null)];
            LinkStatus? measured = ends.FirstOrDefault(end => end is { RoundTripMs: >= 0 });
            table.AddRow([Words.Safe(name), .. ends.Select(end => end is null ? "[grey]not known[/]" : Words.State(end.State)), measured is null ? "-" : Words.Ms(measured.RoundTripMs),
                measured is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100 * measured.LossRatio:0.#} %"),
                Words.Safe(ends.FirstOrDefault(end => end is { Reason.Length: > 0 })?.Reason ?? "")]);
        }

        return table;
    }

    private static void WriteMachine(IAnsiConsole console, MachineView machine)
    {
        console.WriteLine();
        console.MarkupLine($"[bold]Machine {Words.Safe(machine.Name)}[/]  {Words.State(machine.State)}  "
            + (machine.Protected ? "[green]protected[/]" : machine.IsRunning ? "[yellow]NOT protected[/]" : "[red]not running[/]")
            + $", leader {Words.Safe(machine.Leader.Length == 0 ? "not known" : machine.Leader)}, follower {Words.Safe(machine.Follower.Length == 0 ? "none" : machine.Follower)}, term {machine.Term}");
        if (machine.Reason.Length != 0) console.MarkupLine($"  {Words.Safe(machine.Reason)}");
        console.Write(Replicas(machine));
        string[] components = [.. ComponentLines([machine], "all")];
        foreach (string line in components) console.MarkupLine("  " + line);
    }

    /// <summary>The replicas of a machine.</summary>
    public static Table Replicas(MachineView machine)
    {
        Table table = NewTable("replica on", "role", "state", "heard", "speed", "lag", "held", "hold p99", "doing");
        foreach (ReplicaView replica in machine.Replicas)
        {
            MachineStatus one = replica.Status;
            if (!replica.IsCurrent)
            {
                table.AddRow(Words.Safe(replica.Server), "[grey]not known[/]", "[red]Offline[/]", Words.Age(replica.AgeMs, replica.IsCurrent), "-", "-", "-", "-", $"[grey]last: {Words.Safe(one.Role)}[/]");
                continue;
            }

            string doing = one.Resync is { TotalPages: > 0 } resync
                ? string.Create(CultureInfo.InvariantCulture, $"resync pass {resync.Pass + 1}, {100.0 * resync.DonePages / resync.TotalPages:0} %, {Words.Bytes(resync.BytesPerSecond)}/s")
                : one.Detail;
            table.AddRow(Words.Safe(replica.Server), Words.Safe(one.Role), Words.State(one.State), Words.Age(replica.AgeMs, replica.IsCurrent), Words.Rate(one.InstructionsPerSecond),
                Words.Ms(one.LagNs / 1e6), Words.Bytes(one.HeldBytes), Words.Ms(one.HoldP99Ms), Words.Safe(doing));
        }

        return table;
    }

    /// <summary>A line for each disk, NIC or vCPU: its state on each server. Asked for disks alone, a line more for each copy: what it took lately, and its errors.</summary>
    public static IEnumerable<string> ComponentLines(IEnumerable<MachineView> machines, string kind)
    {
        foreach (MachineView machine in machines)
        {
            ReplicaView[] replicas = [.. machine.Replicas.Where(replica => replica.IsCurrent)];
            foreach (string name in Names(replicas, replica => replica.Status.Disks.Select(disk => disk.Name), kind is "all" or "disk"))
                yield return $"disk {Words.Safe(name)}: " + Join(replicas, replica => replica.Status.Disks.Where(disk => disk.Name == name).Select(Disk));
            if (kind == "disk")
                foreach (ReplicaView replica in replicas)
                    foreach (DiskStatus disk in replica.Status.Disks) yield return $"disk {Words.Safe(disk.Name)} on {Words.Safe(replica.Server)}: {Latencies(disk)}, errors {disk.Errors}";
            foreach (string name in Names(replicas, replica => replica.Status.Nics.Select(nic => nic.Name), kind is "all" or "nic"))
                yield return $"nic {Words.Safe(name)}: " + Join(replicas, replica => replica.Status.Nics.Where(nic => nic.Name == name).Select(Nic));
            if (kind != "all") continue;
            yield return "vCPUs: " + Join(replicas, replica => replica.Status.Vcpus.GroupBy(vcpu => vcpu.State).Select(group => $"{group.Count()} {Words.State(group.Key)}"));
        }
    }

    private static IEnumerable<string> Names(ReplicaView[] replicas, Func<ReplicaView, IEnumerable<string>> names, bool isWanted) =>
        isWanted ? replicas.SelectMany(names).Distinct().Order(StringComparer.Ordinal) : [];

    private static string Join(ReplicaView[] replicas, Func<ReplicaView, IEnumerable<string>> describe) =>
        string.Join("; ", replicas.Select(replica => $"{Words.Safe(replica.Server)} {string.Join(", ", describe(replica))}"));

    private static string Disk(DiskStatus disk) => Words.State(disk.State) + (disk.Reason.Length == 0 ? "" : $" ({Words.Safe(disk.Reason)})")
        + $" {Words.Bytes(disk.CapacityBytes)}" + (disk.OutOfSyncBytes > 0 ? $", {Words.Bytes(disk.OutOfSyncBytes)} out of sync" : "") + (disk.ServedByPeer ? ", served by the other server" : "")
        + (disk.Progress >= 0 ? string.Create(CultureInfo.InvariantCulture, $", {100 * disk.Progress:0} %") : "");

    private static string Latencies(DiskStatus disk)
    {
        (string Kind, LatencyStatus? Latency)[] all = [("read", disk.ReadLatency), ("write", disk.WriteLatency), ("flush", disk.FlushLatency)];
        return string.Join(", ", all.Where(one => one.Latency is not null).Select(one => $"{one.Kind} {Words.Latency(one.Latency!)}").DefaultIfEmpty("no requests in the last minute"));
    }

    private static string Nic(NicStatus nic) => Words.State(nic.State) + (nic.Reason.Length == 0 ? "" : $" ({Words.Safe(nic.Reason)})") + $" {Words.Safe(nic.BackEnd)}"
        + (nic.InUse ? ", in use" : "") + (nic.Dropped > 0 ? $", {nic.Dropped} dropped" : "");

    private static void WriteFaults(IAnsiConsole console, IReadOnlyList<FaultProtocol.Entry>? faults)
    {
        console.WriteLine();
        console.MarkupLine("[bold]Last faults and what was done[/]");
        if (faults is null) console.MarkupLine("  [grey]not known: no answer in time[/]");
        else if (faults.Count == 0) console.MarkupLine("  none");
        else foreach (FaultProtocol.Entry entry in faults.TakeLast(ShownFaults)) console.MarkupLine("  " + Fault(entry));
    }

    /// <summary>One line for a fault.</summary>
    public static string Fault(FaultProtocol.Entry entry)
    {
        string colour = entry.Report.Severity switch { FaultSeverity.Critical => "red bold", FaultSeverity.Error => "red", FaultSeverity.Warning => "yellow", _ => "grey" };
        return $"{Words.Time(entry.AtUnixMs)} {Words.Safe(entry.Server)} [{colour}]{entry.Report.Severity.ToString().ToLowerInvariant()}[/] {Words.Safe(entry.Report.Kind)}: {Words.Safe(entry.Report.Message)}"
            + (entry.Report.Action.Length == 0 ? "" : $" -> {Words.Safe(entry.Report.Action)}")
            + (entry.Outcome.Length == 0 ? "" : $" [{(entry.ClearedAtUnixMs != 0 ? "green" : "yellow")}]({Words.Safe(entry.Outcome.TrimEnd('.'))})[/]");
    }

    /// <summary>What more is known of a fault: the likely cause and the evidence.</summary>
    public static IEnumerable<string> Details(FaultProtocol.Entry entry)
    {
        if (entry.Diagnosis.Length != 0) yield return $"    [grey]likely cause:[/] {Words.Safe(entry.Diagnosis)}";
        foreach (string line in entry.Report.Evidence ?? []) yield return $"    [grey]evidence:[/] {Words.Safe(line)}";
    }
}
