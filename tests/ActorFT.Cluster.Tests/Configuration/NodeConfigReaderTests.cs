using ActorFT.Cluster.Configuration;
using ActorFT.Lockstep.Protocol;
using Xunit;

namespace ActorFT.Cluster.Tests.Configuration;

public sealed class NodeConfigReaderTests
{
    private const string File = "server.conf";

    private const string Peer = """peer { name = b, address = "127.0.0.1:4552" }""";
    private const string Link = """{ local = "127.0.0.1:4561", peer = "127.0.0.1:4562" }""";

    private static string Server(string more = "", string address = "127.0.0.1:4551", string peer = Peer, string arbiter = "127.0.0.1:4553", string links = Link, string role = "server",
        string outside = "") => $$"""
        actorft {
          role = {{role}}, pair = p, name = a, address = "{{address}}", arbiter = "{{arbiter}}", data = "data"
          {{peer}}
          links = [{{links}}]
          {{more}}
        }
        {{outside}}
        """;

    private static string Arbiter(string servers, string more = "") =>
        $$"""actorft { role = arbiter, pair = p, name = c, address = "127.0.0.1:4553", data = "data", servers = [{{servers}}], {{more}} }""";

    [Fact]
    public void Server_WithTheLeastThatIsNeeded_HasEveryDefault()
    {
        NodeConfig config = NodeConfigReader.Parse(Server(), "/etc/actorft/" + File);
        Assert.False(config.IsArbiter);
        Assert.Equal(("a", "b", "p"), (config.Name, config.PeerName, config.Pair));
        Assert.Equal("/etc/actorft/data", config.DataDirectory);
        Assert.Equal("akka.tcp://actorft@127.0.0.1:4552", config.PeerAddress!.ActorSystemAddress);
        Assert.Equal("ft0", Assert.Single(config.Links).Name);
        Assert.Equal(new LockstepSettings(), config.Lockstep);
        Assert.Empty(config.Machines);
        Assert.False(config.AllowsFaultInjection);
    }

    [Fact]
    public void Arbiter_KnowsTheTwoServers()
    {
        NodeConfig config = NodeConfigReader.Parse(Arbiter("\"127.0.0.1:4551\", \"[::1]:4552\""), File);
        Assert.True(config.IsArbiter);
        Assert.Equal([new NodeAddress("127.0.0.1", 4551), new NodeAddress("::1", 4552)], config.ServerAddresses.AsEnumerable());
    }

    [Fact]
    public void Lockstep_IsReadKeyByKey()
    {
        LockstepSettings read = NodeConfigReader.Parse(Server("""
            lockstep {
              commit = verified, on-divergence = hold, on-no-arbiter = prefer-b, max-record = 3 ms, digest-interval = 20 ms, heartbeat = 40 ms, silence = 700 ms
              link-down-grace = 30 ms, lag-limit = 300 ms, slow-follower = 11 s, max-isolations = 6, isolation-window = 2 h, reprotect-delay = 2 s, first-boot-wait = 4 s
            }
            """), File).Lockstep;
        Assert.Equal(new LockstepSettings
        {
            Commit = CommitMode.Verified, OnDivergence = DivergencePolicy.Hold, PreferredWithoutArbiter = "b", MaxRecordNs = 3_000_000, DigestIntervalNs = 20_000_000,
            HeartbeatNs = 40_000_000, SilenceNs = 700_000_000, LinkDownGraceNs = 30_000_000, LagLimitNs = 300_000_000, SlowFollowerNs = 11_000_000_000,
            MaxIsolations = 6, IsolationWindowNs = 7_200_000_000_000, ReprotectDelayNs = 2_000_000_000, FirstBootWaitNs = 4_000_000_000,
        }, read);
    }

    [Theory]
    [InlineData("50 ms", 2_500)]
    [InlineData("500 ms", 2_500)]
    [InlineData("10 s", 50_000)]
    public void ReportLifetime_IsNeverShorterThanFiveReports(string interval, int lifetimeMs) =>
        Assert.Equal(lifetimeMs, NodeConfigReader.Parse(Server($"status-interval = {interval}"), File).ReportLifetime.TotalMilliseconds);

    // What reference.conf tells operators is what the program does, and no key of it is unknown to the reader.
    [Fact]
    public void ReferenceConf_SaysTheProgramsOwnDefaults()
    {
        using Stream stream = typeof(NodeRuntime).Assembly.GetManifestResourceStream("ActorFT.Cluster.reference.conf")!;
        string reference = new StreamReader(stream).ReadToEnd();
        NodeConfig defaults = NodeConfigReader.Parse(Server(), File);
        NodeConfig documented = NodeConfigReader.Parse(reference + "\n" + Server(), File);
        Assert.Equal(defaults.Lockstep, documented.Lockstep);
        Assert.Equal(defaults.ResyncBytesPerSecond, documented.ResyncBytesPerSecond);
        Assert.Equal(defaults.MemoryScrubBytesPerSecond, documented.MemoryScrubBytesPerSecond);
        Assert.Equal(defaults.StatusInterval, documented.StatusInterval);
        Assert.Equal(defaults.Disks with { Worker = documented.Disks.Worker }, documented.Disks);
        Assert.Equal(defaults.Disks.Worker.StallDeadline, documented.Disks.Worker.StallDeadline);
        Assert.Equal(defaults.Disks.Mirror.StallBehindMs, documented.Disks.Mirror.StallBehindMs);
        Assert.Equal(defaults.AllowsFaultInjection, documented.AllowsFaultInjection);
        Assert.Equal(defaults.Faults.Policies, documented.Faults.Policies);
        Assert.Equal(defaults.Faults.Alerts with { Command = [] }, documented.Faults.Alerts with { Command = [] });
        // Every key that the reader knows is documented.
        Akka.Configuration.Config lockstep = NodeRuntime.ReferenceConfig.GetConfig("actorft.lockstep");
        string[] keys = ["commit", "flush", "on-divergence", "on-no-arbiter", "max-record", "digest-interval", "heartbeat", "silence", "link-down-grace", "lag-limit",
            "slow-follower", "max-isolations", "isolation-window", "reprotect-delay", "first-boot-wait", "resync-rate", "memory-scrub-rate"];
        Assert.All(keys, key => Assert.True(lockstep.HasPath(key), $"actorft.lockstep.{key} is not in reference.conf"));
    }

    public static TheoryData<string, string[]> Mistakes => new()
    {
        { "", ["actorft is missing"] },
        { "actorft { role = server", [File] },
        { Server(role: "judge"), ["role", "judge", "server", "arbiter"] },
        { Server(peer: ""), ["actorft.peer is missing", "two servers"] },
        { Server(peer: """peer { name = a, address = "127.0.0.1:4552" }"""), ["peer.name", "a", "another name"] },
        { Server(peer: """peer { name = "b c", address = "127.0.0.1:4552" }"""), ["peer.name", "b c"] },
        { Server(peer: """peer { name = b, adress = "127.0.0.1:4552" }"""), ["adress", "address"] },
        { Server(address: "server-a:4551"), ["address", "server-a:4551", "IP:PORT"] },
        { Server(address: "127.0.0.1"), ["address", "127.0.0.1", "IP:PORT"] },
        { Server(address: "127.0.0.1:0"), ["address", "127.0.0.1:0"] },
        { Server(address: "127.0.0.1:70000"), ["address", "70000"] },
        { Server(address: "127.0.0.1:4552"), ["actorft.address and actorft.peer.address", "127.0.0.1:4552", "of its own"] },
        { Server(address: "127.0.0.1:4561"), ["actorft.address and actorft.links[0].local", "127.0.0.1:4561"] },
        { Server(address: "127.0.0.1:4562"), ["actorft.address and actorft.links[0].peer", "127.0.0.1:4562"] },
        { Server(links: $$"""{{Link}}, { local = "127.0.0.1:4563", peer = "127.0.0.1:4562" }"""), ["actorft.links[0].peer and actorft.links[1].peer", "127.0.0.1:4562"] },
        { Server(arbiter: "127.0.0.1:4552"), ["actorft.peer.address and actorft.arbiter", "127.0.0.1:4552"] },
        { Server(outside: "akka.management.http { hostname = \"127.0.0.1\", port = 4551 }"), ["akka.management.http", "127.0.0.1:4551"] },
        { Server(links: ""), ["links", "empty", "list"] },
        { Server(links: $"{Link}, {Link}"), ["127.0.0.1:4561"] },
        { Server(links: """{ local = "127.0.0.1:1", peer = "127.0.0.1:2" }, { local = "127.0.0.1:3", peer = "127.0.0.1:4" }, { local = "127.0.0.1:5", peer = "127.0.0.1:6" }"""), ["links", "3"] },
        { Server("""lockstep { comit = verified }"""), ["comit", "commit"] },
        { Server("""lockstep { commit = maybe }"""), ["commit", "maybe", "received", "verified"] },
        { Server("""lockstep { on-no-arbiter = prefer-c }"""), ["on-no-arbiter", "prefer-c", "prefer-a", "prefer-b"] },
        { Server("""lockstep { silence = 100 ms }"""), ["silence", "100", "three heartbeats"] },
        { Server("""lockstep { max-isolations = 0 }"""), ["max-isolations", "0", "1"] },
        { Server("fault-injection = perhaps"), ["fault-injection", "perhaps"] },
        { Server("faults { policys { } }"), ["faults.policys", "faults.policies"] },
        { Server("faults { policies { link { action = failover } } }"), ["faults.policies.link.action", "failover", "alert, isolate"] },
        { Server("faults { policies { nic { max-faults = -1 } } }"), ["faults.policies.nic.max-faults", "-1", "0 to 1000"] },
        { Server("faults { policies { nic { window = 1 } } }"), ["faults.policies.nic.window", "1", "unit"] },
        { Server("faults { alerts { command = [\"page\"] } }"), ["faults.alerts.command", "page", "absolute path"] },
        { Server("faults { alerts { webhook = \"ftp://host/\" } }"), ["faults.alerts.webhook", "ftp://host/", "http"] },
        { Server("faults { alerts { webhook = \"http://host/\", webhook-ca = \"x.pem\" } }"), ["faults.alerts.webhook-ca", "x.pem", "https"] },
        { Server("faults { alerts { webhook = \"https://host/\", webhook-ca = \"no-such.pem\" } }"), ["faults.alerts.webhook-ca", "no-such.pem", "does not exist"] },
        { Server("faults { alerts { syslog = \"host\" } }"), ["faults.alerts.syslog", "host", "HOST:PORT"] },
        { Server("faults { alerts { min-severity = info } }"), ["faults.alerts.min-severity", "info", "warning, error, critical"] },
        { Server("machine-s = []"), ["machine-s", "machines"] },
        { Server(outside: "aktor { }"), ["aktor"] },
        { Arbiter("\"127.0.0.1:4551\""), ["servers", "two servers"] },
        { Arbiter("\"127.0.0.1:4551\", \"127.0.0.1:4551\""), ["servers", "127.0.0.1:4551"] },
        { Arbiter("\"127.0.0.1:4551\", \"127.0.0.1:4552\"", "links = []"), ["links"] },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void Mistake_IsOneSentence_ThatNamesKeyValueAndWhatIsAllowed(string text, string[] named)
    {
        OperatorException refused = Assert.Throws<OperatorException>(() => NodeConfigReader.Parse(text, File));
        Assert.All(named, word => Assert.Contains(word, refused.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', refused.Message);
        Assert.True(refused.Message[^1] is '.' or '?', refused.Message);
    }
}
