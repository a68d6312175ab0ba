using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using ActorFT.Cluster;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Machine;
using ActorFT.Management;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Commands;

/// <summary><c>actorft node</c>: one node of a pair, a server or the arbiter, until it is told to stop.</summary>
internal static class NodeCommand
{
    private const string Help = """
        Runs one node: a server of a pair, or the arbiter. Ends at SIGTERM or Ctrl-C.

        Examples (all three on one machine, each in its own terminal):
          actorft node --config config/arbiter.conf
          actorft node --config config/server-a.conf
          actorft node --config config/server-b.conf

        Exit codes: 0 it was told to stop; 2 a mistake in the file; 3 the host could not (port, permission, space); 4 a broken invariant: this server stopped so that the other one goes on.
        """;

    /// <summary>How long a stop waits for machines to be handed over.</summary>
    private static readonly TimeSpan s_leaveLimit = TimeSpan.FromSeconds(10);

    /// <summary>Makes the command.</summary>
    public static Command Create(Func<MachineDefinition, IMachine> factory)
    {
        Option<string> config = new("--config") { Description = "The node's HOCON file.", HelpName = "FILE", Required = true };
        Option<bool> debug = new("--debug") { Description = "Show stacks with errors." };
        Command command = new("node", Help) { config, debug };
        command.SetAction(result => CommandBoundary.Run(result.GetValue(debug), () => Run(result.GetValue(config)!, factory)));
        return command;
    }

    private static int Run(string path, Func<MachineDefinition, IMachine> factory)
    {
        NodeConfig config = NodeConfigReader.ReadFile(path);
        using NoticeQueue notices = new(Notices.WriteLine);
        OperatorLogger.Sink = notices.Say;
        using ManualResetEventSlim stop = new();
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        NodeRuntime node = NodeRuntime.Start(config, factory, Log, FailStop);
        ManagementServer? endpoint = StartEndpoint(config, node, Say);
        Say("info", $"{config.Name} is started ({(config.IsArbiter ? "arbiter" : "server")} of pair {config.Pair}).{(endpoint is null ? "" : $" {endpoint.Url} shows it.")}");
        stop.Wait();
        Say("info", $"{config.Name} stops: its machines are handed over first.");
        if (!config.IsArbiter && !node.LeaveAsync(s_leaveLimit).GetAwaiter().GetResult())
            Say("warning", $"{config.Name} could not hand everything over within {s_leaveLimit.TotalSeconds} s; what it led goes on elsewhere by failover, or waits for it.");
        endpoint?.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(5));
        node.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(20));
        return ExitCode.Success;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Set();
        }

        void FailStop(string reason) => notices.SayAndExit(Line(config, "critical", $"{config.Name} stops at once: {reason}"), ExitCode.BrokenInvariant);

        void Say(string level, string message) => notices.Say(Line(config, level, message));

        void Log(FaultProtocol.Entry entry) => Say(entry.Report.Severity.ToString().ToLowerInvariant(),
            $"[{entry.Report.Kind}] {entry.Report.Message}{(entry.Report.Action.Length == 0 ? "" : $" -> {entry.Report.Action}")}");
    }

    private static ManagementServer? StartEndpoint(NodeConfig config, NodeRuntime node, Action<string, string> say)
    {
        try
        {
            return ManagementServer.StartAsync(node, message => say("error", message)).GetAwaiter().GetResult();
        }
        catch
        {
            node.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(20));
            throw;
        }
    }

    private static string Line(NodeConfig config, string level, string message) =>
        string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {config.Name} {level}: {message}");
}
