using System.Diagnostics;
using System.Net.Sockets;
using ActorFT.Network.Native;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Network.Links;

/// <summary>
/// The link's one thread for everything that nobody else waits for: heartbeats, states, new connections at the
/// listeners, and bytes that the kernel did not take at once.
/// </summary>
internal sealed unsafe class LinkPump : IDisposable
{
    private const int MaxHandshakes = 16, Backlog = 128, BindRetryMs = 1_000;
    private const short PollOut = 4;

    private readonly LinkOptions _options;
    private readonly LinkPath[] _paths;
    private readonly Socket?[] _listeners;
    private readonly long[] _nextBindAt;
    private readonly SafeFileHandle _wake;
    private readonly Action<string, ThreadStart> _startThread;
    private readonly CancellationToken _stopping;
    private readonly List<LinkConnection> _waiting = [];
    private readonly Libc.PollDescriptor[] _polls = new Libc.PollDescriptor[1 + (LinkOptions.MaxPaths * (1 + LinkClasses.Count))];
    private int _handshakes;

    internal LinkPump(LinkOptions options, LinkPath[] paths, SafeFileHandle wake, Action<string, ThreadStart> startThread, CancellationToken stopping)
    {
        _startThread = startThread;
        _options = options;
        _paths = paths;
        _listeners = new Socket?[paths.Length];
        _nextBindAt = new long[paths.Length];
        _wake = wake;
        _stopping = stopping;
    }

    /// <summary>The ports that listen, in path order; 0 for a dialler or a path whose address is not there now.</summary>
    internal int Port(int pathIndex) => (_listeners[pathIndex]?.LocalEndPoint as System.Net.IPEndPoint)?.Port ?? 0;

    /// <summary>Binds the listeners.</summary>
    /// <exception cref="NetworkConfigurationException">An address is in use or not allowed. One that is not there now is tried again later.</exception>
    internal void Listen()
    {
        if (_options.IsDialler) return;
        try
        {
            for (int i = 0; i < _paths.Length; i++) Bind(i);
        }
        catch (NetworkConfigurationException)
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The pump thread's whole life.</summary>
    internal void Run()
    {
        HostThread.Prefer();
        long period = _options.HeartbeatMs * Stopwatch.Frequency / 1000;
        long next = Stopwatch.GetTimestamp();
        while (!_stopping.IsCancellationRequested)
        {
            long now = Stopwatch.GetTimestamp();
            if (now >= next)
            {
                bool isLate = now - next > 2 * period;
                foreach (LinkPath path in _paths) path.Tick(isLate);
                RetryBinds(now);
                next = isLate ? now + period : next + period;
            }

            Wait(Math.Max(0, next - Stopwatch.GetTimestamp()));
            foreach (LinkPath path in _paths) path.UpdateStatus(isLate: Stopwatch.GetTimestamp() - next > 2 * period);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Socket? listener in _listeners) listener?.Dispose();
    }

    private void Wait(long ticks)
    {
        int count = 0;
        _polls[count++] = new() { Descriptor = (int)_wake.DangerousGetHandle(), Events = Libc.PollIn };
        // SAFETY: listeners are disposed only after this thread has ended.
        foreach (Socket? listener in _listeners) _polls[count++] = new() { Descriptor = listener is null ? -1 : (int)listener.Handle, Events = Libc.PollIn };
        _waiting.Clear();
        List<SafeSocketHandle> held = [];
        try
        {
            foreach (LinkConnection connection in WithUnsentBytes())
            {
                if (!TryHold(connection.Socket.SafeHandle, held)) continue;
                _waiting.Add(connection);
                _polls[count++] = new() { Descriptor = (int)connection.Socket.SafeHandle.DangerousGetHandle(), Events = PollOut };
            }

            int timeoutMs = (int)Math.Min(int.MaxValue, ((ticks * 1000) + Stopwatch.Frequency - 1) / Stopwatch.Frequency);
            fixed (Libc.PollDescriptor* polls = _polls)
            {
                if (Libc.Poll(polls, (nuint)count, timeoutMs) <= 0) return;
            }
        }
        finally
        {
            foreach (SafeSocketHandle handle in held) handle.DangerousRelease();
        }

        ulong ignored;
        if (_polls[0].Returned != 0) _ = Libc.Read(_wake, &ignored, sizeof(ulong));
        for (int i = 0; i < _listeners.Length; i++)
        {
            if (_polls[1 + i].Returned != 0) Accept(i);
        }

        for (int i = 0; i < _waiting.Count; i++)
        {
            if (_polls[1 + _listeners.Length + i].Returned != 0) _waiting[i].Flush();
        }
    }

    private IEnumerable<LinkConnection> WithUnsentBytes()
    {
        foreach (LinkPath path in _paths)
        {
            for (int i = 0; i < LinkClasses.Count; i++)
            {
                if (path.Connection((LinkClass)i) is { UnsentBytes: > 0 } connection) yield return connection;
            }
        }
    }

    /// <summary>Keeps a descriptor from being closed and its number from being used anew while it is polled.</summary>
    private static bool TryHold(SafeSocketHandle handle, List<SafeSocketHandle> held)
    {
        bool isHeld = false;
        try
        {
            handle.DangerousAddRef(ref isHeld);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }

        held.Add(handle);
        return true;
    }

    private void Accept(int pathIndex)
    {
        Socket socket;
        try
        {
            socket = _listeners[pathIndex]!.Accept();
        }
        catch (SocketException)
        {
            // The caller went away again, or this process has no descriptor left: the next tick tries anew.
            return;
        }

        if (Interlocked.Increment(ref _handshakes) > MaxHandshakes)
        {
            Interlocked.Decrement(ref _handshakes);
            socket.Dispose();
            return;
        }

        LinkPath path = _paths[pathIndex];
        _startThread($"link {_options.Paths[pathIndex].Name}", () => path.RunAccepted(socket, () => Interlocked.Decrement(ref _handshakes)));
    }

    private void RetryBinds(long now)
    {
        if (_options.IsDialler) return;
        for (int i = 0; i < _paths.Length; i++)
        {
            if (_listeners[i] is not null || now < _nextBindAt[i]) continue;
            try
            {
                Bind(i);
            }
            catch (NetworkConfigurationException exception)
            {
                _paths[i].Fail(LinkDownCause.ConnectFailed, exception.Message);
            }
        }
    }

    private void Bind(int pathIndex)
    {
        LinkPathOptions path = _options.Paths[pathIndex];
        _nextBindAt[pathIndex] = Stopwatch.GetTimestamp() + (BindRetryMs * Stopwatch.Frequency / 1000);
        Socket listener = new(path.Local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // SO_REUSEADDR alone (.NET's option would also set SO_REUSEPORT, and two programs could share the port unseen).
            listener.SetRawSocketOption(1, 2, [1, 0, 0, 0]);
            listener.Bind(path.Local);
            listener.Listen(Backlog);
            _listeners[pathIndex] = listener;
        }
        catch (SocketException exception)
        {
            listener.Dispose();
            string prefix = $"FT link: path '{path.Name}' cannot listen on {path.Local}: ";
            if (exception.SocketErrorCode == SocketError.AddressNotAvailable)
            {
                _paths[pathIndex].Fail(LinkDownCause.ConnectFailed, $"{prefix}this server has no such address now.");
                return;
            }

            throw new NetworkConfigurationException(
                prefix + exception.SocketErrorCode switch
                {
                    SocketError.AddressAlreadyInUse => "another program uses that port; choose a free one.",
                    SocketError.AccessDenied => "ports below 1024 need more rights; choose one from 1024 to 65535.",
                    _ => exception.Message.TrimEnd('.') + ".",
                },
                exception);
        }
    }
}
