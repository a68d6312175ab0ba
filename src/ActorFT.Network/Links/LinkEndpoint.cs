using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ActorFT.Network.Native;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Network.Links;

/// <summary>
/// This server's end of the FT link to its peer: one or more network paths, on each a connection per
/// <see cref="LinkClass"/>. Delivers messages of one class and path in order or not at all; what was sent before a
/// connection broke may be lost: the protocol above numbers, acknowledges and repeats, and sends on whichever path it
/// likes. Connects, heartbeats and reconnects by itself.
/// </summary>
public sealed unsafe class LinkEndpoint : IDisposable
{
    // After a close, how long its threads may take before they are left to end by themselves.
    private const int StopMs = 3_000;

    private readonly LinkOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SafeFileHandle _wake;
    private readonly LinkPath[] _paths;
    private readonly LinkPump _pump;
    private readonly List<Thread> _threads = [];
    private Thread? _pumpThread;
    private int _isStarted;
    private int _isDisposed;

    /// <summary>Makes an endpoint that does nothing yet.</summary>
    /// <exception cref="NetworkConfigurationException">The options are not allowed.</exception>
    public LinkEndpoint(LinkOptions options, ILinkSink sink)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(sink);
        options.Validate();
        _options = options;
        Instance = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1;
        _wake = Libc.EventFd(0, Libc.EventFdNonBlock | Libc.EventFdCloseOnExec);
        if (_wake.IsInvalid) throw new IOException($"no eventfd: {Libc.Describe(Marshal.GetLastPInvokeError())}");
        _paths = [.. options.Paths.Select((_, i) => new LinkPath(options, i, Instance, sink, WakePump, _stopping.Token))];
        _pump = new LinkPump(options, _paths, _wake, (name, body) => StartThread(name, body), _stopping.Token);
    }

    /// <summary>The number that this endpoint drew for itself: the peer sees by it that we were restarted.</summary>
    public ulong Instance { get; }

    /// <summary>Number of paths.</summary>
    public int PathCount => _paths.Length;

    /// <summary>Binds the listeners and begins to connect.</summary>
    /// <exception cref="NetworkConfigurationException">A port is in use or not allowed. Nothing was started.</exception>
    public void Start()
    {
        if (Interlocked.Exchange(ref _isStarted, 1) != 0) throw new InvalidOperationException("The link was started already.");
        _pump.Listen();
        _pumpThread = StartThread("link pump", _pump.Run);
        if (!_options.IsDialler) return;
        for (int i = 0; i < _paths.Length; i++)
        {
            LinkPath path = _paths[i];
            for (LinkClass linkClass = LinkClass.Control; linkClass <= LinkClass.Bulk; linkClass++)
            {
                LinkClass mine = linkClass;
                StartThread($"link {_options.Paths[i].Name}", () => path.RunDialler(mine));
            }
        }
    }

    /// <summary>Sends a message on one path, without waiting, from any thread.</summary>
    /// <param name="pathIndex">The path.</param>
    /// <param name="linkClass">The class; its limit bounds the payload (control 1 MiB, log 16 MiB, bulk 4 MiB).</param>
    /// <param name="channel">For whom it is, e.g. the machine's number.</param>
    /// <param name="payload">The bytes; copied or sent before this returns.</param>
    public SendResult TrySend(int pathIndex, LinkClass linkClass, ushort channel, ReadOnlySpan<byte> payload) =>
        TrySend(pathIndex, linkClass, channel, payload, default);

    /// <summary>Sends a message whose payload comes in two parts, so that nobody has to join them.</summary>
    /// <inheritdoc cref="TrySend(int, LinkClass, ushort, ReadOnlySpan{byte})"/>
    /// <param name="pathIndex">The path.</param>
    /// <param name="linkClass">The class.</param>
    /// <param name="channel">For whom it is.</param>
    /// <param name="head">The payload's first part.</param>
    /// <param name="body">The payload's second part.</param>
    /// <param name="mayTrail">It goes with the next message on this path and class that may not trail, or with <see cref="FlushTrailing"/>: many for the price of one.</param>
    public SendResult TrySend(int pathIndex, LinkClass linkClass, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool mayTrail = false)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(head.Length + body.Length, LinkClasses.MaxPayloadBytes(linkClass), nameof(body));
        return _paths[pathIndex].Connection(linkClass)?.TrySend(channel, head, body, mayTrail) ?? SendResult.NotConnected;
    }

    /// <summary>Sends what trails in a class, on every path.</summary>
    public void FlushTrailing(LinkClass linkClass)
    {
        foreach (LinkPath path in _paths) path.Connection(linkClass)?.FlushTrailing();
    }

    /// <summary>Sends a message on every path. Returns on how many it was taken.</summary>
    /// <inheritdoc cref="TrySend(int, LinkClass, ushort, ReadOnlySpan{byte})"/>
    public int TrySendAll(LinkClass linkClass, ushort channel, ReadOnlySpan<byte> payload)
    {
        int taken = 0;
        for (int i = 0; i < _paths.Length; i++)
        {
            if (TrySend(i, linkClass, channel, payload) == SendResult.Taken) taken++;
        }

        return taken;
    }

    /// <summary>Completes with true when a message of that class would be taken on that path, with false when it is not connected.</summary>
    public Task<bool> WaitForRoomAsync(int pathIndex, LinkClass linkClass, CancellationToken cancellation = default) =>
        _paths[pathIndex].Connection(linkClass)?.WaitForRoomAsync(cancellation) ?? Task.FromResult(false);

    /// <summary>A path's state now.</summary>
    public LinkPathStatus Status(int pathIndex) => _paths[pathIndex].Status;

    /// <summary>A path's smoothed round trip, ms; negative before the first.</summary>
    public double RoundTripMs(int pathIndex) => _paths[pathIndex].RoundTripMs;

    /// <summary>All paths' states and measurements.</summary>
    public ImmutableArray<LinkPathSnapshot> Snapshot() => [.. _paths.Select(path => path.Snapshot())];

    /// <summary>Closes all connections and ends all threads. Nothing is told to the sink afterwards.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _stopping.Cancel();
        WakePump();
        foreach (LinkPath path in _paths) path.Stop();
        Thread[] threads;
        lock (_threads) threads = [.. _threads];
        // A sink may close the link from a thread of the link itself.
        foreach (Thread thread in threads.Where(thread => thread != Thread.CurrentThread)) thread.Join(StopMs);
        // On a host so busy that the pump has not come to its end it would wait on what is closed, and end the process. The process's end closes it.
        if (_pumpThread is { IsAlive: true } && _pumpThread != Thread.CurrentThread) return;
        _pump.Dispose();
        _wake.Dispose();
    }

    /// <summary>The port on which a path listens; 0 when it does not.</summary>
    internal int ListeningPort(int pathIndex) => _pump.Port(pathIndex);

    /// <summary>A path's connection, for tests that break it.</summary>
    internal LinkConnection? Connection(int pathIndex, LinkClass linkClass) => _paths[pathIndex].Connection(linkClass);

    private Thread StartThread(string name, ThreadStart body)
    {
        Thread thread = new(() =>
        {
            body();
            lock (_threads) _threads.Remove(Thread.CurrentThread);
        })
        {
            IsBackground = true,
            Name = name,
        };
        lock (_threads) _threads.Add(thread);
        thread.Start();
        return thread;
    }

    private void WakePump()
    {
        ulong one = 1;
        try
        {
            _ = Libc.Write(_wake, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // Closed: nobody is left to wake.
        }
    }
}
