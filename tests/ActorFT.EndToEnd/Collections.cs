using Xunit;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("ActorFT.EndToEnd.Collections", "ActorFT.EndToEnd")]

namespace ActorFT.EndToEnd;

/// <summary>Which tests run beside which: those of one collection one after the other, and as many collections at once as the host has cores. The longest begin first.</summary>
public sealed class Collections : ITestCollectionOrderer
{
    /// <summary>Pairs of nodes that a test starts itself.</summary>
    public const string Pairs = "pairs";

    /// <summary>Pairs in the lab's network, and the scripts that make one.</summary>
    public const string Labs = "labs";

    /// <summary>Category of tests that a busy host makes slower and nothing else: scripts/test runs them beside the unit tests.</summary>
    public const string Compute = "Compute";

    private static readonly string[] s_first = [Pairs, Labs];

    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => Array.IndexOf(s_first, collection.DisplayName) is var place and >= 0 ? place : s_first.Length);
}

[CollectionDefinition(Collections.Pairs)]
public sealed class PairsDefinition;

[CollectionDefinition(Collections.Labs)]
public sealed class LabsDefinition;
