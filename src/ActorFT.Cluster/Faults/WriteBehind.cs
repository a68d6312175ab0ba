namespace ActorFT.Cluster.Faults;

/// <summary>
/// Writes in order on a thread of its own, so that whoever reports a fault never waits for a disk that stalls. While the disk takes nothing, writes
/// beyond a bound are lost and counted.
/// </summary>
internal sealed class WriteBehind : IDisposable
{
    private const int MaxWaiting = 1000;

    private readonly Queue<Action> _waiting = new();
    private readonly Thread _writer;
    private bool _isClosed;
    private long _lost;

    /// <summary>Starts the thread.</summary>
    public WriteBehind(string name)
    {
        _writer = new Thread(Run) { Name = name, IsBackground = true };
        _writer.Start();
    }

    /// <summary>Writes that were not done.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Has a write done, soon. Never waits. One that fails with an <see cref="IOException"/> (a full or broken disk) is counted.</summary>
    public void Do(Action write)
    {
        lock (_waiting)
        {
            if (_waiting.Count < MaxWaiting && !_isClosed) _waiting.Enqueue(write);
            else Interlocked.Increment(ref _lost);
            Monitor.Pulse(_waiting);
        }
    }

    private void Run()
    {
        while (true)
        {
            Action? write;
            lock (_waiting)
            {
                while (!_waiting.TryDequeue(out write))
                {
                    if (_isClosed) return;
                    Monitor.Wait(_waiting);
                }
            }

            try { write(); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException) { Interlocked.Increment(ref _lost); }
        }
    }

    /// <summary>Does what waits, for a second at most: a disk that stalls is left to the process's end.</summary>
    public void Dispose()
    {
        lock (_waiting)
        {
            _isClosed = true;
            Monitor.Pulse(_waiting);
        }

        _writer.Join(TimeSpan.FromSeconds(1));
    }
}
