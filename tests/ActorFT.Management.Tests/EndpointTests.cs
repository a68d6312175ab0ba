using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Machine.IO;
using ActorFT.Management.Tests.Support;
using ActorFT.Storage.Metadata;
using Akka.Actor;
using Xunit;

namespace ActorFT.Management.Tests;

/// <summary>The endpoint over real HTTP: contracts, who may change something, limits.</summary>
public sealed class EndpointTests : IAsyncLifetime
{
    private FakeNode _node = null!;

    public async Task InitializeAsync() => _node = await FakeNode.StartAsync();

    public async Task DisposeAsync()
    {
        Assert.Empty(_node.Log); // nothing a client did met a mistake in the program
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Status_is_the_whole_pair_in_camel_case_with_states_as_words_and_ages()
    {
        JsonElement status = await _node.GetJson("/ft/status");
        Assert.Equal("demo", status.GetProperty("pair").GetString());
        Assert.Equal("server-a", status.GetProperty("answeredBy").GetString());
        Assert.Equal("Good", status.GetProperty("health").GetString());
        JsonElement peer = status.GetProperty("nodes")[1];
        Assert.Equal("server-b", peer.GetProperty("name").GetString());
        Assert.InRange(peer.GetProperty("ageMs").GetInt64(), 50, 3_000);
        JsonElement machine = status.GetProperty("machines")[0];
        Assert.True(machine.GetProperty("protected").GetBoolean());
        Assert.Equal("Following", machine.GetProperty("replicas")[1].GetProperty("status").GetProperty("role").GetString());
        Assert.Equal("server-a", (await _node.GetJson("/ft/machines/debian")).GetProperty("leader").GetString());
    }

    [Fact]
    public async Task A_hung_host_makes_answers_old_and_not_late()
    {
        await _node.GetJson("/ft/status");
        _node.View = null;
        HttpResponseMessage alive = await _node.Client.GetAsync("/alive");
        for (long begun = Stopwatch.GetTimestamp(); alive.StatusCode == HttpStatusCode.OK && Stopwatch.GetElapsedTime(begun).TotalSeconds < 15; alive = await _node.Client.GetAsync("/alive"))
        {
            alive.Dispose();
            await Task.Delay(20); // a node answers so many requests a second only
        }

        // The quickest of a few: this computer may be busy with something else, but a node that is late is so each time.
        JsonElement status = default;
        double quickest = double.MaxValue;
        for (int i = 0; i < 5 && quickest >= 2; i++)
        {
            long started = Stopwatch.GetTimestamp();
            status = await _node.GetJson("/ft/status");
            quickest = Math.Min(quickest, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        Assert.InRange(quickest, 0, 2);
        Assert.True(status.GetProperty("nodes")[0].GetProperty("ageMs").GetInt64() >= 1_000);
        Assert.Equal(HttpStatusCode.InternalServerError, alive.StatusCode);
        Assert.Equal("Health Check Failed: Check [host] timed out after 1 second", await alive.Content.ReadAsStringAsync());
        alive.Dispose();
    }

    [Fact]
    public async Task Health_checks_answer_OK() =>
        Assert.Equal(("OK", "OK"), (await _node.Client.GetStringAsync("/alive"), await _node.Client.GetStringAsync("/ready")));

    [Fact]
    public async Task The_OpenAPI_document_lists_exactly_the_real_routes()
    {
        JsonElement document = await _node.GetJson("/openapi.json");
        string[] listed = [.. document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}")).Order()];
        string[] undocumented = ["GET /", "GET /metrics", "GET /openapi.json"];
        string[] real = [.. _node.Server.Routes.Select(route => route.Replace("{*address}", "{address}", StringComparison.Ordinal))
            .Where(route => !undocumented.Contains(route) && !(route.EndsWith("/bootstrap/seed-nodes", StringComparison.Ordinal) || route.EndsWith("/remote/address", StringComparison.Ordinal)) )
            .Append("GET /bootstrap/seed-nodes").Append("GET /remote/address").Distinct().Order()];
        Assert.Equal(real, listed);
        Assert.All(document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()), operation => Assert.NotEmpty(operation.Value.GetProperty("summary").GetString()!));
    }

    [Fact]
    public async Task No_route_changes_anything_without_the_token()
    {
        JsonElement document = await _node.GetJson("/openapi.json");
        string[] posts = [.. document.GetProperty("paths").EnumerateObject().Where(path => path.Value.TryGetProperty("post", out _))
            .Select(path => path.Name.Replace("{name}", path.Name.StartsWith("/ft/servers", StringComparison.Ordinal) ? "server-b" : "debian", StringComparison.Ordinal))];
        Assert.Equal(12, posts.Length);
        foreach (string path in posts)
        {
            foreach ((string? token, HttpStatusCode code) in new (string?, HttpStatusCode)[] { (null, HttpStatusCode.Unauthorized), ("wrong", HttpStatusCode.Forbidden), (FakeNode.Token + "x", HttpStatusCode.Forbidden) })
            {
                using HttpResponseMessage answer = await _node.Post(path, new ByteArrayContent("x"u8.ToArray()), token);
                Assert.Equal(code, answer.StatusCode);
                Assert.EndsWith(".", JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
            }
        }

        Assert.Empty(_node.ReceivedOf<object>());
        await using FakeNode readOnly = await FakeNode.StartAsync(hasToken: false);
        using HttpResponseMessage refused = await readOnly.Post("/ft/machines/debian/failover");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("token-file is not set", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_the_token_a_command_reaches_the_host_and_its_sentence_comes_back()
    {
        using HttpResponseMessage done = await _node.Post("/ft/machines/debian/isolate", new StringContent("""{"server":"server-b","component":"disk-root","arguments":["a=b"]}""", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        CommandProtocol.Command command = Assert.Single(_node.ReceivedOf<CommandProtocol.Command>());
        Assert.Equal(("isolate", "debian", "server-b", "disk-root", "a=b"), (command.Verb, command.Machine, command.Server, command.Component, command.Arguments[0]));
        _node.Outcome = new(false, "Not now.");
        using HttpResponseMessage refused = await _node.Post("/ft/servers/server-b/leave");
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Equal("""{"succeeded":false,"sentence":"Not now."}""", await refused.Content.ReadAsStringAsync());
        Assert.Equal("debian", _node.ReceivedOf<CommandProtocol.Command>()[1].Machine);
    }

    [Theory]
    [InlineData("/ft/machines/nope/failover", "", HttpStatusCode.NotFound)]
    [InlineData("/ft/servers/nope/leave", "", HttpStatusCode.NotFound)]
    [InlineData("/ft/machines/debian/failover", "{", HttpStatusCode.BadRequest)]
    [InlineData("/ft/machines/debian/failover", "null", HttpStatusCode.BadRequest)]
    [InlineData("/ft/machines/debian/failover", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", HttpStatusCode.BadRequest)]
    [InlineData("/ft/machines/debian/failover", """{"server":7}""", HttpStatusCode.BadRequest)]
    [InlineData("/ft/machines/debian/failover", """{"server":"nope"}""", HttpStatusCode.NotFound)]
    public async Task A_request_that_makes_no_sense_is_refused_with_a_sentence(string path, string body, HttpStatusCode code)
    {
        using HttpResponseMessage answer = await _node.Post(path, new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(code, answer.StatusCode);
        Assert.NotEmpty(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetString()!);
        Assert.Empty(_node.ReceivedOf<CommandProtocol.Command>());
    }

    [Fact]
    public async Task The_arbiter_carries_out_nothing()
    {
        await using FakeNode arbiter = await FakeNode.StartAsync(isArbiter: true);
        using HttpResponseMessage answer = await arbiter.Post("/ft/machines/debian/failover");
        Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Bodies_and_headers_beyond_the_limits_are_refused()
    {
        using HttpResponseMessage large = await _node.Post("/ft/machines/debian/failover", new ByteArrayContent(new byte[ManagementServer.MaxBodyBytes + 1]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        using HttpResponseMessage typed = await _node.Post("/ft/machines/debian/console", new ByteArrayContent(new byte[4097]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, typed.StatusCode);
        Assert.Contains(" 431 ", await Raw($"GET /ft/status HTTP/1.1\r\nHost: localhost\r\nX: {new string('x', 20_000)}\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains(" 414 ", await Raw($"GET /{new string('x', 8_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains(" 400 ", await Raw("\u0001\u0002\u0003 nonsense\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains(" 400 ", await Raw("POST /ft/machines/debian/failover HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"), StringComparison.Ordinal);
        Assert.Empty(_node.ReceivedOf<object>());
        await _node.GetJson("/ft/status");
    }

    [Fact]
    public async Task A_name_that_is_not_this_computers_is_refused_on_loopback() =>
        Assert.Contains(" 421 ", await Raw("GET /ft/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);

    [Fact]
    public async Task Hundreds_of_idle_connections_do_not_keep_others_out_for_long()
    {
        Uri url = new(_node.Server.Url);
        List<Socket> idle = [];
        for (int i = 0; i < 400; i++)
        {
            Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(url.Host, url.Port);
            idle.Add(socket);
            try { await socket.SendAsync("GET /ft/status HTTP/1.1\r\nHost: "u8.ToArray()); } // and never ends
            catch (SocketException) { } // one too many, and closed already
        }

        // The head of a request may take five seconds; then its connection is free for others.
        bool answered = false;
        for (long started = Stopwatch.GetTimestamp(); !answered && Stopwatch.GetElapsedTime(started).TotalSeconds < 15; await Task.Delay(100))
        {
            try { answered = (await _node.GetJson("/ft/status")).GetProperty("pair").GetString() == "demo"; }
            catch (HttpRequestException) { }
        }

        foreach (Socket socket in idle) socket.Dispose();
        Assert.True(answered);
    }

    private async Task<string> Raw(string request)
    {
        Uri url = new(_node.Server.Url);
        using TcpClient client = new();
        await client.ConnectAsync(url.Host, url.Port);
        using NetworkStream stream = client.GetStream();
        StringBuilder answer = new();
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
            byte[] buffer = new byte[4096];
            using CancellationTokenSource limit = new(TimeSpan.FromSeconds(5));
            while (!answer.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
            {
                int count = await stream.ReadAsync(buffer, limit.Token);
                if (count == 0) break;
                answer.Append(Encoding.ASCII.GetString(buffer, 0, count));
            }
        }
        catch (IOException) { } // reset after the answer

        return answer.ToString();
    }

    [Fact]
    public async Task Faults_arrive_in_the_stream_as_they_happen_and_in_the_history()
    {
        using Stream stream = await _node.Client.GetStreamAsync("/ft/events/stream");
        using StreamReader reader = new(stream);
        Assert.Equal(": actorft", await reader.ReadLineAsync());
        _node.Faults.Tell(new FaultProtocol.Report("disk-failed", FaultSeverity.Error, "debian", "disk-root", "It broke.", "It was isolated."));
        string? line;
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(10));
        while ((line = await reader.ReadLineAsync(limit.Token)) != "event:fault") Assert.NotNull(line);
        JsonElement entry = JsonDocument.Parse((await reader.ReadLineAsync(limit.Token))!["data:".Length..]).RootElement;
        Assert.Equal("disk-failed", entry.GetProperty("report").GetProperty("kind").GetString());
        JsonElement history = await _node.GetJson("/ft/events?limit=10");
        // A node that is busy gives the history without those who did not answer in time, and says so.
        for (long started = Stopwatch.GetTimestamp(); history.GetProperty("missingNodes").GetInt32() > 2 && Stopwatch.GetElapsedTime(started).TotalSeconds < 20; await Task.Delay(100))
            history = await _node.GetJson("/ft/events?limit=10");
        Assert.Equal(entry.GetProperty("id").GetString(), history.GetProperty("entries")[0].GetProperty("id").GetString());
        Assert.Equal(2, history.GetProperty("missingNodes").GetInt32());
        using HttpResponseMessage refused = await _node.Client.GetAsync("/ft/events?limit=0");
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        using HttpResponseMessage malformed = await _node.Client.GetAsync("/ft/events?limit=many");
        Assert.Equal(HttpStatusCode.BadRequest, malformed.StatusCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_state_that_goes_with_a_fault_or_with_none_follows_in_the_stream_at_once(bool isFault)
    {
        using Stream stream = await _node.Client.GetStreamAsync("/ft/status/stream");
        using StreamReader reader = new(stream);
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        // The quickest of a few: this computer may be busy, but a stream that waits for its next turn does so each time.
        double quickestMs = double.MaxValue;
        for (int i = 0; i < 5 && quickestMs >= 400; i++)
        {
            await Read("event:status"); // its turn: the next one is due in half a second
            if (isFault)
            {
                _node.Faults.Tell(new FaultProtocol.Report("disk-failed", FaultSeverity.Error, "debian", $"disk-{i}", "It broke.", "It was isolated."));
                await Read("event:fault");
            }
            else
            {
                _node.System.EventStream.Publish(HostActor.StandingChanged.Instance);
            }

            long told = Stopwatch.GetTimestamp();
            await Read("event:status");
            quickestMs = Math.Min(quickestMs, Stopwatch.GetElapsedTime(told).TotalMilliseconds);
        }

        Assert.InRange(quickestMs, 0, 400);

        async Task Read(string wanted)
        {
            string? line;
            while ((line = await reader.ReadLineAsync(limit.Token)) != wanted) Assert.NotNull(line);
        }
    }

    [Fact]
    public async Task Streams_are_bounded_and_free_again_when_clients_go()
    {
        List<HttpResponseMessage> open = [];
        for (int i = 0; i < 64; i++) open.Add(await _node.Client.GetAsync("/ft/events/stream", HttpCompletionOption.ResponseHeadersRead));
        Assert.All(open, one => Assert.Equal(HttpStatusCode.OK, one.StatusCode));
        using HttpResponseMessage refused = await _node.Client.GetAsync("/ft/status/stream", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        foreach (HttpResponseMessage one in open) one.Dispose();
        HttpStatusCode code = HttpStatusCode.ServiceUnavailable;
        for (long started = Stopwatch.GetTimestamp(); code != HttpStatusCode.OK && Stopwatch.GetElapsedTime(started).TotalSeconds < 20; await Task.Delay(20))
        {
            using HttpResponseMessage again = await _node.Client.GetAsync("/ft/status/stream", HttpCompletionOption.ResponseHeadersRead);
            code = again.StatusCode;
        }

        Assert.Equal(HttpStatusCode.OK, code);
    }

    [Fact]
    public async Task The_console_gives_what_is_kept_then_what_comes_and_ends_when_another_server_leads()
    {
        using HttpResponseMessage answer = await _node.Client.GetAsync("/ft/machines/debian/console?from=102", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("102", answer.Headers.GetValues("ActorFT-Console-Offset").Single());
        using StreamReader reader = new(await answer.Content.ReadAsStreamAsync());
        char[] buffer = new char[3];
        Assert.Equal(3, await reader.ReadBlockAsync(buffer));
        Assert.Equal("pt ", new string(buffer));
        _node.ConsoleWatcher!.Tell(new ConsoleActor.Output(105, "new"u8.ToArray()));
        Assert.Equal(3, await reader.ReadBlockAsync(buffer));
        Assert.Equal("new", new string(buffer));
        using HttpResponseMessage typed = await _node.Post("/ft/machines/debian/console", new ByteArrayContent("ls\n"u8.ToArray()));
        Assert.Equal(HttpStatusCode.NoContent, typed.StatusCode);
        await _node.Until(() => _node.ReceivedOf<HostActor.ForMachine>().Length != 0, "the host to be told what was typed"); // the answer does not wait for it
        Assert.Equal("ls\n"u8.ToArray(), ((ConsoleActor.Typed)Assert.Single(_node.ReceivedOf<HostActor.ForMachine>()).Message).Bytes.ToArray());
        _node.View = new(Statuses.Server("server-a", Statuses.Replica("Following")), [(Statuses.Server("server-b", Statuses.Replica("Leading")), 50L)]);
        Assert.Equal("", await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(10)));
        using HttpResponseMessage other = await _node.Client.GetAsync("/ft/machines/debian/console");
        Assert.Equal(HttpStatusCode.Conflict, other.StatusCode);
        JsonElement where = JsonDocument.Parse(await other.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(("server-b", "http://127.0.0.1:1"), (where.GetProperty("leader").GetString(), where.GetProperty("endpoint").GetString()));
    }

    [Fact]
    public async Task Metrics_are_named_as_Prometheus_wants_them()
    {
        ClusterMeters.OutputHold.Record(0.002, new KeyValuePair<string, object?>("machine", "debian"));
        new CopyLatencies("server-a", new DiskName("debian", "root")).Note(BlockOperation.Flush, 4, 0);
        ClusterMeters.MachineFlush.Record(0.0012, new("server", "server-a"), new("machine", "debian"), new("disk", "root"));
        string text = await _node.Client.GetStringAsync("/metrics");
        foreach (string line in new[]
                 {
                     "actorft_machine_protected{", "actorft_failovers_total{", "actorft_replication_lag_seconds{", "actorft_output_hold_seconds_bucket{", "actorft_log_bytes_total{",
                     "actorft_divergences_total{", "actorft_disk_out_of_sync_bytes{", "actorft_link_round_trip_seconds{", "actorft_pair_health{",
                 })
            Assert.Contains("\n" + line, text, StringComparison.Ordinal);
        Assert.Matches("""actorft_replication_lag_seconds\{[^}]*machine="debian"[^}]*\} 0\.0015""", text);
        Match flush = Regex.Match(text, """actorft_disk_request_seconds_bucket\{(?=[^}]*server="server-a")(?=[^}]*machine="debian")(?=[^}]*disk="root")(?=[^}]*operation="flush")[^}]*le="0\.005"[^}]*\} 1\b""");
        Assert.True(flush.Success, text);
        Assert.Matches("""actorft_disk_machine_flush_seconds_bucket\{(?=[^}]*server="server-a")(?=[^}]*machine="debian")(?=[^}]*disk="root")[^}]*le="0\.00125"[^}]*\} 1\b""", text);
    }

    [Fact]
    public async Task Without_a_cluster_Akkas_routes_say_so_in_Akkas_words()
    {
        using HttpResponseMessage answer = await _node.Client.GetAsync("/bootstrap/seed-nodes");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("""{"error":{"reason":"not available","message":"Clustering is not available"},"code":503,"message":"Clustering is not available"}""", await answer.Content.ReadAsStringAsync());
        using HttpResponseMessage remote = await _node.Client.GetAsync("/remote/address");
        Assert.Contains("Remoting is not available", await remote.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using HttpResponseMessage post = await _node.Post("/bootstrap/seed-nodes");
        Assert.Equal(HttpStatusCode.NotFound, post.StatusCode);
    }

    [Fact]
    public async Task The_page_lets_the_browser_run_its_own_script_only()
    {
        using HttpResponseMessage page = await _node.Client.GetAsync("/");
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("default-src 'none'; script-src 'sha256-", policy, StringComparison.Ordinal);
        string html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("http://", html.Replace("http://www.w3.org/", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("https://", html, StringComparison.Ordinal);
    }
}
