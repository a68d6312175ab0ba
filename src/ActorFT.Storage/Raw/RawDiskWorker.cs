using ActorFT.Machine.IO;

namespace ActorFT.Storage.Raw;

/// <summary>
/// Executes one disk's requests on its own thread, in the order they were made: so a request never overtakes a write that
/// overlaps it, a FLUSH covers every write before it, and completions come in the order of requests.
/// Failures of the image become <see cref="BlockStatus.IoError"/> completions and a report; they never stop the worker.
/// </summary>
public sealed class RawDiskWorker : IDisposable
{
    /// <summary>Most bytes of one read or write; a longer one ends in an I/O error. The device promises less to its guest.</summary>
    public const int MaxTransferBytes = 16 << 20;

    private readonly object _lock = new();
    private readonly Queue<BlockRequested> _waiting = new();
    private readonly string _name;
    private readonly RawImage _image;
    private readonly Action<BlockCompleted> _completed;
    private readonly Action<string> _faultReported;
    private readonly Thread _thread;
    private bool _busy, _stopping;

    /// <summary>Starts the worker.</summary>
    /// <param name="name">The disk's name, for reports and the thread.</param>
    /// <param name="image">Its image; disposed with the worker.</param>
    /// <param name="completed">Takes each completion, on the worker's thread; must not throw.</param>
    /// <param name="faultReported">Takes one sentence for each request that the image failed, on the worker's thread.</param>
    public RawDiskWorker(string name, RawImage image, Action<BlockCompleted> completed, Action<string> faultReported)
    {
        (_name, _image, _completed, _faultReported) = (name, image, completed, faultReported);
        _thread = new Thread(Work) { Name = "disk-" + name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Requests that failed so far.</summary>
    public long FailureCount { get; private set; }

    /// <summary>Takes a request. The queue's length is bounded by what the guest may have in flight.</summary>
    public void Submit(BlockRequested request)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            _waiting.Enqueue(request);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Waits until every request taken so far has completed.</summary>
    public void WaitUntilIdle()
    {
        lock (_lock)
        {
            while (_busy || _waiting.Count != 0) Monitor.Wait(_lock);
        }
    }

    /// <summary>Finishes what was submitted and closes the image.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_stopping) return;
            _stopping = true;
            Monitor.PulseAll(_lock);
        }
        _thread.Join();
        _image.Dispose();
    }

    private void Work()
    {
        while (Next() is { } request)
        {
            _completed(Execute(request));
            lock (_lock)
            {
                _busy = false;
                Monitor.PulseAll(_lock);
            }
        }
    }

    private BlockRequested? Next()
    {
        lock (_lock)
        {
            while (_waiting.Count == 0)
            {
                if (_stopping) return null;
                Monitor.Wait(_lock);
            }
            _busy = true;
            return _waiting.Dequeue();
        }
    }

    private BlockCompleted Execute(BlockRequested request)
    {
        try
        {
            byte[] data = [];
            switch (request.Operation)
            {
                case BlockOperation.Read:
                    if (request.LengthBytes > MaxTransferBytes) return End(request, BlockStatus.IoError);
                    data = GC.AllocateUninitializedArray<byte>((int)request.LengthBytes);
                    _image.Read(request.OffsetBytes, data);
                    break;
                case BlockOperation.Write: _image.Write(request.OffsetBytes, request.Data.Span); break;
                case BlockOperation.Flush: _image.Flush(); break;
                case BlockOperation.Discard or BlockOperation.WriteZeroes: _image.WriteZeroes(request.OffsetBytes, request.LengthBytes); break;
                default: return End(request, BlockStatus.Unsupported);
            }
            return new BlockCompleted(request.DiskIndex, request.RequestId, BlockStatus.Ok, data);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OverflowException or NotSupportedException)
        {
            FailureCount++;
            string reason = e.Message.ReplaceLineEndings(" ").TrimEnd('.');
            _faultReported($"disk {_name}: {request.Operation} of {request.LengthBytes} bytes at {request.OffsetBytes} failed: {reason}.");
            return End(request, BlockStatus.IoError);
        }
    }

    private static BlockCompleted End(BlockRequested request, BlockStatus status) => new(request.DiskIndex, request.RequestId, status, default);
}
