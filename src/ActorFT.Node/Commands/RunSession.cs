using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Network.Tap;
using ActorFT.Node.Running;
using ActorFT.Node.SaveFiles;
using ActorFT.Node.Terminal;
using ActorFT.Storage.Raw;

namespace ActorFT.Node.Commands;

/// <summary>What <c>actorft run</c> was asked to do.</summary>
internal sealed record RunRequest
{
    public required MachineConfig Config { get; init; }
    public ulong? MaxTimeNs { get; init; }
    public string? RecordPath { get; init; }
    public string? SavePath { get; init; }
    public string? RestorePath { get; init; }
}

/// <summary>How a run ended.</summary>
internal sealed record RunOutcome(RunEnd End, int ExitCode, RunStatistics Statistics, long DroppedFrames);

/// <summary>
/// One run, from opening everything it needs (nothing starts before all of it is there) to closing it all again, the
/// terminal first of all.
/// </summary>
internal sealed class RunSession : IDisposable
{
    private const int UserSignal1 = 10; // SIGUSR1 on every architecture this runs on (x86-64, arm64, riscv64)

    private readonly RunRequest _request;
    private readonly MachineConfig _config; // the request's, with kernel and initrd named, which a save file may have done
    private readonly List<IDisposable> _owned = [];
    private readonly IMachine _machine;
    private readonly InputQueue _queue;
    private readonly MachineBackEnds _backEnds;
    private readonly MachineRunner _runner;
    private readonly StdoutConsole? _stdout;
    private RawTerminal? _terminal;
    private volatile int _typedConsole; // 0 the UART (ttyS0), 1 the virtio console (hvc0)
    private int _signal;

    private RunSession(RunRequest request, Func<MachineDefinition, IMachine> factory)
    {
        _request = request;
        try
        {
            using SaveFileReader? save = request.RestorePath is null ? null : MachineSetup.OpenSave(request.RestorePath);
            MachineConfig config = _config = save is null ? request.Config : MachineSetup.NameFiles(request.Config, save.Header.Identity);
            List<(string Name, RawImage Image)> disks = [.. config.Disks.Select(disk => (disk.Name, Own(MachineSetup.OpenImage(disk))))];
            ulong[] capacities = [.. disks.Select(disk => disk.Image.CapacityBytes)];
            _machine = Own(save is null ? MachineSetup.Create(Define(config, capacities), factory) : Restore(save, capacities, factory));
            List<INicBackEnd> nics = [.. config.Nics.Select(nic => Own(MachineSetup.OpenNic(nic)))];
            WakeEvent wake = Own(new WakeEvent());
            _queue = new InputQueue(wake, nics.Count);
            if (request.SavePath is not null) CheckWritable(request.SavePath);
            RunRecorder? recorder = request.RecordPath is null ? null : Own(OpenRecorder());
            IConsoleSink console = Own(MachineSetup.OpenConsole(config.Console, e => _runner?.Fail(new EnvironmentException(e.Message, e))));
            _stdout = console as StdoutConsole;
            _backEnds = Own(new MachineBackEnds(_queue, console, disks, nics, Notices.Say));
            _runner = new MachineRunner(_machine, _queue, wake, _backEnds, recorder, new RunnerOptions
            {
                MaxTimeNs = request.MaxTimeNs,
                Save = request.SavePath is null ? null : Save,
                Say = Notices.Say,
            });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Opens everything.</summary>
    public static RunSession Open(RunRequest request, Func<MachineDefinition, IMachine> factory) => new(request, factory);

    /// <summary>Runs the machine to its end, on a thread of its own.</summary>
    public RunOutcome Run()
    {
        List<PosixSignalRegistration> signals = [.. RegisterSignals()];
        AppDomain.CurrentDomain.ProcessExit += RestoreTerminal;
        try
        {
            if (_request.Config.Console.Kind == ConsoleKind.Stdio) StartTyping();
            RunEnd end = RunOnOwnThread();
            _backEnds.WaitForDisks();
            long dropped = Enumerable.Range(0, _request.Config.Nics.Length).Sum(_queue.DroppedFrames);
            return new RunOutcome(end, ExitCodeOf(end), _runner.Statistics, dropped);
        }
        finally
        {
            _queue.Close();
            RestoreTerminal(null, EventArgs.Empty);
            AppDomain.CurrentDomain.ProcessExit -= RestoreTerminal;
            signals.ForEach(signal => signal.Dispose());
        }
    }

    /// <summary>Closes everything, in the opposite order.</summary>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        _owned.Clear();
    }

    private RunEnd RunOnOwnThread()
    {
        RunEnd end = default;
        Exception? error = null;
        var thread = new Thread(() =>
        {
            try { end = _runner.Run(); }
            catch (Exception e) { error = e; } // told apart below, on the thread that reports it
        }) { Name = "machine-" + _machine.Definition.Name };
        thread.Start();
        thread.Join();
        return error switch
        {
            null => end,
            OperatorException or EnvironmentException or IOException or UnauthorizedAccessException =>
                throw new EnvironmentException($"Machine {_machine.Definition.Name} was stopped at round {_machine.RoundNumber}: {error.Message}", error),
            _ => throw new BrokenInvariantException(error, CrashDump.Write(error, _machine)),
        };
    }

    private static MachineDefinition Define(MachineConfig config, ulong[] capacities)
    {
        ulong wallClockNs = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        return MachineDefinitionLoader.Load(config, capacities, wallClockNs, RandomNumberGenerator.GetBytes(32));
    }

    private IMachine Restore(SaveFileReader save, ulong[] capacities, Func<MachineDefinition, IMachine> factory)
    {
        string path = _request.RestorePath!;
        MachineDefinition saved = MachineSetup.Complete(path, save.Header.Identity, _config);
        // The wall clock at power-on and the seed are the saved machine's own; all the rest must be as it was.
        MachineSetup.RequireSame(path, saved, MachineDefinitionLoader.Load(_config, capacities, saved.StartWallClockNs, saved.RngSeed));
        IMachine machine = MachineSetup.Create(saved, factory);
        MachineSetup.Restore(path, save, machine);
        return machine;
    }

    private RunRecorder OpenRecorder()
    {
        RecordLogHeader header = RecordLogHeader.Of(_machine.Definition, BlockDataMode.Carried, _config.KernelPath, _config.InitrdPath);
        return new RunRecorder(MachineSetup.CreateFile(_request.RecordPath!, "the record"), _machine, header);
    }

    private void Save(IMachine machine) => SaveFileWriter.Save(_request.SavePath!, machine, _config.KernelPath, _config.InitrdPath);

    private static void CheckWritable(string path) => HostFile.Guard(path, "the save file", "written", () =>
    {
        if (Directory.Exists(path)) throw new UnauthorizedAccessException(path);
        string probe = $"{Path.GetFullPath(path)}.{Environment.ProcessId}.tmp"; // where the save will be written first
        File.Create(probe).Dispose();
        File.Delete(probe);
        return true;
    });

    private void StartTyping()
    {
        _terminal = RawTerminal.Enter();
        Notices.IsRaw = _terminal is not null;
        MachineDefinition definition = _machine.Definition;
        // Linux: the last console= is /dev/console.
        string? console = definition.CommandLine.Split(' ').LastOrDefault(word => word.StartsWith("console=", StringComparison.Ordinal));
        if (definition.HasVirtioConsole && console is not null && console.StartsWith("console=hvc0", StringComparison.Ordinal)) _typedConsole = 1;
        bool mayWait = _terminal is null; // keys typed into a full queue are lost; a pipe waits
        new StdinPump(_terminal is not null, bytes => _queue.Type(_typedConsole, bytes, mayWait), OnEscape).Start();
    }

    private void OnEscape(EscapeCommand command)
    {
        switch (command)
        {
            case EscapeCommand.Quit:
                _stdout?.Abandon();
                _runner.RequestStop(RunEnd.Quit);
                break;
            case EscapeCommand.Save when _request.SavePath is null:
                Notices.Say("no save file was named; start with --save FILE to use Ctrl-A s.");
                break;
            case EscapeCommand.Save: _runner.RequestSave(); break;
            case EscapeCommand.SwitchConsole when !_machine.Definition.HasVirtioConsole:
                Notices.Say("the machine has one console; virtio-console = on in its description adds another.");
                break;
            case EscapeCommand.SwitchConsole:
                _typedConsole = 1 - _typedConsole;
                Notices.Say($"what is typed goes to {(_typedConsole == 0 ? "ttyS0" : "hvc0")} now.");
                break;
            default:
                Notices.Say("Ctrl-A x ends the program, Ctrl-A s saves the machine (with --save), Ctrl-A c types at the other console, "
                    + "Ctrl-A Ctrl-A types Ctrl-A, Ctrl-A h shows this.");
                break;
        }
    }

    private IEnumerable<PosixSignalRegistration> RegisterSignals()
    {
        (PosixSignal, int)[] ending = [(PosixSignal.SIGINT, 2), (PosixSignal.SIGTERM, 15), (PosixSignal.SIGHUP, 1), (PosixSignal.SIGQUIT, 3)];
        foreach ((PosixSignal signal, int number) in ending)
        {
            yield return PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                if (Interlocked.Exchange(ref _signal, number) != 0)
                {
                    // Asked twice: whatever holds the machine's thread up is not waited for.
                    RestoreTerminal(null, EventArgs.Empty);
                    Environment.Exit(ExitCode.SignalBase + number);
                }
                _stdout?.Abandon();
                _runner.RequestStop(RunEnd.Signal);
            });
        }
        if (_request.SavePath is not null)
        {
            yield return PosixSignalRegistration.Create((PosixSignal)UserSignal1, context =>
            {
                context.Cancel = true;
                _runner.RequestSave();
            });
        }
        yield return PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => _terminal?.SetRaw());
    }

    private void RestoreTerminal(object? sender, EventArgs e)
    {
        _terminal?.Restore();
        Notices.IsRaw = false;
    }

    private int ExitCodeOf(RunEnd end) => end switch
    {
        RunEnd.GuestFailed => ExitCode.GuestFailed,
        RunEnd.TimeUp => ExitCode.TimeUp,
        RunEnd.Signal => ExitCode.SignalBase + _signal,
        _ => ExitCode.Success,
    };

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
