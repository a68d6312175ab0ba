using ActorFT.Cluster.Machines;
using Akka.Dispatch;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

public sealed class MachineTimerTests : IDisposable
{
    private const ulong Ms = 1_000_000;

    private readonly MachineExecutor _executor = new("actorft.machine-dispatcher.guest");

    public void Dispose() => _executor.Shutdown();

    private MachineTimer Start(ulong tickNs, Action tick, Action wake)
    {
        MachineTimer? timer = null;
        OnThread(() => timer = MachineExecutor.Current.StartTimer(tickNs, tick, wake));
        return timer!;
    }

    private void OnThread(Action action)
    {
        using SemaphoreSlim done = new(0);
        _executor.Execute(new Run(() =>
        {
            action();
            done.Release();
        }));
        Assert.True(done.Wait(TimeSpan.FromSeconds(30)), "the thread did not take it");
    }

    [Fact]
    public void Timer_WaitingForTicks_SleepsInsteadOfSpinning()
    {
        SemaphoreSlim ticked = new(0); // not disposed: the timer goes on until the class is
        int ticks = 0;
        // Not a whole number of milliseconds: a wait that counts those would spin through the rest.
        Start(2 * Ms + 900_000, () =>
        {
            if (Interlocked.Increment(ref ticks) == 50) ticked.Release();
        }, () => { });
        Assert.True(ticked.Wait(TimeSpan.FromSeconds(30)));
        // A turn that calls, and one or two that sleep. Turns first: ticks go on while this thread waits for the processor.
        long turns = _executor.Turns;
        Assert.InRange(turns, 50, Volatile.Read(ref ticks) * 3);
    }

    [Fact]
    public void WakeAt_MomentBelowAMillisecondAway_IsCalledOnceAndNotEarlier()
    {
        SemaphoreSlim woken = new(0);
        ulong calledNs = 0;
        int calls = 0;
        MachineTimer timer = Start(60_000 * Ms, () => { }, () =>
        {
            calledNs = MonotonicClock.NowNs;
            Interlocked.Increment(ref calls);
            woken.Release();
        });
        for (int i = 1; i <= 20; i++)
        {
            ulong due = MonotonicClock.NowNs + 300_000;
            OnThread(() => timer.WakeAt(due));
            Assert.True(woken.Wait(TimeSpan.FromSeconds(30)), $"call {i} never came");
            Assert.True(calledNs >= due);
            Assert.Equal(i, calls);
        }
    }

    [Fact]
    public void WakeAt_SoonerMoment_ReplacesALaterOne()
    {
        SemaphoreSlim woken = new(0);
        MachineTimer timer = Start(60_000 * Ms, () => { }, () => woken.Release());
        OnThread(() => timer.WakeAt(MonotonicClock.NowNs + 3_600_000 * Ms));
        OnThread(() => timer.WakeAt(MonotonicClock.NowNs + Ms));
        Assert.True(woken.Wait(TimeSpan.FromSeconds(30)));
    }

    // The machine's rounds follow each other without a gap: time goes on all the same.
    [Fact]
    public void Timer_OfAThreadThatAlwaysHasWork_IsLookedAt()
    {
        SemaphoreSlim ticked = new(0); // not disposed: the timer goes on until the class is
        bool isOver = false;
        Start(2 * Ms, () => ticked.Release(), () => { });
        Run again = null!;
        again = new Run(() =>
        {
            if (!Volatile.Read(ref isOver)) _executor.Execute(again);
        });
        _executor.Execute(again);
        for (int i = 0; i < 5; i++) Assert.True(ticked.Wait(TimeSpan.FromSeconds(30)), $"{i} ticks came");
        Volatile.Write(ref isOver, true);
    }

    [Fact]
    public void Dispose_EndsIt()
    {
        int ticks = 0;
        MachineTimer timer = Start(Ms, () => ticks++, () => { });
        int atEnd = -1;
        OnThread(() =>
        {
            timer.Dispose();
            atEnd = ticks;
        });
        Thread.Sleep(20);
        int after = -1;
        OnThread(() => after = ticks);
        Assert.Equal(atEnd, after);
    }

    [Fact]
    public void Current_OnAnotherThread_SaysThatItRunsNoMachine() =>
        Assert.Contains("runs no machine", Assert.Throws<InvalidOperationException>(() => MachineExecutor.Current).Message, StringComparison.Ordinal);

    private sealed class Run(Action action) : IRunnable
    {
        void IRunnable.Run() => action();

        void IThreadPoolWorkItem.Execute() => action();
    }
}
