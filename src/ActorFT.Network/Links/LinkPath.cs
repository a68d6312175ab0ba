using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ActorFT.Network.Native;

namespace ActorFT.Network.Links;

/// <summary>
/// One path: a connection per class, what was measured on it, and its state. Dials and dials again, or takes what the
/// listener hands over. The pump calls the Tick and Status members; everything else may come from any thread.
/// </summary>
internal sealed class LinkPath
{
    private readonly LinkOptions _options;
    private readonly LinkPathOptions _path;
    private readonly byte _index;
    private readonly ulong _instance;
    private readonly ILinkSink _sink;
    private readonly Action _wakePump;
    private readonly CancellationToken _stopping;
    private readonly LinkConnection?[] _connections = new LinkConnection?[LinkClasses.Count];
    private readonly LinkMeter[] _meters = [new(), new(), new()];
    private readonly PathMeter _pathMeter = new();
    private readonly LossMeter _loss = new();
    private readonly Lock _gate = new();
    private readonly HashSet<Socket> _greeting = [];
    private readonly ManualResetEvent _hasControl = new(false);
    private LinkPathStatus _status;
    private LinkDownCause _failureCause = LinkDownCause.NotYet;
    private string _failureReason;
    private ulong _peerInstance;
    private int _ticks;
    private int _attempts;

    internal LinkPath(LinkOptions options, int index, ulong instance, ILinkSink sink, Action wakePump, CancellationToken stopping)
    {
        _options = options;
        _path = options.Paths[index];
        _index = (byte)index;
        _instance = instance;
        _sink = sink;
        _wakePump = wakePump;
        _stopping = stopping;
        _failureReason = options.IsDialler
            ? $"Path '{_path.Name}': connecting to '{options.PeerName}' at {_path.Peer}."
            : $"Path '{_path.Name}': waiting on {_path.Local} for '{options.PeerName}' to connect.";
        _status = new LinkPathStatus(index, LinkPathState.Down, _failureCause, _failureReason, 0);
    }

    internal LinkPathStatus Status => Volatile.Read(ref _status);

    internal double RoundTripMs => _pathMeter.RoundTrips.SmoothedMs;

    internal LinkConnection? Connection(LinkClass linkClass) => Volatile.Read(ref _connections[(int)linkClass]);

    internal LinkPathSnapshot Snapshot()
    {
        (double smoothedMs, double p50Ms, double maxMs) = _pathMeter.RoundTrips.Read();
        return new LinkPathSnapshot
        {
            Name = _path.Name,
            Status = Status,
            HeardAgoMs = _pathMeter.HeardAgoMs,
            RoundTripMs = smoothedMs,
            RoundTripP50Ms = p50Ms,
            RoundTripMaxMs = maxMs,
            LossRatio = _loss.Ratio,
            Classes = [.. _meters.Select((meter, i) => meter.Snapshot(Connection((LinkClass)i)))],
        };
    }

    /// <summary>A thread's whole life: keeps one class connected from the dialling side.</summary>
    internal void RunDialler(LinkClass linkClass)
    {
        int pauseMs = _options.ReconnectMinMs;
        while (!_stopping.IsCancellationRequested)
        {
            // Control asks for all: what it is refused, the others would be refused too.
            if (linkClass != LinkClass.Control) WaitHandle.WaitAny([_hasControl, _stopping.WaitHandle]);
            if (_stopping.IsCancellationRequested) return;
            long start = Stopwatch.GetTimestamp();
            bool wasConnected = false;
            try
            {
                Socket socket = Connect();
                LinkAgreed agreed = Greet(socket, () => LinkHandshake.Dial(socket, _options, Identity(linkClass)));
                wasConnected = true;
                Serve(agreed);
            }
            catch (LinkProtocolException exception)
            {
                string reason = $"Path '{_path.Name}': '{_options.PeerName}' at {_path.Peer}: {exception.Message}.";
                Fail(exception.Cause, reason);
                if (exception.Cause == LinkDownCause.Refused) _sink.Refused(_index, reason);
            }

            // A connection that held for a while was a good one: try again at once. One that did not makes us slower.
            bool heldLong = wasConnected && Stopwatch.GetElapsedTime(start).TotalMilliseconds > _options.ReconnectMaxMs;
            pauseMs = heldLong ? _options.ReconnectMinMs : Math.Min(2 * pauseMs, _options.ReconnectMaxMs);
            _stopping.WaitHandle.WaitOne(pauseMs);
        }
    }

    /// <summary>A thread's whole life: greets an accepted connection and serves it.</summary>
    internal void RunAccepted(Socket socket, Action handshakeDone)
    {
        string remote = socket.RemoteEndPoint?.ToString() ?? "?";
        LinkAgreed? agreed = null;
        try
        {
            socket.NoDelay = true;
            agreed = Greet(socket, () => LinkHandshake.Accept(socket, _options, Identity(LinkClass.Control)));
        }
        catch (LinkProtocolException exception)
        {
            string reason = $"Path '{_path.Name}': {remote} was turned away: {exception.Message}.";
            // Strangers do not change a path that works.
            if (exception.Cause == LinkDownCause.Refused && Connection(LinkClass.Control) is null) Fail(exception.Cause, reason);
            if (exception.Cause != LinkDownCause.Reset) _sink.Refused(_index, reason);
        }
        catch (SocketException)
        {
            socket.Dispose();
        }
        finally
        {
            handshakeDone();
        }

        if (agreed is not null) Serve(agreed);
    }

    /// <summary>Makes all connections end.</summary>
    internal void AbortAll(LinkDownCause cause, string reason)
    {
        for (int i = 0; i < LinkClasses.Count; i++) Connection((LinkClass)i)?.Abort(cause, reason);
    }

    /// <summary>Makes all connections and all that want to become one end: the endpoint closes.</summary>
    internal void Stop()
    {
        const string Reason = "this server's link was closed";
        lock (_gate)
        {
            foreach (Socket socket in _greeting) Cut(socket);
        }

        AbortAll(LinkDownCause.Reset, Reason);
    }

    /// <summary>The pump's regular look: heartbeats, silence, loss.</summary>
    /// <param name="isLate">Whether the pump itself was held up: then what was not heard proves nothing yet.</param>
    internal void Tick(bool isLate)
    {
        int idleEvery = Math.Max(1, 500 / _options.HeartbeatMs), lossEvery = Math.Max(1, 1000 / _options.HeartbeatMs);
        Connection(LinkClass.Control)?.Ping();
        if (_ticks % idleEvery == 0)
        {
            Connection(LinkClass.Log)?.Ping();
            Connection(LinkClass.Bulk)?.Ping();
        }

        if (_ticks % lossEvery == 0 && !isLate) LookAtConnections();
        _ticks++;
        if (!isLate && _pathMeter.HeardAgoMs > _options.DeadAfterMs)
        {
            AbortAll(LinkDownCause.Silence, $"nothing was heard for {_options.DeadAfterMs} ms");
        }

        UpdateStatus(isLate);
    }

    /// <summary>Tells the sink when the state changed. Only the pump calls it, so that changes come in order.</summary>
    internal void UpdateStatus(bool isLate)
    {
        LinkPathStatus status;
        lock (_gate)
        {
            if (_connections.Any(connection => connection is null))
            {
                status = new LinkPathStatus(_index, LinkPathState.Down, _failureCause, _failureReason, _peerInstance);
            }
            else if (_pathMeter.HeardAgoMs > _options.SilentAfterMs)
            {
                if (isLate) return;
                string reason = $"Path '{_path.Name}': nothing was heard from '{_options.PeerName}' for {_options.SilentAfterMs} ms.";
                status = new LinkPathStatus(_index, LinkPathState.Silent, LinkDownCause.Silence, reason, _peerInstance);
            }
            else
            {
                _peerInstance = _connections[(int)LinkClass.Control]!.Peer.Instance;
                status = new LinkPathStatus(_index, LinkPathState.Up, LinkDownCause.None, "", _peerInstance);
            }
        }

        if (status == _status) return;
        Volatile.Write(ref _status, status);
        _sink.PathChanged(status);
    }

    /// <summary>Remembers why the path is not up.</summary>
    internal void Fail(LinkDownCause cause, string reason)
    {
        lock (_gate)
        {
            _failureCause = cause;
            _failureReason = reason;
        }

        _wakePump();
    }

    private LinkIdentity Identity(LinkClass linkClass) =>
        new(_options.PairName, _options.ServerName, _options.PeerName, _index, linkClass, _instance);

    private Socket Connect()
    {
        Socket socket = new(_path.Local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            TcpNative.SetConnectTimeout(socket, _options.ConnectTimeoutMs);
            socket.Bind(new IPEndPoint(_path.Local.Address, 0));
            EndPoint peer = Resolve();
            return Greet(socket, () =>
            {
                socket.Connect(peer);
                // Nobody listens, and the kernel drew the very port that was called as ours: TCP connected the socket with itself (RFC 9293 §3.5,
                // simultaneous open), and would hold the port so that the peer on this host could not start.
                if (Equals(socket.LocalEndPoint, socket.RemoteEndPoint)) throw new SocketException((int)SocketError.ConnectionRefused);
                socket.NoDelay = true;
                return socket;
            });
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            string what = exception.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "nobody listens there",
                SocketError.TimedOut or SocketError.InProgress or SocketError.WouldBlock => $"no answer within {_options.ConnectTimeoutMs} ms",
                SocketError.AddressNotAvailable => $"this server has no address {_path.Local.Address} now",
                SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => "the name is not known",
                _ => exception.Message.TrimEnd('.'),
            };
            throw new LinkProtocolException(LinkDownCause.ConnectFailed, what, exception);
        }
    }

    /// <summary>The peer's address; a name is asked for anew each time, and its addresses are tried in turn.</summary>
    private EndPoint Resolve()
    {
        if (_path.Peer is not DnsEndPoint name) return _path.Peer;
        IPAddress[] addresses = Dns.GetHostAddresses(name.Host, _path.Local.AddressFamily);
        if (addresses.Length == 0) throw new SocketException((int)SocketError.HostNotFound);
        return new IPEndPoint(addresses[(uint)Interlocked.Increment(ref _attempts) % (uint)addresses.Length], name.Port);
    }

    /// <summary>Runs what may wait for a stranger, so that <see cref="Stop"/> can end it.</summary>
    private T Greet<T>(Socket socket, Func<T> exchange)
    {
        lock (_gate) _greeting.Add(socket);
        try
        {
            if (_stopping.IsCancellationRequested) Cut(socket);
            return exchange();
        }
        finally
        {
            lock (_gate) _greeting.Remove(socket);
        }
    }

    private static void Cut(Socket socket)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Not connected yet, or ended already.
        }
    }


    private void Serve(LinkAgreed agreed)
    {
        LinkClass linkClass = agreed.Peer.LinkClass;
        // tc-prio(8): interactive traffic leaves before bulk when both wait in this host's queue.
        TcpNative.SetPriority(agreed.Transport.Socket, linkClass == LinkClass.Bulk ? 2 : 6);
        if (linkClass != LinkClass.Bulk) HostThread.Prefer();
        else TcpNative.SetNotSentLowWater(agreed.Transport.Socket, 256 * 1024);
        LinkConnection connection = new(agreed, _meters[(int)linkClass], _pathMeter, _sink, _wakePump);
        LinkConnection? old;
        // Before it is there for others: whoever sees the path up finds it counted.
        Interlocked.Increment(ref _meters[(int)linkClass].Connections);
        lock (_gate)
        {
            old = _connections[(int)linkClass];
            _connections[(int)linkClass] = connection;
            if (linkClass == LinkClass.Control) _hasControl.Set();
        }

        // The peer knows better which of its connections lives: an old one is a half-open rest.
        old?.Abort(LinkDownCause.Reset, "a newer connection took its place");
        _pathMeter.Heard();
        if (_stopping.IsCancellationRequested) Stop();
        _wakePump();

        LinkProtocolException end = connection.Run();
        lock (_gate)
        {
            if (_connections[(int)linkClass] == connection)
            {
                _connections[(int)linkClass] = null;
                if (linkClass == LinkClass.Control) _hasControl.Reset();
                _failureCause = end.Cause;
                _failureReason = $"Path '{_path.Name}': the {LinkClasses.Name(linkClass)} connection with '{_options.PeerName}' ended: {end.Message}.";
            }
        }

        _wakePump();
    }

    /// <summary>
    /// Takes the kernel's counts of lost segments, and ends a connection whose sent data nobody acknowledges: one class
    /// may be half-open while the others are heard. (TCP_USER_TIMEOUT would do it too, but also ends a connection whose
    /// peer is alive and only has no room.)
    /// </summary>
    private void LookAtConnections()
    {
        uint sent = 0, sentAgain = 0;
        for (int i = 0; i < LinkClasses.Count; i++)
        {
            if (Connection((LinkClass)i) is not { } connection) continue;
            TcpHealth now = TcpNative.Health(connection.Socket), last = connection.LastHealth;
            sent += unchecked(now.SentSegments - last.SentSegments);
            sentAgain += unchecked(now.SentAgainSegments - last.SentAgainSegments);
            connection.LastHealth = now;
            if (now.UnacknowledgedSegments > 0 && now.LastAckAgoMs > _options.DeadAfterMs)
            {
                connection.Abort(LinkDownCause.Silence, $"nothing sent was acknowledged for {_options.DeadAfterMs} ms");
            }
        }

        _loss.Add(sent, sentAgain);
    }
}
