using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ActorFT.Cluster.Configuration;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Node.Replaying;
using ActorFT.Node.Running;
using ActorFT.Node.SaveFiles;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Commands;

/// <summary><c>actorft replay</c>: runs a record again and compares.</summary>
internal static class ReplayCommand
{
    private const string Help = """
        Runs a recorded run again, as fast as this host can, and compares outputs and digests on the way. Needs no disk, no NIC
        and no terminal; kernel and initrd must be the recorded ones, and are looked for where they were unless named.

        Examples:
          actorft replay boot.aftlog --stats
          actorft replay boot.aftlog --until-round 5000 --save half.aftsave
          actorft replay boot.aftlog --restore half.aftsave     (the rest)
          actorft replay boot.aftlog --console stdio            (what the guest wrote)

        Exit codes:
          0  all equal
          2  a mistake, such as a foreign or damaged file or another kernel
          3  the host could not, or the record is torn (its whole records were replayed first, and equal)
          4  the replay diverged
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(Func<MachineDefinition, IMachine> factory)
    {
        var file = new Argument<string>("FILE") { Description = "The record." };
        Option<string?> config = MachineCommandOptions.Text("--config", "FILE", "Names kernel and initrd.");
        Option<string?> kernel = MachineCommandOptions.Text("--kernel", "FILE", "The recorded machine's kernel.");
        Option<string?> initrd = MachineCommandOptions.Text("--initrd", "FILE", "The recorded machine's initrd.");
        Option<string?> until = MachineCommandOptions.Text("--until-round", "N", "Stop when N rounds are complete.");
        Option<string?> restore = MachineCommandOptions.Text("--restore", "FILE", "Begin at a save of the recorded run instead of at the record's start.");
        Option<string?> save = MachineCommandOptions.Text("--save", "FILE", "Save the machine at the end.");
        Option<string?> console = MachineCommandOptions.Text("--console", "WHERE",
            $"Where the guest's console goes: {ConsoleBackEnd.Allowed} (otherwise none).");
        var stats = new Option<bool>("--stats") { Description = "Show what ran, at the end, on standard error." };
        Option<string?> output = MachineCommandOptions.Text("--output", "text|json", "json: one line of JSON on standard output at the end.");
        var debug = new Option<bool>("--debug") { Description = "Show stacks with errors." };
        var command = new Command("replay", Help);
        command.Arguments.Add(file);
        foreach (Option option in (Option[])[config, kernel, initrd, until, restore, save, console, stats, output, debug]) command.Options.Add(option);
        command.SetAction(result => CommandBoundary.Run(result.GetValue(debug), () =>
        {
            MachineConfig machine = result.GetValue(config) is { } path ? MachineConfigReader.ReadFile(path) : new MachineConfig();
            if (result.GetValue(kernel) is { } kernelPath) machine = machine with { KernelPath = kernelPath };
            if (result.GetValue(initrd) is { } initrdPath) machine = machine with { InitrdPath = initrdPath };
            string consoleText = result.GetValue(console) ?? "none";
            return Replay(new ReplayRequest
            {
                Path = result.GetRequiredValue(file),
                Config = machine,
                UntilRound = result.GetValue(until) is { } round ? MachineCommandOptions.ParseRound("--until-round", round) : ulong.MaxValue,
                RestorePath = result.GetValue(restore),
                SavePath = result.GetValue(save),
                Console = ConsoleBackEnd.TryParse(consoleText, Environment.CurrentDirectory)
                    ?? throw MachineCommandOptions.Refuse("--console", consoleText, ConsoleBackEnd.Allowed),
                ShowStatistics = result.GetValue(stats),
                IsJson = MachineCommandOptions.IsJson(result.GetValue(output)),
            }, factory);
        }));
        return command;
    }

    private static int Replay(ReplayRequest request, Func<MachineDefinition, IMachine> factory)
    {
        using RecordLogFile log = OpenLog(request.Path);
        MachineDefinition definition = MachineSetup.Complete(request.Path, log.Header, request.Config);
        if (log.Header.BlockData != BlockDataMode.Carried && definition.Disks.Length != 0)
            throw new OperatorException($"{request.Path} does not hold what the disks read; only a record made by actorft run --record can be replayed.");
        using IMachine machine = MachineSetup.Create(definition, factory);
        if (request.RestorePath is { } restorePath) Restore(restorePath, request.Path, log.Header, machine);
        using IConsoleSink console = MachineSetup.OpenConsole(request.Console, _ => { });
        var replayer = new Replayer(machine, request.UntilRound, output =>
        {
            if (output is ConsoleWritten written) console.Write(written.Bytes);
        });
        long started = Stopwatch.GetTimestamp();
        Divergence? divergence = ExecuteAll(log, replayer, request.Path);
        replayer.Statistics.WallSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        replayer.Statistics.End(machine);
        if (divergence is null && request.SavePath is { } savePath) Save(savePath, machine, request.Config, log.Header);
        return Report(request, machine, replayer, divergence, log.Problem);
    }

    private static Divergence? ExecuteAll(RecordLogFile log, Replayer replayer, string path)
    {
        var progress = new ReplayProgress(path);
        try
        {
            while (!replayer.IsDone && log.Read() is { } entry)
            {
                Divergence? divergence = entry.Record is { } record ? replayer.Execute(record) : replayer.Compare(entry.End!);
                if (divergence is not null) return divergence;
                progress.Show(log.Progress, replayer.Statistics);
            }
            return null;
        }
        catch (StateFormatException e) { throw new OperatorException($"{path}: {e.Message}", e); }
        finally { progress.End(); }
    }

    private static int Report(ReplayRequest request, IMachine machine, Replayer replayer, Divergence? divergence, RecordLogProblem? problem)
    {
        RunStatistics statistics = replayer.Statistics;
        int code = divergence is not null ? ExitCode.BrokenInvariant
            : problem is null ? ExitCode.Success
            : problem.IsTorn ? ExitCode.EnvironmentFault : ExitCode.OperatorMistake;
        if (divergence is not null)
        {
            Notices.Say($"{request.Path}: the replay diverged at round {divergence.Round}: {divergence.What}");
            foreach ((string component, Digest digest) in machine.ComputeComponentDigests()) Notices.WriteLine($"  {component,-16} {digest}");
        }
        if (problem is not null) Notices.Say($"{request.Path}: {problem.Message} Replayed until round {statistics.EndRound}.");
        if (request.ShowStatistics) StatisticsReport.WriteTable(statistics);
        if (request.IsJson)
        {
            StatisticsReport.WriteJson(statistics, json =>
            {
                json.WriteString("result", divergence is null ? "equal" : "diverged");
                json.WriteNumber("exitCode", code);
                json.WriteNumber("digestsCompared", replayer.DigestsCompared);
                json.WriteNumber("outputsCompared", replayer.OutputsCompared);
                json.WriteString("divergence", divergence?.What);
                json.WriteString("problem", problem?.Message);
            });
        }
        else if (code == ExitCode.Success)
        {
            Notices.Say(string.Create(CultureInfo.InvariantCulture, $"{request.Path}: {statistics.Rounds} rounds replayed, "
                + $"{replayer.OutputsCompared} outputs and {replayer.DigestsCompared} digests equal, at round {statistics.EndRound} {statistics.Digest}."));
        }
        return code;
    }

    private static RecordLogFile OpenLog(string path)
    {
        FileStream stream = MachineSetup.OpenFile(path, "the record");
        try
        {
            return RecordLogFile.Open(stream);
        }
        catch (StateFormatException e) { throw new OperatorException($"{path}: {e.Message}", e); }
    }

    private static void Restore(string path, string logPath, RecordLogHeader log, IMachine machine)
    {
        using SaveFileReader save = MachineSetup.OpenSave(path);
        if (save.Header.Identity.DefinitionHash != log.DefinitionHash)
            throw new OperatorException($"{path} is a save of another machine, or of another run, than {logPath}.");
        MachineSetup.Restore(path, save, machine);
    }

    private static void Save(string path, IMachine machine, MachineConfig config, RecordLogHeader header) => HostFile.Guard(path, "the save file", "written", () =>
    {
        MachineConfig named = MachineSetup.NameFiles(config, header);
        SaveFileWriter.Save(path, machine, named.KernelPath, named.InitrdPath);
        return true;
    });

    private sealed record ReplayRequest
    {
        public required string Path { get; init; }
        public required MachineConfig Config { get; init; }
        public required ulong UntilRound { get; init; }
        public required string? RestorePath { get; init; }
        public required string? SavePath { get; init; }
        public required ConsoleBackEnd Console { get; init; }
        public required bool ShowStatistics { get; init; }
        public required bool IsJson { get; init; }
    }
}
