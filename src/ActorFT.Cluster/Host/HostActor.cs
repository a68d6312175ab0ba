using ActorFT.Cluster.Arbiter;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Cluster.Wire;
using ActorFT.Lockstep.Protocol;
using ActorFT.Network.Links;
using Akka.Actor;
using Akka.Cluster;

namespace ActorFT.Cluster.Host;

/// <summary>
/// This node: its machines (servers), its view of the other nodes, and the commands for it. Tells the others its status at a fixed
/// interval, keeps theirs with the time they came, and passes commands on to the server they concern.
/// </summary>
public sealed class HostActor : UntypedActor, IWithTimers
{
    /// <summary>Its name under /user.</summary>
    public const string Name = "host";

    /// <summary>Asks for everything known; answered by <see cref="PairView"/>.</summary>
    public sealed record GetView : MachineProtocol.ILocalMessage;

    /// <summary>What this node knows.</summary>
    /// <param name="Own">Its own status.</param>
    /// <param name="Others">The latest of each other node, with the milliseconds since it came.</param>
    public sealed record PairView(NodeStatus Own, IReadOnlyList<(NodeStatus Status, long AgeMs)> Others) : MachineProtocol.ILocalMessage;

    /// <summary>The node is to stop: every machine is handed over first, where it can be. Answered by <see cref="HasLeft"/>.</summary>
    public sealed record LeaveAll : MachineProtocol.ILocalMessage;

    /// <summary>Every machine has left in order.</summary>
    public sealed record HasLeft : MachineProtocol.ILocalMessage;

    /// <summary>A message for a machine's actor on this server.</summary>
    public sealed record ForMachine(string Machine, object Message) : MachineProtocol.ILocalMessage;

    /// <summary>Something happened: status is collected at once, so that nobody sees a fault before the state that goes with it for long.</summary>
    public sealed record StatusChanged : MachineProtocol.ILocalMessage;

    /// <summary>What this node knows says otherwise than before how something stands (<see cref="NodeStanding"/>). Published on the system's event stream.</summary>
    public sealed record StandingChanged : MachineProtocol.ILocalMessage
    {
        /// <summary>The only one that is needed.</summary>
        public static readonly StandingChanged Instance = new();
    }

    /// <summary>Changes that follow each other faster are collected together: a component that flutters makes no flood of messages.</summary>
    private static readonly TimeSpan s_leastInterval = TimeSpan.FromMilliseconds(50);

    private sealed record StatusDue : MachineProtocol.ILocalMessage;

    private sealed record SilenceDue : MachineProtocol.ILocalMessage;

    private sealed record StatusCollected(MachineStatus[] Machines, TermStatus[] Terms) : MachineProtocol.ILocalMessage;

    private readonly NodeConfig _config;
    private readonly LinkHub? _links;
    private readonly IReadOnlyList<(string Name, Props Props)> _machineProps;
    private readonly IActorRef? _arbiter;
    private readonly Action<string> _failStop;
    private readonly ActorSelection[] _others;
    private readonly Dictionary<string, IActorRef> _machines = [];
    private readonly Dictionary<string, (NodeStatus Status, ulong AtNs)> _known = [];
    private readonly Dictionary<string, (LinkPathState State, long SinceMs)> _linkStates = [];
    private readonly LinkOrders _linkOrders = new();
    private readonly ForeignBuilds _foreign;
    private NodeStatus _own;
    private bool _isCollecting, _isDueAgain;
    private ulong _collectedAtNs;

    /// <summary>Creates it.</summary>
    /// <param name="config">The node.</param>
    /// <param name="links">Servers: the FT link.</param>
    /// <param name="machines">Servers: each machine's name and how to create its actor.</param>
    /// <param name="arbiter">Arbiter: its actor.</param>
    /// <param name="failStop">Ends the node: for faults after which it must not go on.</param>
    public HostActor(NodeConfig config, LinkHub? links, IReadOnlyList<(string Name, Props Props)> machines, IActorRef? arbiter, Action<string> failStop)
    {
        (_config, _links, _machineProps, _arbiter, _failStop) = (config, links, machines, arbiter, failStop);
        IEnumerable<NodeAddress> others = config.IsArbiter ? config.ServerAddresses : [config.PeerAddress!, config.ArbiterAddress!];
        _others = [.. others.Select(other => Context.ActorSelection($"{other.ActorSystemAddress}/user/{Name}"))];
        ActorSelection faults = Context.ActorSelection($"/user/{Faults.FaultManagerActor.Name}");
        _foreign = new ForeignBuilds(config, report => faults.Tell(report, ActorRefs.NoSender));
        _own = new NodeStatus { Node = config.Name, Role = config.IsArbiter ? "arbiter" : "server", State = ComponentState.Transitioning, Reason = "starting" };
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to create one.</summary>
    public static Props Props(NodeConfig config, LinkHub? links, IReadOnlyList<(string Name, Props Props)> machines, IActorRef? arbiter, Action<string> failStop) =>
        Akka.Actor.Props.Create(() => new HostActor(config, links, machines, arbiter, failStop));

    // A machine without its supervisor has nobody who would notice what else fails: fail stop, as for its parts.
    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(0, TimeSpan.Zero, error =>
    {
        EndNode(Sender.Path.Name, error);
        return Directive.Stop;
    });

    // Instead of what a restart would do: what the machines hold cannot be had again.
    /// <inheritdoc/>
    protected override void PreRestart(Exception reason, object message) => EndNode(Name, reason);

    private void EndNode(string part, Exception error)
    {
        string sentence = $"{part} failed: {FailureSentence.Of(error)}";
        Context.ActorSelection($"/user/{Faults.FaultManagerActor.Name}").Tell(new FaultProtocol.Report("component-failed", FaultSeverity.Critical,
            "", part, $"A part of {_config.Name}'s program was stopped: {sentence}.", "this server stops, the other one goes on"), ActorRefs.NoSender);
        _failStop(sentence);
    }

    /// <inheritdoc/>
    protected override void PreStart()
    {
        foreach ((string name, Props props) in _machineProps) _machines[name] = Context.ActorOf(props, MachineActor.NamePrefix + name);
        Timers.StartPeriodicTimer(nameof(StatusDue), new StatusDue(), TimeSpan.Zero, _config.StatusInterval);
        if (!_config.IsArbiter) Akka.Cluster.Cluster.Get(Context.System).Subscribe(Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.UnreachableMember));
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StatusDue: CollectStatus(); break;
            case StatusChanged: CollectSoon(); break;
            case SilenceDue:
                Context.System.EventStream.Publish(StandingChanged.Instance);
                CollectSoon();
                break;
            case StatusCollected collected: Publish(collected); break;
            // Other nodes' messages may hold anything, nothing too.
            case NodeStatus { Node: not null, Role: not null, Links: not null, Machines: not null, Terms: not null } status: OnStatus(status); break;
            case ForeignMessage foreign: _foreign.Hear(foreign, Sender.Path.Address, MonotonicClock.NowNs); break;
            case GetView: Sender.Tell(View); break;
            case ForMachine forMachine:
                if (_machines.TryGetValue(forMachine.Machine, out IActorRef? machine)) machine.Forward(forMachine.Message);
                break;
            case CommandProtocol.Command { Verb: not null, Machine: not null, Server: not null, Component: not null, Arguments: not null } command: OnCommand(command); break;
            case ClusterEvent.UnreachableMember unreachable: OnUnreachable(unreachable.Member); break;
            case LeaveAll: OnLeaveAll(); break;
            case LeaveCompleted:
                _toLeave.Remove(Sender.Path.Name);
                if (_toLeave.Count == 0) _leaveAskedBy?.Tell(new HasLeft());
                break;
            default: Unhandled(message); break;
        }
    }

    private readonly HashSet<string> _toLeave = [];
    private IActorRef? _leaveAskedBy;

    private void OnLeaveAll()
    {
        _leaveAskedBy = Sender;
        foreach ((string name, IActorRef machine) in _machines)
        {
            _toLeave.Add(machine.Path.Name);
            machine.Tell(new CommandProtocol.Command(CommandProtocol.Verbs.Leave, name, "", "", []));
        }

        if (_toLeave.Count == 0) Sender.Tell(new HasLeft());
    }

    private void OnStatus(NodeStatus status)
    {
        NoteStanding(_known.TryGetValue(status.Node, out (NodeStatus Status, ulong AtNs) before) && IsCurrent(before.AtNs) ? before.Status : null, status);
        _known[status.Node] = (status, MonotonicClock.NowNs);
        _foreign.Understand(Sender.Path.Address);
        // Told the moment that its silence counts, as the endpoint tells it: not half an interval later.
        Timers.StartSingleTimer((nameof(SilenceDue), status.Node), new SilenceDue(), _config.ReportLifetime + TimeSpan.FromMilliseconds(1));
        if (status.Node != _config.PeerName) return;
        foreach (CommandProtocol.Command missing in _linkOrders.MissingOn(status)) _others[0].Tell(missing with { Server = _config.PeerName }, ActorRefs.NoSender);
    }

    private PairView View => new(_own, [.. _known.Values.Select(known => (known.Status, (long)((MonotonicClock.NowNs - known.AtNs) / 1_000_000)))]);

    private void NoteStanding(NodeStatus? before, NodeStatus now)
    {
        if (before is null || NodeStanding.Differs(before, now)) Context.System.EventStream.Publish(StandingChanged.Instance);
    }

    private void CollectSoon()
    {
        TimeSpan since = TimeSpan.FromTicks((long)(MonotonicClock.NowNs - _collectedAtNs) / 100);
        if (_isCollecting || since >= s_leastInterval) CollectStatus();
        else if (!Timers.IsTimerActive(nameof(StatusChanged))) Timers.StartSingleTimer(nameof(StatusChanged), new StatusDue(), s_leastInterval - since);
    }

    private void CollectStatus()
    {
        _isDueAgain = _isCollecting; // what happened meanwhile may not be in what is collected
        if (_isCollecting) return;
        (_isCollecting, _collectedAtNs) = (true, MonotonicClock.NowNs);
        TimeSpan limit = TimeSpan.FromSeconds(2);
        Task<MachineStatus>[] machines = [.. _machines.Values.Select(machine => machine.Ask<MachineStatus>(MachineProtocol.GetStatus.Instance, limit))];
        Task<TermStatus[]> terms = _arbiter is null ? Task.FromResult(Array.Empty<TermStatus>()) : _arbiter.Ask<TermStatus[]>(new ArbiterActor.GetTerms(), limit);
        Collect(machines, terms).PipeTo(Self);
    }

    // A machine whose actor does not answer is left out; the node says so.
    private static async Task<StatusCollected> Collect(Task<MachineStatus>[] machines, Task<TermStatus[]> terms)
    {
        List<MachineStatus> answered = [];
        foreach (Task<MachineStatus> machine in machines)
        {
            if (await AnswerOf(machine).ConfigureAwait(false) is { } status) answered.Add(status);
        }

        return new StatusCollected([.. answered], await AnswerOf(terms).ConfigureAwait(false) ?? []);
    }

    // Whatever keeps a part from answering (silence, its end, an answer of another kind) must not end the telling of everything else.
    private static async Task<T?> AnswerOf<T>(Task<T> asked) where T : class
    {
        try { return await asked.ConfigureAwait(false); }
        catch (Exception) { return null; }
    }

    private void Publish(StatusCollected collected)
    {
        _isCollecting = false;
        long nowMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        LinkStatus[] links = BuildLinks(nowMs);
        bool arbiterReachable = _config.IsArbiter || _known.Values.Any(known => known.Status.Role == "arbiter" && IsCurrent(known.AtNs));
        NoteArbiter(arbiterReachable);
        (ComponentState state, string reason) = Judge(collected, links, arbiterReachable);
        NodeStatus before = _own;
        _own = new NodeStatus
        {
            Node = _config.Name,
            Role = _config.IsArbiter ? "arbiter" : "server",
            State = state,
            Reason = reason,
            SinceUnixMs = state == _own.State ? _own.SinceUnixMs : nowMs,
            AtUnixMs = nowMs,
            Version = typeof(HostActor).Assembly.GetName().Version?.ToString(3) ?? "",
            Endpoint = _config.Management is { } endpoint ? $"http://{endpoint}" : "",
            ArbiterReachable = arbiterReachable,
            Links = links,
            Machines = collected.Machines,
            Terms = collected.Terms,
        };
        NoteStanding(before, _own);
        foreach (ActorSelection other in _others) other.Tell(_own, Self);
        if (_isDueAgain) CollectSoon();
    }

    private bool? _toldArbiter;

    // Not before it was there once: a node that starts alone says so in its state.
    private void NoteArbiter(bool isReachable)
    {
        if (_config.IsArbiter || isReachable == _toldArbiter || (_toldArbiter is null && !isReachable)) return;
        bool isFirst = _toldArbiter is null;
        _toldArbiter = isReachable;
        if (isFirst) return;
        Context.ActorSelection($"/user/{Faults.FaultManagerActor.Name}").Tell(isReachable
            ? new FaultProtocol.Report("arbiter-back", FaultSeverity.Info, "", "arbiter", "The arbiter answers again.", "", null, "arbiter-lost")
            : new FaultProtocol.Report("arbiter-lost", FaultSeverity.Warning, "", "arbiter", "The arbiter does not answer."));
    }

    private (ComponentState, string) Judge(StatusCollected collected, LinkStatus[] links, bool arbiterReachable)
    {
        if (collected.Machines.Length < _machines.Count) return (ComponentState.Degraded, "a machine's actor does not answer");
        if (links.Length != 0 && links.All(link => link.State is ComponentState.Failed or ComponentState.Isolated)) return (ComponentState.Degraded, "no FT link is up");
        if (links.Any(link => link.State != ComponentState.Good)) return (ComponentState.Degraded, "an FT link is down");
        if (_foreign.Reason(MonotonicClock.NowNs) is { Length: > 0 } foreign) return (ComponentState.Degraded, foreign);
        return arbiterReachable ? (ComponentState.Good, "") : (ComponentState.Degraded, "the arbiter does not answer: no second fault is survivable");
    }

    private LinkStatus[] BuildLinks(long nowMs)
    {
        if (_links is null) return [];
        List<LinkStatus> links = [];
        foreach (LinkPathSnapshot path in _links.Snapshot())
        {
            if (!_linkStates.TryGetValue(path.Name, out (LinkPathState State, long SinceMs) before) || before.State != path.Status.State)
            {
                if (before.SinceMs != 0 || path.Status.State == LinkPathState.Up) ReportLink(path, before.SinceMs != 0);
                _linkStates[path.Name] = before = (path.Status.State, nowMs);
            }

            links.Add(new LinkStatus
            {
                Name = path.Name,
                State = path.Status.Cause == LinkDownCause.OutOfService ? ComponentState.Isolated
                    : path.Status.State switch { LinkPathState.Up => ComponentState.Good, LinkPathState.Silent => ComponentState.Degraded, _ => ComponentState.Failed },
                Reason = path.Status.Reason,
                SinceUnixMs = before.SinceMs,
                RoundTripMs = path.RoundTripMs,
                LossRatio = path.LossRatio,
                SentBytes = path.Classes.Sum(one => one.SentBytes),
                ReceivedBytes = path.Classes.Sum(one => one.ReceivedBytes),
            });
        }

        return [.. links];
    }

    private void ReportLink(LinkPathSnapshot path, bool wasKnown)
    {
        bool isUp = path.Status.State == LinkPathState.Up;
        // With the other path up it is this one that failed; with none up it is the peer, or what both paths share.
        bool isOtherUp = _links!.Snapshot().Any(other => other.Status.PathIndex != path.Status.PathIndex && other.Status.State == LinkPathState.Up);
        FaultProtocol.Report report = isUp
            ? new("link-up", FaultSeverity.Info, "", "link-" + path.Name, $"FT link {path.Name} is up.", "", null, "link-down")
            : new("link-down", FaultSeverity.Warning, "", "link-" + path.Name, $"FT link {path.Name}: {path.Status.Reason.TrimEnd('.')}.",
                isOtherUp ? "the other link carries on" : "no FT link is left: the arbiter decides who goes on", IsOwn: isOtherUp);
        if (isUp || wasKnown) Context.ActorSelection($"/user/{Faults.FaultManagerActor.Name}").Tell(report);
    }

    private void OnCommand(CommandProtocol.Command command)
    {
        if (CommandRules.Refuse(command, _config.AllowsFaultInjection) is { } refusal) Refuse(refusal);
        else if (command.Server.Length != 0 && command.Server != _config.Name && command.Server != _config.PeerName)
            Refuse($"There is no server \"{command.Server}\" here; allowed are {_config.Name} and {_config.PeerName}.");
        else if (command.Machine.Length != 0 && !_machines.ContainsKey(command.Machine))
            Refuse($"There is no machine \"{command.Machine}\" here; known are {string.Join(", ", _machines.Keys.Order())}.");
        else if (CommandRules.Parse(command.Component) is (CommandSubject.Link, { } link)) OnLinkCommand(command, link);
        else if (command is { Verb: CommandProtocol.Verbs.Isolate, Arguments: not [LinkOrders.ByPeer] } && CommandRules.Parse(command.Component) is (CommandSubject.Replica, _)) IsolateReplica(command);
        else if (command.Server == _config.PeerName) PassToPeer(command);
        else CarryOut(command);
    }

    private void PassToPeer(CommandProtocol.Command command)
    {
        if (_config.PeerAddress is { } peer && _foreign.IsForeign(peer, MonotonicClock.NowNs))
            Refuse($"{_config.PeerName} runs a build that does not understand this one's messages: ask {_config.PeerName}'s own endpoint.");
        else _others[0].Tell(command, Sender);
    }

    private void Refuse(string sentence) => Sender.Tell(new CommandProtocol.Outcome(false, sentence));

    // A replica is taken out by the server that goes on.
    private void IsolateReplica(CommandProtocol.Command command)
    {
        bool isOwn = command.Server == _config.Name;
        CommandProtocol.Command byPeer = command with { Server = isOwn ? _config.PeerName : _config.Name, Arguments = [LinkOrders.ByPeer] };
        if (isOwn) PassToPeer(byPeer);
        else CarryOut(byPeer);
    }

    private void CarryOut(CommandProtocol.Command command)
    {
        foreach ((string name, IActorRef machine) in _machines)
        {
            if (command.Machine.Length != 0 && command.Machine != name) continue;
            // Without a server named, whoever leads does it.
            bool leads = _own.Machines.Any(status => status.Name == name && status.Role == "Leading");
            if (command.Server.Length == 0 && !leads && PeerLeads(name)) PassToPeer(command with { Server = _config.PeerName, Machine = name });
            else machine.Forward(command);
        }

        if (_machines.Count == 0) Refuse($"{_config.Name} runs no machine.");
    }

    // Both ends take a path out of service and bring it back together.
    private void OnLinkCommand(CommandProtocol.Command command, string name)
    {
        LinkPathSnapshot[] paths = [.. _links?.Snapshot() ?? []];
        int index = Array.FindIndex(paths, path => path.Name == name);
        if (index < 0)
        {
            Refuse($"There is no FT link \"{name}\" here; known are {string.Join(", ", paths.Select(path => "link-" + path.Name))}.");
            return;
        }

        bool isTakenOut = LinkOrders.IsTakenOut(command);
        if (command.Verb == CommandProtocol.Verbs.Isolate && !paths.Where((path, i) => i != index && path.Status.State == LinkPathState.Up).Any())
        {
            Refuse($"FT link {name} is the only one that is up: without it the servers could not stay in lockstep.");
            return;
        }

        if (!_linkOrders.TryTake(command, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), out CommandProtocol.Command forPeer)) return; // the peer is told the later one
        _links!.SetOutOfService(index, !isTakenOut ? "" : command.Verb == CommandProtocol.Verbs.Isolate ? CommandRules.TakenOut(command) : LinkOrders.Injected,
            isFault: command.Verb == CommandProtocol.Verbs.Inject);
        if (!LinkOrders.IsByPeer(command)) _others[0].Tell(forPeer with { Server = _config.PeerName }, ActorRefs.NoSender);
        CollectStatus();
        string where = IsPeerHeard ? "on both servers" : $"on {_config.Name}; {_config.PeerName} does not answer now, and follows as soon as it does";
        Sender.Tell(new CommandProtocol.Outcome(true, isTakenOut ? $"FT link {name} carries nothing any more, {where}." : $"FT link {name} is in service again, {where}."));
    }

    private bool IsPeerHeard => _known.TryGetValue(_config.PeerName, out (NodeStatus Status, ulong AtNs) peer) && IsCurrent(peer.AtNs);

    private bool IsCurrent(ulong heardAtNs) => MonotonicClock.NowNs - heardAtNs <= _config.ReportLifetime.TotalNanoseconds;

    private bool PeerLeads(string machine) => _known.TryGetValue(_config.PeerName, out (NodeStatus Status, ulong AtNs) peer)
        && peer.Status.Machines.Any(status => status.Name == machine && status.Role == "Leading");

    private void OnUnreachable(Member member)
    {
        if (_config.PeerAddress is not { } peer || member.Address.Host != peer.Host || member.Address.Port != peer.Port) return;
        foreach (IActorRef machine in _machines.Values) machine.Tell(new MachineProtocol.PeerUnreachable("the cluster's failure detector does not reach it"));
    }
}
