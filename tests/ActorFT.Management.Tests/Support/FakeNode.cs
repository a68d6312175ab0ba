using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Messages;
using Akka.Actor;

namespace ActorFT.Management.Tests.Support;

/// <summary>A real endpoint over a host actor that says what a test tells it to, and a real fault manager.</summary>
internal sealed class FakeNode : IAsyncDisposable
{
    public const string Token = "a-token-of-the-tests-01234";

    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-management").FullName;

    private IActorRef? _consoleWatcher;

    private FakeNode() { }

    public ActorSystem System { get; private set; } = null!;

    public IActorRef Faults { get; private set; } = null!;

    public ManagementServer Server { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public List<string> Log { get; } = [];

    /// <summary>What the host answers; null: nothing, as if it hung.</summary>
    public volatile HostActor.PairView? View = new(Statuses.Server("server-a", Statuses.Replica("Leading")), [(Statuses.Server("server-b", Statuses.Replica("Following")), 50L), (Statuses.ArbiterNode(), 50L)]);

    public List<object> Received { get; } = [];

    public CommandProtocol.Outcome? Outcome { get; set; } = new(true, "Done.");

    public IActorRef? ConsoleWatcher { get => Volatile.Read(ref _consoleWatcher); private set => Volatile.Write(ref _consoleWatcher, value); }

    public static async Task<FakeNode> StartAsync(bool hasToken = true, bool isArbiter = false, string hocon = "")
    {
        FakeNode node = new();
        string tokenFile = Path.Combine(node._folder, "token");
        await File.WriteAllTextAsync(tokenFile, Token + "\n");
        node.System = ActorSystem.Create("actorft", hocon + "\nakka.loglevel = OFF\nakka.stdout-loglevel = OFF");
        node.Faults = node.System.ActorOf(FaultManagerActor.Props(new FaultManagerOptions { Server = "server-a", Pair = "demo", Peer = "server-b", Directory = node._folder, Log = _ => { } }), FaultManagerActor.Name);
        IActorRef host = node.System.ActorOf(Props.Create(() => new FakeHost(node)), HostActor.Name);
        NodeAddress peer = new("127.0.0.1", 2), arbiter = new("127.0.0.1", 3);
        NodeConfig config = new()
        {
            FileName = "test.conf", Text = "", Pair = "demo", Name = isArbiter ? "arbiter" : "server-a", IsArbiter = isArbiter, Address = new("127.0.0.1", 1),
            PeerName = isArbiter ? "" : "server-b", PeerAddress = peer, ArbiterAddress = arbiter, ServerAddresses = isArbiter ? [peer, arbiter] : [],
            DataDirectory = node._folder, ManagementTokenFile = hasToken ? tokenFile : null,
        };
        node.Server = await ManagementServer.StartAsync(new NodeGateway(config, node.System, host, node.Faults), new IPEndPoint(IPAddress.Loopback, 0), message =>
        {
            lock (node.Log) node.Log.Add(message);
        });
        node.Client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(node.Server.Url), Timeout = TimeSpan.FromSeconds(20) };
        return node;
    }

    public async Task<JsonElement> GetJson(string path)
    {
        using JsonDocument document = JsonDocument.Parse(await Client.GetStringAsync(path));
        return document.RootElement.Clone();
    }

    public async Task<HttpResponseMessage> Post(string path, HttpContent? content = null, string? token = Token)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = content };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await Client.SendAsync(request);
    }

    /// <summary>Waits for a condition, for a bounded time.</summary>
    public async Task Until(Func<bool> condition, string what)
    {
        for (long started = Stopwatch.GetTimestamp(); !condition(); await Task.Delay(5))
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > 20) throw new TimeoutException($"Waited 20 s for {what}.");
    }

    public T[] ReceivedOf<T>()
    {
        lock (Received) return [.. Received.OfType<T>()];
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
        await System.Terminate();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class FakeHost(FakeNode node) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            switch (message)
            {
                // As new as an answer is: what this node says of itself does not grow old while a test is under way.
                case HostActor.GetView: if (node.View is { } view) Sender.Tell(view with { Own = view.Own with { AtUnixMs = Statuses.NowMs } }); break;
                case HostActor.ForMachine { Message: ConsoleActor.Watch watch }:
                    node.ConsoleWatcher = watch.Watcher;
                    watch.Watcher.Tell(new ConsoleActor.Output(100, "kept "u8.ToArray()));
                    break;
                default:
                    lock (node.Received) node.Received.Add(message);
                    if (message is CommandProtocol.Command && node.Outcome is { } outcome) Sender.Tell(outcome);
                    break;
            }
        }
    }
}
