using System.Text.RegularExpressions;
using ActorFT.Cluster.Machines;
using ActorFT.Management.Tests.Support;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Management.Tests;

/// <summary>What the Grafana dashboard, the alert rules and the document ask for is what /metrics gives.</summary>
public sealed partial class MetricNamesTests
{
    [GeneratedRegex(@"\bactorft_[a-z_]+")]
    private static partial Regex Names();

    [Theory]
    [InlineData("config/grafana/actorft.json")]
    [InlineData("config/prometheus-alerts.yml")]
    [InlineData("docs/management.md")]
    public async Task Every_metric_that_is_asked_for_is_given(string file)
    {
        await using FakeNode node = await FakeNode.StartAsync();
        await node.GetJson("/ft/status");
        ClusterMeters.OutputHold.Record(0.001);
        ClusterMeters.DiskRequest.Record(0.001);
        ClusterMeters.MachineFlush.Record(0.001);
        string metrics = await node.Client.GetStringAsync("/metrics");
        string[] asked = [.. Names().Matches(File.ReadAllText(Path.Combine(Repository.Root, file))).Select(match => match.Value).Distinct()];
        Assert.True(asked.Length > 5);
        Assert.All(asked, name => Assert.Matches($"(?m)^{name}(_bucket)?\\{{", metrics));
        if (file.EndsWith(".json", StringComparison.Ordinal)) System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, file))).Dispose();
    }
}
