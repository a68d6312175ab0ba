using System.Net;
using ActorFT.Network.Links;

namespace ActorFT.Network.Tests.Links;

public sealed class LinkOptionsTests
{
    private static readonly LinkPathOptions Path = new()
    {
        Name = "ft0",
        Local = new IPEndPoint(IPAddress.Loopback, 7400),
        Peer = new IPEndPoint(IPAddress.Loopback, 7401),
    };

    private static readonly LinkOptions Good = new() { PairName = "p", ServerName = "b", PeerName = "a", Paths = [Path] };

    public static TheoryData<LinkOptions, string> Bad => new()
    {
        { Good with { PairName = "" }, "pair name '' is not allowed" },
        { Good with { ServerName = new string('x', 65) }, "server name 'xxx" },
        { Good with { PeerName = "b" }, "server and peer are both called 'b'" },
        { Good with { Paths = [] }, "an FT link has 1 to 4 paths, not 0" },
        { Good with { Paths = [Path, Path, Path, Path, Path] }, "an FT link has 1 to 4 paths, not 5" },
        { Good with { Paths = [Path, Path] }, "two paths are called 'ft0'" },
        { Good with { Paths = [Path, Path with { Name = "ft1" }] }, "paths 'ft0' and 'ft1' share the address 127.0.0.1:7400" },
        { Good with { Paths = [Path with { Local = new IPEndPoint(IPAddress.Loopback, 0) }] }, "path 'ft0' has port 0" },
        { Good with { HeartbeatMs = 0 }, "heartbeat = 0 ms is not allowed: 1 to 10000 ms" },
        { Good with { SilentAfterMs = 99 }, "silent-after = 99 ms is not allowed: 100 to" },
        { Good with { DeadAfterMs = 100 }, "dead-after = 100 ms is not allowed: 400 to" },
        { Good with { ReconnectMaxMs = 1 }, "reconnect-max = 1 ms is not allowed: 50 to" },
    };

    [Fact]
    public void Options_Good_AreAccepted() => Good.Validate();

    [Theory]
    [MemberData(nameof(Bad))]
    public void Options_NotAllowed_AreRefusedInOneSentence(LinkOptions options, string expected)
    {
        string message = Assert.Throws<NetworkConfigurationException>(options.Validate).Message;
        Assert.StartsWith("FT link: " + expected, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dialler_IsExactlyOneOfTheTwo()
    {
        Assert.False(Good.IsDialler);
        Assert.True((Good with { ServerName = "a", PeerName = "b" }).IsDialler);
    }
}
