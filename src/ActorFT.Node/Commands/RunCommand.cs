using System.CommandLine;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Machine;
using ActorFT.Node.Running;

namespace ActorFT.Node.Commands;

/// <summary><c>actorft run</c>: one machine on this server alone, unprotected.</summary>
internal static class RunCommand
{
    private const string Help = """
        Runs one machine on this server alone, unprotected. Its console is this terminal: Ctrl-A x ends the program, Ctrl-A h shows more.

        Examples:
          scripts/fetch-guest && actorft run --config config/machines/debian.conf
          actorft run --kernel .guest/kernel --initrd .guest/initrd --vcpus 2 --memory 512M --stats
          actorft run --config FILE --disk root.img --nic tap:lan0
          actorft run --config FILE --record boot.aftlog     (then: actorft replay boot.aftlog)
          actorft run --config FILE --save m.aftsave         (then, where it was: actorft run --config FILE --restore m.aftsave)

        Exit codes:
          0    the guest shut down, or Ctrl-A x
          1    it shut down reporting failure
          2    a mistake in options or files
          3    the host could not (permission, space, memory)
          4    a broken invariant; the message names a dump
          124  --max-time passed
          128  and the signal's number: a signal ended it
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(Func<MachineDefinition, IMachine> factory)
    {
        var machine = new MachineCommandOptions();
        Option<string?> maxTime = MachineCommandOptions.Text("--max-time", "SECONDS", "End after that many seconds, with exit code 124.");
        Option<string?> record = MachineCommandOptions.Text("--record", "FILE", "Record the run, for actorft replay.");
        Option<string?> save = MachineCommandOptions.Text("--save", "FILE",
            "Save the machine: when the run ends while it is on (Ctrl-A x, --max-time, a signal), and at Ctrl-A s or SIGUSR1, after which it goes on.");
        Option<string?> restore = MachineCommandOptions.Text("--restore", "FILE", "Go on from a save file, with the same machine and its disks as they were.");
        var stats = new Option<bool>("--stats") { Description = "Show what ran, at the end, on standard error." };
        Option<string?> output = MachineCommandOptions.Text("--output", "text|json", "json: one line of JSON on standard output at the end.");
        var debug = new Option<bool>("--debug") { Description = "Show stacks with errors." };
        var command = new Command("run", Help);
        machine.AddTo(command);
        foreach (Option option in (Option[])[maxTime, record, save, restore, stats, output, debug]) command.Options.Add(option);
        command.SetAction(result => CommandBoundary.Run(result.GetValue(debug), () =>
        {
            bool isJson = MachineCommandOptions.IsJson(result.GetValue(output));
            var request = new RunRequest
            {
                Config = machine.Read(result),
                MaxTimeNs = result.GetValue(maxTime) is { } seconds ? MachineCommandOptions.ParseMaxTimeNs(seconds) : null,
                RecordPath = result.GetValue(record),
                SavePath = result.GetValue(save),
                RestorePath = result.GetValue(restore),
            };
            return Run(request, factory, result.GetValue(stats), isJson);
        }));
        return command;
    }

    private static int Run(RunRequest request, Func<MachineDefinition, IMachine> factory, bool showStatistics, bool isJson)
    {
        RunOutcome outcome;
        using (RunSession session = RunSession.Open(request, factory)) outcome = session.Run();
        if (showStatistics) StatisticsReport.WriteTable(outcome.Statistics);
        if (isJson) StatisticsReport.WriteJson(outcome.Statistics, json => WriteFields(json, request.Config, outcome));
        return outcome.ExitCode;
    }

    private static void WriteFields(Utf8JsonWriter json, MachineConfig config, RunOutcome outcome)
    {
        json.WriteString("machine", config.Name);
        json.WriteString("end", outcome.End switch
        {
            RunEnd.Shutdown => "shutdown",
            RunEnd.GuestFailed => "failed",
            RunEnd.TimeUp => "max-time",
            RunEnd.Quit => "quit",
            _ => "signal",
        });
        json.WriteNumber("exitCode", outcome.ExitCode);
        json.WriteNumber("droppedFrames", outcome.DroppedFrames);
    }
}
