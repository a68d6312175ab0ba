using Xunit;

namespace ActorFT.Management.Tests;

public sealed class RequestBudgetTests
{
    [Fact]
    public void A_burst_is_served_then_so_many_a_second_however_many_ask()
    {
        long now = 0;
        RequestBudget budget = new(100, 50, () => now);
        Assert.Equal(50, Enumerable.Range(0, 1_000).Count(_ => budget.TryTake()));
        int served = 0;
        for (; now < 10_000; now++) served += budget.TryTake() ? 1 : 0;
        Assert.InRange(served, 998, 1_001);
        now += 3_600_000;
        Assert.Equal(50, Enumerable.Range(0, 1_000).Count(_ => budget.TryTake()));
        now -= 1_000; // a clock that falls gives nothing, and takes nothing
        Assert.False(budget.TryTake());
    }
}
