using ActorFT.Cluster.Machines;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

public sealed class PreciseTimerTests
{
    private const ulong Ms = 1_000_000;

    [Fact]
    public void Timer_WaitingForTicks_SleepsInsteadOfSpinning()
    {
        using SemaphoreSlim ticked = new(0);
        int ticks = 0;
        // Not a whole number of milliseconds: a wait that counts those would spin through the rest.
        using PreciseTimer timer = new("timer", 2 * Ms + 900_000, () =>
        {
            if (Interlocked.Increment(ref ticks) == 50) ticked.Release();
        }, () => { });
        Assert.True(ticked.Wait(TimeSpan.FromSeconds(30)));
        // A turn that calls, a turn that sleeps. Turns first: ticks go on while this thread waits for the processor.
        long turns = timer.Turns;
        Assert.InRange(turns, 50, Volatile.Read(ref ticks) * 3);
    }

    [Fact]
    public void WakeAt_MomentBelowAMillisecondAway_IsCalledOnceAndNotEarlier()
    {
        using SemaphoreSlim woken = new(0);
        ulong calledNs = 0;
        int calls = 0;
        using PreciseTimer timer = new("timer", 60_000 * Ms, () => { }, () =>
        {
            calledNs = MonotonicClock.NowNs;
            Interlocked.Increment(ref calls);
            woken.Release();
        });
        for (int i = 1; i <= 20; i++)
        {
            ulong due = MonotonicClock.NowNs + 300_000;
            timer.WakeAt(due);
            Assert.True(woken.Wait(TimeSpan.FromSeconds(30)), $"call {i} never came");
            Assert.True(calledNs >= due);
            Assert.Equal(i, calls);
        }
    }

    [Fact]
    public void WakeAt_SoonerMoment_ReplacesALaterOne()
    {
        using SemaphoreSlim woken = new(0);
        using PreciseTimer timer = new("timer", 60_000 * Ms, () => { }, () => woken.Release());
        timer.WakeAt(MonotonicClock.NowNs + 3_600_000 * Ms);
        timer.WakeAt(MonotonicClock.NowNs + Ms);
        Assert.True(woken.Wait(TimeSpan.FromSeconds(30)));
    }
}
