using System.Net;
using System.Net.Sockets;

namespace ActorFT.Network.Tests.Links;

/// <summary>A TCP relay that can stop passing bytes without closing anything: a path that went silent.</summary>
internal sealed class FaultyRelay : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _sockets = [];
    private volatile TaskCompletionSource _open = Opened();

    internal FaultyRelay()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    internal IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    internal IPEndPoint? Target { get; set; }

    internal void Stop() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    internal void Go() => _open.TrySetResult();

    public void Dispose()
    {
        _listener.Dispose();
        Go();
        lock (_sockets) _sockets.ForEach(socket => socket.Dispose());
    }

    private static TaskCompletionSource Opened()
    {
        TaskCompletionSource source = new();
        source.SetResult();
        return source;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket near = await _listener.AcceptSocketAsync();
                Socket far = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                near.NoDelay = true;
                lock (_sockets) _sockets.AddRange([near, far]);
                await far.ConnectAsync(Target!);
                _ = CopyAsync(near, far);
                _ = CopyAsync(far, near);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                int received = await from.ReceiveAsync(buffer);
                await _open.Task;
                if (received == 0) break;
                await to.SendAsync(buffer.AsMemory(0, received));
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
