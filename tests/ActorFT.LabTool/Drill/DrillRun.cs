using System.Diagnostics;
using System.Globalization;

namespace ActorFT.LabTool.Drill;

/// <summary>
/// Breaks the pair again and again, one part or two that overlap, in an order and at moments that a seed decides, while a client commits
/// transactions on one connection; waits after each time until the pair is whole by itself. Runs inside the lab's client. Each fault has a
/// thread of its own: what takes long to break (a server that is stopped in order) keeps no other from being repaired in time.
/// Exit codes: 0 nothing was lost and every episode ended whole; 1 otherwise; 2 wrong use.
/// </summary>
internal sealed class DrillRun
{
    /// <summary>How long the pair may take to become whole again, on a busy host.</summary>
    private const int WholeSeconds = 180;

    private readonly LabHand _lab;
    private readonly LedgerProcess _client;
    private readonly Random _random;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Dictionary<string, List<int>> _waitsMs = [];

    private readonly Fault[][] _wanted;

    private DrillRun(LabHand lab, LedgerProcess client, int seed, Fault[][] wanted) => (_lab, _client, _random, _wanted) = (lab, client, new Random(seed), wanted);

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--script", "--lab", "--machine", "--token", "--address", "--folder", "--seed", "--episodes", "--minutes", "--overlap", "--faults", "--pace-ms", "--next", "--unlike");
        int seed = (int)arguments.Number("--seed", 1, 0, int.MaxValue);
        int episodes = (int)arguments.Number("--episodes", int.MaxValue, 1, int.MaxValue);
        TimeSpan limit = TimeSpan.FromMinutes(arguments.Number("--minutes", 7 * 24 * 60, 0.1, 7 * 24 * 60));
        double overlap = arguments.Number("--overlap", 0.4, 0, 1);
        Fault[][] wanted = Fault.Parse(arguments.Text("--faults") ?? "");
        using LabHand lab = new(arguments.Required("--script"), arguments.Required("--lab"), arguments.Required("--machine"), arguments.Required("--token"));
        using LedgerProcess client = new(arguments.Required("--address"), arguments.Required("--folder"), (int)arguments.Number("--pace-ms", 10, 0, 10_000));
        DrillRun run = new(lab, client, seed, wanted);
        try
        {
            int done = 0;
            if (arguments.Text("--next") is { } next)
            {
                run.Upgrade(next, arguments.Text("--unlike"));
                done++;
            }

            for (; done < episodes && run._clock.Elapsed < limit; done++) run.Episode(done + 1, overlap);
            return run.Report(done);
        }
        catch (IOException e)
        {
            Console.WriteLine($"drill failed: {e.Message}");
            return 1;
        }
    }

    private void Episode(int number, double overlap)
    {
        string leader = WaitUntilWhole();
        Fault[] faults = _wanted.Length != 0 ? _wanted[_random.Next(_wanted.Length)] : Draw(overlap);
        string name = string.Join(" + ", faults.Select(fault => fault.Name));
        _client.Begin(name);
        GoesOn(5);
        (Fault Fault, int StrikeMs, int RepairMs)[] plan = [.. faults.Select(Times)];
        long begunMs = _clock.ElapsedMilliseconds;
        Task<(int BrokenMs, int RepairedMs)>[] done = [.. plan.Select(one => Task.Factory.StartNew(() => Break(one, leader, begunMs), TaskCreationOptions.LongRunning))];
        WaitFor(done);
        string after = WaitUntilWhole();
        GoesOn(10);
        int waitMs = _client.Begin("between");
        (_waitsMs.TryGetValue(name, out List<int>? waits) ? waits : _waitsMs[name] = []).Add(waitMs);
        string when = string.Join(", ", done.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Result.BrokenMs}-{one.Result.RepairedMs} ms")));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_clock.Elapsed:hh\\:mm\\:ss} episode {number}: {name} ({when}): longest wait {waitMs} ms; server-{leader} led, server-{after} leads; {_client.Acknowledged} acknowledged"));
    }

    private Fault[] Draw(double overlap)
    {
        Fault first = Pick(Fault.Kinds);
        return _random.NextDouble() < overlap ? [first, Pick([.. Fault.Kinds.Where(first.MayOverlap)])] : [first];
    }

    // From when the breaking began to when the repair was done: what a client's wait is held against.
    private (int BrokenMs, int RepairedMs) Break((Fault Fault, int StrikeMs, int RepairMs) one, string leader, long begunMs)
    {
        int SinceMs() => (int)(_clock.ElapsedMilliseconds - begunMs);
        Thread.Sleep(Math.Max(0, one.StrikeMs - SinceMs()));
        int brokenMs = SinceMs();
        one.Fault.Strike(_lab, leader);
        Thread.Sleep(Math.Max(0, one.RepairMs - SinceMs()));
        one.Fault.Repair(_lab, leader);
        return (brokenMs, SinceMs());
    }

    private static void WaitFor(Task[] tasks)
    {
        try
        {
            Task.WaitAll(tasks);
        }
        catch (AggregateException failures) when (failures.InnerExceptions[0] is IOException first)
        {
            throw new IOException(first.Message, failures);
        }
    }

    private void Upgrade(string next, string? unlike)
    {
        const string Name = "rolling upgrade";
        WaitUntilWhole();
        _client.Begin(Name);
        RollingUpgrade upgrade = new(_lab, WaitUntilWhole, GoesOn);
        string leader = upgrade.To(next);
        if (unlike is not null) upgrade.IsRefused(unlike);
        WaitUntilWhole();
        GoesOn(10);
        int waitMs = _client.Begin("between");
        _waitsMs[Name] = [waitMs];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed:hh\\:mm\\:ss} {Name}: longest wait {waitMs} ms; server-{leader} leads; {_client.Acknowledged} acknowledged"));
    }

    private Fault Pick(Fault[] kinds) => kinds[_random.Next(kinds.Length)];

    // A first strike may come any time of a second; what breaks stays broken for one to six.
    private (Fault, int StrikeMs, int RepairMs) Times(Fault fault)
    {
        int strikeMs = _random.Next(1_000);
        return (fault, strikeMs, strikeMs + _random.Next(1_000, 6_000));
    }

    private string WaitUntilWhole()
    {
        long until = _clock.ElapsedMilliseconds + WholeSeconds * 1_000;
        while (true)
        {
            (string? leader, string why) = _lab.Look();
            if (leader is not null) return leader;
            if (_clock.ElapsedMilliseconds > until) throw new IOException($"the pair is not whole again after {WholeSeconds} s: {why}");
            Thread.Sleep(200);
        }
    }

    private void GoesOn(int transactions)
    {
        int goal = _client.Acknowledged + transactions;
        long until = _clock.ElapsedMilliseconds + WholeSeconds * 1_000;
        while (_client.Acknowledged < goal)
        {
            if (_clock.ElapsedMilliseconds > until) throw new IOException($"the client's transactions stand still for {WholeSeconds} s");
            Thread.Sleep(20);
        }
    }

    private int Report(int episodes)
    {
        (string verdict, IReadOnlyList<string> contradictions) = _client.End();
        Console.WriteLine($"\n{"faults",-44} {"episodes",8} {"median, ms",11} {"longest, ms",12}");
        foreach ((string name, List<int> waits) in _waitsMs.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            waits.Sort();
            Console.WriteLine($"{name,-44} {waits.Count,8} {waits[waits.Count / 2],11} {waits[^1],12}");
        }

        foreach (string line in contradictions) Console.WriteLine(line);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{episodes} episodes in {_clock.Elapsed:hh\\:mm\\:ss}, every one ended whole; {verdict}"));
        bool isClean = verdict.Contains(" lost 0 duplicated 0 invented 0 resets 0 ", StringComparison.Ordinal) && contradictions.Count == 0;
        return isClean ? 0 : 1;
    }
}
