using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Management.Pair;
using ActorFT.Node.Operate;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// Each fault of the table is made in a pair of real processes; status, reason, event, metric, exit code and dashboard tile must agree, and again
/// after the repair. How long the surfaces disagree is printed; with ACTORFT_AGREE_MS set (a quiet host) it is held to that.
/// </summary>
[Collection(Collections.Pairs)]
public sealed class EveryFaultTests(ITestOutputHelper output)
{
    // A brief fault is over before it could be looked at: only what is kept tells it.
    private static readonly string[] s_kept = ["event", "metric"], s_component = ["problem", "event", "metric", "tile"];

    // A repair has steps: a component whose fault is over may be on its way back (a NIC waits a while, a disk is made equal). Its fault ends everywhere together, and then
    // the pair is good everywhere together; how long the one takes after the other is the component's doing, not the surfaces'.
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
        foreach (FaultCase one in cases.Where(one => only is null || only.Split('|').Any(name => one.Name.Contains(name, StringComparison.Ordinal))))
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
            string kinds = IsGoodEverywhere(one, pair, browser, observer, look.LastEvent);
            Note(one.Name, one.IsBrief ? told.SpreadMs(s_kept) : told.SpreadMs([.. s_component, "exit code"]), told);
            Note(one.Name + ", repaired", Math.Max(repaired.SpreadMs([.. s_component.Except(one.EndsLast)]), repaired.SpreadMs([.. s_pair, .. one.EndsLast])), repaired);
            output.WriteLine($"{one.Name}: whole again after {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s; {after} leads; told: {kinds}");
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

    // Gives the kinds of all that was told since.
    private static string IsGoodEverywhere(FaultCase one, OperatedPair pair, Browser browser, string observer, long since)
    {
        (int code, string text, string errors) = pair.RunUntil(0, "status");
        Assert.True(code == 0, $"{one.Name}: status after the repair ended with {code}: {text} {errors}; {pair.Describe()}");
        JsonElement[] all = [.. Events(pair, observer).Where(entry => Number(entry) > since)];
        foreach (string kind in (string[])[one.Event, .. one.Also]) Assert.True(all.Any(entry => KindOf(entry) == kind), $"{one.Name}: no {kind} in {string.Join(", ", all.Select(KindOf))}");
        Assert.All(all.Where(entry => KindOf(entry) == one.Event), entry => Assert.NotEmpty(entry.GetProperty("diagnosis").GetString()!));
        Assert.All(browser.Requested, url => Assert.StartsWith("http://127.0.0.1:", url, StringComparison.Ordinal));
        Assert.Empty(browser.Complaints);
        return string.Join(' ', all.Select(KindOf).Distinct());
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
                new("exit code", () => Answer is { } answer && (int)answer.Health == Case.ExitCode && answer.Problems.Any(IsProblem)),
                new("tile", () => Tile.Contains(Case.Tile(Leader).Word, StringComparison.Ordinal), Browser),
            ];

        public IReadOnlyList<Surface> OfRepair =>
        [
            new("health", () => Status is { } status && status.GetProperty("health").GetString() == "Good"),
            new("exit code", () => Answer is { Health: PairHealth.Good }),
            new("verdict", () => Verdict == "verdict Good", Browser),
            .. Case.IsBrief ? (IEnumerable<Surface>)[] :
            [
                new("problem", () => Status is { } status && !HasProblem(status)),
                new("metric", () => Metric is { } now && now != Case.Metric(Leader).Value),
                new("good metric", () => Metric == Case.GoodValue),
                new("tile", () => Tile is { Length: > 0 } tile && !tile.Contains(Case.Tile(Leader).Word, StringComparison.Ordinal), Browser),
            ],
            .. Case.EventEnds ? (IEnumerable<Surface>)[new Surface("event", () => Told.All(entry => entry.GetProperty("outcome").GetString() is { Length: > 0 } outcome && outcome != "lasts"))] : [],
        ];

        private JsonElement? Status => Pair.Status(Observer);

        private string? Metric => MetricOf(Pair, Case.Metric(Leader).Node, Case.Metric(Leader).Metric);

        // The program's own way of asking, without the start of a process ten times a second, which two cores would feel; the process itself is run once the surfaces agree.
        // Its exit code is the health of the answer that it shows. It tells this fault once that answer names it: a server that hangs costs the links first, which
        // `status` says, ending with 1, more than a second before anybody can know that the server is lost.
        private PairStatus? Answer
        {
            get
            {
                try { return Program.GetPairAsync().GetAwaiter().GetResult().Best.Status; }
                catch (PairUnreachableException) { return null; }
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

        private JsonElement[] Told => [.. Events(Pair, Observer).Where(entry => Number(entry) > LastEvent && KindOf(entry) == Case.Event
            && (Case.EventBy is null || entry.GetProperty("server").GetString() == Case.EventBy(Leader)))];

        private bool HasProblem(JsonElement status) => status.GetProperty("problems").EnumerateArray().Any(problem => IsProblem(problem.GetString()!));

        private bool IsProblem(string problem) => problem.Contains(Case.Problem(Leader), StringComparison.Ordinal);

        public string Describe(string missing) =>
            $"{Case.Name}: {missing} did not tell it; metric: {Metric}; tile: {Tile}; events: {string.Join("; ", (IEnumerable<JsonElement>)Told)}; status: {Pair.TryGet(Observer, "/ft/status")}; {Pair.Describe()}";
    }

    private static JsonElement[] Events(OperatedPair pair, string node) =>
        pair.TryGet(node, "/ft/events?limit=50") is { } json ? [.. JsonDocument.Parse(json).RootElement.GetProperty("entries").EnumerateArray().Select(entry => entry.Clone())] : [];

    private static string KindOf(JsonElement entry) => entry.GetProperty("report").GetProperty("kind").GetString()!;

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
