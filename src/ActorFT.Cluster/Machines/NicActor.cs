using ActorFT.Cluster.Status;
using ActorFT.Machine.IO;
using ActorFT.Network.Frames;
using ActorFT.Network.Tap;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// One NIC of a machine on this server: frames leave after commit, in order; frames that arrive become inputs. Closed while the replica does
/// not lead. When it opens, it announces the machine's address so that switches learn the new port.
/// </summary>
public sealed class NicActor : UntypedActor, IWithTimers, IDisposable
{
    /// <summary>Names under the machine's actor begin with this.</summary>
    public const string NamePrefix = "nic-";

    private sealed record Announce(int Step) : MachineProtocol.ILocalMessage;

    private sealed record LinkChanged(NicLinkState State) : MachineProtocol.ILocalMessage;

    private readonly string _name;
    private readonly INicBackEnd _backEnd;
    private readonly NicPort _port;
    private readonly long _startedMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>Creates it over a back end, which it owns.</summary>
    public NicActor(string name, int index, NicPort port, INicBackEnd backEnd, IActorRef coordinator)
    {
        _name = name;
        _port = port;
        _backEnd = backEnd;
        IActorRef self = Self;
        backEnd.StateChanged += state => self.Tell(new LinkChanged(state), ActorRefs.NoSender);
        backEnd.Start(frame =>
        {
            coordinator.Tell(new MachineProtocol.InputArrived(new FrameReceived(index, frame)), ActorRefs.NoSender);
            return true;
        });
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to create one.</summary>
    public static Props Props(string name, int index, NicPort port, INicBackEnd backEnd, IActorRef coordinator) =>
        Akka.Actor.Props.Create(() => new NicActor(name, index, port, backEnd, coordinator));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case MachineProtocol.SetOpen open: SetOpen(open.IsOpen); break;
            case Announce announce: SendAnnouncement(announce.Step); break;
            case LinkChanged: break;
            case MachineProtocol.GetStatus: Sender.Tell(BuildStatus()); break;
            default: Unhandled(message); break;
        }
    }

    // The gate itself was moved by the coordinator, at once.
    private void SetOpen(bool isOpen)
    {
        Timers.Cancel(nameof(Announce));
        if (isOpen) SendAnnouncement(0);
    }

    private void SendAnnouncement(int step)
    {
        if (!_port.IsOpen) return;
        _port.Announce();
        if (step + 1 >= MacAnnouncement.RepeatAtMs.Length) return;
        int waitMs = MacAnnouncement.RepeatAtMs[step + 1] - MacAnnouncement.RepeatAtMs[step];
        Timers.StartSingleTimer(nameof(Announce), new Announce(step + 1), TimeSpan.FromMilliseconds(waitMs));
    }

    private NicStatus BuildStatus()
    {
        NicLinkState link = _backEnd.State;
        NicCounters counters = _backEnd.Counters;
        return new NicStatus
        {
            Name = _name,
            State = link.Condition == NicCondition.Good ? ComponentState.Good : ComponentState.Failed,
            Reason = link.Reason,
            SinceUnixMs = _startedMs,
            BackEnd = _backEnd.Name,
            InUse = _backEnd.IsOpen,
            FramesOut = counters.SentFrames,
            FramesIn = counters.ReceivedFrames,
            Dropped = counters.SendDroppedFull + counters.SendErrors + counters.ReceiveDroppedFull + counters.ReceiveErrors,
        };
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Closes the back end.</summary>
    public void Dispose() => _backEnd.Dispose();
}
