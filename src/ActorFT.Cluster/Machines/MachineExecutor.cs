using System.Collections.Concurrent;
using ActorFT.Network.Native;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// One thread for the coordinator and the vCPUs of one machine, so that a round's messages cost no thread hand-over and no machine slows another.
/// It sleeps in the kernel while its machine is idle; the threads of Akka's own pools spin before they sleep, which an idle machine's five hundred ticks
/// a second turned into a seventh of a core. What a message on this thread causes on this thread costs no system call.
/// A disk's actor has such a thread too: what each of a guest's requests passes on its way must not wake threads that spin.
/// Invariant: each runnable is run once, in order of arrival, by one thread; after <see cref="Shutdown"/> what is queued still runs.
/// </summary>
internal sealed class MachineExecutor : ExecutorService
{
    private readonly ConcurrentQueue<IRunnable> _runnables = new();
    private readonly WakeEvent _wake = new();
    private readonly Thread _thread;
    private readonly List<MachineTimer> _timers = []; // this thread's alone
    [ThreadStatic]
    private static MachineExecutor? t_current;
    private long _turns;
    private int _entering; // threads between the look at _isShutDown and the queue
    private volatile bool _isShutDown;

    internal MachineExecutor(string id)
        : base(id)
    {
        // Linux shows 15 characters: the machine's name, which ends the id, is what tells two apart.
        _thread = new Thread(Work) { IsBackground = true, Name = id[(id.LastIndexOf('.') + 1)..] };
        _thread.Start();
    }

    /// <summary>The one whose thread calls; an actor of another dispatcher has none.</summary>
    internal static MachineExecutor Current => t_current ?? throw new InvalidOperationException($"Thread {Thread.CurrentThread.Name} runs no machine.");

    /// <summary>How often the thread looked for something to do before it slept: some once a waking, or it would burn the host's time.</summary>
    internal long Turns => Interlocked.Read(ref _turns);

    /// <summary>Starts a timer of this thread; called on it.</summary>
    internal MachineTimer StartTimer(ulong tickNs, Action tick, Action wake)
    {
        MachineTimer timer = new(this, tickNs, tick, wake);
        _timers.Add(timer);
        return timer;
    }

    internal void Remove(MachineTimer timer) => _timers.Remove(timer);

    /// <summary>Queues it; any thread.</summary>
    /// <exception cref="RejectedExecutionException">It is shut down; Akka then takes the executor that came in its place.</exception>
    public override void Execute(IRunnable run)
    {
        if (Thread.CurrentThread == _thread)
        {
            _runnables.Enqueue(run); // this thread looks again before it sleeps or ends
            return;
        }

        Interlocked.Increment(ref _entering);
        try
        {
            if (_isShutDown) throw new RejectedExecutionException($"The thread of {Id} is shut down.");
            _runnables.Enqueue(run);
        }
        finally
        {
            Interlocked.Decrement(ref _entering);
        }

        _wake.Signal();
    }

    /// <summary>The thread ends once nothing is queued; does not wait for it.</summary>
    public override void Shutdown()
    {
        _isShutDown = true;
        _wake.Signal();
    }

    // A mailbox keeps its actors' exceptions; one that comes out all the same ends the process, as it must: an actor that is never run again would
    // be a machine that neither runs nor fails.
    private void Work()
    {
        t_current = this;
        HostThread.PreferMachine();
        while (!_isShutDown)
        {
            Interlocked.Increment(ref _turns);
            while (_runnables.TryDequeue(out IRunnable? run))
            {
                run.Run();
                LookAtTimers();
            }

            _wake.Wait(LookAtTimers());
        }

        // Whoever did not see the shutdown is in the queue when no thread is on its way into it.
        SpinWait.SpinUntil(() => Volatile.Read(ref _entering) == 0);
        while (_runnables.TryDequeue(out IRunnable? run)) run.Run();
    }

    // How long the thread may sleep, in nanoseconds; none when a timer has just given it work.
    private ulong LookAtTimers()
    {
        if (_timers.Count == 0) return ulong.MaxValue;
        ulong now = MonotonicClock.NowNs, due = ulong.MaxValue;
        foreach (MachineTimer timer in _timers)
        {
            timer.Look(now);
            due = Math.Min(due, timer.DueNs);
        }

        return !_runnables.IsEmpty ? 0 : due > now ? due - now : 0;
    }
}

/// <summary>Akka makes it of <c>actorft.machine-dispatcher.executor</c>.</summary>
public sealed class MachineExecutorConfigurator : ExecutorServiceConfigurator
{
    /// <summary>Used by Akka.</summary>
    public MachineExecutorConfigurator(Config config, IDispatcherPrerequisites prerequisites)
        : base(config, prerequisites)
    {
    }

    /// <inheritdoc/>
    public override ExecutorService Produce(string id) => new MachineExecutor(id);
}

/// <summary>The dispatchers of machines' threads.</summary>
internal static class MachineDispatcher
{
    /// <summary>What they are all made of; tests use it as it is.</summary>
    internal const string Id = "actorft.machine-dispatcher";

    /// <summary>The id of one machine's own; the same for the same machine each time.</summary>
    internal static string Of(ActorSystem system, string machine) => Register(system, $"{Id}.{machine}");

    /// <summary>The id of one disk's: a disk that closes slowly holds up no other.</summary>
    internal static string OfDisk(ActorSystem system, string machine, string disk) => Register(system, $"{Id}.{machine}/{disk}");

    private static string Register(ActorSystem system, string id)
    {
        Config config = ConfigurationFactory.ParseString($"id = \"{id}\"")
            .WithFallback(system.Settings.Config.GetConfig(Id))
            .WithFallback(system.Dispatchers.DefaultDispatcherConfig);
        system.Dispatchers.RegisterConfigurator(id, new DispatcherConfigurator(config, system.Dispatchers.Prerequisites));
        return id;
    }
}
