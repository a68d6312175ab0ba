using ActorFT.Differential.Comparison;
using ActorFT.Differential.Isa;
using Xunit;

namespace ActorFT.Differential.Tests;

/// <summary>Our hart against QEMU, on random streams. scripts/differential runs more of the same.</summary>
public class StreamTests
{
    private const ulong Seed = 20261124;
    private const long InstructionsEach = 100_000;

    public static TheoryData<Extension> Extensions => [.. Enum.GetValues<Extension>()];

    [Theory]
    [MemberData(nameof(Extensions))]
    public void RandomStream_OnHartAndQemu_LeavesTheSameState(Extension extension)
    {
        ComparisonResult result = Campaign.Run(extension, Seed, InstructionsEach, Comparer.QemuAgainstHart);
        Assert.True(result.Reports.Count == 0, string.Join(Environment.NewLine, result.Reports));
        Assert.True(result.Compared >= InstructionsEach);
    }
}
