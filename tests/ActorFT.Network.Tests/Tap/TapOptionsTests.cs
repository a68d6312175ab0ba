using ActorFT.Network.Tap;

namespace ActorFT.Network.Tests.Tap;

public sealed class TapOptionsTests
{
    [Theory]
    [InlineData("aft0")]
    [InlineData("aft%d")]
    [InlineData("a23456789012345")]
    public void Name_Allowed_IsAccepted(string name) => new TapOptions { Name = name, Bridge = "br-1.5_x", MtuBytes = 9000 }.Validate();

    [Fact]
    public void Probe_NotAllowed_IsRefusedInOneSentence()
    {
        Assert.Contains("probe-target = 'fe80::1' is not allowed: an IPv4 address", Refusal(new() { ProbeTarget = System.Net.IPAddress.Parse("fe80::1") }), StringComparison.Ordinal);
        Assert.Contains("probe-interval = 9 is not allowed: 10 to 60000.", Refusal(new() { ProbeIntervalMs = 9 }), StringComparison.Ordinal);
        Assert.Contains("probe-misses-allowed = 0 is not allowed: 1 to 100.", Refusal(new() { ProbeMissesAllowed = 0 }), StringComparison.Ordinal);

        static string Refusal(TapOptions options) => Assert.Throws<NetworkConfigurationException>(options.Validate).Message;
    }

    [Theory]
    [InlineData("", null, null, null, "tap = ''")]
    [InlineData("a234567890123456", null, null, null, "tap = 'a234567890123456' is not an interface's name: 1 to 15")]
    [InlineData("a b", null, null, null, "tap = 'a b'")]
    [InlineData("a/b", null, null, null, "tap = 'a/b'")]
    [InlineData("..", null, null, null, "tap = '..'")]
    [InlineData("a%d%d", null, null, null, "tap = 'a%d%d'")]
    [InlineData("a%s", null, null, null, "tap = 'a%s'")]
    [InlineData("aft0", "br%d", null, null, "bridge = 'br%d'")]
    [InlineData("aft0", null, "", null, "uplink = ''")]
    [InlineData("aft0", null, null, 67, "mtu = 67 is not allowed: 68 to 65521 bytes")]
    [InlineData("aft0", null, null, 65522, "mtu = 65522 is not allowed")]
    public void Options_NotAllowed_AreRefusedInOneSentence(string name, string? bridge, string? uplink, int? mtu, string expected)
    {
        TapOptions options = new() { Name = name, Bridge = bridge, Uplink = uplink, MtuBytes = mtu };
        string message = Assert.Throws<NetworkConfigurationException>(options.Validate).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
