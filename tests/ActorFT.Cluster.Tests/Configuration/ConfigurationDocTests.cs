using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Cluster.Tests.Configuration;

public sealed class ConfigurationDocTests
{
    [Fact]
    public void The_document_is_what_the_reference_configuration_says()
    {
        string path = Path.Combine(Repository.Root, "docs", "configuration.md"), made = ConfigurationDoc.Make(Repository.Root);
        if (Environment.GetEnvironmentVariable("ACTORFT_WRITE_DOCS") == "1") File.WriteAllText(path, made);
        Assert.Equal(made, File.ReadAllText(path));
    }

    [Fact]
    public void Every_key_of_the_reference_configuration_is_in_it_with_its_default()
    {
        string made = ConfigurationDoc.Make(Repository.Root);
        foreach ((string key, Akka.Configuration.Hocon.HoconValue value) in Leaves("actorft", NodeRuntime.ReferenceConfig.GetValue("actorft")))
            Assert.Contains($"| `{key}` | ", made, StringComparison.Ordinal);
    }

    private static IEnumerable<(string, Akka.Configuration.Hocon.HoconValue)> Leaves(string key, Akka.Configuration.Hocon.HoconValue value) => value.IsObject()
        ? value.GetObject().Items.SelectMany(one => Leaves($"{key}.{one.Key}", one.Value))
        : [(key, value)];

    [Fact]
    public void Every_setting_of_actorft_has_a_meaning()
    {
        string[] without = [.. ConfigurationDoc.Make(Repository.Root).Split('\n').Where(line => line.StartsWith("| `actorft.", StringComparison.Ordinal) && line.EndsWith("|  |", StringComparison.Ordinal))
            .Where(line => !line.Contains("-dispatcher.", StringComparison.Ordinal) && !line.Contains(".policies.", StringComparison.Ordinal))];
        Assert.Empty(without);
    }
}
