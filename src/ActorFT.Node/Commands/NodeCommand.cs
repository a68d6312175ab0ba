using System.CommandLine;
using System.Runtime.InteropServices;
using ActorFT.Cluster;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Host;
using ActorFT.Machine;
using ActorFT.Management;
using ActorFT.Node.Logging;
using ActorFT.Node.Running;
using ActorFT.Node.Terminal;
using Akka.Actor;
using Akka.Event;

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
        using NodeLog log = new(config.Name, config.Log, notices.Say);
        using ServiceManager manager = new();
        OperatorLogger.Write = (one, isAboutAnAbsentNode) => WriteAkka(log, one, isAboutAnAbsentNode);
        using ManualResetEventSlim stop = new();
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        NodeRuntime node = NodeRuntime.Start(config, factory, log.Write, FailStop);
        ManagementServer? endpoint = StartEndpoint(node, log);
        string started = $"{config.Name} is started ({(config.IsArbiter ? "arbiter" : "server")} of pair {config.Pair}).{(endpoint is null ? "" : $" {endpoint.Url} shows it.")}";
        log.Info(started);
        manager.Ready(started);
        manager.Watch(() => IsAliveAsync(node));
        stop.Wait();
        string stops = config.IsArbiter ? $"{config.Name} stops." : $"{config.Name} stops: its machines are handed over first.";
        log.Info(stops);
        manager.Stopping(stops);
        if (!config.IsArbiter && !node.LeaveAsync(s_leaveLimit).GetAwaiter().GetResult())
            log.Warning($"{config.Name} could not hand everything over within {s_leaveLimit.TotalSeconds} s; what it led goes on elsewhere by failover, or waits for it.");
        endpoint?.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(5));
        node.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(20));
        return ExitCode.Success;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Set();
        }

        void FailStop(string reason)
        {
            log.Critical($"{config.Name} stops at once: {reason}");
            notices.Exit(ExitCode.BrokenInvariant);
        }
    }

    // Remoting repeats itself while another node is away; one in a while is what whoever looks for the cause needs.
    private static readonly Seldom s_absences = new(periodMs: 60_000);

    private static void WriteAkka(NodeLog log, LogEvent one, bool isAboutAnAbsentNode)
    {
        string sentence = "akka: " + OperatorLogger.Sentence(one);
        if (isAboutAnAbsentNode && one.LogLevel() >= Akka.Event.LogLevel.WarningLevel && s_absences.IsDue(Environment.TickCount64, out int left))
            log.Info($"{sentence}{(left == 0 ? "" : $" ({left} more like it were said meanwhile, at debug)")}");
        else if (isAboutAnAbsentNode || one.LogLevel() <= Akka.Event.LogLevel.InfoLevel) log.Debug(sentence);
        else if (one.LogLevel() == Akka.Event.LogLevel.WarningLevel) log.Warning(sentence);
        else log.Error(sentence);
    }

    private static async Task<bool> IsAliveAsync(NodeRuntime node)
    {
        try
        {
            await node.Host.Ask<HostActor.PairView>(new HostActor.GetView(), TimeSpan.FromSeconds(5)).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException)
        {
            return false;
        }
    }

    private static ManagementServer? StartEndpoint(NodeRuntime node, NodeLog log)
    {
        try
        {
            return ManagementServer.StartAsync(node, log.Error).GetAwaiter().GetResult();
        }
        catch
        {
            node.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(20));
            throw;
        }
    }
}
