using ActorFT.Cluster.Host;
using ActorFT.Cluster.Messages;
using Akka.Actor;

namespace ActorFT.Management.Streams;

/// <summary>
/// New faults of all nodes, for the streams that watch: this node's as they happen, the others' by asking once a second while
/// anybody watches. Each word on an entry is told once. Whoever makes it has this node's fault manager tell it. Who watches the status, too, hears that
/// something stands otherwise (<see cref="HostActor.StandingChanged"/>).
/// </summary>
internal sealed class EventFeedActor : UntypedActor, IWithTimers
{
    public const string Name = "event-feed";

    private const int AskedEntries = 20, RememberedIds = 1_000;

    /// <summary>Watch from now on.</summary>
    public sealed record Watch(IActorRef Watcher, bool WithStandings = false) : INoSerializationVerificationNeeded;

    private sealed record AskOthers : INoSerializationVerificationNeeded;

    private readonly NodeGateway _gateway;
    private readonly HashSet<IActorRef> _watchers = [], _ofStandings = [];
    private readonly HashSet<string> _told = [];
    private readonly Queue<string> _toldInOrder = new();
    private readonly HashSet<string> _heard = [];

    public EventFeedActor(NodeGateway gateway) => _gateway = gateway;

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(NodeGateway gateway) => Akka.Actor.Props.Create(() => new EventFeedActor(gateway));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer(nameof(AskOthers), new AskOthers(), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Context.System.EventStream.Subscribe(Self, typeof(HostActor.StandingChanged));
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case FaultProtocol.Entry entry: Publish(entry); break;
            case FaultProtocol.History history: OnHistory(history); break;
            case HostActor.StandingChanged:
                foreach (IActorRef watcher in _ofStandings) watcher.Tell(message);
                break;
            case AskOthers when _watchers.Count != 0:
                foreach (ActorSelection other in _gateway.OtherFaultManagers) other.Tell(new FaultProtocol.GetHistory(AskedEntries), Self);
                break;
            case AskOthers: break;
            case Watch watch:
                if (_watchers.Count == 0) _heard.Clear(); // what happened while nobody watched is history
                if (_watchers.Add(watch.Watcher)) Context.Watch(watch.Watcher);
                if (watch.WithStandings) _ofStandings.Add(watch.Watcher);
                break;
            case Terminated terminated:
                _watchers.Remove(terminated.ActorRef);
                _ofStandings.Remove(terminated.ActorRef);
                break;
            default: Unhandled(message); break;
        }
    }

    // The first answer of a node is what happened before; entries in later answers are new.
    private void OnHistory(FaultProtocol.History history)
    {
        bool isFirst = _heard.Add(Sender.Path.Address.ToString());
        foreach (FaultProtocol.Entry entry in history.Entries)
        {
            if (isFirst) Remember(KeyOf(entry));
            else Publish(entry);
        }
    }

    private void Publish(FaultProtocol.Entry entry)
    {
        if (!Remember(KeyOf(entry))) return;
        foreach (IActorRef watcher in _watchers) watcher.Tell(entry);
    }

    // Each later word on an entry is told too.
    private static string KeyOf(FaultProtocol.Entry entry) => $"{entry.Id}/{entry.Revision}";

    private bool Remember(string id)
    {
        if (!_told.Add(id)) return false;
        _toldInOrder.Enqueue(id);
        if (_toldInOrder.Count > RememberedIds) _told.Remove(_toldInOrder.Dequeue());
        return true;
    }
}
