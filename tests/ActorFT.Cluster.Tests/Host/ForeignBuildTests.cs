using System.Collections.Concurrent;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Wire;
using Akka.Actor;
using Akka.Configuration;
using Xunit;

namespace ActorFT.Cluster.Tests.Host;

/// <summary>The wire of a build with the next version of the messages.</summary>
/// <param name="system">Called by Akka.</param>
public sealed class NextWireSerializer(ExtendedActorSystem system) : WireSerializer(system, WireSerializer.MessageVersion + 1);

/// <summary>Two builds whose messages have unlike versions: each refuses the other in a sentence, and neither misreads it.</summary>
public sealed class ForeignBuildTests : IDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);

    private readonly List<ActorSystem> _systems = [];

    private sealed class Faults : ReceiveActor
    {
        public Faults(ConcurrentQueue<FaultProtocol.Report> told) => Receive<FaultProtocol.Report>(told.Enqueue);
    }

    private sealed record Node(ActorSystem System, ConcurrentQueue<FaultProtocol.Report> Told)
    {
        public NodeAddress Address { get; } = new("127.0.0.1", ((ExtendedActorSystem)System).Provider.DefaultAddress.Port!.Value);
        public IActorRef Host { get; set; } = ActorRefs.Nobody;
    }

    private Node Make(Type wire, int port = 0)
    {
        ActorSystem system = ActorSystem.Create(NodeAddress.SystemName, ConfigurationFactory.ParseString($$"""
            akka {
              loglevel = OFF
              remote.dot-netty.tcp { hostname = "127.0.0.1", port = {{port}} }
              actor.serializers.actorft-wire = "{{wire.FullName}}, {{wire.Assembly.GetName().Name}}"
              actor.serialization-identifiers { "{{wire.FullName}}, {{wire.Assembly.GetName().Name}}" = 701 }
            }
            """).WithFallback(NodeRuntime.ReferenceConfig));
        _systems.Add(system);
        ConcurrentQueue<FaultProtocol.Report> told = [];
        system.ActorOf(Props.Create(() => new Faults(told)), FaultManagerActor.Name);
        return new Node(system, told);
    }

    private static void Begin(Node node, string name, Node peer, string peerName)
    {
        NodeConfig config = new()
        {
            FileName = "none", Text = "", Pair = "pair", Name = name, Address = node.Address, PeerName = peerName, PeerAddress = peer.Address,
            ArbiterAddress = new NodeAddress("127.0.0.1", 1), DataDirectory = "/none", StatusInterval = TimeSpan.FromMilliseconds(50),
        };
        node.Host = node.System.ActorOf(HostActor.Props(config, null, [], null, sentence => throw new InvalidOperationException(sentence)), HostActor.Name);
    }

    private static async Task<FaultProtocol.Report> Told(Node node, string kind)
    {
        DateTime until = DateTime.UtcNow + s_bound;
        while (DateTime.UtcNow < until)
        {
            if (node.Told.FirstOrDefault(report => report.Kind == kind) is { } report) return report;
            await Task.Delay(20);
        }

        throw new TimeoutException($"{kind} was not reported within {s_bound}; reported: {string.Join("; ", node.Told)}");
    }

    [Fact]
    public async Task NodeOfAnotherMessageVersion_IsRefusedWithASentenceOnBothSides_AndHeardAgainAsTheSame()
    {
        (int own, int next) = (WireSerializer.MessageVersion, WireSerializer.MessageVersion + 1);
        Node a = Make(typeof(WireSerializer)), b = Make(typeof(NextWireSerializer));
        Begin(a, "a", b, "b");
        Begin(b, "b", a, "a");
        Assert.Equal($"b runs a build whose messages have version {next}, and those of a's build have version {own}: neither understands the other.", (await Told(a, "node-refused")).Message);
        Assert.Equal($"a runs a build whose messages have version {own}, and those of b's build have version {next}: neither understands the other.", (await Told(b, "node-refused")).Message);

        HostActor.PairView view = await a.Host.Ask<HostActor.PairView>(new HostActor.GetView(), s_bound);
        Assert.Empty(view.Others);
        Assert.Equal("b runs a build that does not understand this one's messages: ask b's own endpoint.", await AnswerTo(a, new CommandProtocol.Command("leave", "", "b", "", [])));
        Assert.Single(a.Told, report => report.Kind == "node-refused");

        await b.System.Terminate();
        Node same = Make(typeof(WireSerializer), b.Address.Port);
        Begin(same, "b", a, "a");
        Assert.Equal("b and a understand each other's messages again.", (await Told(a, "node-accepted")).Message);
    }

    // Where this host stands still for seconds the other node is not heard meanwhile, and a command to it is lost.
    private static async Task<string> AnswerTo(Node node, CommandProtocol.Command command)
    {
        DateTime until = DateTime.UtcNow + s_bound;
        while (true)
        {
            try { return (await node.Host.Ask<CommandProtocol.Outcome>(command, TimeSpan.FromSeconds(2))).Sentence; }
            catch (AskTimeoutException) when (DateTime.UtcNow < until) { }
        }
    }

    public void Dispose()
    {
        foreach (ActorSystem system in _systems) system.Terminate().Wait(TimeSpan.FromSeconds(10));
    }
}
