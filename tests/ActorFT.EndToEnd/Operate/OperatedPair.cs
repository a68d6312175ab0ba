using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ActorFT.EndToEnd.Machines;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// Two servers and an arbiter as real processes on loopback, each with its endpoint and the token, faults may be injected; the machine has a NIC
/// without a network behind it. Asked the way operators ask: HTTP and the program.
/// </summary>
internal sealed class OperatedPair : IDisposable
{
    public const string ServerA = "server-a", ServerB = "server-b", Arbiter = "arbiter";

    /// <summary>Bound for what the pair does by itself, on a busy host.</summary>
    public const double BoundSeconds = 120;

    private const int SigKill = 9, SigStop = 19, SigCont = 18;

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, ActorftProcess> _nodes = [];
    private readonly Dictionary<string, string> _ended = [];
    private readonly Dictionary<string, int> _http = [];
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(2) }) { Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Writes the three nodes' files.</summary>
    /// <param name="guestDoes">What the guest does.</param>
    /// <param name="node">More keys of actorft on the servers.</param>
    public OperatedPair(string guestDoes = "actorft.run=idle", string node = "")
    {
        int[] ports = FreePorts(10);
        _http[ServerA] = ports[7];
        _http[ServerB] = ports[8];
        _http[Arbiter] = ports[9];
        Token = _folder.Write("token", Guid.NewGuid().ToString("N"));
        foreach ((string name, string peer, int own, int other, int own0, int other0, int own1, int other1) in new[]
                 {
                     (ServerA, ServerB, ports[0], ports[1], ports[3], ports[4], ports[5], ports[6]),
                     (ServerB, ServerA, ports[1], ports[0], ports[4], ports[3], ports[6], ports[5]),
                 })
        {
            _folder.Write(name + ".conf", $$"""
                actorft {
                  role = server, pair = test, name = {{name}}, address = "127.0.0.1:{{own}}", arbiter = "127.0.0.1:{{ports[2]}}", data = "{{name}}", fault-injection = on
                  {{node}}
                  peer { name = {{peer}}, address = "127.0.0.1:{{other}}" }
                  links = [
                    { name = ft0, local = "127.0.0.1:{{own0}}", peer = "127.0.0.1:{{other0}}" }
                    { name = ft1, local = "127.0.0.1:{{own1}}", peer = "127.0.0.1:{{other1}}" }
                  ]
                  machines = [ {
                    name = guest, vcpus = 2, memory = 128 MiB, kernel = "{{Guest.Kernel}}", initrd = "{{Guest.Initrd}}"
                    append = "console=ttyS0 quiet loglevel=3 {{guestDoes}}", console = "file:{{name}}.console", nics = [ { name = lan, return-after = 1 s } ]
                  } ]
                }
                {{Endpoint(name)}}
                """);
        }

        _folder.Write(Arbiter + ".conf", $$"""
            actorft { role = arbiter, pair = test, name = arbiter, address = "127.0.0.1:{{ports[2]}}", data = "arbiter", servers = ["127.0.0.1:{{ports[0]}}", "127.0.0.1:{{ports[1]}}"] }
            {{Endpoint(Arbiter)}}
            """);
    }

    private string Endpoint(string node) => $$"""akka.management.http { hostname = "127.0.0.1", port = {{_http[node]}}, token-file = token }""";

    /// <summary>Path of the token's file.</summary>
    public string Token { get; }

    public string Url(string node) => $"http://127.0.0.1:{_http[node]}";

    public static string Other(string server) => server == ServerA ? ServerB : ServerA;

    public OperatedPair StartAll()
    {
        foreach (string node in new[] { Arbiter, ServerA, ServerB }) Start(node);
        return this;
    }

    public void Start(string node)
    {
        if (_nodes.Remove(node, out ActorftProcess? ended))
        {
            _ended[node] = _ended.GetValueOrDefault(node, "") + ended.Errors;
            ended.Dispose();
        }

        _nodes[node] = ActorftProcess.Start(_folder.Root, "node", "--config", node + ".conf");
    }

    public void Kill(string node)
    {
        _nodes[node].Signal(SigKill);
        _nodes[node].WaitForEnd();
    }

    /// <summary>SIGTERM; gives the exit code.</summary>
    public int Stop(string node)
    {
        _nodes[node].Signal(ActorftProcess.SigTerm);
        return _nodes[node].WaitForEnd(BoundSeconds).ExitCode;
    }

    public void Freeze(string node) => _nodes[node].Signal(SigStop);

    public void Thaw(string node) => _nodes[node].Signal(SigCont);

    public int Id(string node) => _nodes[node].Id;

    public void WaitForEnd(string node, int code) => Assert.Equal(code, _nodes[node].WaitForEnd(BoundSeconds).ExitCode);

    public string Log(string node) => _ended.GetValueOrDefault(node, "") + (_nodes.TryGetValue(node, out ActorftProcess? process) ? process.Errors : "");

    public string Logs => $"\n--- {ServerA}\n{Log(ServerA)}\n--- {ServerB}\n{Log(ServerB)}\n--- {Arbiter}\n{Log(Arbiter)}";

    /// <summary>A node's answer; null when it gives none.</summary>
    public string? TryGet(string node, string path)
    {
        try
        {
            return _client.GetStringAsync(Url(node) + path).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>The pair as a node tells it; null when it does not answer.</summary>
    public JsonElement? Status(string node) => TryGet(node, "/ft/status") is { } json ? JsonDocument.Parse(json).RootElement.Clone() : null;

    /// <summary>Runs the program against the three endpoints.</summary>
    public (int ExitCode, string Output, string Errors) Run(params string[] command) =>
        ActorftProcess.Run(_folder.Root, [.. command, "--url", string.Join(',', _http.Values.Select(port => $"http://127.0.0.1:{port}")), "--token-file", Token]);

    /// <summary>Runs a change that must succeed. On a host that is too busy to answer in the program's time it is asked again, as an operator would.</summary>
    public void Do(params string[] command)
    {
        (int code, string output, string errors) = RunUntil(0, command);
        Assert.True(code == 0, $"actorft {string.Join(' ', command)} ended with {code}: {output} {errors}{Logs}");
    }

    /// <summary>Runs the program until it ends with a code, within the bound; gives its last run.</summary>
    public (int ExitCode, string Output, string Errors) RunUntil(int code, params string[] command)
    {
        (int ExitCode, string Output, string Errors) last = default;
        for (long began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalSeconds < BoundSeconds;)
        {
            last = Run(command);
            if (last.ExitCode == code || (last.ExitCode != 4 && command[0] is not ("status" or "fault"))) break;
        }

        return last;
    }

    /// <summary>Waits until all three nodes say that the pair is good; gives the leader.</summary>
    public string WaitUntilGood()
    {
        string leader = "";
        string last = "";
        Wait.Until(() => new[] { ServerA, ServerB, Arbiter }.All(node =>
        {
            if (Status(node) is not { } status) return false;
            last = status.ToString();
            leader = status.GetProperty("machines") is { } machines && machines.GetArrayLength() == 1 ? machines[0].GetProperty("leader").GetString()! : "";
            return status.GetProperty("health").GetString() == "Good" && leader.Length != 0;
        }), () => $"the pair to be good; the last word is {last}{Logs}", BoundSeconds);
        return leader;
    }

    public void Dispose()
    {
        foreach (ActorftProcess process in _nodes.Values)
        {
            if (!process.HasEnded) process.Signal(SigCont);
            process.Dispose();
        }

        _client.Dispose();
        _folder.Dispose();
    }

    private static int[] FreePorts(int count)
    {
        // All are held open until all are known, so that no two are the same.
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners) listener.Dispose();
        return ports;
    }
}
