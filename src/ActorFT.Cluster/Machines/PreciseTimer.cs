using ActorFT.Network.Native;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// Wakes a machine's coordinator: at a fixed interval, and once at a moment that the coordinator sets. Akka's scheduler ticks every
/// 10 ms and .NET's waits count whole ones, which is too coarse for guest timers; this is a thread that sleeps in the kernel to the moment (to
/// some 60 µs on Linux).
/// </summary>
internal sealed class PreciseTimer : IDisposable
{
    private readonly object _lock = new();
    private readonly WakeEvent _woken = new();
    private readonly ulong _tickNs;
    private readonly Action _tick, _wake;
    private readonly Thread _thread;
    private ulong _wakeAtNs = ulong.MaxValue;
    private bool _stopping;
    private long _turns;

    /// <summary>Starts the thread; both callbacks run on it and must only hand over.</summary>
    public PreciseTimer(string name, ulong tickNs, Action tick, Action wake)
    {
        (_tickNs, _tick, _wake) = (tickNs, tick, wake);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>How often the thread looked for something to do: some once a call, or it would burn the host's time.</summary>
    public long Turns => Interlocked.Read(ref _turns);

    /// <summary>Sets the one moment, replacing the one before; <see cref="ulong.MaxValue"/> for none.</summary>
    public void WakeAt(ulong ns)
    {
        bool isSooner;
        lock (_lock)
        {
            isSooner = ns < _wakeAtNs;
            _wakeAtNs = ns;
        }

        if (isSooner) _woken.Signal();
    }

    private void Run()
    {
        HostThread.Prefer();
        ulong nextTick = MonotonicClock.NowNs + _tickNs;
        while (true)
        {
            Interlocked.Increment(ref _turns);
            bool isTick, isWake;
            ulong now, due;
            lock (_lock)
            {
                if (_stopping) return;
                now = MonotonicClock.NowNs;
                due = Math.Min(nextTick, _wakeAtNs);
                isWake = now >= _wakeAtNs;
                isTick = now >= nextTick;
                if (isWake) _wakeAtNs = ulong.MaxValue;
                if (isTick) nextTick = now + _tickNs;
            }

            if (isWake) _wake();
            if (isTick) _tick();
            if (due > now) _woken.Wait(due - now);
        }
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        lock (_lock) _stopping = true;
        _woken.Signal();
        if (Thread.CurrentThread != _thread) _thread.Join();
        _woken.Dispose();
    }
}
