using ActorFT.Cluster.Faults;
using ActorFT.EndToEnd.Scripts;
using Xunit;

namespace ActorFT.EndToEnd.Operate;

/// <summary>The table has every fault that the product knows.</summary>
public sealed class FaultTableTests
{
    [Fact]
    public void Everything_that_can_be_injected_is_in_the_table_and_what_a_server_has_on_either_one()
    {
        foreach (string injected in FaultTable.Injectable)
        {
            string[] names = [.. FaultTable.All.Where(one => one.Injects == injected).Select(one => one.Name)];
            Assert.True(names.Length != 0, $"No case injects {injected}.");
            if (injected == "link") continue; // both servers have it
            Assert.True(names.Any(name => name.Contains("leader", StringComparison.Ordinal)) && names.Any(name => name.Contains("follower", StringComparison.Ordinal)), $"{injected} is only in {string.Join(", ", names)}.");
        }

        Assert.All(FaultTable.All, one => Assert.True(one.Injects.Length == 0 || FaultTable.Injectable.Contains(one.Injects), one.Injects));
        Assert.Equal(FaultTable.All.Length, FaultTable.All.DistinctBy(one => one.Name).Count());
        Assert.Equal(4, FaultTable.Short.Length);
    }

    [Fact]
    public void Every_kind_of_fault_is_in_the_table_or_in_the_test_that_is_named_beside_it()
    {
        string[] known = [.. FaultCatalog.All.Where(kind => kind.Diagnosis.Length != 0).Select(kind => kind.Kind)];
        string[] made = [.. FaultTable.All.SelectMany(one => (string[])[one.Event, .. one.Also]).Distinct()];
        Assert.All(made, kind => Assert.Contains(kind, known));
        Assert.Equal(known.Order(), made.Union(FaultTable.Elsewhere.Keys).Order());
        Assert.Empty(made.Intersect(FaultTable.Elsewhere.Keys));
        string model = File.ReadAllText(Path.Combine(Script.Root, "docs", "failure-model.md"));
        foreach ((string kind, (string file, string word)) in FaultTable.Elsewhere)
        {
            if (file.Length == 0) Assert.Contains($"`{kind}`", model[model.IndexOf("No test makes", StringComparison.Ordinal)..], StringComparison.Ordinal);
            else Assert.Contains(word, File.ReadAllText(Path.Combine(Script.Root, "tests", file)), StringComparison.Ordinal);
        }
    }
}
