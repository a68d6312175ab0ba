using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ActorFT.Node.Running;

/// <summary>Tells systemd how the service is (sd_notify(3), Type=notify); does nothing where no service manager asks for it.</summary>
internal sealed class ServiceManager : IDisposable
{
    private readonly Socket? _socket;
    private Timer? _watchdog;

    /// <summary>Takes the address from the environment.</summary>
    public ServiceManager()
        : this(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"))
    {
    }

    internal ServiceManager(string? address)
    {
        if (string.IsNullOrEmpty(address) || address[0] is not ('/' or '@')) return;
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            // '@' stands for the zero byte of an abstract address.
            _socket.Connect(new UnixDomainSocketEndPoint(address[0] == '@' ? "\0" + address[1..] : address));
        }
        catch (SocketException)
        {
            _socket.Dispose();
            _socket = null;
        }
    }

    /// <summary>The node works.</summary>
    public void Ready(string status) => Send($"READY=1\nSTATUS={status}");

    /// <summary>It is on its way out.</summary>
    public void Stopping(string status) => Send($"STOPPING=1\nSTATUS={status}");

    /// <summary>Says at half of systemd's interval (WATCHDOG_USEC) that the node works, while it does.</summary>
    public void Watch(Func<Task<bool>> isAlive)
    {
        if (_socket is null || !long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out long intervalUs) || intervalUs < 2_000) return;
        TimeSpan half = TimeSpan.FromMicroseconds(intervalUs / 2);
        _watchdog = new Timer(async _ =>
        {
            if (await isAlive().ConfigureAwait(false)) Send("WATCHDOG=1");
        }, null, TimeSpan.Zero, half);
    }

    private void Send(string text)
    {
        if (_socket is null) return;
        try { _socket.Send(Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\n"))); }
        catch (Exception e) when (e is SocketException or ObjectDisposedException) { /* it is a courtesy */ }
    }

    public void Dispose()
    {
        _watchdog?.Dispose();
        _socket?.Dispose();
    }
}
