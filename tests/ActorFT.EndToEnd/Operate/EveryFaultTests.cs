using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Operate;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// Each fault of the table is made in a pair of real processes; status, reason, event, metric, exit code and dashboard tile must agree, and again
/// after the repair. How long the surfaces disagree is printed; with ACTORFT_AGREE_MS set (a quiet host) it is held to that.
/// </summary>
[Collection("pairs")]
public sealed class EveryFaultTests(ITestOutputHelper output)
{
    // A brief fault is over before it could be looked at: only what is kept tells it.
    private static readonly string[] s_kept = ["event", "metric"], s_component = ["problem", "event", "metric", "tile"];

    // A component whose fault is over may be on its way back (a NIC waits a while, a disk is made equal): its fault ends everywhere, and then the pair is good everywhere.
    private static readonly string[] s_pair = ["health", "exit code", "verdict", "good metric"];

    private readonly List<string> _late = [];

    [Fact]
    public void A_fault_of_each_kind_is_told_the_same_everywhere_and_so_is_its_repair() => Run(FaultTable.Short, stallSeconds: 20);

    [Fact]
    [Trait("Category", "Drill")]
    public void Every_fault_is_told_the_same_everywhere_and_so_is_its_repair() => Run(FaultTable.All, stallSeconds: 3);

    private void Run(FaultCase[] cases, int stallSeconds)
    {
        string? only = Environment.GetEnvironmentVariable("ACTORFT_FAULT");
        using OperatedPair pair = new OperatedPair(DiskFaults.GuestDoes, "lockstep { max-isolations = 50 }\n" + DiskFaults.NodeKeys(stallSeconds), Pair.DiskKeys);
        pair.MakeDisk("48M");
        pair.StartAll();
        using Browser browser = new();
        using NodeClient program = new([.. OperatedPair.Nodes.Select(node => new Uri(pair.Url(node)))], null);
        string leader = pair.WaitUntilGood();
        foreach (FaultCase one in cases.Where(one => only is null || one.Name.Contains(only, StringComparison.Ordinal)))
        {
            long began = Stopwatch.GetTimestamp();
            string observer = one.Observer(leader);
            browser.Open(pair.Url(observer));
            browser.WaitFor("document.querySelectorAll('.tile').length > 6 && document.querySelectorAll('#log li').length > 0", "the dashboard");
            Look look = new(one, pair, browser, program, leader, observer, LastEvent(pair, observer), MetricOf(pair, one.Metric(leader).Node, one.Metric(leader).Metric));
            Agreement told = Agreement.Reach(() => one.Strike(pair, leader), look.OfFault, look.Describe);
            IsToldLater(one, pair, browser, leader, observer);
            (int code, string text, string errors) = one.IsBrief ? default : pair.RunUntil(one.ExitCode, "status");
            if (!one.IsBrief) Assert.True(code == one.ExitCode, $"{one.Name}: status ended with {code}: {text} {errors}; {pair.Describe()}");
            Agreement repaired = Agreement.Reach(() => one.Repair(pair, leader), look.OfRepair, look.Describe);
            string after = pair.WaitUntilGood();
            IsGoodEverywhere(one, pair, browser, observer, look.LastEvent);
            Note(one.Name, one.IsBrief ? told.SpreadMs(s_kept) : told.SpreadMs([.. s_component, "exit code"]), told);
            Note(one.Name + ", repaired", Math.Max(repaired.SpreadMs(s_component), repaired.SpreadMs(s_pair)), repaired);
            output.WriteLine($"{one.Name}: whole again after {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s; {after} leads");
            leader = after;
        }

        Assert.True(_late.Count == 0, string.Join("; ", _late));
    }

    // Of the whole table, so that one that is late does not hide the others.
    private void Note(string what, double spreadMs, Agreement times)
    {
        output.WriteLine($"{what}: agreed within {spreadMs:F0} ms ({times} ms)");
        if (int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_AGREE_MS"), out int most) && spreadMs > most) _late.Add($"{what}: {spreadMs:F0} ms ({times})");
    }

    private static void IsToldLater(FaultCase one, OperatedPair pair, Browser browser, string leader, string observer)
    {
        if (one.Later?.Invoke(leader) is not { } later) return;
        Wait.Until(() => pair.Status(observer) is { } status && status.GetProperty("problems").EnumerateArray().Any(problem => problem.GetString()!.Contains(later.Problem, StringComparison.Ordinal)),
            () => $"{one.Name}: \"{later.Problem}\" in {pair.TryGet(observer, "/ft/status")}", OperatedPair.BoundSeconds);
        Wait.Until(() => TileText(later.Tile, browser).Contains(later.Tile.Word, StringComparison.Ordinal), () => $"{one.Name}: {later.Tile}", OperatedPair.BoundSeconds);
    }

    private static void IsGoodEverywhere(FaultCase one, OperatedPair pair, Browser browser, string observer, long since)
    {
        (int code, string text, string errors) = pair.RunUntil(0, "status");
        Assert.True(code == 0, $"{one.Name}: status after the repair ended with {code}: {text} {errors}; {pair.Describe()}");
        JsonElement[] told = [.. Events(pair, observer).Where(entry => Number(entry) > since && entry.GetProperty("report").GetProperty("kind").GetString() == one.Event)];
        Assert.NotEmpty(told);
        Assert.All(told, entry => Assert.NotEmpty(entry.GetProperty("diagnosis").GetString()!));
        Assert.All(browser.Requested, url => Assert.StartsWith("http://127.0.0.1:", url, StringComparison.Ordinal));
        Assert.Empty(browser.Complaints);
    }

    /// <summary>What each surface must say of a fault, and of its repair.</summary>
    private sealed record Look(FaultCase Case, OperatedPair Pair, Browser Browser, NodeClient Program, string Leader, string Observer, long LastEvent, string? MetricBefore)
    {
        public IReadOnlyList<Surface> OfFault => Case.IsBrief
            ? [new Surface("event", () => Told.Length != 0), new("metric", () => Metric is { } now && now != (MetricBefore ?? "0"))]
            :
            [
                new("problem", () => Status is { } status && status.GetProperty("health").GetString() == Case.Health && HasProblem(status)),
                new("event", () => Told.Length != 0),
                new("metric", () => Metric == Case.Metric(Leader).Value),
                new("exit code", () => ExitCode == Case.ExitCode),
                new("tile", () => Tile.Contains(Case.Tile(Leader).Word, StringComparison.Ordinal)),
            ];

        public IReadOnlyList<Surface> OfRepair =>
        [
            new("health", () => Status is { } status && status.GetProperty("health").GetString() == "Good"),
            new("exit code", () => ExitCode == 0),
            new("verdict", () => Verdict == "verdict Good"),
            .. Case.IsBrief ? (IEnumerable<Surface>)[] :
            [
                new("problem", () => Status is { } status && !HasProblem(status)),
                new("metric", () => Metric is { } now && now != Case.Metric(Leader).Value),
                new("good metric", () => Metric == Case.GoodValue),
                new("tile", () => Tile is { Length: > 0 } tile && !tile.Contains(Case.Tile(Leader).Word, StringComparison.Ordinal)),
            ],
            .. Case.EventEnds ? (IEnumerable<Surface>)[new Surface("event", () => Told.All(entry => entry.GetProperty("outcome").GetString() is { Length: > 0 } outcome && outcome != "lasts"))] : [],
        ];

        private JsonElement? Status => Pair.Status(Observer);

        private string? Metric => MetricOf(Pair, Case.Metric(Leader).Node, Case.Metric(Leader).Metric);

        // The program's own way of asking, without the start of a process ten times a second, which two cores would feel; the process itself is run once the surfaces agree.
        private int ExitCode
        {
            get
            {
                try { return (int)Program.GetPairAsync().GetAwaiter().GetResult().Best.Status.Health; }
                catch (PairUnreachableException) { return OperateExitCode.Unreachable; }
            }
        }

        private string? Verdict
        {
            get { lock (Browser) return (string?)Browser.Evaluate("document.querySelector('#verdict').className"); }
        }

        private string Tile
        {
            get { lock (Browser) return TileText(Case.Tile(Leader), Browser); }
        }

        private JsonElement[] Told => [.. Events(Pair, Observer).Where(entry => Number(entry) > LastEvent && entry.GetProperty("report").GetProperty("kind").GetString() == Case.Event)];

        private bool HasProblem(JsonElement status) => status.GetProperty("problems").EnumerateArray().Any(problem => problem.GetString()!.Contains(Case.Problem(Leader), StringComparison.Ordinal));

        public string Describe(string missing) =>
            $"{Case.Name}: {missing} did not tell it; metric: {Metric}; tile: {Tile}; events: {string.Join("; ", (IEnumerable<JsonElement>)Told)}; status: {Pair.TryGet(Observer, "/ft/status")}; {Pair.Describe()}";
    }

    private static JsonElement[] Events(OperatedPair pair, string node) =>
        pair.TryGet(node, "/ft/events?limit=50") is { } json ? [.. JsonDocument.Parse(json).RootElement.GetProperty("entries").EnumerateArray().Select(entry => entry.Clone())] : [];

    private static long Number(JsonElement entry) => entry.GetProperty("atUnixMs").GetInt64();

    private static long LastEvent(OperatedPair pair, string node) => Events(pair, node).Select(Number).DefaultIfEmpty(0).Max();

    // /metrics writes the meter's scope as a label too; the name and each label must be there.
    private static string? MetricOf(OperatedPair pair, string node, string metric)
    {
        string name = metric[..metric.IndexOf('{')];
        string[] labels = metric[(metric.IndexOf('{') + 1)..^1].Split(',');
        string? line = pair.TryGet(node, "/metrics")?.Split('\n').FirstOrDefault(line => line.StartsWith(name + "{", StringComparison.Ordinal) && labels.All(label => line.Contains(label, StringComparison.Ordinal)));
        return line?[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0];
    }

    private static string TileText((string Card, string Tile, string Word) wanted, Browser browser)
    {
        string root = wanted.Card.Length == 0 ? "document.querySelector('.between')" : $"document.querySelector('section.card[aria-label=\"Server {wanted.Card}\"]')";
        JsonNode? text = browser.Evaluate($"[...({root}?.querySelectorAll('.tile') ?? [])].filter(tile => tile.querySelector('b').textContent === '{wanted.Tile}').map(tile => tile.innerText).join(' ')");
        return (string?)text ?? "";
    }
}
