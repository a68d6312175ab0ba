using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Management.Ft;
using ActorFT.Management.Pair;
using Akka.Actor;

namespace ActorFT.Management;

/// <summary>
/// Where HTTP meets actors: asks with finite times, and never more often than every <see cref="RefreshMs"/> however many ask here, so that a
/// flood of requests is no flood of messages. Holds the latest view, so that a hung actor makes answers old, not late.
/// </summary>
public sealed class NodeGateway
{
    /// <summary>The host is asked again when its view is older than this.</summary>
    public const int RefreshMs = 100;

    /// <summary>How long the host's first answer is waited for, and how old a view may be while the host passes for alive.</summary>
    public static readonly TimeSpan ViewLimit = TimeSpan.FromMilliseconds(1_000);

    // Once the host has let an answer fail, nobody waits long for the next: what is known is given, with its age.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(300);

    // Shorter than the view's: who asks for both is answered well within two seconds.
    private static readonly TimeSpan s_historyLimit = TimeSpan.FromMilliseconds(700);

    private static readonly TimeSpan s_commandLimit = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Subject _subject;
    private HostActor.PairView? _view;
    private long _viewAt = long.MinValue;
    private Task? _refresh;
    private bool _isHung;
    private (HostActor.PairView? Of, long AtMs, PairStatus Status)? _built;
    private readonly SharedAsk<FaultProtocol.History?> _own;
    private readonly SharedAsk<FaultProtocol.History?[]> _others;
    private (FaultProtocol.History?[] Others, FaultProtocol.History? Own, int Limit, EventHistory History)? _history;

    /// <summary>Creates it over a node's actors.</summary>
    public NodeGateway(NodeConfig config, ActorSystem system, IActorRef host, IActorRef faults)
    {
        (Config, System, Host, Faults) = (config, system, host, faults);
        (_own, _others) = (new(() => HistoryOf(Faults, MaxHistory)), new(AskOthersAsync));
        _subject = new Subject(config.Pair, config.Name, config.IsArbiter, config.PeerName,
            [.. config.ServerAddresses.Select(address => $"{address.Host}:{address.Port}")], [.. config.Machines.Select(machine => machine.Name)], config.ReportLifetime);
    }

    /// <summary>The node's configuration.</summary>
    public NodeConfig Config { get; }

    /// <summary>Its actor system.</summary>
    public ActorSystem System { get; }

    /// <summary>/user/host.</summary>
    public IActorRef Host { get; }

    /// <summary>/user/faults.</summary>
    public IActorRef Faults { get; }

    /// <summary>The other nodes' fault managers, with the address that names each until it has answered.</summary>
    internal IEnumerable<ActorSelection> OtherFaultManagers =>
        (Config.IsArbiter ? Config.ServerAddresses : [Config.PeerAddress!, Config.ArbiterAddress!])
        .Select(other => System.ActorSelection($"{other.ActorSystemAddress}/user/{FaultManagerActor.Name}"));

    /// <summary>The pair as this node knows it now.</summary>
    public async Task<PairStatus> GetStatusAsync()
    {
        await RefreshAsync().ConfigureAwait(false);
        return BuildStatus();
    }

    /// <summary>The pair as this node knew it last; never waits, and has the next one fetched.</summary>
    public PairStatus LatestStatus
    {
        get
        {
            _ = RefreshAsync();
            return BuildStatus();
        }
    }

    /// <summary>Whether the host actor answers in time.</summary>
    public async Task<bool> IsHostAnsweringAsync()
    {
        await RefreshAsync().ConfigureAwait(false);
        lock (_lock) return _view is not null && Environment.TickCount64 - _viewAt < ViewLimit.TotalMilliseconds;
    }

    private async Task RefreshAsync()
    {
        Task refresh;
        bool isHung;
        lock (_lock)
        {
            isHung = _isHung && _view is not null;
            if (_view is not null && Environment.TickCount64 - _viewAt < RefreshMs) return;
            refresh = _refresh ??= AskAsync();
        }

        if (isHung) await Task.WhenAny(refresh, Task.Delay(s_patience)).ConfigureAwait(false);
        else await refresh.ConfigureAwait(false);
    }

    private async Task AskAsync()
    {
        await Task.Yield(); // _refresh is set before this ends
        try
        {
            HostActor.PairView view = await Host.Ask<HostActor.PairView>(new HostActor.GetView(), ViewLimit).ConfigureAwait(false);
            lock (_lock) (_view, _viewAt, _isHung) = (view, Environment.TickCount64, false);
        }
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException)
        {
            lock (_lock) _isHung = true; // the view grows old, and every answer says how old
        }
        finally
        {
            lock (_lock) _refresh = null;
        }
    }

    private PairStatus BuildStatus()
    {
        // One for all who ask within the interval: its ages are as old as a view may be.
        lock (_lock)
        {
            long now = Environment.TickCount64;
            if (_built is not { } built || built.Of != _view || now - built.AtMs >= RefreshMs) _built = built = (_view, now, BuildStatus(_view, now - _viewAt));
            return built.Status;
        }
    }

    private PairStatus BuildStatus(HostActor.PairView? view, long viewAgeMs)
    {
        long nowMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        if (view is null) return PairStatusBuilder.Build(_subject, [], nowMs);
        // The host's own status is as old as its last collection; the clock may have been set since.
        long ownAgeMs = view.Own.AtUnixMs == 0 ? viewAgeMs : Math.Max(viewAgeMs, nowMs - view.Own.AtUnixMs);
        List<(NodeStatus, long)> known = [(view.Own, ownAgeMs), .. view.Others.Select(other => (other.Status, other.AgeMs + viewAgeMs))];
        return PairStatusBuilder.Build(_subject, known, nowMs);
    }

    /// <summary>Has a command carried out; null when no answer came in time, in which case it may or may not have been.</summary>
    public async Task<CommandProtocol.Outcome?> CommandAsync(CommandProtocol.Command command)
    {
        try
        {
            return await Host.Ask<CommandProtocol.Outcome>(command, s_commandLimit).ConfigureAwait(false);
        }
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Sends a test alert on every way of this node; null when that was not done in time.</summary>
    public async Task<CommandProtocol.Outcome?> TestAlertAsync()
    {
        try
        {
            return await Faults.Ask<CommandProtocol.Outcome>(new FaultManagerActor.TestAlert(), TimeSpan.FromSeconds(10) + 3 * Config.Faults.Alerts.Timeout).ConfigureAwait(false);
        }
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Entries that are asked for at most.</summary>
    public const int MaxHistory = 500;

    /// <summary>
    /// The latest faults of all nodes in reach, oldest first, and how many nodes did not answer. What this node knows is asked for last: it is new, however long
    /// the others took, whose entries come here by themselves.
    /// </summary>
    public async Task<EventHistory> GetHistoryAsync(int limit)
    {
        FaultProtocol.History?[] others = await _others.GetAsync().ConfigureAwait(false);
        FaultProtocol.History? own = await _own.GetAsync().ConfigureAwait(false);
        lock (_lock)
        {
            // The same answers for the same limit: one list for all who ask.
            if (_history is { } known && known.Others == others && known.Own == own && known.Limit == limit) return known.History;
            IEnumerable<FaultProtocol.Entry> all = others.Append(own).Where(answer => answer is not null).SelectMany(answer => answer!.Entries)
                .GroupBy(entry => entry.Id).Select(words => words.MaxBy(entry => entry.Revision)!).OrderBy(entry => entry.AtUnixMs).TakeLast(limit);
            EventHistory history = new([.. all], others.Append(own).Count(answer => answer is null));
            _history = (others, own, limit, history);
            return history;
        }
    }

    private async Task<FaultProtocol.History?[]> AskOthersAsync() =>
        await Task.WhenAll(OtherFaultManagers.Select(other => HistoryOf(other, MaxHistory))).ConfigureAwait(false);

    private static async Task<FaultProtocol.History?> HistoryOf(ICanTell manager, int limit)
    {
        try
        {
            return await manager.Ask<FaultProtocol.History>(new FaultProtocol.GetHistory(limit), s_historyLimit).ConfigureAwait(false);
        }
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException)
        {
            return null;
        }
    }
}
