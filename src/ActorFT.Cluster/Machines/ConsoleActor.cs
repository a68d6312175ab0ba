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

    /// <summary>Output kept for those who come later, in bytes.</summary>
    public const int KeptBytes = 256 * 1024;

    /// <summary>Watch from now on; the watcher gets <see cref="Output"/>, first what is kept.</summary>
    public sealed record Watch(IActorRef Watcher) : MachineProtocol.ILocalMessage;

    /// <summary>Watch no more.</summary>
    public sealed record Unwatch(IActorRef Watcher) : MachineProtocol.ILocalMessage;

    /// <summary>Bytes were typed.</summary>
    public sealed record Typed(ReadOnlyMemory<byte> Bytes) : MachineProtocol.ILocalMessage;

    /// <summary>Console output.</summary>
    /// <param name="Offset">Position of the first byte since the program's start.</param>
    /// <param name="Bytes">The bytes.</param>
    public sealed record Output(long Offset, ReadOnlyMemory<byte> Bytes) : MachineProtocol.ILocalMessage;

    private readonly List<IActorRef> _watchers = [];
    private readonly IActorRef _coordinator;
    private readonly FileStream? _file;
    private byte[] _kept = new byte[8192];
    private int _keptCount;
    private long _total;
    private bool _isOpen;

    /// <summary>Creates it.</summary>
    /// <param name="coordinator">Who takes what is typed.</param>
    /// <param name="path">A file to which output is appended; null for none.</param>
    public ConsoleActor(IActorRef coordinator, string? path)
    {
        _coordinator = coordinator;
        _file = path is null ? null : new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    }

    /// <summary>How to create one.</summary>
    public static Props Props(IActorRef coordinator, string? path) => Akka.Actor.Props.Create(() => new ConsoleActor(coordinator, path));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case MachineProtocol.ConsoleOutput output: Append(output.Bytes); break;
            case MachineProtocol.SetOpen open: _isOpen = open.IsOpen; break;
            case Typed typed when _isOpen: _coordinator.Tell(new MachineProtocol.InputArrived(new ConsoleTyped(0, typed.Bytes)), Self); break;
            case Typed: break;
            case Watch watch:
                if (_keptCount != 0) watch.Watcher.Tell(new Output(_total - _keptCount, _kept.AsSpan(0, _keptCount).ToArray()));
                _watchers.Add(watch.Watcher);
                Context.Watch(watch.Watcher);
                break;
            case Unwatch unwatch: Remove(unwatch.Watcher); break;
            case Terminated terminated: Remove(terminated.ActorRef); break;
            default: Unhandled(message); break;
        }
    }

    private void Append(ReadOnlyMemory<byte> bytes)
    {
        _file?.Write(bytes.Span);
        Output output = new(_total, bytes);
        foreach (IActorRef watcher in _watchers) watcher.Tell(output);
        _total += bytes.Length;
        ReadOnlySpan<byte> tail = bytes.Span[Math.Max(0, bytes.Length - KeptBytes)..];
        int excess = _keptCount + tail.Length - KeptBytes;
        if (excess > 0)
        {
            // Forgets a quarter at a time, so that moving what is kept costs little.
            excess = Math.Min(_keptCount, Math.Max(excess, KeptBytes / 4));
            _kept.AsSpan(excess, _keptCount - excess).CopyTo(_kept);
            _keptCount -= excess;
        }

        if (_keptCount + tail.Length > _kept.Length) Array.Resize(ref _kept, Math.Min(KeptBytes, Math.Max(_kept.Length * 2, _keptCount + tail.Length)));
        tail.CopyTo(_kept.AsSpan(_keptCount));
        _keptCount += tail.Length;
    }

    private void Remove(IActorRef watcher)
    {
        _watchers.Remove(watcher);
        Context.Unwatch(watcher);
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();
}
