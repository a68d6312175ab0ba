using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ActorFT.EndToEnd.Lab;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// A thousand connections with malformed, huge, slow and quick requests against both servers' endpoints, bounded in number and time (<c>labtool flood</c>): the
/// machine's outputs are held no more than twice as long as without them (p99, medians of windows with and without in turn). A drill: a figure needs a quiet host.
/// The load comes from a computer of its own where there is one. Here it shares the servers' cores, so it stands behind them (nice 10); that it was the
/// load it should be is checked by what it was answered. What the servers and the kernel do for its requests is theirs, and all of it counts.
/// </summary>
[Collection(Collections.Pairs)]
[Trait("Category", "Drill")]
public sealed partial class LoadTests(ITestOutputHelper output)
{
    private const int Connections = 1_000, Windows = 7;

    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(8), s_settle = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_thousand_connections_of_every_bad_kind_do_no_harm_to_the_machine()
    {
        using OperatedPair pair = new OperatedPair("actorft.run=counter actorft.pace=3000").StartAll();
        string leader = pair.WaitUntilGood();
        Wait.Until(() => Holds(pair, leader).Values.LastOrDefault() > 200, "the machine to write", OperatedPair.BoundSeconds);
        ProcessStartInfo start = new("nice", ["-n", "10", "dotnet", LabPair.LabTool, "flood", pair.Url(leader), pair.Url(OperatedPair.Other(leader)), "--connections", $"{Connections}"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using Process flood = Process.Start(start)!;
        Measure(pair, leader, flood, "not counted, .NET compiles what is used much");
        List<double> quiet = [], loaded = [];
        for (int i = 0; i < Windows; i++)
        {
            quiet.Add(Measure(pair, leader, flood, "quiet"));
            flood.StandardInput.WriteLine("load");
            Assert.Equal("loading", flood.StandardOutput.ReadLine());
            loaded.Add(Measure(pair, leader, flood, "loaded"));
            flood.StandardInput.WriteLine("rest");
            string answers = flood.StandardOutput.ReadLine()!;
            output.WriteLine($"  answered: {answers}");
            // At least half of what it can send: quick ones come back every second.
            Dictionary<string, long> counts = Answered().Matches(answers).ToDictionary(match => match.Groups[1].Value, match => long.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
            Assert.True(counts.Values.Sum() > Connections * s_window.TotalSeconds / 2 && counts["2xx"] > 0 && counts["4xx"] > 0, $"the load was none: {answers}");
        }

        flood.StandardInput.Close();
        Assert.True(flood.WaitForExit(TimeSpan.FromSeconds(30)), "the load tool did not end");
        double quietMs = Median(quiet), loadedMs = Median(loaded);
        output.WriteLine($"{leader} leads; hold p99, median of {Windows} windows: quiet {quietMs:F2} ms, with {Connections} connections {loadedMs:F2} ms, {loadedMs / quietMs:F2} times");
        JsonElement status = default;
        Wait.Until(() => pair.Status(leader) is { } told && (status = told).ValueKind == JsonValueKind.Object, "the status after the load", OperatedPair.BoundSeconds);
        Assert.Equal("Good", status.GetProperty("health").GetString());
        Assert.Equal(leader, status.GetProperty("machines")[0].GetProperty("leader").GetString());
        Assert.True(loadedMs <= 2 * quietMs, $"p99 {loadedMs:F2} ms with load, {quietMs:F2} ms without");
    }

    [GeneratedRegex(@"(\dxx|none) (\d+)")]
    private static partial Regex Answered();

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private double Measure(OperatedPair pair, string leader, Process flood, string kind)
    {
        Thread.Sleep(s_settle); // connections open or close
        string[] processes = [leader, OperatedPair.Other(leader), OperatedPair.Arbiter];
        double[] usedBefore = [.. processes.Select(pair.ProcessorSeconds), Seconds(flood)];
        SortedDictionary<double, long> before = Holds(pair, leader);
        long began = Stopwatch.GetTimestamp();
        Thread.Sleep(s_window);
        SortedDictionary<double, long> after = Holds(pair, leader);
        double[] used = [.. processes.Select(pair.ProcessorSeconds), Seconds(flood)];
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds, p99Ms = 1e3 * P99(before, after);
        output.WriteLine($"{kind}: p99 {p99Ms:F2} ms over {after.Values.Last() - before.Values.Last()} outputs; percent of a core: leader, follower, arbiter, load tool {string.Join(", ", used.Zip(usedBefore, (now, then) => $"{100 * (now - then) / seconds:F0}"))}");
        return p99Ms;
    }

    private static double Seconds(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime.TotalSeconds;
    }

    // The histogram over a window, as Prometheus would have it: bucket bounds, linear between them.
    private static double P99(SortedDictionary<double, long> before, SortedDictionary<double, long> after)
    {
        double[] bounds = [.. after.Keys];
        long[] counts = [.. bounds.Select(bound => after[bound] - before.GetValueOrDefault(bound))];
        double wanted = 0.99 * counts[^1];
        int i = Array.FindIndex(counts, count => count >= wanted);
        double low = i == 0 ? 0 : bounds[i - 1], from = i == 0 ? 0 : counts[i - 1];
        return double.IsInfinity(bounds[i]) ? low : low + (bounds[i] - low) * (wanted - from) / Math.Max(1, counts[i] - from);
    }

    private static SortedDictionary<double, long> Holds(OperatedPair pair, string node)
    {
        SortedDictionary<double, long> buckets = [];
        // A node that is asked by a thousand may refuse the thousand and first once.
        string? metrics = null;
        Wait.Until(() => (metrics = pair.TryGet(node, "/metrics")) is not null, () => "the metrics", 60, everyMs: 20);
        foreach (string line in metrics!.Split('\n').Where(line => line.StartsWith("actorft_output_hold_seconds_bucket{", StringComparison.Ordinal)))
        {
            string bound = line[(line.IndexOf("le=\"", StringComparison.Ordinal) + 4)..].Split('"')[0];
            string count = line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0];
            buckets[bound == "+Inf" ? double.PositiveInfinity : double.Parse(bound, CultureInfo.InvariantCulture)] = (long)double.Parse(count, CultureInfo.InvariantCulture);
        }

        return buckets;
    }
}
