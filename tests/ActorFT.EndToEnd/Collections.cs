using Xunit;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("ActorFT.EndToEnd.Collections", "ActorFT.EndToEnd")]

namespace ActorFT.EndToEnd;

/// <summary>Which tests run beside which: those of one collection one after the other, and as many collections at once as the host has cores. The longest begins first.</summary>
public sealed class Collections : ITestCollectionOrderer
{
    /// <summary>Pairs of nodes. Two pairs at once on two cores take longer than one after the other.</summary>
    public const string Pairs = "pairs";

    /// <summary>Category of tests that a busy host makes slower and nothing else: scripts/test runs them beside the unit tests.</summary>
    public const string Compute = "Compute";

    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => collection.DisplayName == Pairs ? 0 : 1);
}

[CollectionDefinition(Collections.Pairs)]
public sealed class PairsDefinition;
