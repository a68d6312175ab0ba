using System.Collections.Immutable;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines;
using ActorFT.Lockstep.Messages;
using ActorFT.Machine.State;
using ActorFT.Network.Links;
using Akka.Actor;

namespace ActorFT.Cluster.Host;

/// <summary>
/// The FT link of this server for all its machines: gives each coordinator its envelopes, and everybody the paths' states.
/// Not an actor: it is called on the link's threads and only hands over.
/// </summary>
public sealed class LinkHub : ILinkSink, IPeerLink, IDisposable
{
    private readonly LinkEndpoint _endpoint;
    private readonly object _lock = new();
    private readonly Dictionary<ushort, IActorRef> _machines = [];
    private readonly Dictionary<ushort, CopyFilter> _copies = []; // by machine: what came in its log
    private readonly Dictionary<ushort, Action<ReadOnlyMemory<byte>>> _controls = [];
    private readonly Dictionary<ushort, Action<LinkFrame, byte, ReadOnlyMemory<byte>>> _parcels = []; // by machine: parcels that come with bulk
    private readonly Action<int, string> _refused;
    private ImmutableArray<LinkPathStatus> _paths;
    private readonly string[] _outOfService; // by path: why it carries nothing; empty when in service
    private readonly string _peerName;
    private string _toldReason = "";
    private ulong _toldAtNs;
    private readonly bool[] _isInjected;
    private long _malformed;

    /// <summary>Makes the link; it does nothing before <see cref="Start"/>.</summary>
    /// <param name="config">The node.</param>
    /// <param name="refused">Told when somebody is turned away, on a link thread.</param>
    public LinkHub(NodeConfig config, Action<int, string> refused)
    {
        (_refused, _peerName) = (refused, config.PeerName);
        _outOfService = [.. config.Links.Select(_ => "")];
        _isInjected = new bool[config.Links.Length];
        _paths = [.. config.Links.Select((_, i) => new LinkPathStatus(i, LinkPathState.Down, LinkDownCause.NotYet, "not connected yet", 0))];
        _endpoint = new LinkEndpoint(new LinkOptions
        {
            PairName = config.Pair,
            ServerName = config.Name,
            PeerName = config.PeerName,
            Paths = [.. config.Links.Select(path => new LinkPathOptions { Name = path.Name, Local = path.Local, Peer = path.Peer })],
            Tls = config.LinkTls is { } tls ? LinkTlsOptions.Load(tls.Certificate, tls.Key, tls.PeerCertificate) : null,
        }, this);
    }

    /// <inheritdoc/>
    public int PathCount => _endpoint.PathCount;

    /// <summary>Envelopes that could not be read.</summary>
    public long Malformed => Interlocked.Read(ref _malformed);

    /// <summary>Begins to listen and connect.</summary>
    public void Start() => _endpoint.Start();

    /// <summary>Measurements of all paths.</summary>
    public ImmutableArray<LinkPathSnapshot> Snapshot() => [.. _endpoint.Snapshot().Select((path, i) => path with { Status = Overlay(path.Status) })];

    /// <summary>Takes a path out of service, or brings it back: to everybody here it is down, and what comes in on it is dropped.</summary>
    /// <param name="path">The path.</param>
    /// <param name="reason">Why it carries nothing; empty: it is in service.</param>
    /// <param name="isFault">It counts as failed (a drill), not as taken out on purpose.</param>
    public void SetOutOfService(int path, string reason, bool isFault)
    {
        lock (_lock)
        {
            _isInjected[path] = isFault;
            Volatile.Write(ref _outOfService[path], reason);
            foreach (IActorRef coordinator in _machines.Values) coordinator.Tell(new MachineProtocol.PathChanged(Overlay(_paths[path])), ActorRefs.NoSender);
        }
    }

    private bool IsInService(int path) => Volatile.Read(ref _outOfService[path]).Length == 0;

    private LinkPathStatus Overlay(LinkPathStatus status) => IsInService(status.PathIndex) ? status
        : status with { State = LinkPathState.Down, Cause = _isInjected[status.PathIndex] ? LinkDownCause.Silence : LinkDownCause.OutOfService, Reason = Volatile.Read(ref _outOfService[status.PathIndex]) };

    /// <inheritdoc/>
    public void Register(ushort channel, IActorRef coordinator)
    {
        lock (_lock)
        {
            _machines[channel] = coordinator;
            _copies[channel] = new CopyFilter();
            foreach (LinkPathStatus path in _paths) coordinator.Tell(new MachineProtocol.PathChanged(Overlay(path)), ActorRefs.NoSender);
        }
    }

    /// <inheritdoc/>
    public void RegisterControl(ushort channel, Action<ReadOnlyMemory<byte>> receive)
    {
        lock (_lock) _controls[channel] = receive;
    }

    /// <inheritdoc/>
    public bool TrySendControl(ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath)
    {
        bool isTaken = false;
        // Paths that are heard first; a silent one may still swallow what it is given.
        for (int pass = 0; pass < 2 && !isTaken; pass++)
        {
            for (int path = 0; path < _endpoint.PathCount; path++)
            {
                if (!IsInService(path) || _endpoint.Status(path).State == LinkPathState.Up != (pass == 0)) continue;
                isTaken |= _endpoint.TrySend(path, LinkClass.Control, channel, head, body) == SendResult.Taken;
                if (isTaken && !onEveryPath) return true;
            }
        }

        return isTaken;
    }

    /// <inheritdoc/>
    public bool TrySend(int path, bool isBulk, ushort channel, ReadOnlySpan<byte> payload, bool mayTrail = false) => IsInService(path) &&
        _endpoint.TrySend(path, isBulk ? LinkClass.Bulk : LinkClass.Log, channel, payload, default, mayTrail) == SendResult.Taken;

    /// <inheritdoc/>
    public bool TrySendBulk(int path, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body) =>
        IsInService(path) && _endpoint.TrySend(path, LinkClass.Bulk, channel, head, body) == SendResult.Taken;

    /// <inheritdoc/>
    public int BulkPath
    {
        get
        {
            for (int path = 0; path < _endpoint.PathCount; path++)
                if (IsInService(path) && _endpoint.Status(path).State != LinkPathState.Down) return path;
            return -1;
        }
    }

    /// <inheritdoc/>
    public void RegisterParcels(ushort channel, Action<LinkFrame, byte, ReadOnlyMemory<byte>> receive)
    {
        lock (_lock) _parcels[channel] = receive;
    }

    /// <inheritdoc/>
    public void FlushLog() => _endpoint.FlushTrailing(LinkClass.Log);

    /// <inheritdoc/>
    public int BestPath
    {
        get
        {
            (int best, double bestMs) = (0, double.MaxValue);
            for (int path = 0; path < _endpoint.PathCount; path++)
            {
                if (!IsInService(path) || _endpoint.Status(path).State != LinkPathState.Up) continue;
                double roundTripMs = _endpoint.RoundTripMs(path);
                if (roundTripMs < bestMs) (best, bestMs) = (path, roundTripMs);
            }

            return best;
        }
    }

    /// <inheritdoc/>
    public Task WaitForBulkRoomAsync(int path) => _endpoint.WaitForRoomAsync(path, LinkClass.Bulk);

    void ILinkSink.FrameReceived(LinkFrame frame)
    {
        if (!IsInService(frame.PathIndex))
        {
            frame.Dispose();
            return;
        }

        if (frame.LinkClass == LinkClass.Control)
        {
            ControlReceived(frame);
            return;
        }

        IActorRef? coordinator;
        bool isWanted;
        if (frame.LinkClass == LinkClass.Bulk && TryDeliverParcel(frame)) return;
        lock (_lock) isWanted = _machines.TryGetValue(frame.Channel, out coordinator) && (frame.LinkClass == LinkClass.Bulk || _copies[frame.Channel].TryTake(frame.Payload.Span));
        if (!isWanted)
        {
            frame.Dispose();
            return;
        }

        try
        {
            LinkEnvelope envelope = LinkCodec.Decode(frame.Payload.Span);
            coordinator!.Tell(new MachineProtocol.EnvelopeArrived(frame.PathIndex, envelope, frame), ActorRefs.NoSender);
        }
        catch (StateFormatException e)
        {
            NotUnderstood(frame, e);
        }
    }

    // True: the frame was a parcel, and is its receiver's or dropped.
    private bool TryDeliverParcel(LinkFrame frame)
    {
        Action<LinkFrame, byte, ReadOnlyMemory<byte>>? receive;
        lock (_lock) _parcels.TryGetValue(frame.Channel, out receive);
        try
        {
            if (receive is null || !LinkCodec.TryFindParcel(frame.Payload, out byte kind, out ReadOnlyMemory<byte> content)) return false;
            receive(frame, kind, content);
        }
        catch (StateFormatException e)
        {
            NotUnderstood(frame, e);
        }

        return true;
    }

    // The frame's checksum was right, so the peer speaks another dialect; it says hello again and again.
    private void NotUnderstood(LinkFrame frame, StateFormatException e)
    {
        Interlocked.Increment(ref _malformed);
        frame.Dispose();
        TellOnceAMinute(frame.PathIndex, $"What {_peerName} sends is not understood: {e.Message}");
    }

    private void TellOnceAMinute(int path, string reason)
    {
        lock (_lock)
        {
            if (reason == _toldReason && MonotonicClock.NowNs - _toldAtNs < 60_000_000_000) return;
            (_toldReason, _toldAtNs) = (reason, MonotonicClock.NowNs);
        }

        _refused(path, reason);
    }

    private void ControlReceived(LinkFrame frame)
    {
        Action<ReadOnlyMemory<byte>>? receive;
        lock (_lock) _controls.TryGetValue(frame.Channel, out receive);
        receive?.Invoke(frame.Payload); // stays valid: the class is not pooled
        frame.Dispose();
    }

    void ILinkSink.PathChanged(LinkPathStatus status)
    {
        lock (_lock)
        {
            _paths = _paths.SetItem(status.PathIndex, status);
            foreach (IActorRef coordinator in _machines.Values) coordinator.Tell(new MachineProtocol.PathChanged(Overlay(status)), ActorRefs.NoSender);
        }
    }

    void ILinkSink.Refused(int pathIndex, string reason) => _refused(pathIndex, reason);

    /// <summary>Closes the link.</summary>
    public void Dispose() => _endpoint.Dispose();
}
