using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Machine.IO;
using ActorFT.Network;
using ActorFT.Network.Frames;
using ActorFT.Network.Tap;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>What a NIC's actor works with.</summary>
public sealed record NicActorOptions
{
    /// <summary>The NIC's name.</summary>
    public required string Name { get; init; }
    /// <summary>Its number in the machine.</summary>
    public required int Index { get; init; }
    /// <summary>The machine's name.</summary>
    public required string Machine { get; init; }
    /// <summary>This server's name.</summary>
    public required string Server { get; init; }
    /// <summary>The peer server's name.</summary>
    public required string PeerServer { get; init; }
    /// <summary>The data path; owned by the actor.</summary>
    public required NicPort Port { get; init; }
    /// <summary>Opens the back end anew after it was lost.</summary>
    public required Func<INicBackEnd> Reopen { get; init; }
    /// <summary>Who takes fault reports.</summary>
    public required ICanTell Faults { get; init; }
    /// <summary>Time between two beats to the peer.</summary>
    public required TimeSpan Beat { get; init; }
}

/// <summary>
/// One NIC of a machine on this server: everything about it that is not urgent. Beats to the peer's NIC, announcements of the machine's
/// address after each change of way, a lost back end made anew, fault reports, status. Frames pass by <see cref="NicPort"/>.
/// </summary>
public sealed class NicActor : UntypedActor, IWithTimers
{
    /// <summary>Names under the machine's actor begin with this.</summary>
    public const string NamePrefix = "nic-";

    /// <summary>Time between two attempts to make a lost back end anew.</summary>
    private static readonly TimeSpan s_reopenInterval = TimeSpan.FromSeconds(1);

    /// <summary>Well below the silence after which the other server may take over.</summary>
    private const ulong MaxAnnouncementDelayNs = 250_000_000;

    /// <summary>After the carrier came on, so much time to find the network before its lack is told.</summary>
    private const ulong SettleNs = 2_000_000_000;

    private sealed record Announce(int Step, ulong DueNs) : MachineProtocol.ILocalMessage;

    private sealed record Changed : MachineProtocol.ILocalMessage
    {
        public static readonly Changed Instance = new();
    }

    private sealed record RouteChanged(NicRoute Route) : MachineProtocol.ILocalMessage;

    private sealed record BeatDue : MachineProtocol.ILocalMessage;

    private sealed record ReopenDue : MachineProtocol.ILocalMessage;

    private readonly NicActorOptions _options;
    private readonly NicPort _port;
    private readonly IActorRef _self;
    private long _sinceMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
    private ulong _settlesAtNs;
    private bool _isDownTold, _isRerouteTold;
    private string _reopenRefusal = "", _outOfService = "";
    private bool _isIsolated;

    /// <summary>Creates it.</summary>
    /// <param name="options">What it works with.</param>
    /// <param name="coordinator">Where frames that came in go.</param>
    public NicActor(NicActorOptions options, IActorRef coordinator)
    {
        (_options, _port, _self) = (options, options.Port, Self);
        int index = options.Index;
        _port.Deliver = frame => coordinator.Tell(new MachineProtocol.InputArrived(new FrameReceived(index, frame)), ActorRefs.NoSender);
        _port.RouteChanged = route => _self.Tell(new RouteChanged(route), ActorRefs.NoSender);
        Watch(_port.BackEnd);
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to create one.</summary>
    public static Props Props(NicActorOptions options, IActorRef coordinator) => Akka.Actor.Props.Create(() => new NicActor(options, coordinator));

    private string Component => NamePrefix + _options.Name;

    /// <inheritdoc/>
    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(BeatDue), new BeatDue(), TimeSpan.Zero, _options.Beat);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case BeatDue:
                _port.Tick();
                TellFaults();
                break;
            case Changed:
                _port.NoteBackEnd();
                TellFaults();
                break;
            case RouteChanged changed: OnRoute(changed.Route); break;
            case Announce announce: SendAnnouncement(announce); break;
            case ReopenDue: TryReopen(); break;
            case MachineProtocol.GetStatus: Sender.Tell(BuildStatus()); break;
            case CommandProtocol.Command command: Sender.Tell(OnCommand(command)); break;
            default: Unhandled(message); break;
        }
    }

    private void Watch(INicBackEnd backEnd)
    {
        backEnd.StateChanged += _ => _self.Tell(Changed.Instance, ActorRefs.NoSender);
        backEnd.Start(_port.Receive);
    }

    // The first announcement has left already, with the change itself.
    private void OnRoute(NicRoute route)
    {
        Timers.Cancel(nameof(Announce));
        if (route is NicRoute.Own or NicRoute.Peer) ScheduleAnnouncement(1);
        TellFaults();
    }

    private void SendAnnouncement(Announce announce)
    {
        // Late: this server may have been frozen, and the machine led by the other one since.
        if (MonotonicClock.NowNs > announce.DueNs + MaxAnnouncementDelayNs || !_port.Announce()) return;
        ScheduleAnnouncement(announce.Step + 1);
    }

    private void ScheduleAnnouncement(int step)
    {
        if (step >= MacAnnouncement.RepeatAtMs.Length) return;
        int waitMs = MacAnnouncement.RepeatAtMs[step] - MacAnnouncement.RepeatAtMs[step - 1];
        Announce announce = new(step, MonotonicClock.NowNs + (ulong)waitMs * 1_000_000);
        Timers.StartSingleTimer(nameof(Announce), announce, TimeSpan.FromMilliseconds(waitMs));
    }

    private void TryReopen()
    {
        try
        {
            INicBackEnd anew = _options.Reopen();
            Watch(anew);
            _port.Replace(anew);
            _reopenRefusal = "";
        }
        catch (Exception e) when (e is OperatorException or EnvironmentException or NetworkConfigurationException)
        {
            _reopenRefusal = e.Message; // the next attempt follows
        }

        TellFaults();
    }

    private (ComponentState, string, bool) _standing;

    private void NoteStanding()
    {
        (ComponentState state, string reason) = Judge(_port.BackEnd.State, _port.View.Route);
        (ComponentState, string, bool) now = (state, reason, _port.BackEnd.IsOpen);
        if (now == _standing) return;
        _standing = now;
        Context.Parent.Tell(MachineProtocol.StandingChanged.Instance, Self);
    }

    private void TellFaults()
    {
        NoteStanding();
        (NicRole role, NicRoute route, bool isGood) = _port.View;
        NicLinkState link = _port.BackEnd.State;
        if (link.Condition == NicCondition.Failed && !Timers.IsTimerActive(nameof(ReopenDue))) Timers.StartSingleTimer(nameof(ReopenDue), new ReopenDue(), s_reopenInterval);
        if (role == NicRole.None) _settlesAtNs = MonotonicClock.NowNs + SettleNs; // its carrier is off on purpose, and a probe has no answer
        if (role == NicRole.None || (!isGood && MonotonicClock.NowNs < _settlesAtNs)) return;
        if (_isDownTold == isGood)
        {
            _isDownTold = !isGood;
            _sinceMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            if (isGood) Report("nic-repaired", FaultSeverity.Info, $"NIC {_options.Name} of machine {_options.Machine} passes frames on {_options.Server} again.", "", "nic-down");
            else Report("nic-down", FaultSeverity.Warning, $"NIC {_options.Name} of machine {_options.Machine} on {_options.Server}: {(_outOfService.Length != 0 ? _outOfService : link.Reason)}", role == NicRole.Following ? $"none needed: frames pass on {_options.PeerServer}" : "");
        }

        bool isRerouted = route == NicRoute.Peer;
        if (route == NicRoute.Returning || isRerouted == _isRerouteTold) return;
        _isRerouteTold = isRerouted;
        if (isRerouted)
            Report("nic-rerouted", FaultSeverity.Warning, $"Frames of NIC {_options.Name} of machine {_options.Machine} pass through {_options.PeerServer}.", $"back to {_options.Server} when its NIC is good again");
        else
            Report("nic-back", FaultSeverity.Info, role == NicRole.Leading
                ? $"Frames of NIC {_options.Name} of machine {_options.Machine} pass through {_options.Server} again."
                : $"{_options.Server} has no frames of NIC {_options.Name} of machine {_options.Machine} to pass any more.", "", "nic-rerouted");
    }

    private void Report(string kind, FaultSeverity severity, string message, string action, string clears = "") =>
        _options.Faults.Tell(new FaultProtocol.Report(kind, severity, _options.Machine, Component, message, action, null, clears), Self);

    private CommandProtocol.Outcome OnCommand(CommandProtocol.Command command)
    {
        string nic = $"NIC {_options.Name} of machine {_options.Machine} on {_options.Server}";
        bool isInjection = command.Verb == CommandProtocol.Verbs.Inject, isTakenOut = isInjection || command.Verb == CommandProtocol.Verbs.Isolate;
        if (isInjection && command.Arguments is not ([] or ["kind=down"])) return new(false, "A NIC's fault is kind=down.");
        if (!_port.TrySetOutOfService(isTakenOut, evenIfLast: isInjection))
            return new(false, $"{nic} is the machine's only way to its network: the other server's NIC cannot pass its frames now.");
        _outOfService = !isTakenOut ? "" : isInjection ? "an injected fault." : Host.CommandRules.TakenOut(command) + ".";
        _isIsolated = command.Verb == CommandProtocol.Verbs.Isolate;
        if (!isTakenOut) TryReopenNow();
        TellFaults();
        return new(true, isTakenOut ? $"{nic} passes no frames any more." : $"{nic} is in service again; frames come back to it when it has been good for a while.");
    }

    private void TryReopenNow()
    {
        if (_port.BackEnd.State.Condition == NicCondition.Failed) TryReopen();
    }

    private NicStatus BuildStatus()
    {
        (_, NicRoute route, _) = _port.View;
        INicBackEnd backEnd = _port.BackEnd;
        NicCounters counters = backEnd.Counters;
        (long sent, long received, long dropped) = _port.Counters;
        (ComponentState state, string reason) = Judge(backEnd.State, route);
        return new NicStatus
        {
            Name = _options.Name,
            State = state,
            Reason = reason,
            SinceUnixMs = _sinceMs,
            BackEnd = backEnd.Name,
            InUse = backEnd.IsOpen,
            FramesOut = counters.SentFrames + sent,
            FramesIn = counters.ReceivedFrames + received,
            Dropped = dropped + counters.SendDroppedFull + counters.SendErrors + counters.ReceiveDroppedFull + counters.ReceiveErrors,
        };
    }

    private (ComponentState, string) Judge(NicLinkState link, NicRoute route)
    {
        string way = route switch
        {
            NicRoute.Peer => $"Frames pass through {_options.PeerServer}.",
            NicRoute.Proxy => $"Passes frames for {_options.PeerServer}.",
            _ => "",
        };
        ComponentState state = _outOfService.Length != 0 ? _isIsolated ? ComponentState.Isolated : ComponentState.Failed : link.Condition switch
        {
            NicCondition.Good when route is NicRoute.Peer or NicRoute.Returning => ComponentState.Transitioning,
            NicCondition.Good => ComponentState.Good,
            _ => ComponentState.Failed,
        };
        string[] parts = [_outOfService, link.Reason, way, _reopenRefusal];
        return (state, string.Join(' ', parts.Where(part => part.Length != 0)).TrimEnd('.'));
    }

    /// <inheritdoc/>
    protected override void PostStop() => _port.Dispose();
}
