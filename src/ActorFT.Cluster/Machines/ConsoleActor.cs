using ActorFT.Cluster.Messages;
using ActorFT.Machine.IO;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// One machine's console on this server: keeps the latest output, hands new output to whoever watches, and takes what is typed. While the
/// replica does not lead it is closed: nothing is typed.
/// </summary>
public sealed class ConsoleActor : UntypedActor, IDisposable
{
    /// <summary>Its name under the machine's actor.</summary>
    public const string Name = "console";

    /// <summary>Watch from now on; the watcher gets <see cref="Output"/>, first what is kept, be it nothing.</summary>
    public sealed record Watch(IActorRef Watcher) : MachineProtocol.ILocalMessage;

    /// <summary>Watch no more.</summary>
    public sealed record Unwatch(IActorRef Watcher) : MachineProtocol.ILocalMessage;

    /// <summary>Bytes were typed.</summary>
    public sealed record Typed(ReadOnlyMemory<byte> Bytes) : MachineProtocol.ILocalMessage;

    /// <summary>Console output.</summary>
    /// <param name="Offset">Position of the first byte since the program's start.</param>
    /// <param name="Bytes">The bytes.</param>
    public sealed record Output(long Offset, ReadOnlyMemory<byte> Bytes) : MachineProtocol.ILocalMessage;

    private sealed record FileChanged(string? Why) : MachineProtocol.ILocalMessage;

    private readonly List<IActorRef> _watchers = [];
    private readonly string _machine;
    private readonly IActorRef _coordinator;
    private readonly ConsoleLog _log;
    private readonly ICanTell _faults;
    private bool _isOpen;

    /// <summary>Creates it.</summary>
    /// <param name="machine">The machine's name.</param>
    /// <param name="coordinator">Who takes what is typed.</param>
    /// <param name="log">The console's data path, which it owns.</param>
    /// <param name="faults">Who takes fault reports.</param>
    public ConsoleActor(string machine, IActorRef coordinator, ConsoleLog log, ICanTell faults)
    {
        (_machine, _coordinator, _log, _faults) = (machine, coordinator, log, faults);
        IActorRef self = Self;
        log.Appended = (offset, bytes) => self.Tell(new Output(offset, bytes), ActorRefs.NoSender);
        log.FileChanged = why => self.Tell(new FileChanged(why), ActorRefs.NoSender);
    }

    /// <summary>How to create one.</summary>
    public static Props Props(string machine, IActorRef coordinator, ConsoleLog log, ICanTell faults) => Akka.Actor.Props.Create(() => new ConsoleActor(machine, coordinator, log, faults));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Output:
                foreach (IActorRef watcher in _watchers) watcher.Tell(message);
                break;
            case MachineProtocol.SetOpen open: _isOpen = open.IsOpen; break;
            case Typed typed when _isOpen: _coordinator.Tell(new MachineProtocol.InputArrived(new ConsoleTyped(0, typed.Bytes)), Self); break;
            case Typed: break;
            case Watch watch:
                (long offset, byte[] kept) = _log.Kept;
                watch.Watcher.Tell(new Output(offset, kept));
                _watchers.Add(watch.Watcher);
                Context.Watch(watch.Watcher);
                break;
            case FileChanged changed: Report(changed.Why); break;
            case Unwatch unwatch: Remove(unwatch.Watcher); break;
            case Terminated terminated: Remove(terminated.ActorRef); break;
            default: Unhandled(message); break;
        }
    }

    private void Report(string? why) => _faults.Tell(why is null
        ? new FaultProtocol.Report("console-back", FaultSeverity.Info, _machine, Name, $"The file of machine {_machine}'s console is written again.", "", null, "console-failed")
        : new FaultProtocol.Report("console-failed", FaultSeverity.Warning, _machine, Name, $"The file of machine {_machine}'s console cannot be written: {why.TrimEnd('.')}."), Self);

    private void Remove(IActorRef watcher)
    {
        _watchers.Remove(watcher);
        Context.Unwatch(watcher);
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _log.Dispose();
}
