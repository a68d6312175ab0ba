namespace ActorFT.Node.Terminal;

/// <summary>Where a console's output goes on this server.</summary>
internal interface IConsoleSink : IDisposable
{
    /// <summary>Takes bytes; may wait when the other end is slow. Called on the machine's thread.</summary>
    void Write(ReadOnlyMemory<byte> bytes);
}

/// <summary>Nowhere.</summary>
internal sealed class NullConsole : IConsoleSink
{
    public void Write(ReadOnlyMemory<byte> bytes) { }
    public void Dispose() { }
}

/// <summary>A file that is written anew.</summary>
internal sealed class FileConsole(FileStream file) : IConsoleSink
{
    public void Write(ReadOnlyMemory<byte> bytes) => file.Write(bytes.Span); // unbuffered: who follows the file sees it at once
    public void Dispose() => file.Dispose();
}

/// <summary>
/// Standard output, written by a thread of its own, so that a terminal that stands still (Ctrl-S, a pager) does not stop the
/// machine before <see cref="LimitBytes"/> wait for it. A terminal is left in the modes that it had (<see cref="ScreenModes"/>).
/// </summary>
internal sealed class StdoutConsole : IConsoleSink
{
    private const int LimitBytes = 1 << 20;
    private static readonly TimeSpan s_closeLimit = TimeSpan.FromSeconds(2);

    private readonly object _lock = new();
    private readonly Queue<ReadOnlyMemory<byte>> _waiting = new();
    private readonly Action<IOException> _failed;
    private readonly ScreenModes? _modes = RawTerminal.IsTerminal(StandardStream.Output) ? new() : null;
    private readonly Thread _thread;
    private int _waitingBytes;
    private bool _closed, _abandoned, _isDone;

    /// <summary>Starts the thread.</summary>
    /// <param name="failed">Told once when standard output cannot be written; later output is dropped.</param>
    public StdoutConsole(Action<IOException> failed)
    {
        _failed = failed;
        _thread = new Thread(Work) { Name = "console-out", IsBackground = true };
        _thread.Start();
    }

    public void Write(ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            while (_waitingBytes >= LimitBytes && !_closed) Monitor.Wait(_lock);
            if (_closed) return;
            _waiting.Enqueue(bytes);
            _waitingBytes += bytes.Length;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Lets a writer that waits go on, without its bytes: nobody may be kept by a terminal that stands still.</summary>
    public void Abandon()
    {
        lock (_lock)
        {
            _closed = _abandoned = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Writes what is left: however long that takes, or for at most two seconds when it was abandoned.</summary>
    public void Dispose()
    {
        long deadline = Environment.TickCount64 + (long)s_closeLimit.TotalMilliseconds;
        lock (_lock)
        {
            _closed = true;
            Monitor.PulseAll(_lock);
            while (!_isDone && !(_abandoned && Environment.TickCount64 >= deadline)) Monitor.Wait(_lock, 100);
        }
    }

    private void Work()
    {
        IOException? failure = null;
        try
        {
            while (TakeNext() is { } bytes)
            {
                StandardStream.Write(StandardStream.Output, bytes.Span);
                _modes?.Note(bytes.Span);
            }

            if (_modes?.TakeUndo() is { Length: not 0 } undo) StandardStream.Write(StandardStream.Output, undo);
        }
        catch (IOException e)
        {
            failure = e;
        }

        lock (_lock)
        {
            _closed = _isDone = true;
            _waiting.Clear(); // after a failure nobody will ever read it
            Monitor.PulseAll(_lock);
        }

        if (failure is not null) _failed(failure);
    }

    // Null: closed, and everything is written.
    private ReadOnlyMemory<byte>? TakeNext()
    {
        lock (_lock)
        {
            while (_waiting.Count == 0)
            {
                if (_closed) return null;
                Monitor.Wait(_lock);
            }

            ReadOnlyMemory<byte> bytes = _waiting.Dequeue();
            _waitingBytes -= bytes.Length;
            Monitor.PulseAll(_lock);
            return bytes;
        }
    }
}
