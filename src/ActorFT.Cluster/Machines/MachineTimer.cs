namespace ActorFT.Cluster.Machines;

/// <summary>
/// Wakes a machine's coordinator: at a fixed interval, and once at a moment that the coordinator sets. Akka's scheduler ticks every 10 ms and .NET's waits count
/// whole ones, which is too coarse for guest timers. It has no thread: the machine's own (<see cref="MachineExecutor"/>) looks at it between what it runs, and
/// sleeps in the kernel no longer than to its next moment (to some 60 µs on Linux). So a moment set costs no other thread's waking.
/// Everything here happens on that thread.
/// </summary>
internal sealed class MachineTimer : IDisposable
{
    private readonly MachineExecutor _executor;
    private readonly ulong _tickNs;
    private readonly Action _tick, _wake;
    private ulong _nextTickNs, _wakeAtNs = ulong.MaxValue;

    /// <summary>Begins. Both callbacks must only hand over.</summary>
    internal MachineTimer(MachineExecutor executor, ulong tickNs, Action tick, Action wake)
    {
        (_executor, _tickNs, _tick, _wake) = (executor, tickNs, tick, wake);
        _nextTickNs = MonotonicClock.NowNs + tickNs;
    }

    /// <summary>When it wants to be looked at next.</summary>
    internal ulong DueNs => Math.Min(_nextTickNs, _wakeAtNs);

    /// <summary>Sets the one moment, replacing the one before; <see cref="ulong.MaxValue"/> for none.</summary>
    internal void WakeAt(ulong ns) => _wakeAtNs = ns;

    /// <summary>Calls what is due.</summary>
    internal void Look(ulong nowNs)
    {
        if (nowNs >= _wakeAtNs)
        {
            _wakeAtNs = ulong.MaxValue;
            _wake();
        }

        if (nowNs < _nextTickNs) return;
        _nextTickNs = nowNs + _tickNs;
        _tick();
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => _executor.Remove(this);
}
