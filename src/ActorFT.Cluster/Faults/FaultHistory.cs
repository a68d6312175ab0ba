using System.Text.Json;
using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Faults;

/// <summary>
/// The latest entries of all nodes, durable in <c>faults.jsonl</c>: a line of JSON for each entry and for each later word on it, of which the
/// one with the highest revision counts. A torn last line (the power went while it was written) is left out. Bounded in memory and on disk.
/// Written behind (<see cref="WriteBehind"/>): a disk that stalls keeps nobody from being told what goes on.
/// </summary>
public sealed class FaultHistory : IDisposable
{
    /// <summary>Entries kept.</summary>
    public const int MaxEntries = 1_000;

    private readonly string _path;
    private readonly Dictionary<string, FaultProtocol.Entry> _byId = [];
    private readonly WriteBehind _writer = new("fault history");
    private readonly object _fileLock = new(); // a write holds it, which may be stalled at the end
    private FileStream _file; // the writer's alone, once it is open
    private volatile bool _isClosed;
    private int _lines;

    /// <summary>Opens or makes it.</summary>
    /// <param name="directory">The folder of the file.</param>
    public FaultHistory(string directory)
    {
        _path = Path.Combine(directory, "faults.jsonl");
        Load();
        _file = Open();
    }

    /// <summary>All entries, oldest first.</summary>
    public IReadOnlyList<FaultProtocol.Entry> Entries => [.. _byId.Values.OrderBy(entry => entry.AtUnixMs)];

    /// <summary>An entry; null when it is not known.</summary>
    public FaultProtocol.Entry? Find(string id) => _byId.GetValueOrDefault(id);

    /// <summary>Keeps an entry, or a later word on it. False: nothing new.</summary>
    public bool Put(FaultProtocol.Entry entry)
    {
        if (_byId.TryGetValue(entry.Id, out FaultProtocol.Entry? known) && known.Revision >= entry.Revision) return false;
        if (known is null && _byId.Count >= MaxEntries)
        {
            FaultProtocol.Entry oldest = _byId.Values.MinBy(one => one.AtUnixMs)!;
            if (oldest.AtUnixMs > entry.AtUnixMs) return false; // older than all that is kept
            _byId.Remove(oldest.Id);
        }

        _byId[entry.Id] = entry;
        Write(() =>
        {
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(entry), (byte)'\n']);
            _file.Flush(flushToDisk: true);
        });
        if (++_lines > 4 * MaxEntries) Compact();
        return true;
    }

    private void Write(Action write) => _writer.Do(() =>
    {
        lock (_fileLock)
        {
            try
            {
                ObjectDisposedException.ThrowIf(_isClosed, this);
                write();
            }
            finally
            {
                if (_isClosed) _file.Dispose(); // see Dispose
            }
        }
    });

    /// <summary>Completes when all that was put before is durable.</summary>
    public Task FlushAsync()
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _writer.Do(done.SetResult);
        return done.Task;
    }

    private FileStream Open() => new(_path, FileMode.Append, FileAccess.Write, FileShare.Read);

    private void Load()
    {
        if (!File.Exists(_path)) return;
        foreach (string line in File.ReadLines(_path))
        {
            _lines++;
            try
            {
                if (JsonSerializer.Deserialize<FaultProtocol.Entry>(line) is { } entry && (!_byId.TryGetValue(entry.Id, out FaultProtocol.Entry? known) || known.Revision <= entry.Revision))
                    _byId[entry.Id] = entry;
            }
            catch (JsonException)
            {
                // Torn; see above.
            }
        }

        foreach (FaultProtocol.Entry old in _byId.Values.OrderByDescending(entry => entry.AtUnixMs).Skip(MaxEntries).ToArray()) _byId.Remove(old.Id);
        EndTornLine();
    }

    // What comes next must not be glued to it.
    private void EndTornLine()
    {
        using FileStream file = new(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        if (file.Length == 0) return;
        file.Seek(-1, SeekOrigin.End);
        if (file.ReadByte() != '\n') file.WriteByte((byte)'\n');
    }

    private void Compact()
    {
        IReadOnlyList<FaultProtocol.Entry> entries = Entries;
        _lines = _byId.Count;
        Write(() => Replace(entries));
    }

    private void Replace(IReadOnlyList<FaultProtocol.Entry> entries)
    {
        string next = _path + ".new";
        using (FileStream file = new(next, FileMode.Create, FileAccess.Write))
        {
            foreach (FaultProtocol.Entry entry in entries) file.Write([.. JsonSerializer.SerializeToUtf8Bytes(entry), (byte)'\n']);
            file.Flush(flushToDisk: true);
        }

        _file.Dispose();
        File.Move(next, _path, overwrite: true);
        _file = Open();
    }

    /// <summary>Closes the file. A write that is under way then (a disk that stalls) closes it when it ends, and nothing follows it.</summary>
    public void Dispose()
    {
        _writer.Dispose();
        _isClosed = true;
        if (!Monitor.TryEnter(_fileLock)) return;
        _file.Dispose();
        Monitor.Exit(_fileLock);
    }
}
