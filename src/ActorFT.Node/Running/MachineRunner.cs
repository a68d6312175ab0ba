using System.Diagnostics;
using ActorFT.Cluster.Machines;
using ActorFT.Machine;
using ActorFT.Machine.IO;

namespace ActorFT.Node.Running;

/// <summary>Why a run ended.</summary>
internal enum RunEnd
{
    /// <summary>The guest shut down.</summary>
    Shutdown,
    /// <summary>The guest shut down and reported a failure.</summary>
    GuestFailed,
    /// <summary><c>--max-time</c> passed.</summary>
    TimeUp,
    /// <summary>Somebody at the terminal ended it.</summary>
    Quit,
    /// <summary>A signal ended it.</summary>
    Signal,
}

/// <summary>What a run is to do besides running.</summary>
internal sealed record RunnerOptions
{
    /// <summary>Nanoseconds after which it ends; null for never.</summary>
    public ulong? MaxTimeNs { get; init; }

    /// <summary>Saves the machine; called between rounds, on the machine's thread. Null: there is no save file.</summary>
    public Action<IMachine>? Save { get; init; }

    /// <summary>Takes one sentence for the operator.</summary>
    public Action<string> Say { get; init; } = _ => { };
}

/// <summary>
/// Runs one machine alone, in real time: the only thread that touches it. Per round: the time is stamped, the inputs that
/// arrived are taken, every vCPU runs its quantum, outputs go to their back ends. When every vCPU waits, it sleeps until an
/// input or a timer: an idle machine costs next to nothing, and its time goes on.
/// <code>
/// input threads -> InputQueue -> [ rounds ] -> IOutputHandler -> console, TAP, disk workers
///                   ^ WakeEvent                 answers go back through the queue
/// </code>
/// </summary>
internal sealed class MachineRunner
{
    private readonly IMachine _machine;
    private readonly InputQueue _queue;
    private readonly WakeEvent _wake;
    private readonly IOutputHandler _outputHandler;
    private readonly RunRecorder? _recorder;
    private readonly RunnerOptions _options;
    private readonly List<MachineInput> _inputs = [];
    private readonly List<MachineOutput> _outputs = [];
    private volatile StopRequest? _stop;
    private int _saveRequested;

    /// <summary>Creates the runner; nothing runs yet.</summary>
    public MachineRunner(IMachine machine, InputQueue queue, WakeEvent wake, IOutputHandler outputHandler, RunRecorder? recorder, RunnerOptions options)
    {
        (_machine, _queue, _wake, _outputHandler, _recorder, _options) = (machine, queue, wake, outputHandler, recorder, options);
        Statistics = new RunStatistics(machine.Definition.VcpuCount);
    }

    /// <summary>What it did so far; to read when it has ended.</summary>
    public RunStatistics Statistics { get; }

    /// <summary>Ends the run before the next round. The first reason given stands.</summary>
    public void RequestStop(RunEnd end) => Stop(new StopRequest(end, null));

    /// <summary>Ends the run with an error: <see cref="Run"/> throws it.</summary>
    public void Fail(Exception error) => Stop(new StopRequest(RunEnd.Quit, error));

    /// <summary>Saves the machine before the next round, and goes on.</summary>
    public void RequestSave()
    {
        Volatile.Write(ref _saveRequested, 1);
        _wake.Signal();
    }

    /// <summary>Runs until the guest shuts down or a stop is asked for, on the calling thread.</summary>
    public RunEnd Run()
    {
        long started = Stopwatch.GetTimestamp();
        ReissuePending();
        RunEnd end = RunRounds();
        _recorder?.End();
        // A machine that is off has no future worth keeping.
        if (_machine.Power == MachinePower.Running) _options.Save?.Invoke(_machine);
        Statistics.WallSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Statistics.End(_machine);
        return end;
    }

    private RunEnd RunRounds()
    {
        var clock = new RoundClock(_machine.TimeNs);
        ulong endNs = _options.MaxTimeNs is { } maxNs ? _machine.TimeNs + maxNs : ulong.MaxValue;
        while (true)
        {
            if (_machine.Power != MachinePower.Running) return _machine.Power == MachinePower.Off ? RunEnd.Shutdown : RunEnd.GuestFailed;
            if (_stop is { } stop) return stop.Error is null ? stop.End : throw stop.Error;
            if (Interlocked.Exchange(ref _saveRequested, 0) != 0) SaveNow();
            ulong nowNs = clock.NowNs;
            if (nowNs >= endNs) return RunEnd.TimeUp;
            _inputs.Clear();
            _queue.Take(_machine, _inputs);
            if (_inputs.Count == 0 && _machine.IsIdle && _machine.NextTimerNs > nowNs)
            {
                _recorder?.Idle();
                _wake.Wait(Math.Min(_machine.NextTimerNs, endNs) - nowNs);
                continue;
            }
            RunRound(nowNs);
        }
    }

    private void RunRound(ulong timeNs)
    {
        long started = Stopwatch.GetTimestamp();
        ulong retired = 0;
        _machine.BeginRound(timeNs, _inputs);
        for (int vcpu = 0; vcpu < _machine.Definition.VcpuCount; vcpu++)
        {
            QuantumResult result = _machine.RunQuantum(vcpu);
            Statistics.Add(vcpu, result);
            retired += (ulong)result.Retired;
        }
        _machine.EndRound();
        Statistics.Rounds++;
        Statistics.BusySeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        _outputs.Clear();
        _machine.TakeOutputs(_outputs);
        _recorder?.Append(_inputs, _outputs, retired);
        foreach (MachineOutput output in _outputs) _outputHandler.Handle(output);
    }

    /// <summary>A restored machine waits for answers that nobody is working on any more.</summary>
    private void ReissuePending()
    {
        foreach (MachineOutput request in _machine.PendingRequests) _outputHandler.Handle(request);
    }

    private void SaveNow()
    {
        if (_options.Save is null) return;
        try
        {
            _options.Save(_machine);
            _options.Say($"machine {_machine.Definition.Name} is saved at round {_machine.RoundNumber}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _options.Say($"machine {_machine.Definition.Name} could not be saved: {e.Message}"); // it runs on: a save is not worth a machine
        }
    }

    private void Stop(StopRequest request)
    {
        Interlocked.CompareExchange(ref _stop, request, null);
        _wake.Signal();
    }

    private sealed record StopRequest(RunEnd End, Exception? Error);
}
