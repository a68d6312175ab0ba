using System.Globalization;
using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Faults;

/// <summary>What is thought of a fault.</summary>
/// <param name="Diagnosis">The likely cause, and how often it has come lately.</param>
/// <param name="Action">What is done about it, in words.</param>
/// <param name="Policy">What the policy wants done besides; null when the component still has faults to spare.</param>
public sealed record Judgement(string Diagnosis, string Action, PolicyAction? Policy);

/// <summary>
/// Counts each component's faults and judges the next one by the policy of its class. Pure: told what happened and when. Its memory is bounded.
/// </summary>
public sealed class FaultJudge(FaultSettings settings)
{
    private const int MaxComponents = 256, MaxTimes = 1_000;

    private readonly Dictionary<(string Machine, string Component), Queue<long>> _faults = [];

    /// <summary>Counts a fault and judges it.</summary>
    public Judgement Judge(FaultProtocol.Report report, long nowMs)
    {
        FaultKind kind = FaultCatalog.Find(report.Kind);
        string action = report.Action.Length != 0 ? report.Action : kind.Action;
        if (report.Severity < FaultSeverity.Warning) return new Judgement("", report.Action, null);
        if (!kind.Counts || !report.IsOwn) return new Judgement(kind.Diagnosis, action, null);
        FaultPolicy policy = settings.Policies[FaultCatalog.ClassOf(report.Component)];
        Queue<long> times = TimesOf(report, nowMs - (long)policy.Window.TotalMilliseconds);
        times.Enqueue(nowMs);
        if (times.Count > MaxTimes) times.Dequeue();
        string often = times.Count == 1 ? "" : string.Create(CultureInfo.InvariantCulture,
            $" It is the {Ordinal(times.Count)} fault of {report.Component} within {Describe(policy.Window)}, one every {Describe(MeanBetween(times))}.");
        bool isTooMany = times.Count > policy.MaxFaults;
        bool isTooFast = policy.MinTimeBetween > TimeSpan.Zero && times.Count >= 3 && MeanBetween(times) < policy.MinTimeBetween;
        return new Judgement(kind.Diagnosis + often, action, isTooMany || isTooFast ? policy.Action : null);
    }

    /// <summary>The component begins anew: it was taken out, or an operator repaired it.</summary>
    public void Forget(string machine, string component) => _faults.Remove((machine, component));

    private Queue<long> TimesOf(FaultProtocol.Report report, long fromMs)
    {
        if (!_faults.TryGetValue((report.Machine, report.Component), out Queue<long>? times))
        {
            if (_faults.Count >= MaxComponents) _faults.Remove(_faults.MinBy(one => one.Value.LastOrDefault()).Key);
            _faults[(report.Machine, report.Component)] = times = new Queue<long>();
        }

        while (times.TryPeek(out long oldest) && oldest < fromMs) times.Dequeue();
        return times;
    }

    private static TimeSpan MeanBetween(Queue<long> times) => TimeSpan.FromMilliseconds((times.Last() - times.Peek()) / (double)(times.Count - 1));

    private static string Ordinal(int number) => (number % 100) is 11 or 12 or 13 ? $"{number}th" : (number % 10) switch { 1 => $"{number}st", 2 => $"{number}nd", 3 => $"{number}rd", _ => $"{number}th" };

    /// <summary>A length of time in words.</summary>
    public static string Describe(TimeSpan time) => time.TotalSeconds < 120 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s")
        : time.TotalMinutes < 120 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.#} min") : string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.#} h");
}
