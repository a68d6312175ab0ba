using ActorFT.Differential.Comparison;
using ActorFT.Differential.Generation;
using ActorFT.Differential.Isa;
using Xunit;

namespace ActorFT.Differential.Tests;

public class CompressedTests
{
    [Fact]
    public void EveryCompressedWord_OnHartAndQemu_DoesTheSame()
    {
        const int words = 3 << 14, branches = 1 << 11;
        ComparisonResult result = Comparer.QemuAgainstHart.Compare(CompressedWords.All(), Extension.C, "all compressed words");
        Assert.True(result.Reports.Count == 0, string.Join(Environment.NewLine, result.Reports));
        // Branches come twice, taken and not taken.
        Assert.Equal(words + 2 * branches - CompressedWords.EndlessJumps, CompressedWords.All().Count());
        // Reserved words trap: these ranges alone are that many.
        Assert.True(result.Trapped > 2048, $"{result.Trapped} words trapped");
    }
}
