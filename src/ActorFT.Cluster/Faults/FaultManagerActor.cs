using ActorFT.Cluster.Host;
using ActorFT.Cluster.Messages;
using Akka.Actor;

namespace ActorFT.Cluster.Faults;

/// <summary>What a fault manager works with.</summary>
public sealed record FaultManagerOptions
{
    /// <summary>This node's name.</summary>
    public required string Server { get; init; }
    /// <summary>The pair's name.</summary>
    public string Pair { get; init; } = "";
    /// <summary>The other server's name; empty on the arbiter.</summary>
    public string Peer { get; init; } = "";
    /// <summary>Where the history is kept.</summary>
    public required string Directory { get; init; }
    /// <summary>Policies and alerts.</summary>
    public FaultSettings Settings { get; init; } = new();
    /// <summary>The other nodes' fault managers, by their paths.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];
    /// <summary>Called with each entry of this node.</summary>
    public required Action<FaultProtocol.Entry> Log { get; init; }
}

/// <summary>
/// Every fault of this node gets a diagnosis, an action by policy and an outcome (<see cref="FaultJudge"/>), is logged, kept durably
/// (<see cref="FaultHistory"/>), given to watchers and to the other nodes, and alerted (<see cref="AlertGate"/>, <see cref="AlertSender"/>).
/// The other nodes' entries are kept too, so that what failed last night is known here although the other server is gone.
/// </summary>
public sealed class FaultManagerActor : UntypedActor, IWithTimers, IDisposable
{
    /// <summary>Its name under /user.</summary>
    public const string Name = "faults";

    /// <summary>Bytes of entries in one answer, at most: well below what may cross at once.</summary>
    private const int MaxAnswerBytes = 256 * 1024;

    private static readonly TimeSpan s_exchangeInterval = TimeSpan.FromSeconds(15), s_commandLimit = TimeSpan.FromSeconds(10);

    // So long the server with the later name waits for the other one to tell of what both see.
    private static readonly TimeSpan s_yield = TimeSpan.FromSeconds(2);

    /// <summary>Gets every new entry, and every later word on one, from now on. Local.</summary>
    public sealed record Watch(IActorRef Watcher) : INoSerializationVerificationNeeded;

    /// <summary>Sends a test alert on every way; answered by a <see cref="CommandProtocol.Outcome"/>. Local.</summary>
    public sealed record TestAlert : INoSerializationVerificationNeeded;

    /// <summary>Answered by <see cref="Flushed"/> when all that was reported before is durable here and known to the other nodes, or after the limit. Local.</summary>
    public sealed record Flush(TimeSpan Limit) : INoSerializationVerificationNeeded;

    /// <summary>See <see cref="Flush"/>.</summary>
    public sealed record Flushed : INoSerializationVerificationNeeded;

    private sealed record ExchangeDue : INoSerializationVerificationNeeded;

    private sealed record AlertDue(string Id) : INoSerializationVerificationNeeded;

    private sealed record PolicyDone(string Id, CommandProtocol.Outcome Outcome) : INoSerializationVerificationNeeded;

    private sealed record AlertFailed(Alert Alert, string Why) : INoSerializationVerificationNeeded;

    private readonly FaultManagerOptions _options;
    private readonly FaultHistory _history;
    private readonly FaultJudge _judge;
    private readonly AlertGate _gate;
    private readonly AlertSender _sender;
    private readonly ActorSelection[] _others;
    private readonly List<IActorRef> _watchers = [];
    private readonly HashSet<string> _alerted = [];
    private long _lastNumber;

    /// <summary>Creates it.</summary>
    public FaultManagerActor(FaultManagerOptions options)
    {
        _options = options;
        _history = new FaultHistory(options.Directory);
        _judge = new FaultJudge(options.Settings);
        _gate = new AlertGate(options.Settings.Alerts);
        IActorRef self = Self;
        _sender = new AlertSender(options.Settings.Alerts, (alert, why) => self.Tell(new AlertFailed(alert, why), ActorRefs.NoSender));
        _others = [.. options.Others.Select(Context.ActorSelection)];
        Recall();
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to create one.</summary>
    public static Props Props(FaultManagerOptions options) => Akka.Actor.Props.Create(() => new FaultManagerActor(options));

    /// <inheritdoc/>
    protected override void PreStart()
    {
        if (_others.Length != 0) Timers.StartPeriodicTimer(nameof(ExchangeDue), new ExchangeDue(), TimeSpan.FromSeconds(1), s_exchangeInterval);
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case FaultProtocol.Report report: Add(report); break;
            case FaultProtocol.Entry entry: TakeForeign(entry); break;
            case FaultProtocol.History history: foreach (FaultProtocol.Entry entry in history.Entries) TakeForeign(entry); break;
            case FaultProtocol.GetHistory get: Sender.Tell(new FaultProtocol.History(Latest(get.Limit))); break;
            case ExchangeDue: foreach (ActorSelection other in _others) other.Tell(new FaultProtocol.GetHistory(FaultHistory.MaxEntries), Self); break;
            case PolicyDone done: OnPolicyDone(done); break;
            case AlertDue due: if (_history.Find(due.Id) is { } held) SendAlert(held); break;
            case AlertFailed failed: OnAlertFailed(failed); break;
            case TestAlert: TestWays(); break;
            case Flush flush: FlushAsync(flush.Limit).PipeTo(Sender, Self, success: () => new Flushed(), failure: _ => new Flushed()); break;
            case Watch watch:
                _watchers.Add(watch.Watcher);
                Context.Watch(watch.Watcher);
                break;
            case Terminated terminated: _watchers.Remove(terminated.ActorRef); break;
            case CommandProtocol.Outcome: break;
            default: Unhandled(message); break;
        }
    }

    // A window of faults does not end with a restart of the program; what was open then has an outcome that nobody knows.
    private void Recall()
    {
        foreach (FaultProtocol.Entry entry in _history.Entries.Where(IsOwn))
        {
            if (long.TryParse(entry.Id.AsSpan(_options.Server.Length + 1), out long number)) _lastNumber = Math.Max(_lastNumber, number);
            _ = _judge.Judge(entry.Report, entry.AtUnixMs);
            if (IsOpen(entry)) _history.Put(Next(entry) with { Outcome = $"not known: {_options.Server} was stopped meanwhile" });
        }
    }

    private bool IsOwn(FaultProtocol.Entry entry) => entry.Server == _options.Server && entry.Id.StartsWith(_options.Server + "-", StringComparison.Ordinal);

    private static bool IsOpen(FaultProtocol.Entry entry) => entry.ClearedAtUnixMs == 0 && entry.Outcome == Lasting;

    private const string Lasting = "lasts";

    private static FaultProtocol.Entry Next(FaultProtocol.Entry entry) => entry with { Revision = entry.Revision + 1 };

    private static long NowMs => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private void Add(FaultProtocol.Report report)
    {
        long nowMs = NowMs;
        EndEarlier(report, nowMs);
        Judgement judgement = _judge.Judge(report, nowMs);
        bool lasts = report.Severity >= FaultSeverity.Warning && (FaultCatalog.Find(report.Kind).EndedBy is not null);
        string policy = judgement.Policy is PolicyAction.Isolate ? $"by policy {report.Component} is taken out of service" : judgement.Policy is PolicyAction.FailOver ? "by policy the machine is handed over" : "";
        FaultProtocol.Entry entry = new()
        {
            Id = $"{_options.Server}-{++_lastNumber}", AtUnixMs = nowMs, Server = _options.Server, Diagnosis = judgement.Diagnosis, Outcome = lasts ? Lasting : "",
            Report = report with { Action = string.Join("; ", ((string[])[judgement.Action, policy]).Where(part => part.Length != 0)) },
        };
        Publish(entry);
        _options.Log(entry);
        Context.ActorSelection($"/user/{HostActor.Name}").Tell(new HostActor.StatusChanged(), ActorRefs.NoSender);
        if (judgement.Policy is { } wanted) CarryOut(wanted, entry);
        if (!FaultCatalog.Find(report.Kind).IsSeenByBoth || string.CompareOrdinal(_options.Server, _options.Peer) < 0) SendAlert(entry);
        else Timers.StartSingleTimer(entry.Id, new AlertDue(entry.Id), s_yield);
    }

    private void EndEarlier(FaultProtocol.Report report, long nowMs)
    {
        foreach (FaultProtocol.Entry earlier in _history.Entries.Where(entry => IsOwn(entry) && entry.ClearedAtUnixMs == 0 && entry.Outcome.Length != 0 && FaultCatalog.Ends(report, entry.Report)).ToArray())
        {
            FaultProtocol.Entry ended = Next(earlier) with { ClearedAtUnixMs = nowMs, Outcome = $"over after {FaultJudge.Describe(TimeSpan.FromMilliseconds(Math.Max(0, nowMs - earlier.AtUnixMs)))}" };
            Publish(ended);
            if (_alerted.Remove(earlier.Id)) _sender.Send(Alert.Of(ended, _options.Pair, "over", 0) with { Message = $"{earlier.Report.Message.TrimEnd('.')}: {ended.Outcome}." });
        }
    }

    private void Publish(FaultProtocol.Entry entry)
    {
        _history.Put(entry);
        foreach (IActorRef watcher in _watchers) watcher.Tell(entry);
        foreach (ActorSelection other in _others) other.Tell(entry, Self);
    }

    private void TakeForeign(FaultProtocol.Entry entry)
    {
        if (IsOwn(entry) || entry.Server == _options.Server || !_history.Put(entry)) return;
        _gate.NoteToldByPeer(entry);
        foreach (IActorRef watcher in _watchers) watcher.Tell(entry);
        // The leader's word that the pair is whole ends what this server has to say about it.
        if (entry.Report.Kind == "protected" && NowMs - entry.AtUnixMs < 60_000) EndEarlier(entry.Report, NowMs);
    }

    private FaultProtocol.Entry[] Latest(int limit)
    {
        List<FaultProtocol.Entry> latest = [];
        int bytes = 0;
        foreach (FaultProtocol.Entry entry in _history.Entries.Reverse().Take(limit))
        {
            bytes += 256 + entry.Report.Message.Length + entry.Report.Action.Length + entry.Diagnosis.Length + (entry.Report.Evidence?.Sum(line => line.Length + 16) ?? 0);
            if (bytes > MaxAnswerBytes) break;
            latest.Add(entry);
        }

        latest.Reverse();
        return [.. latest];
    }

    private void CarryOut(PolicyAction wanted, FaultProtocol.Entry entry)
    {
        FaultProtocol.Report report = entry.Report;
        if (wanted == PolicyAction.Alert || (report.Machine.Length == 0 && FaultCatalog.ClassOf(report.Component) != FaultClass.Link)) return;
        _judge.Forget(report.Machine, report.Component);
        CommandProtocol.Command command = wanted == PolicyAction.FailOver
            ? new(CommandProtocol.Verbs.FailOver, report.Machine, _options.Server, "", [])
            : new(CommandProtocol.Verbs.Isolate, report.Machine, _options.Server, report.Component, [CommandRules.ByPolicy]);
        string id = entry.Id;
        Context.ActorSelection($"/user/{HostActor.Name}").Ask<CommandProtocol.Outcome>(command, s_commandLimit).PipeTo(Self,
            success: outcome => new PolicyDone(id, outcome), failure: _ => new PolicyDone(id, new CommandProtocol.Outcome(false, "No answer came in time.")));
    }

    private void OnPolicyDone(PolicyDone done)
    {
        if (_history.Find(done.Id) is not { } entry) return;
        Publish(Next(entry) with { Outcome = done.Outcome.Succeeded ? $"{done.Outcome.Sentence} An operator brings it back." : $"the policy could not be followed: {done.Outcome.Sentence}" });
    }

    private void SendAlert(FaultProtocol.Entry entry)
    {
        if (!_gate.ShouldSend(entry, NowMs, out int suppressed)) return;
        if (IsOpen(entry)) _alerted.Add(entry.Id);
        _sender.Send(Alert.Of(entry, _options.Pair, "raised", suppressed));
    }

    private void OnAlertFailed(AlertFailed failed) =>
        Add(new FaultProtocol.Report("alert-failed", FaultSeverity.Warning, "", "alerts", $"The alert \"{failed.Alert.Sentence}\" did not leave by {failed.Why}."));

    // What answers a question that came after the entries has the entries.
    private Task FlushAsync(TimeSpan limit) =>
        Task.WhenAll([_history.FlushAsync(), .. _others.Select(other => other.Ask<FaultProtocol.History>(new FaultProtocol.GetHistory(1), limit))]);

    private void TestWays()
    {
        IActorRef asker = Sender;
        if (!_options.Settings.Alerts.HasWay)
        {
            asker.Tell(new CommandProtocol.Outcome(false, $"{_options.Server} has no way to send an alert: none of command, webhook and syslog is set in actorft.faults.alerts."));
            return;
        }

        string server = _options.Server;
        Alert test = new("test", $"{server}-test", NowMs, _options.Pair, server, "", "alerts", "test", "info", $"This is a test of {server}'s alerts.", "", "", 0);
        _sender.TryAllAsync(test).PipeTo(asker, Self, success: lines => new CommandProtocol.Outcome(lines.All(line => line.IsGood), $"{server}: {string.Join("; ", lines.Select(line => line.Line))}."),
            failure: _ => new CommandProtocol.Outcome(false, $"{server} stops."));
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Closes the history's file.</summary>
    public void Dispose()
    {
        _sender.Dispose();
        _history.Dispose();
    }
}
