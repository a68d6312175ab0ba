using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// A thousand connections with malformed, huge, slow and quick requests against both servers' endpoints, bounded in number and time: the machine's
/// outputs are held no more than twice as long as without them (p99). A drill: a figure needs a quiet host.
/// </summary>
[Collection("pairs")]
[Trait("Category", "Drill")]
public sealed class LoadTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(20);

    private const int Connections = 1_000;

    [Fact]
    public async Task A_thousand_connections_of_every_bad_kind_do_no_harm_to_the_machine()
    {
        using OperatedPair pair = new OperatedPair("actorft.run=counter actorft.pace=3000").StartAll();
        string leader = pair.WaitUntilGood();
        Wait.Until(() => Bucket(pair, leader).Values.LastOrDefault() > 200, "the machine to write", OperatedPair.BoundSeconds);
        (double quiet, long quietCount) = await P99Async(pair, leader, Task.Delay(s_window));
        using CancellationTokenSource end = new();
        long[] answers = new long[8]; // by the code's first digit; 0: none
        Task load = LoadAsync(pair, leader, answers, end.Token);
        (double loaded, long loadedCount) = await P99Async(pair, leader, Task.Delay(s_window));
        await end.CancelAsync();
        await load;
        output.WriteLine($"{leader} leads; hold p99: quiet {quiet * 1e3:F2} ms over {quietCount} outputs, with {Connections} connections {loaded * 1e3:F2} ms over {loadedCount} outputs");
        output.WriteLine($"answers: 200 {answers[2]}, 3xx {answers[3]}, 4xx {answers[4]}, 5xx {answers[5]}; cut off without an answer {answers[0]}");
        JsonElement status = default;
        Wait.Until(() => pair.Status(leader) is { } told && (status = told).ValueKind == JsonValueKind.Object, "the status after the load", OperatedPair.BoundSeconds);
        Assert.Equal("Good", status.GetProperty("health").GetString());
        Assert.Equal(leader, status.GetProperty("machines")[0].GetProperty("leader").GetString());
        Assert.True(answers[4] > 0 && answers[2] > 0, "the load was one");
        Assert.True(loaded <= 2 * quiet, $"p99 {loaded * 1e3:F2} ms with load, {quiet * 1e3:F2} ms without");
    }

    // The histogram over a window, as Prometheus would have it: bucket bounds, linear between them.
    private static async Task<(double Seconds, long Count)> P99Async(OperatedPair pair, string leader, Task window)
    {
        SortedDictionary<double, long> before = Bucket(pair, leader);
        await window;
        SortedDictionary<double, long> after = Bucket(pair, leader);
        double[] bounds = [.. after.Keys];
        long[] counts = [.. bounds.Select(bound => after[bound] - before.GetValueOrDefault(bound))];
        double wanted = 0.99 * counts[^1];
        int i = Array.FindIndex(counts, count => count >= wanted);
        double low = i == 0 ? 0 : bounds[i - 1], from = i == 0 ? 0 : counts[i - 1];
        return (double.IsInfinity(bounds[i]) ? low : low + (bounds[i] - low) * (wanted - from) / Math.Max(1, counts[i] - from), counts[^1]);
    }

    private static SortedDictionary<double, long> Bucket(OperatedPair pair, string node)
    {
        SortedDictionary<double, long> buckets = [];
        // A node that is asked by a thousand may refuse the thousand and first once.
        string? metrics = null;
        Wait.Until(() => (metrics = pair.TryGet(node, "/metrics")) is not null, "the metrics", 60);
        foreach (string line in metrics!.Split('\n').Where(line => line.StartsWith("actorft_output_hold_seconds_bucket{", StringComparison.Ordinal)))
        {
            string bound = line[(line.IndexOf("le=\"", StringComparison.Ordinal) + 4)..].Split('"')[0];
            string count = line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0];
            buckets[bound == "+Inf" ? double.PositiveInfinity : double.Parse(bound, CultureInfo.InvariantCulture)] = (long)double.Parse(count, CultureInfo.InvariantCulture);
        }

        return buckets;
    }

    private static async Task LoadAsync(OperatedPair pair, string leader, long[] answers, CancellationToken end)
    {
        Uri[] urls = [new(pair.Url(leader)), new(pair.Url(OperatedPair.Other(leader)))];
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(i => ClientAsync(urls[i % 2], i, answers, end)));
    }

    // Each opens, misbehaves in its way, waits a second, and begins anew: at most a thousand connections and a thousand requests a second.
    private static async Task ClientAsync(Uri url, int number, long[] answers, CancellationToken end)
    {
        byte[] request = (number % 10) switch
        {
            0 => "GET /ft/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(),
            1 => "GET /ft/events?limit=500 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(),
            2 => Encoding.ASCII.GetBytes($"GET /{new string('a', 20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
            3 => Encoding.ASCII.GetBytes($"POST /ft/machines/guest/failover HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {new string('x', 8_000)}\r\nContent-Length: 10\r\n\r\n0123456789"),
            4 => "POST /ft/machines/guest/isolate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n{"u8.ToArray(),
            5 => [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0xff, 0x00, 0x0a],
            6 => "GET /ft/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "u8.ToArray(), // and never ends
            7 => "GET /ft/status/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"u8.ToArray(),
            8 => "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(),
            _ => [], // connects, and says nothing
        };
        byte[] answer = new byte[4096];
        while (!end.IsCancellationRequested)
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(end);
            limit.CancelAfter(TimeSpan.FromSeconds(10));
            int kind = 0;
            try
            {
                using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(url.Host, url.Port, limit.Token);
                if (request.Length != 0) await socket.SendAsync(request, limit.Token);
                int count = await socket.ReceiveAsync(answer, limit.Token);
                if (count >= 12) kind = answer[9] - '0';
                for (int i = 0; count > 0 && i < 1_000; i++) count = await socket.ReceiveAsync(answer, limit.Token);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException) { }

            Interlocked.Increment(ref answers[Math.Clamp(kind, 0, 7)]);
            try { await Task.Delay(1_000, end); }
            catch (OperationCanceledException) { }
        }
    }
}
