using Xunit;

namespace ActorFT.EndToEnd.Machines;

/// <summary>The unmodified kernel boots with every number of vCPUs the product promises, works, and powers off.</summary>
[Collection(RecordedBoots.Collection)]
public sealed class BootTests(RecordedBoots boots)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [Trait("Category", Collections.Compute)]
    public void The_guest_sees_its_vcpus_works_and_powers_off(int vcpus)
    {
        RecordedBoot boot = boots[vcpus];
        Assert.Contains($"actorft-guest: ready nproc={vcpus}", boot.Console, StringComparison.Ordinal);
        Assert.Contains("work is done", boot.Console, StringComparison.Ordinal);
        Assert.Contains("actorft-guest: script ended with 0", boot.Console, StringComparison.Ordinal);
        Assert.True(boot.Retired > 1_000_000_000, $"only {boot.Retired} instructions");
    }
}
