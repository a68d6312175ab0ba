using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using ActorFT.EndToEnd.Pairs;
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
    private static readonly string[] s_surfaces = ["status", "event", "metric", "tile"];

    private readonly List<string> _told = [];

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
        string leader = pair.WaitUntilGood();
        foreach (FaultCase one in cases.Where(one => only is null || one.Name.Contains(only, StringComparison.Ordinal)))
        {
            long began = Stopwatch.GetTimestamp();
            string observer = one.Observer(leader);
            browser.Open(pair.Url(observer));
            browser.WaitFor("document.querySelectorAll('.tile').length > 6 && document.querySelectorAll('#log li').length > 0", "the dashboard");
            (long Event, string? Metric) before = (LastEvent(pair, observer), one.IsBrief ? MetricOf(pair, one.Metric(leader).Node, one.Metric(leader).Metric) : null);
            one.Strike(pair, leader);
            double spread = Agree(one, pair, browser, leader, observer, before);
            IsToldLater(one, pair, browser, leader, observer);
            (int code, string text, string errors) = one.IsBrief ? default : pair.RunUntil(one.ExitCode, "status");
            if (!one.IsBrief) Assert.True(code == one.ExitCode, $"{one.Name}: status ended with {code}: {text} {errors}; {pair.Describe()}");
            one.Repair(pair, leader);
            string after = pair.WaitUntilGood();
            IsGoodEverywhere(one, pair, browser, leader, observer, before.Event);
            _told.Add($"{one.Name}: the surfaces agreed within {spread:F0} ms; whole again after {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s; {after} leads");
            output.WriteLine(_told[^1]);
            leader = after;
        }
    }

    // Gives the time from the first surface that tells to the last one, in ms.
    private static double Agree(FaultCase one, OperatedPair pair, Browser browser, string leader, string observer, (long, string?) before)
    {
        Dictionary<string, double> at = [];
        long began = Stopwatch.GetTimestamp();
        while (at.Count < s_surfaces.Length)
        {
            foreach (string surface in s_surfaces.Where(surface => !at.ContainsKey(surface)))
                if (Tells(surface, one, pair, browser, leader, observer, before)) at[surface] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            if (Stopwatch.GetElapsedTime(began).TotalSeconds < OperatedPair.BoundSeconds) continue;
            Assert.Fail($"{one.Name}: {string.Join(", ", s_surfaces.Except(at.Keys))} did not tell it; tile: {TileText(one, browser, leader)}; status: {pair.TryGet(observer, "/ft/status")}; {pair.Describe()}");
        }

        double[] told = [.. at.Where(surface => !one.IsBrief || surface.Key is "event" or "metric").Select(surface => surface.Value)];
        double spread = told.Max() - told.Min();
        if (int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_AGREE_MS"), out int most)) Assert.True(spread <= most, $"{one.Name}: {string.Join(", ", at.Select(surface => $"{surface.Key} {surface.Value:F0} ms"))}");
        return spread;
    }

    private static void IsToldLater(FaultCase one, OperatedPair pair, Browser browser, string leader, string observer)
    {
        if (one.Later?.Invoke(leader) is not { } later) return;
        Wait.Until(() => pair.Status(observer) is { } status && status.GetProperty("problems").EnumerateArray().Any(problem => problem.GetString()!.Contains(later.Problem, StringComparison.Ordinal)),
            () => $"{one.Name}: \"{later.Problem}\" in {pair.TryGet(observer, "/ft/status")}", OperatedPair.BoundSeconds);
        Wait.Until(() => TileText(later.Tile, browser).Contains(later.Tile.Word, StringComparison.Ordinal), () => $"{one.Name}: {later.Tile}", OperatedPair.BoundSeconds);
    }

    private static bool Tells(string surface, FaultCase one, OperatedPair pair, Browser browser, string leader, string observer, (long Event, string? Metric) before)
    {
        switch (surface)
        {
            case "status":
                if (one.IsBrief) return true;
                return pair.Status(observer) is { } status && status.GetProperty("health").GetString() == one.Health
                    && status.GetProperty("problems").EnumerateArray().Any(problem => problem.GetString()!.Contains(one.Problem(leader), StringComparison.Ordinal));
            case "event": return Events(pair, observer).Any(entry => Number(entry) > before.Event && entry.GetProperty("report").GetProperty("kind").GetString() == one.Event);
            case "metric":
                (string node, string metric, string value) = one.Metric(leader);
                string? found = MetricOf(pair, node, metric);
                return one.IsBrief ? found is not null && found != (before.Metric ?? "0") : found == value;
            default: return TileText(one, browser, leader).Contains(one.Tile(leader).Word, StringComparison.Ordinal);
        }
    }

    private static void IsGoodEverywhere(FaultCase one, OperatedPair pair, Browser browser, string leader, string observer, long since)
    {
        (string node, string metric, _) = one.Metric(leader);
        Wait.Until(() => one.IsBrief || MetricOf(pair, node, metric) == one.GoodValue, () => $"{one.Name}: {metric} of {node} to be {one.GoodValue}; it is {MetricOf(pair, node, metric)}", OperatedPair.BoundSeconds);
        browser.WaitFor("document.querySelector('#verdict').className === 'verdict Good'", $"{one.Name}: the dashboard to say Good");
        Wait.Until(() => TileText(one, browser, leader) is { Length: > 0 } tile && (one.Tile(leader).Word.Length == 0 || !tile.Contains(one.Tile(leader).Word, StringComparison.Ordinal)), () => $"{one.Name}: its tile to be good again: {TileText(one, browser, leader)}", OperatedPair.BoundSeconds);
        (int code, string text, string errors) = pair.RunUntil(0, "status");
        Assert.True(code == 0, $"{one.Name}: status after the repair ended with {code}: {text} {errors}; {pair.Describe()}");
        JsonElement[] told = [.. Events(pair, observer).Where(entry => Number(entry) > since && entry.GetProperty("report").GetProperty("kind").GetString() == one.Event)];
        Assert.All(told, entry => Assert.NotEmpty(entry.GetProperty("diagnosis").GetString()!));
        if (!one.EventEnds) return;
        Wait.Until(() => Events(pair, observer).Where(entry => Number(entry) > since && entry.GetProperty("report").GetProperty("kind").GetString() == one.Event)
            .All(entry => entry.GetProperty("outcome").GetString() is { Length: > 0 } outcome && outcome != "lasts"), () => $"{one.Name}: the outcome of [{one.Event}]: {string.Join("; ", Events(pair, observer).Select(entry => entry.ToString()))}", OperatedPair.BoundSeconds);
        Assert.All(browser.Requested, url => Assert.StartsWith("http://127.0.0.1:", url, StringComparison.Ordinal));
        Assert.Empty(browser.Complaints);
    }

    private static JsonElement[] Events(OperatedPair pair, string node) =>
        pair.TryGet(node, "/ft/events?limit=200") is { } json ? [.. JsonDocument.Parse(json).RootElement.GetProperty("entries").EnumerateArray().Select(entry => entry.Clone())] : [];

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

    private static string TileText(FaultCase one, Browser browser, string leader) => TileText(one.Tile(leader), browser);

    private static string TileText((string Card, string Tile, string Word) wanted, Browser browser)
    {
        string root = wanted.Card.Length == 0 ? "document.querySelector('.between')" : $"document.querySelector('section.card[aria-label=\"Server {wanted.Card}\"]')";
        JsonNode? text = browser.Evaluate($"[...({root}?.querySelectorAll('.tile') ?? [])].filter(tile => tile.querySelector('b').textContent === '{wanted.Tile}').map(tile => tile.innerText).join(' ')");
        return (string?)text ?? "";
    }
}
