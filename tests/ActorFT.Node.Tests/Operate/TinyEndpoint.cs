using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ActorFT.Node.Tests.Operate;

/// <summary>A server of a few lines that answers one request a connection from a table, or never.</summary>
internal sealed class TinyEndpoint : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<TcpClient> _kept = [];
    private readonly Func<string, string, (int Code, string Body)?> _answer;

    /// <summary>Starts it.</summary>
    /// <param name="answer">From the request's first line and its whole text to code and body; null: hang.</param>
    public TinyEndpoint(Func<string, string, (int, string)?> answer)
    {
        _answer = answer;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Url => $"http://{_listener.LocalEndpoint}";

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = AnswerAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // closed
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        StringBuilder request = new();
        byte[] buffer = new byte[16 * 1024];
        NetworkStream stream = client.GetStream();
        while (!request.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int count = await stream.ReadAsync(buffer);
            if (count == 0) return;
            request.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }

        string text = request.ToString();
        if (_answer(text[..text.IndexOf('\r', StringComparison.Ordinal)], text) is not var (code, body))
        {
            _kept.Add(client); // says nothing; forgotten, the garbage collector would close it
            return;
        }

        await stream.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 {code} x\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}"));
        client.Dispose();
    }

    public void Dispose()
    {
        _listener.Dispose();
        foreach (TcpClient client in _kept) client.Dispose();
    }
}
