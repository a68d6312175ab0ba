using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using Xunit;

namespace ActorFT.Cluster.Tests;

/// <summary>What the pair needs of Akka.Remote: a node that was slow to start, or froze, is reached again without anyone's help.</summary>
public sealed class AssociationTests : IDisposable
{
    private readonly List<ActorSystem> _systems = [];
    private readonly TcpListener _mute = new(IPAddress.Loopback, 0);

    private ActorSystem Node(int port)
    {
        ActorSystem system = ActorSystem.Create("actorft", ConfigurationFactory.ParseString($$"""
            akka { loglevel = OFF, actor.provider = remote, remote.dot-netty.tcp { hostname = "127.0.0.1", port = {{port}} } }
            """).WithFallback(NodeRuntime.ReferenceConfig));
        _systems.Add(system);
        return system;
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => ReceiveAny(message => Sender.Tell(message));
    }

    [Fact]
    public async Task NodeThatAcceptsAndIsSilentAtFirst_IsReachedWhenItAnswers()
    {
        // A process that listens but is too busy to answer a handshake within its limit.
        _mute.Start();
        int port = ((IPEndPoint)_mute.LocalEndpoint).Port;
        ActorSystem asking = Node(0);
        ActorSelection arbiter = asking.ActorSelection($"akka.tcp://actorft@127.0.0.1:{port}/user/echo");
        DateTime silentUntil = DateTime.UtcNow + TimeSpan.FromSeconds(5);
        while (DateTime.UtcNow < silentUntil)
        {
            arbiter.Tell("query");
            await Task.Delay(100);
        }

        _mute.Stop();
        Node(port).ActorOf(Props.Create(() => new Echo()), "echo");
        await AssertIsHeard(arbiter);
    }

    [Fact]
    public async Task DialThatIsGivenUpHalfWay_LeavesNoNodeDeaf()
    {
        // Akka's endpoint manager takes both in order: the second ends the dialler while its connection is on its way. The connection is made
        // all the same, and belongs to nobody here; the other node must not write its answers on it.
        ActorSystem answering = Node(0), asking = Node(0);
        answering.ActorOf(Props.Create(() => new Echo()), "echo");
        Address address = ((ExtendedActorSystem)answering).Provider.DefaultAddress;
        ActorSelection echo = asking.ActorSelection($"{address}/user/echo");
        for (int i = 0; i < 20; i++)
        {
            echo.Tell("first");
            ((Akka.Remote.IRemoteActorRefProvider)((ExtendedActorSystem)asking).Provider).Quarantine(address, null);
            await Task.Delay(150); // the gate opens
        }

        await AssertIsHeard(echo);
    }

    private static async Task AssertIsHeard(ActorSelection echo)
    {
        DateTime until = DateTime.UtcNow + TimeSpan.FromSeconds(20);
        string? answer = null;
        while (answer is null && DateTime.UtcNow < until)
        {
            try { answer = await echo.Ask<string>("query", TimeSpan.FromMilliseconds(500)); }
            catch (AskTimeoutException) { }
        }

        Assert.Equal("query", answer);
    }

    public void Dispose()
    {
        _mute.Stop();
        foreach (ActorSystem system in _systems) system.Terminate().Wait(TimeSpan.FromSeconds(10));
    }
}
