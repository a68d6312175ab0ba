using System.Text.Json;
using ActorFT.Cluster.Messages;
using Akka.Actor;

namespace ActorFT.Cluster.Faults;

/// <summary>
/// Every fault report of this server: logged, kept durably (a line of JSON each in faults.jsonl), given to watchers and to the peer.
/// </summary>
public sealed class FaultManagerActor : UntypedActor, IDisposable
{
    /// <summary>Its name under /user.</summary>
    public const string Name = "faults";

    /// <summary>Entries kept in memory and after a restart.</summary>
    public const int MaxEntries = 1000;

    /// <summary>Gets every new entry from now on. Local.</summary>
    public sealed record Watch(IActorRef Watcher) : INoSerializationVerificationNeeded;

    private readonly string _server, _path;
    private readonly LinkedList<FaultProtocol.Entry> _entries = [];
    private readonly List<IActorRef> _watchers = [];
    private readonly Action<FaultProtocol.Entry> _log;
    private readonly FileStream _file;
    private long _lastNumber;

    /// <summary>Creates it.</summary>
    /// <param name="server">This server's name.</param>
    /// <param name="directory">Where the history is kept.</param>
    /// <param name="log">Called with each entry.</param>
    public FaultManagerActor(string server, string directory, Action<FaultProtocol.Entry> log)
    {
        (_server, _path, _log) = (server, Path.Combine(directory, "faults.jsonl"), log);
        Load();
        _file = new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read);
    }

    /// <summary>How to create one.</summary>
    public static Props Props(string server, string directory, Action<FaultProtocol.Entry> log) => Akka.Actor.Props.Create(() => new FaultManagerActor(server, directory, log));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case FaultProtocol.Report report: Add(report); break;
            case FaultProtocol.GetHistory get: Sender.Tell(new FaultProtocol.History([.. _entries.Skip(Math.Max(0, _entries.Count - get.Limit))])); break;
            case Watch watch:
                _watchers.Add(watch.Watcher);
                Context.Watch(watch.Watcher);
                break;
            case Terminated terminated: _watchers.Remove(terminated.ActorRef); break;
            default: Unhandled(message); break;
        }
    }

    private void Add(FaultProtocol.Report report)
    {
        FaultProtocol.Entry entry = new()
        {
            Id = $"{_server}-{++_lastNumber}", AtUnixMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), Server = _server, Report = report,
        };
        if (report.Clears.Length != 0) ClearEarlier(report, entry.AtUnixMs);
        _entries.AddLast(entry);
        if (_entries.Count > MaxEntries) _entries.RemoveFirst();
        _file.Write(JsonSerializer.SerializeToUtf8Bytes(entry));
        _file.WriteByte((byte)'\n');
        _file.Flush();
        _log(entry);
        foreach (IActorRef watcher in _watchers) watcher.Tell(entry);
    }

    private void ClearEarlier(FaultProtocol.Report report, long nowMs)
    {
        for (LinkedListNode<FaultProtocol.Entry>? node = _entries.First; node is not null; node = node.Next)
        {
            FaultProtocol.Report old = node.Value.Report;
            if (node.Value.ClearedAtUnixMs == 0 && old.Kind == report.Clears && old.Machine == report.Machine && old.Component == report.Component)
                node.Value = node.Value with { ClearedAtUnixMs = nowMs };
        }
    }

    // A torn last line (the process was killed while writing) is left out.
    private void Load()
    {
        if (!File.Exists(_path)) return;
        string[] lines = File.ReadAllLines(_path);
        foreach (string line in lines.Skip(Math.Max(0, lines.Length - MaxEntries)))
        {
            try
            {
                if (JsonSerializer.Deserialize<FaultProtocol.Entry>(line) is { } entry) _entries.AddLast(entry);
            }
            catch (JsonException)
            {
                // See above.
            }
        }

        _lastNumber = lines.Length;
        if (lines.Length > 4 * MaxEntries)
        {
            File.WriteAllLines(_path + ".new", _entries.Select(entry => JsonSerializer.Serialize(entry)));
            File.Move(_path + ".new", _path, overwrite: true);
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Closes the history's file.</summary>
    public void Dispose() => _file.Dispose();
}
