using System.Diagnostics;
using ActorFT.Cluster;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Status;
using ActorFT.EndToEnd.Machines;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;
using Akka.Actor;

namespace ActorFT.PairBench;

/// <summary>
/// A pair under measurement: both servers are processes of their own; the arbiter runs in this process, so that what the servers tell the
/// arbiter of themselves is at hand.
/// </summary>
internal sealed class BenchPair : IDisposable
{
    private readonly NodeRuntime _arbiter;

    /// <summary>Starts all three and waits until the machine is protected and its guest has booted.</summary>
    public BenchPair(string guestDoes, string memory = "256 MiB", int statusMs = 500)
    {
        Pair = new Pair(2, guestDoes, "silence = 600 ms", memory, $"status-interval = {statusMs} ms");
        NodeConfig arbiter = NodeConfigReader.ReadFile(Path.Combine(Pair.Folder, Pair.Arbiter + ".conf"));
        _arbiter = NodeRuntime.Start(arbiter with { Text = arbiter.Text + "\nakka { loglevel = OFF, stdout-loglevel = OFF }\n" },
            _ => throw new InvalidOperationException("An arbiter has no machines."), _ => { }, reason => throw new InvalidOperationException(reason));
        Pair.Start(Pair.ServerA);
        Pair.Start(Pair.ServerB);
        Leader = Pair.WaitUntilProtected();
        ConsoleTail console = new(Pair.ConsolePath(Leader));
        Wait.Until(() => console.ReadLines().Any(line => line.Contains("actorft-guest: ready", StringComparison.Ordinal)), "the guest to boot", Guest.BoundSeconds);
    }

    public Pair Pair { get; }

    /// <summary>Who leads, as far as this program has seen.</summary>
    public string Leader { get; private set; }

    public string Follower => Pair.Other(Leader);

    /// <summary>Waits until one of the servers leads and says that the machine is protected: on a busy host it may have lost its follower again meanwhile.</summary>
    public void WaitUntilWhole()
    {
        for (int turn = 0; turn < 60; turn++)
        {
            MachineStatus machine = NextStatus(Leader).Machine;
            if (machine.Protected && machine.Leader == Leader) return;
            if (machine.Leader == Follower) Leader = Follower;
        }

        throw new TimeoutException($"The machine did not become protected; {Pair.Describe()}");
    }

    /// <summary>Ends a server with SIGKILL and starts it again; returns when the machine is protected once more.</summary>
    /// <param name="server">The server.</param>
    /// <param name="between">Called while it is dead.</param>
    public void KillAndRestart(string server, Action between)
    {
        (int, int) before = Pair.ProtectedCounts;
        Pair.Kill(server);
        between();
        Pair.Start(server);
        Leader = Pair.WaitUntilProtected(before);
    }

    /// <summary>Stops a server with SIGSTOP and lets it go on; returns when the machine is protected once more.</summary>
    public void FreezeAndThaw(string server, Action between)
    {
        (int, int) before = Pair.ProtectedCounts;
        Pair.Freeze(server);
        between();
        Pair.Thaw(server);
        Leader = Pair.WaitUntilProtected(before);
    }

    /// <summary>The latest status of a server's replica that is not older than <paramref name="afterUnixMs"/>, and its links.</summary>
    public (MachineStatus Machine, NodeStatus Node) StatusOf(string server, long afterUnixMs)
    {
        NodeStatus? found = null;
        Wait.Until(() =>
        {
            HostActor.PairView view = _arbiter.Host.Ask<HostActor.PairView>(new HostActor.GetView(), TimeSpan.FromSeconds(10)).GetAwaiter().GetResult();
            found = view.Others.Select(other => other.Status).FirstOrDefault(status => status.Node == server && status.AtUnixMs >= afterUnixMs && status.Machines.Length == 1);
            if (found is null) Thread.Sleep(20);
            return found is not null;
        }, () => $"a status of {server}", 60);
        return (found!.Machines[0], found);
    }

    /// <summary>The next status of a server from now on.</summary>
    public (MachineStatus Machine, NodeStatus Node) NextStatus(string server) => StatusOf(server, NowUnixMs);

    public static long NowUnixMs => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>Puts a server's process on one core; does nothing on a host with one.</summary>
    public void PutOnCore(string server, int core) => PutOnCore(Pair.ProcessId(server), core);

    /// <summary>Puts a process on one core; does nothing on a host with one.</summary>
    public static void PutOnCore(int processId, int core)
    {
        if (Environment.ProcessorCount < 2) return;
        using Process taskset = Process.Start(new ProcessStartInfo("taskset", ["-a", "-p", "-c", $"{core}", $"{processId}"]) { RedirectStandardOutput = true })!;
        taskset.StandardOutput.ReadToEnd();
        taskset.WaitForExit();
    }

    /// <summary>Processor time that a server's process has used so far, seconds; 0 when it is dead.</summary>
    public double ProcessorSeconds(string server)
    {
        if (!Pair.Runs(server)) return 0;
        using Process process = Process.GetProcessById(Pair.ProcessId(server));
        return process.TotalProcessorTime.TotalSeconds;
    }

    public void Dispose()
    {
        _arbiter.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(20)); // while there is a cluster to leave
        Pair.Dispose();
    }
}
