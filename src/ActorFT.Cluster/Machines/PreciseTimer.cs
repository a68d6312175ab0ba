namespace ActorFT.Cluster.Machines;

/// <summary>
/// Wakes a machine's coordinator: at a fixed interval, and once at a moment that the coordinator sets. Akka's scheduler ticks every
/// 10 ms, which is too coarse for guest timers; this is a thread that sleeps to the moment (to some 60 µs on Linux).
/// </summary>
internal sealed class PreciseTimer : IDisposable
{
    private readonly object _lock = new();
    private readonly ulong _tickNs;
    private readonly Action _tick, _wake;
    private readonly Thread _thread;
    private ulong _wakeAtNs = ulong.MaxValue;
    private bool _stopping;

    /// <summary>Starts the thread; both callbacks run on it and must only hand over.</summary>
    public PreciseTimer(string name, ulong tickNs, Action tick, Action wake)
    {
        (_tickNs, _tick, _wake) = (tickNs, tick, wake);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Sets the one moment, replacing the one before; <see cref="ulong.MaxValue"/> for none.</summary>
    public void WakeAt(ulong ns)
    {
        lock (_lock)
        {
            bool isSooner = ns < _wakeAtNs;
            _wakeAtNs = ns;
            if (isSooner) Monitor.Pulse(_lock);
        }
    }

    private void Run()
    {
        ulong nextTick = MonotonicClock.NowNs + _tickNs;
        while (true)
        {
            bool isTick = false, isWake = false;
            lock (_lock)
            {
                if (_stopping) return;
                ulong now = MonotonicClock.NowNs, due = Math.Min(nextTick, _wakeAtNs);
                if (due > now)
                {
                    Monitor.Wait(_lock, TimeSpan.FromTicks((long)Math.Max((due - now) / 100, 1)));
                    now = MonotonicClock.NowNs;
                }

                if (_stopping) return;
                if (now >= _wakeAtNs)
                {
                    isWake = true;
                    _wakeAtNs = ulong.MaxValue;
                }

                if (now >= nextTick)
                {
                    isTick = true;
                    nextTick = now + _tickNs;
                }
            }

            if (isWake) _wake();
            if (isTick) _tick();
        }
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stopping = true;
            Monitor.Pulse(_lock);
        }

        _thread.Join();
    }
}
