using System.Collections.Concurrent;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Tests.Support;
using Akka.Actor;
using Akka.Dispatch;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

public sealed class MachineExecutorTests : ActorSpec
{
    [Fact]
    public async Task Runnables_OfManyThreadsAndOfItself_RunOnceEach_InOrder_OnOneThread()
    {
        const int Threads = 4, Each = 20_000;
        MachineExecutor executor = new("actorft.machine-dispatcher.guest");
        List<(int From, int Number)> ran = [];
        HashSet<int> threads = [];
        using CountdownEvent all = new(Threads * Each * 2);
        await Task.WhenAll([.. Enumerable.Range(0, Threads).Select(from => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                int number = i;
                executor.Execute(new Run(() =>
                {
                    ran.Add((from, number));
                    threads.Add(Environment.CurrentManagedThreadId);
                    executor.Execute(new Run(() => all.Signal()));
                    all.Signal();
                }));
            }
        }))]);
        Assert.True(all.Wait(TimeSpan.FromSeconds(60)), $"{all.CurrentCount} of {all.InitialCount} did not run");
        Assert.Single(threads);
        Assert.All(ran.GroupBy(run => run.From), group => Assert.Equal(Enumerable.Range(0, Each), group.Select(run => run.Number)));
        executor.Shutdown();
    }

    // A signal that is given while another one is being taken must not be lost: the machine would stand still.
    [Fact]
    public void Runnables_TwoAtATime_AreNeverForgotten()
    {
        MachineExecutor executor = new("actorft.machine-dispatcher.guest");
        int ran = 0;
        Run run = new(() => Interlocked.Increment(ref ran));
        for (int i = 1; i <= 100_000; i++)
        {
            executor.Execute(run);
            executor.Execute(run);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref ran) == 2 * i, TimeSpan.FromSeconds(30)), $"{Volatile.Read(ref ran)} of {2 * i} ran");
        }

        executor.Shutdown();
    }

    [Fact]
    public void Shutdown_WhatIsQueuedStillRuns_AndWhatComesLaterIsRejected()
    {
        MachineExecutor executor = new("actorft.machine-dispatcher.guest");
        using ManualResetEventSlim held = new();
        ConcurrentQueue<string> ran = [];
        executor.Execute(new Run(held.Wait));
        executor.Execute(new Run(() =>
        {
            ran.Enqueue("queued");
            executor.Execute(new Run(() => ran.Enqueue("caused by it")));
        }));
        executor.Shutdown();
        Assert.Throws<RejectedExecutionException>(() => executor.Execute(new Run(() => ran.Enqueue("late"))));
        held.Set();
        Assert.True(SpinWait.SpinUntil(() => ran.Count == 2, TimeSpan.FromSeconds(30)), $"ran: {string.Join(", ", ran)}");
        Assert.Equal(["queued", "caused by it"], ran);
    }

    [Fact]
    public void EachMachine_HasOneThread_AndNotAnotherMachines()
    {
        Props props = Props.Create(() => new TellsItsThread());
        Dictionary<string, int> threads = [];
        foreach (string machine in (string[])["one", "two"])
        {
            string id = MachineDispatcher.Of(Sys, machine);
            Assert.Equal(id, MachineDispatcher.Of(Sys, machine));
            threads[machine] = ThreadOf(Sys.ActorOf(props.WithDispatcher(id)));
            Assert.Equal(threads[machine], ThreadOf(Sys.ActorOf(props.WithDispatcher(id))));
        }

        Assert.NotEqual(threads["one"], threads["two"]);
    }

    private int ThreadOf(IActorRef actor)
    {
        actor.Tell("which?", TestActor);
        return ExpectMsg<int>(Bound);
    }

    private sealed class TellsItsThread : UntypedActor
    {
        protected override void OnReceive(object message) => Sender.Tell(Environment.CurrentManagedThreadId);
    }

    private sealed class Run(Action action) : IRunnable
    {
        void IRunnable.Run() => action();

        void IThreadPoolWorkItem.Execute() => action();
    }
}
