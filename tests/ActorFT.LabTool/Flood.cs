using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ActorFT.LabTool;

/// <summary>
/// Connections to nodes' endpoints with requests of every bad kind, bounded in number and rate. Reads words from standard input: "load" begins, "rest" closes
/// everything and tells what was answered in between, the end of input ends it.
/// </summary>
internal static class Flood
{
    private const int PauseMs = 1_000, LimitMs = 10_000, MostReads = 1_000;

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--connections");
        Uri[] nodes = [.. arguments.Words.Select(url => Uri.TryCreate(url, UriKind.Absolute, out Uri? node) ? node : throw new ArgumentException($"{url} is no URL"))];
        if (nodes.Length == 0) throw new ArgumentException("flood needs the nodes' URLs");
        int connections = (int)arguments.Number("--connections", 1_000, 1, 10_000);
        while (Console.ReadLine() is { } word)
        {
            if (word != "load") continue;
            using CancellationTokenSource end = new();
            long[] answers = new long[6]; // by the code's first digit; 0: none
            Task load = Task.WhenAll(Enumerable.Range(0, connections).Select(i => ClientAsync(nodes[i % nodes.Length], i, connections, answers, end.Token)));
            Console.WriteLine("loading");
            while (Console.ReadLine() is { } next && next != "rest") { }
            end.Cancel();
            load.GetAwaiter().GetResult();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"2xx {answers[2]} 3xx {answers[3]} 4xx {answers[4]} 5xx {answers[5]} none {answers[0]}"));
        }

        return 0;
    }

    // Each opens, misbehaves in its way, waits a second, and begins anew: so many connections at most, and as many requests a second.
    private static async Task ClientAsync(Uri node, int number, int count, long[] answers, CancellationToken end)
    {
        byte[] request = RequestOf(number % 10), answer = new byte[4096];
        await PauseAsync((int)((long)number * PauseMs / count), end).ConfigureAwait(false); // not all in the same instant
        while (!end.IsCancellationRequested)
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(end);
            limit.CancelAfter(LimitMs);
            int kind = 0;
            try
            {
                using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(node.Host, node.Port, limit.Token).ConfigureAwait(false);
                if (request.Length != 0) await socket.SendAsync(request, limit.Token).ConfigureAwait(false);
                int length = await socket.ReceiveAsync(answer, limit.Token).ConfigureAwait(false);
                if (length >= 12) kind = answer[9] - '0';
                for (int i = 0; length > 0 && i < MostReads; i++) length = await socket.ReceiveAsync(answer, limit.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException) { } // refused, cut off, or too slow

            Interlocked.Increment(ref answers[Math.Clamp(kind, 0, answers.Length - 1)]);
            await PauseAsync(PauseMs, end).ConfigureAwait(false);
        }
    }

    private static byte[] RequestOf(int kind) => kind switch
    {
        0 => "GET /ft/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(),
        1 => "GET /ft/events?limit=500 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(),
        2 => Encoding.ASCII.GetBytes($"GET /{new string('a', 20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        3 => Encoding.ASCII.GetBytes($"POST /ft/machines/guest/failover HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {new string('x', 8_000)}\r\nContent-Length: 10\r\n\r\n0123456789"),
        4 => "POST /ft/machines/guest/isolate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n{"u8.ToArray(),
        5 => [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0xff, 0x00, 0x0a], // TLS
        6 => "GET /ft/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "u8.ToArray(), // and never ends
        7 => "GET /ft/status/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"u8.ToArray(),
        8 => "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(),
        _ => [], // connects, and says nothing
    };

    private static async Task PauseAsync(int ms, CancellationToken end)
    {
        try { await Task.Delay(ms, end).ConfigureAwait(false); }
        catch (OperationCanceledException) { }
    }
}
