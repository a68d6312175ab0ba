using ActorFT.Cluster.Status;
using ActorFT.Machine.IO;
using ActorFT.Storage.Raw;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// This server's copy of one disk: carries out the replica's requests on it, in the order given, and tells the coordinator when each has
/// ended.
/// </summary>
public sealed class DiskActor : UntypedActor, IDisposable
{
    /// <summary>Names under the machine's actor begin with this.</summary>
    public const string NamePrefix = "disk-";

    private readonly string _name;
    private readonly RawImage _image;
    private readonly RawDiskWorker _worker;
    private readonly Dictionary<ulong, BlockOperation> _operations = [];
    private readonly IActorRef _coordinator;
    private readonly long _startedMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
    private long _requests, _errors;
    private string _lastError = "";

    private sealed record Ended(BlockCompleted Completion) : MachineProtocol.ILocalMessage;

    private sealed record Failed(string Reason) : MachineProtocol.ILocalMessage;

    /// <summary>Creates it over an image, which it owns.</summary>
    public DiskActor(string name, RawImage image, IActorRef coordinator)
    {
        _name = name;
        _image = image;
        _coordinator = coordinator;
        IActorRef self = Self;
        _worker = new RawDiskWorker(name, image, done => self.Tell(new Ended(done), ActorRefs.NoSender), reason => self.Tell(new Failed(reason), ActorRefs.NoSender));
    }

    /// <summary>How to create one.</summary>
    public static Props Props(string name, RawImage image, IActorRef coordinator) => Akka.Actor.Props.Create(() => new DiskActor(name, image, coordinator));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case MachineProtocol.DiskRequest request:
                _requests++;
                _operations[request.Request.RequestId] = request.Request.Operation;
                _worker.Submit(request.Request);
                break;
            case Ended ended:
                if (_operations.Remove(ended.Completion.RequestId, out BlockOperation operation))
                    _coordinator.Tell(new MachineProtocol.DiskCompleted(ended.Completion, operation), Self);
                break;
            case Failed failed:
                _errors++;
                _lastError = failed.Reason;
                break;
            case MachineProtocol.GetStatus:
                Sender.Tell(new DiskStatus
                {
                    Name = _name, State = _errors == 0 ? ComponentState.Good : ComponentState.Degraded, Reason = _lastError, SinceUnixMs = _startedMs,
                    CapacityBytes = _image.CapacityBytes, Requests = _requests, Errors = _errors,
                });
                break;
            default: Unhandled(message); break;
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Finishes what was begun and closes the image.</summary>
    public void Dispose() => _worker.Dispose();
}
