using System.Net.Sockets;
using System.Text;
using ActorFT.Node.Running;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Running;

/// <summary>What a service manager is told (Type=notify).</summary>
public sealed class ServiceManagerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    private string Receive()
    {
        _manager.ReceiveTimeout = 60_000;
        byte[] buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Readiness_and_the_way_out_are_told_on_a_path_and_on_an_abstract_address(bool isAbstract)
    {
        string address = isAbstract ? "@actorft-test-" + Guid.NewGuid().ToString("N") : Path.Combine(_folder.Root, "notify");
        _manager.Bind(new UnixDomainSocketEndPoint(isAbstract ? "\0" + address[1..] : address));
        using ServiceManager manager = new(address);
        manager.Ready("It works.");
        Assert.Equal("READY=1\nSTATUS=It works.", Receive());
        manager.Stopping("It stops.");
        Assert.Equal("STOPPING=1\nSTATUS=It stops.", Receive());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("/nowhere/at/all")]
    public void Without_a_manager_nothing_happens(string? address)
    {
        using ServiceManager manager = new(address);
        manager.Ready("It works.");
        manager.Watch(() => Task.FromResult(true));
    }

    // The node itself, started as systemd would: ready only when its endpoint answers.
    [Fact]
    public void A_node_says_that_it_is_ready_when_it_is_and_that_it_stops()
    {
        string address = Path.Combine(_folder.Root, "notify");
        _manager.Bind(new UnixDomainSocketEndPoint(address));
        int port = FreePort.Find();
        _folder.Write("arbiter.conf", $$"""
            actorft { role = arbiter, pair = p, name = arbiter, address = "127.0.0.1:{{port}}", data = "data", servers = ["127.0.0.1:24551", "127.0.0.1:24552"] }
            akka.management.http { hostname = "127.0.0.1", port = 0 }
            """);
        using ActorftProcess node = ActorftProcess.StartShell(_folder.Root, $"NOTIFY_SOCKET={address} JOURNAL_STREAM=8:1 exec $ACTORFT node --config arbiter.conf");
        Assert.StartsWith("READY=1\nSTATUS=arbiter is started", Receive(), StringComparison.Ordinal);
        node.Signal(ActorftProcess.SigTerm);
        Assert.StartsWith("STOPPING=1\n", Receive(), StringComparison.Ordinal);
        Assert.Equal(0, node.WaitForEnd().ExitCode);
        Assert.StartsWith("<6>arbiter is started", node.Errors, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _manager.Dispose();
        _folder.Dispose();
    }
}
