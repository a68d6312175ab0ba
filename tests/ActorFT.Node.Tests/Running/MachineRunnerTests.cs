using System.Diagnostics;
using System.Runtime.InteropServices;
using ActorFT.Cluster.Machines;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Node.Running;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Running;

public sealed partial class MachineRunnerTests : IDisposable
{
    private readonly FakeMachine _machine = new();
    private readonly WakeEvent _wake = new();
    private readonly InputQueue _queue;
    private readonly RecordingHandler _handler = new();

    public MachineRunnerTests() => _queue = new InputQueue(_wake, nicCount: 1);

    public void Dispose()
    {
        _wake.Dispose();
        _machine.Dispose();
    }

    private MachineRunner Runner(RunnerOptions? options = null) => new(_machine, _queue, _wake, _handler, recorder: null, options ?? new RunnerOptions());

    [Theory]
    [InlineData(MachinePower.Off, "Shutdown")]
    [InlineData(MachinePower.Failed, "GuestFailed")]
    public void A_guest_that_powers_off_ends_the_run_with_how_it_did(MachinePower power, string expected)
    {
        _machine.OnRound = (_, _) =>
        {
            if (_machine.RoundNumber == 9) _machine.Power = power;
            return [];
        };
        MachineRunner runner = Runner();
        Assert.Equal(expected, runner.Run().ToString());
        Assert.Equal(10UL, runner.Statistics.Rounds);
        Assert.Equal([1000UL, 1010UL], runner.Statistics.Retired);
    }

    [Fact]
    public void Outputs_reach_the_handler_in_order_and_inputs_the_machine()
    {
        var seen = new List<MachineInput>();
        _machine.OnRound = (_, inputs) =>
        {
            seen.AddRange(inputs);
            if (seen.Count == 3) _machine.Power = MachinePower.Off;
            return _machine.RoundNumber == 0 ? [new ConsoleWritten(0, "a"u8.ToArray()), new EntropyRequested(1, 4), new ConsoleWritten(0, "b"u8.ToArray())] : [];
        };
        _handler.OnOutput = output =>
        {
            if (output is EntropyRequested entropy) _queue.Complete(new EntropyArrived(entropy.RequestId, new byte[4]));
        };
        _queue.Complete(new BlockCompleted(0, 7, BlockStatus.Ok, default));
        _queue.Type(0, "x"u8.ToArray(), mayWait: true);
        Runner().Run();
        Assert.Equal(["BlockCompleted", "ConsoleTyped", "EntropyArrived"], seen.Select(i => i.GetType().Name));
        Assert.Equal(["ConsoleWritten", "EntropyRequested", "ConsoleWritten"], _handler.Outputs.Select(o => o.GetType().Name));
    }

    [Fact]
    public void An_idle_machine_runs_no_round_and_its_time_goes_on()
    {
        _machine.IsIdle = true;
        MachineRunner runner = Runner(new RunnerOptions { MaxTimeNs = 200_000_000 });
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        Assert.Equal(RunEnd.TimeUp, runner.Run());
        Assert.Equal(0UL, runner.Statistics.Rounds);
        Assert.True(runner.Statistics.WallSeconds is > 0.19 and < 5, $"{runner.Statistics.WallSeconds} s");
        Assert.True(before <= Process.GetCurrentProcess().TotalProcessorTime);
    }

    [Fact]
    public void A_timer_wakes_an_idle_machine_when_it_is_due_and_not_before()
    {
        _machine.IsIdle = true;
        _machine.NextTimerNs = 20_000_000;
        var times = new List<ulong>();
        _machine.OnRound = (time, _) =>
        {
            times.Add(time);
            _machine.NextTimerNs = time + 5_000_000;
            if (times.Count == 10) _machine.Power = MachinePower.Off;
            return [];
        };
        Runner().Run();
        Assert.True(times[0] >= 20_000_000);
        for (int i = 1; i < times.Count; i++) Assert.True(times[i] >= times[i - 1] + 5_000_000, $"woken early: {times[i - 1]} then {times[i]}");
        Assert.True(times[^1] < 2_000_000_000, "ten timers of 5 ms took 2 s");
    }

    [Fact]
    public void An_input_wakes_an_idle_machine_at_once()
    {
        _machine.IsIdle = true;
        var latenciesUs = new List<double>();
        long sent = 0;
        using var got = new SemaphoreSlim(0);
        _machine.OnRound = (_, _) =>
        {
            latenciesUs.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref sent)).TotalMicroseconds);
            if (latenciesUs.Count == 100) _machine.Power = MachinePower.Off;
            got.Release();
            return [];
        };
        MachineRunner runner = Runner();
        int threadId = 0;
        var thread = new Thread(() =>
        {
            Volatile.Write(ref threadId, GetThreadId());
            runner.Run();
        });
        thread.Start();
        // Beside it, how long this computer takes to wake a thread at all: others may be at work on it.
        using var reference = new WakeReference();
        for (int i = 0; i < 100; i++)
        {
            reference.Measure();
            // In the kernel's eyes too, or waking would be measured that is none.
            Wait.Until(() => _wake.IsAsleep && IsSleeping(Volatile.Read(ref threadId)), "the machine to fall asleep");
            Volatile.Write(ref sent, Stopwatch.GetTimestamp());
            _queue.Complete(new BlockCompleted(0, (ulong)i, BlockStatus.Ok, default));
            Assert.True(got.Wait(10_000), "the input did not wake the machine within 10 s");
        }
        Assert.True(thread.Join(10_000));
        latenciesUs.Sort();
        Assert.True(latenciesUs[50] < 2_000 + (3 * reference.MedianUs), $"median {latenciesUs[50]:F0} us, of another thread {reference.MedianUs:F0} us");
    }

    private sealed class WakeReference : IDisposable
    {
        private readonly AutoResetEvent _wake = new(false), _woken = new(false);
        private readonly List<double> _latenciesUs = [];
        private int _threadId;
        private long _sent;
        private volatile bool _isStopping;

        public WakeReference() => new Thread(() =>
        {
            Volatile.Write(ref _threadId, GetThreadId());
            while (_wake.WaitOne() && !_isStopping)
            {
                _latenciesUs.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref _sent)).TotalMicroseconds);
                _woken.Set();
            }

            _wake.Dispose();
        }) { IsBackground = true }.Start();

        public double MedianUs => _latenciesUs.Order().ElementAt(_latenciesUs.Count / 2);

        public void Measure()
        {
            Wait.Until(() => Volatile.Read(ref _threadId) is var id and not 0 && IsSleeping(id), "the reference to fall asleep");
            Volatile.Write(ref _sent, Stopwatch.GetTimestamp());
            _wake.Set();
            Assert.True(_woken.WaitOne(10_000), "the reference did not wake within 10 s");
        }

        public void Dispose()
        {
            _isStopping = true;
            _wake.Set();
            _woken.Dispose();
        }
    }

    [Fact]
    public void A_stop_is_heard_while_the_machine_sleeps_and_while_it_runs()
    {
        foreach (bool idle in (bool[])[true, false])
        {
            _machine.IsIdle = idle;
            MachineRunner runner = Runner();
            RunEnd? end = null;
            var thread = new Thread(() => end = runner.Run());
            thread.Start();
            runner.RequestStop(RunEnd.Quit);
            runner.RequestStop(RunEnd.Signal);
            Assert.True(thread.Join(10_000), $"idle {idle}: the stop was not heard");
            Assert.Equal(RunEnd.Quit, end);
        }
    }

    [Fact]
    public void A_back_ends_failure_ends_the_run_with_it()
    {
        MachineRunner runner = Runner();
        runner.Fail(new IOException("gone"));
        Assert.Equal("gone", Assert.Throws<IOException>(() => runner.Run()).Message);
    }

    [Fact]
    public void Requests_that_a_restored_machine_waits_for_are_made_again()
    {
        _machine.Pending.Add(new BlockRequested(0, 3, BlockOperation.Flush, 0, 0, default));
        MachineRunner runner = Runner();
        runner.RequestStop(RunEnd.Quit);
        runner.Run();
        Assert.Equal(3UL, Assert.IsType<BlockRequested>(Assert.Single(_handler.Outputs)).RequestId);
    }

    [Fact]
    public void A_machine_that_is_on_is_saved_at_the_end_and_on_request_one_that_is_off_is_not()
    {
        int saves = 0;
        var options = new RunnerOptions { Save = _ => saves++ };
        MachineRunner runner = Runner(options);
        _machine.OnRound = (_, _) =>
        {
            if (saves == 1) runner.RequestStop(RunEnd.Quit);
            return [];
        };
        runner.RequestSave();
        runner.Run();
        Assert.Equal(2, saves);
        _machine.Power = MachinePower.Off;
        Runner(options).Run();
        Assert.Equal(2, saves);
    }

    [Fact]
    public void A_save_that_fails_on_request_is_said_and_does_not_end_the_run()
    {
        var said = new List<string>();
        int tries = 0;
        MachineRunner runner = Runner(new RunnerOptions { Save = _ => { if (tries++ == 0) throw new IOException("no space"); }, Say = said.Add });
        _machine.OnRound = (_, _) =>
        {
            if (_machine.RoundNumber == 5) runner.RequestStop(RunEnd.Quit);
            return [];
        };
        runner.RequestSave();
        Assert.Equal(RunEnd.Quit, runner.Run());
        Assert.Contains("no space", Assert.Single(said), StringComparison.Ordinal);
    }

    private static bool IsSleeping(int threadId) => File.ReadAllText($"/proc/self/task/{threadId}/stat").Split(") ")[1][0] == 'S';

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();

    private sealed class RecordingHandler : IOutputHandler
    {
        public List<MachineOutput> Outputs { get; } = [];
        public Action<MachineOutput> OnOutput { get; set; } = _ => { };

        public void Handle(MachineOutput output)
        {
            Outputs.Add(output);
            OnOutput(output);
        }
    }
}
