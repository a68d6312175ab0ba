using ActorFT.Node.Running;
using Xunit;

namespace ActorFT.Node.Tests.Running;

public sealed class RoundClockTests
{
    [Fact]
    public void The_clock_goes_on_from_the_machines_time()
    {
        long host = 500;
        var clock = new RoundClock(1_000_000, () => host);
        Assert.Equal(1_000_000UL, clock.NowNs);
        host = 750;
        Assert.Equal(1_000_250UL, clock.NowNs);
    }

    [Fact]
    public void A_host_clock_that_goes_back_never_takes_the_machine_before_its_start()
    {
        long host = 500;
        var clock = new RoundClock(1_000, () => host);
        host = 400;
        Assert.Equal(1_000UL, clock.NowNs);
    }
}
