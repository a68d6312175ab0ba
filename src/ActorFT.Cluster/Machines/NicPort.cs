using ActorFT.Network.Frames;
using ActorFT.Network.Tap;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// The data path of a NIC, used on the machine's thread, the TAP's and the link's: a frame has left when <see cref="Send"/> returns, so that
/// the coordinator never says of an output that it left while it still waits in a mailbox (a server killed or frozen then would lose it, or
/// send it late). Which way frames go is <see cref="NicRouting"/>'s decision, taken anew for each frame; the gate follows it. The NIC's actor
/// owns the back end and everything that is not urgent.
/// Invariant: a gate is closed before anybody is told that it is.
/// </summary>
public sealed partial class NicPort : IDisposable
{
    /// <summary>Frames on their way to the coordinator, at most; more are dropped and counted, as a NIC without descriptors would.</summary>
    private const int MaxWaitingFrames = 1024;

    /// <summary>Frames kept while it is in doubt who leads, at most; more are dropped and counted.</summary>
    private const int MaxDoubtfulFrames = 256;

    /// <summary>While frames leave, the follower is asked no more often than this.</summary>
    private const ulong AskIntervalNs = 10_000_000;

    private readonly int _index;
    private readonly byte[] _macAddress;
    private readonly NicRouting _routing;
    private readonly INicPeerLink _link;
    private readonly AddressLearner _learner;
    private readonly object _lock = new();
    private INicBackEnd _backEnd;
    private NicRoute _applied = NicRoute.Closed;
    private bool _isAnnounced; // the way that is applied
    private Action<NicRoute>? _routeChanged;
    private bool _isUntold;
    private readonly Queue<byte[]> _doubtful = [];
    private ulong _beatNs;
    private int _waitingFrames;
    private long _sentByPeer, _receivedByPeer, _dropped;
    private bool _isOutOfService;

    /// <summary>Makes it; nothing passes before a role is set.</summary>
    /// <param name="index">The NIC's number in the machine.</param>
    /// <param name="macAddress">The machine's address on it.</param>
    /// <param name="backEnd">What stands behind it; owned from now on.</param>
    /// <param name="settings">Times of the routing.</param>
    /// <param name="link">The way to the peer's port.</param>
    public NicPort(int index, byte[] macAddress, INicBackEnd backEnd, NicRoutingSettings settings, INicPeerLink link)
    {
        (_index, _macAddress, _backEnd, _link) = (index, macAddress, backEnd, link);
        _routing = new NicRouting(settings);
        _learner = new AddressLearner(macAddress);
    }

    /// <summary>Takes frames that came in while this server leads; before it is set they are dropped.</summary>
    public Action<ReadOnlyMemory<byte>>? Deliver { get; set; }

    /// <summary>Told after the route changed, and when it was announced, under a lock: must not block or call back. What came before it is set it is told then.</summary>
    public Action<NicRoute>? RouteChanged
    {
        get => _routeChanged;
        set
        {
            lock (_lock)
            {
                _routeChanged = value;
                if (_isUntold) TellRoute(_applied);
            }
        }
    }

    private void TellRoute(NicRoute route)
    {
        _isUntold = _routeChanged is null;
        _routeChanged?.Invoke(route);
    }

    /// <summary>The back end.</summary>
    public INicBackEnd BackEnd => Volatile.Read(ref _backEnd);

    /// <summary>Frames that left and came in through the peer, and those dropped for want of a way or of room.</summary>
    public (long Sent, long Received, long Dropped) Counters =>
        (Interlocked.Read(ref _sentByPeer), Interlocked.Read(ref _receivedByPeer), Interlocked.Read(ref _dropped));

    private static ulong Now => MonotonicClock.NowNs;

    /// <summary>The replica's role and term. When it returns, a gate that must be closed is.</summary>
    public void SetRole(NicRole role, ulong term)
    {
        lock (_lock)
        {
            NicRole before = _routing.Role;
            if (role == before && term == _routing.Term) return;
            // On before the gate opens, so that the first frame is not lost; off after it closed, so that this host's bridge forgets the port.
            if (role != NicRole.None && before == NicRole.None) _backEnd.SetCarrier(true);
            ulong now = Now;
            _routing.SetOwn(IsOwnUsable, now);
            _routing.SetRole(role, term, now);
            BeginPassingOn(isHandedOver: before == NicRole.Leading && role == NicRole.Following, now);
            Apply(now);
            DeliverEarly();
            if (role == NicRole.None && before != NicRole.None) _backEnd.SetCarrier(false);
        }
    }

    /// <summary>Sends a frame of the machine: through this server's back end or the peer's.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        lock (_lock)
        {
            _learner.Observe(frame);
            PassOut(frame);
        }
    }

    /// <summary>A frame that the leader sends: a follower learns the machine's addresses from it.</summary>
    public void Observe(ReadOnlySpan<byte> frame)
    {
        lock (_lock) _learner.Observe(frame);
    }

    /// <summary>Tells switches and neighbours where the machine's address is now; false when this server must not.</summary>
    public bool Announce()
    {
        lock (_lock)
        {
            ulong now = Now;
            Apply(now);
            if (!_routing.MayAnnounce(now)) return false;
            PassAnnouncement();
            return true;
        }
    }

    /// <summary>A frame came in through this server's back end. False: dropped.</summary>
    public bool Receive(ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            ulong now = Now;
            Apply(now);
            return _applied switch
            {
                NicRoute.Own => TryDeliver(frame),
                NicRoute.Proxy => SendToPeer(NicWire.Kind.FrameIn, frame.Span),
                _ => IsForNewLeader(frame.Span, now) && TryDeliver(frame), // behind what came before it, to be passed on
            };
        }
    }

    /// <summary>A message of the peer's port came in, on a link thread. What is malformed or of another term is dropped.</summary>
    public void OnPeerMessage(ReadOnlyMemory<byte> message)
    {
        if (!NicWire.TryReadHeader(message.Span, out NicWire.Kind kind, out _, out ulong term)) return;
        ReadOnlyMemory<byte> frame = message[NicWire.HeaderBytes..];
        lock (_lock)
        {
            if (kind == NicWire.Kind.Beat)
            {
                if (!NicWire.TryReadBeat(message.Span, term, out NicBeat beat)) return;
                ulong now = Now;
                _routing.Hear(beat, now);
                Apply(now);
                // An answer at once: the leader's certainty must not hang on timers of a busy host.
                if (_routing.Role == NicRole.Following && beat.Role == NicRole.Leading) SendBeat(now);
                return;
            }

            Apply(Now);
            if (kind == NicWire.Kind.FrameIn && IsOfTermToCome(term)) KeepEarly(term, frame);
            else if (term != _routing.Term) Interlocked.Increment(ref _dropped);
            else if (kind == NicWire.Kind.FrameOut) PassForLeader(frame.Span);
            else if (_routing.Role == NicRole.Leading && TryDeliver(frame)) Interlocked.Increment(ref _receivedByPeer);
        }
    }

    /// <summary>Time passed: leases end, the peer is told how this server's NIC is.</summary>
    public void Tick()
    {
        lock (_lock)
        {
            ulong now = Now;
            UpdateOwn(now);
            EndPassingOn(now);
            SendBeat(now);
        }
    }

    /// <summary>The back end's state may have changed.</summary>
    public void NoteBackEnd()
    {
        lock (_lock) UpdateOwn(Now);
    }

    /// <summary>A delivered frame was taken by the coordinator.</summary>
    public void NoteTaken() => Interlocked.Decrement(ref _waitingFrames);

    /// <summary>Puts a new back end, started and with its gate closed, in the place of one that is lost.</summary>
    public void Replace(INicBackEnd backEnd)
    {
        INicBackEnd lost;
        lock (_lock)
        {
            lost = _backEnd;
            Volatile.Write(ref _backEnd, backEnd);
            backEnd.SetOpen(IsGateOpen(_applied));
            UpdateOwn(Now);
        }

        lost.Dispose(); // outside: it waits for its thread, which may wait for the lock
    }

    /// <summary>What an operator sees.</summary>
    public (NicRole Role, NicRoute Route, bool IsOwnGood) View
    {
        get
        {
            lock (_lock) return (_routing.Role, _routing.Route(Now), _routing.IsOwnGood);
        }
    }

    /// <summary>Leading: the follower's NIC is the better one.</summary>
    public bool IsPeerBetter
    {
        get
        {
            lock (_lock) return _routing.IsPeerBetter;
        }
    }

    /// <summary>Closes the back end.</summary>
    public void Dispose() => BackEnd.Dispose();

    private bool IsOwnUsable => !_isOutOfService && _backEnd.State.Condition == NicCondition.Good;

    /// <summary>Takes this server's NIC out of service, or brings it back: frames pass through the peer's, while that is good.</summary>
    /// <returns>False, and nothing is changed: it is the machine's only way to its network.</returns>
    public bool TrySetOutOfService(bool isOutOfService, bool evenIfLast)
    {
        lock (_lock)
        {
            ulong now = Now;
            if (isOutOfService && !evenIfLast && _routing.Role == NicRole.Leading && !_routing.CanPeerServe(now)) return false;
            _isOutOfService = isOutOfService;
            UpdateOwn(now);
            return true;
        }
    }

    private static bool IsGateOpen(NicRoute route) => route is NicRoute.Own or NicRoute.Proxy;

    private void UpdateOwn(ulong now)
    {
        _routing.SetOwn(IsOwnUsable, now);
        Apply(now);
    }

    // Carries the decision out: the gate first, then words.
    private void Apply(ulong now)
    {
        NicRoute route = _routing.Route(now);
        bool isNew = route != _applied;
        if (isNew)
        {
            (_applied, _isAnnounced) = (route, false);
            _backEnd.SetOpen(IsGateOpen(route));
            SendBeat(now);
        }

        // At once, before any other frame of the new way; the actor repeats it.
        bool isDue = !_isAnnounced && _routing.MayAnnounce(now);
        if (isDue)
        {
            _isAnnounced = true;
            PassAnnouncement();
        }

        if (isNew || isDue) TellRoute(route);
        if (_doubtful.Count != 0 && !_routing.IsInDoubt(now)) PassDoubtful(route);
    }

    // The follower followed all the while, or a claim was won: they leave. Or this server leads no more: they must not.
    private void PassDoubtful(NicRoute route)
    {
        if (route is not (NicRoute.Own or NicRoute.Peer)) Interlocked.Add(ref _dropped, _doubtful.Count);
        while (_doubtful.TryDequeue(out byte[]? frame))
            if (route is NicRoute.Own or NicRoute.Peer) PassBy(route, frame);
    }

    private void PassAnnouncement()
    {
        foreach (byte[] frame in MacAnnouncement.Build(_macAddress, _learner.Addresses)) PassOut(frame);
    }

    private void PassOut(ReadOnlySpan<byte> frame)
    {
        ulong now = Now;
        Apply(now);
        if (_applied == NicRoute.Own && _routing.ShouldAsk(now))
        {
            if (now - _beatNs >= AskIntervalNs) SendBeat(now);
            if (_routing.IsInDoubt(now))
            {
                if (_doubtful.Count < MaxDoubtfulFrames) _doubtful.Enqueue(frame.ToArray());
                else Interlocked.Increment(ref _dropped);
                return;
            }
        }

        PassBy(_applied, frame);
    }

    private void PassBy(NicRoute route, ReadOnlySpan<byte> frame)
    {
        if (route == NicRoute.Own) _backEnd.TrySend(frame);
        else if (route == NicRoute.Peer && SendToPeer(NicWire.Kind.FrameOut, frame)) Interlocked.Increment(ref _sentByPeer);
        else if (route != NicRoute.Peer) Interlocked.Increment(ref _dropped);
    }

    private void PassForLeader(ReadOnlySpan<byte> frame)
    {
        if (_applied == NicRoute.Proxy) _backEnd.TrySend(frame);
        else Interlocked.Increment(ref _dropped);
    }

    private bool TryDeliver(ReadOnlyMemory<byte> frame)
    {
        if (Deliver is not { } deliver)
        {
            Interlocked.Increment(ref _dropped);
            return false;
        }

        if (Interlocked.Increment(ref _waitingFrames) > MaxWaitingFrames)
        {
            Interlocked.Decrement(ref _waitingFrames);
            Interlocked.Increment(ref _dropped);
            return false;
        }

        deliver(frame);
        return true;
    }

    private bool SendToPeer(NicWire.Kind kind, ReadOnlySpan<byte> frame)
    {
        Span<byte> head = stackalloc byte[NicWire.HeaderBytes];
        NicWire.WriteHeader(head, kind, _index, _routing.Term);
        if (_link.TrySend(head, frame, onEveryPath: false)) return true;
        Interlocked.Increment(ref _dropped);
        return false;
    }

    // On every path: a beat is small, and the first to arrive counts.
    private void SendBeat(ulong now)
    {
        _beatNs = now;
        Span<byte> message = stackalloc byte[NicWire.BeatBytes];
        NicWire.WriteBeat(message, _index, _routing.MakeBeat(now));
        _link.TrySend(message, default, onEveryPath: true);
    }
}

/// <summary>The way to the peer's ports of the same machine. Never waits.</summary>
public interface INicPeerLink
{
    /// <summary>Sends one message, of two parts; false when no path took it.</summary>
    bool TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath);
}
