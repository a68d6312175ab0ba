using System.Net;
using System.Text.Json;
using ActorFT.Management.Tests.Support;
using AkkaCluster = Akka.Cluster.Cluster;
using Xunit;

namespace ActorFT.Management.Tests;

/// <summary>Akka.Management's JSON, byte for byte where it is a contract, from a real one-node cluster.</summary>
public sealed class AkkaContractTests : IAsyncLifetime
{
    private FakeNode _node = null!;
    private Akka.Actor.Address _address = null!;

    public async Task InitializeAsync()
    {
        _node = await FakeNode.StartAsync(hocon: """
            akka.actor.provider = cluster
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
            akka.cluster.roles = ["server"]
            """);
        AkkaCluster cluster = AkkaCluster.Get(_node.System);
        _address = cluster.SelfAddress;
        Assert.Equal("""[]""", (await _node.GetJson("/bootstrap/seed-nodes")).GetProperty("Nodes").GetRawText()); // not joined yet
        await cluster.JoinAsync(_address).WaitAsync(TimeSpan.FromSeconds(20));
        JsonElement members = default;
        for (int i = 0; i < 400; i++, await Task.Delay(50))
        {
            members = await _node.GetJson("/cluster/members");
            if (members.TryGetProperty("leader", out _) && members.TryGetProperty("oldest", out _) && members.GetProperty("members").EnumerateArray().Any(member => member.GetProperty("status").GetString() == "Up")) return;
        }

        Assert.Fail($"The node's cluster of one is not up after 20 s: {members}");
    }

    public Task DisposeAsync() => _node.DisposeAsync().AsTask();

    [Fact]
    public async Task Every_route_has_Akkas_shape()
    {
        long uid = AkkaCluster.Get(_node.System).SelfUniqueAddress.Uid;
        string self = $$"""{"Host":"127.0.0.1","Port":{{_address.Port}},"System":"actorft","Protocol":"akka.tcp","HasLocalScope":false,"HasGlobalScope":true}""";
        Assert.Equal($$"""{"SelfNode":{{self}},"Nodes":[{"Node":{{self}},"NodeUid":{{uid}},"Status":1,"Roles":["server"]}]}""", await _node.Client.GetStringAsync("/bootstrap/seed-nodes"));
        Assert.Equal($$"""{"Address":"{{_address}}"}""", await _node.Client.GetStringAsync("/remote/address"));
        string member = $$"""{"node":"{{_address}}","nodeUid":"{{uid}}","status":"Up","roles":["server"]}""";
        Assert.Equal($$$"""{"selfNode":"{{{_address}}}","members":[{{{member}}}],"unreachable":[],"leader":"{{{_address}}}","oldest":"{{{_address}}}","oldestPerRole":{"server":"{{{_address}}}"}}""",
            await _node.Client.GetStringAsync("/cluster/members"));
        Assert.Equal(member, await _node.Client.GetStringAsync($"/cluster/members/{Uri.EscapeDataString(_address.ToString())}"));
        Assert.Equal(member, await _node.Client.GetStringAsync($"/cluster/members/{_address}"));
        Assert.Equal(member, await _node.Client.GetStringAsync($"/cluster/members/actorft@127.0.0.1:{_address.Port}"));
        using HttpResponseMessage unknown = await _node.Client.GetAsync("/cluster/members/actorft@10.9.9.9:1");
        Assert.Equal((HttpStatusCode.NotFound, """{"message":"Member [actorft@10.9.9.9:1] not found"}"""), (unknown.StatusCode, await unknown.Content.ReadAsStringAsync()));
        using HttpResponseMessage put = await _node.Client.PutAsync($"/cluster/members/{_address}", new StringContent("operation=Down"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, put.StatusCode);
    }

    [Fact]
    public async Task The_clusters_state_comes_first_in_its_event_stream()
    {
        using StreamReader reader = new(await _node.Client.GetStreamAsync("/cluster/domain-events?type=MemberEvent"));
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(10));
        string? line;
        while ((line = await reader.ReadLineAsync(limit.Token)) != "event:MemberUp") Assert.NotNull(line);
        JsonElement data = JsonDocument.Parse((await reader.ReadLineAsync(limit.Token))!["data:".Length..]).RootElement;
        Assert.Equal("MemberUp", data.GetProperty("type").GetString());
        Assert.Equal(_address.ToString(), data.GetProperty("member").GetProperty("uniqueAddress").GetProperty("address").GetString());
    }
}
