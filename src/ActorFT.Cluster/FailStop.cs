using System.Globalization;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Messages;
using Akka.Actor;

namespace ActorFT.Cluster;

/// <summary>
/// The end of a node whose state cannot be trusted any more. From the first moment nothing of it asks the arbiter for anything or lets an
/// output go (<see cref="IsEnding"/>), and the FT links are closed, so that the other server takes over meanwhile; then the fault's entry has a
/// moment to become durable and to reach the other nodes; then the process ends, whatever hangs.
/// </summary>
/// <param name="node">The node's name.</param>
/// <param name="directory">Its data folder, in which the reason is kept for the next start.</param>
/// <param name="exit">Ends the process, after saying why.</param>
internal sealed class FailStop(string node, string directory, Action<string> exit)
{
    /// <summary>Far more than a report takes on a sound host; one that stalls is not waited for.</summary>
    private static readonly TimeSpan s_reportLimit = TimeSpan.FromMilliseconds(200);

    private readonly string _path = Path.Combine(directory, "stopped-itself.txt");
    private int _isEnding;

    /// <summary>Whether this node is about to end: any claim of it, any output, would be one too many.</summary>
    public bool IsEnding => Volatile.Read(ref _isEnding) != 0;

    /// <summary>The FT links.</summary>
    public IDisposable? Links { get; set; }

    /// <summary>The fault manager.</summary>
    public IActorRef Faults { get; set; } = ActorRefs.Nobody;

    /// <summary>Ends the node, soon. Never waits.</summary>
    public void Stop(string reason)
    {
        if (Interlocked.Exchange(ref _isEnding, 1) != 0) return;
        try
        {
            // Threads of their own: the pool's may all be waiting for what is broken.
            Start("fail stop", () => End(reason));
        }
        catch (OutOfMemoryException)
        {
            exit(reason);
        }
    }

    private void End(string reason)
    {
        try
        {
            Start("links' end", () => Links?.Dispose());
            Start("reason", () => Keep(reason));
            Faults.Ask<FaultManagerActor.Flushed>(new FaultManagerActor.Flush(s_reportLimit), s_reportLimit).Wait(s_reportLimit);
        }
        catch (Exception e) when (e is AggregateException or OutOfMemoryException)
        {
            // Nobody could be told in time: the reason on the disk and the log have it.
        }
        finally
        {
            exit(reason);
        }
    }

    private static void Start(string name, Action run) => new Thread(() => run()) { Name = name, IsBackground = true }.Start();

    private void Keep(string reason)
    {
        try
        {
            using FileStream file = new(_path, FileMode.Create, FileAccess.Write);
            file.Write(System.Text.Encoding.UTF8.GetBytes($"{DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)}: {reason.ReplaceLineEndings(" ")}"));
            file.Flush(flushToDisk: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A broken disk may be the reason itself.
        }
    }

    /// <summary>Reports, once, that the run before this one stopped itself.</summary>
    public void ReportLast()
    {
        try
        {
            if (!File.Exists(_path)) return;
            string last = File.ReadAllText(_path).TrimEnd('.');
            File.Delete(_path);
            Faults.Tell(new FaultProtocol.Report("stopped-itself", FaultSeverity.Warning, "", "node", $"{node} stopped itself at {last}."), ActorRefs.NoSender);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Told at the next start, or never: no reason not to start.
        }
    }
}
