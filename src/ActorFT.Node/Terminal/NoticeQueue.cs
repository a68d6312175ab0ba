using System.Runtime.InteropServices;

namespace ActorFT.Node.Terminal;

/// <summary>
/// Notices of a program that must not wait for whoever reads its standard error: a full pipe or a stopped terminal would else stop who
/// reports. Lines wait for a thread of their own; what does not fit is dropped and counted in the next line.
/// </summary>
internal sealed partial class NoticeQueue : IDisposable
{
    private readonly int _maxLines;
    private readonly Action<string> _write;
    private readonly Queue<string> _lines = new();
    private readonly Thread _writer;
    private bool _isClosed, _isWriting;
    private long _dropped;

    /// <summary>Starts the thread.</summary>
    /// <param name="write">Writes one line and may wait.</param>
    /// <param name="maxLines">Lines kept while nobody reads.</param>
    public NoticeQueue(Action<string> write, int maxLines = 1000)
    {
        (_write, _maxLines) = (write, maxLines);
        _writer = new Thread(Run) { Name = "notices", IsBackground = true };
        _writer.Start();
    }

    /// <summary>Says a line. Never waits.</summary>
    public void Say(string line)
    {
        lock (_lines)
        {
            if (_lines.Count >= _maxLines) _dropped++;
            else _lines.Enqueue(line);
            Monitor.PulseAll(_lines);
        }
    }

    /// <summary>Waits until all is written, so long at most.</summary>
    public void Flush(TimeSpan limit)
    {
        long start = Environment.TickCount64;
        lock (_lines)
        {
            while (_lines.Count != 0 || _isWriting)
            {
                double leftMs = limit.TotalMilliseconds - (Environment.TickCount64 - start);
                if (leftMs <= 0 || !Monitor.Wait(_lines, TimeSpan.FromMilliseconds(leftMs))) return;
            }
        }
    }

    /// <summary>Lets what was said last out, for a moment at most, and ends the process without asking anybody: sockets are reset, nothing is cleaned up.</summary>
    public void Exit(int exitCode)
    {
        Flush(TimeSpan.FromMilliseconds(50));
        ExitNow(exitCode);
    }

    private void Run()
    {
        while (true)
        {
            string line;
            lock (_lines)
            {
                _isWriting = false;
                Monitor.PulseAll(_lines);
                while (_lines.Count == 0)
                {
                    if (_isClosed) return;
                    Monitor.Wait(_lines);
                }

                line = _lines.Dequeue();
                if (_dropped != 0) line += $"\n({_dropped} lines were dropped: nobody read them)";
                _dropped = 0;
                _isWriting = true;
            }

            _write(line);
        }
    }

    /// <summary>Writes what waits, for a second at most.</summary>
    public void Dispose()
    {
        Flush(TimeSpan.FromSeconds(1));
        lock (_lines)
        {
            _isClosed = true;
            Monitor.PulseAll(_lines);
        }
    }

    // exit_group(2) by way of _exit(2): Environment.Exit would run handlers, which may wait for what is broken.
    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitNow(int status);
}
