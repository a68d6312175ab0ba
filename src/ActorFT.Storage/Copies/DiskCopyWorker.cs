using ActorFT.Machine.IO;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Copies;

/// <summary>
/// Carries out a machine's block requests on one copy, on threads of its own: a device that stalls stops these and nothing else.
/// Owns the copy. Has no policy: it reports faults and stalls and goes on.
/// Order: see <see cref="RequestOrder"/>. One thread for mutations, one that waits for flushes and writes out full memory, a few that read.
/// </summary>
public sealed class DiskCopyWorker : IAsyncDisposable
{
    private sealed class Job(BlockRequested request, long submittedAt, IReadOnlyList<CopyWrite>? writes = null)
    {
        internal RequestOrder.Item Item { get; } = new(request);
        internal IReadOnlyList<CopyWrite>? Writes { get; } = writes;
        internal long SeenAt { get; set; } = submittedAt; // when it was last looked at
        internal TimeSpan Age { get; set; } // by then; of the time that the worker ran
        internal bool IsStallReported { get; set; }
        internal TaskCompletionSource<BlockOutcome> Completion { get; } = new();
    }

    // Where one thread waits for its next job.
    private sealed class Seat : IDisposable
    {
        private readonly AutoResetEvent _woken = new(false);
        private bool _isAsleep; // these two under the worker's gate
        internal Job? Job { get; set; }

        // Under the gate; Sleep follows outside of it.
        internal void LieDown() => _isAsleep = true;

        internal void Sleep() => _woken.WaitOne();

        internal void Wake()
        {
            if (!_isAsleep) return;
            _isAsleep = false;
            _woken.Set();
        }

        public void Dispose() => _woken.Dispose();
    }

    private readonly DiskCopyWorkerOptions _options;
    private readonly Action<StallReport>? _onStall;
    private readonly object _gate = new();
    private readonly RequestOrder _order = new();
    private readonly Dictionary<RequestOrder.Item, Job> _jobs = [];
    private readonly List<(Job Job, FlushTicket Ticket)> _flushes = [];
    // A job is given to one thread, which alone is woken: with all of them looking for it, a request cost a dozen switches between threads. Of those that
    // read the last to lie down is the first to rise, for what it needs is in the processor's cache.
    private readonly Stack<Seat> _freeReaders = new();
    private readonly Seat _flusher = new();
    private Seat? _freeMutator;
    private readonly ITimer _stallTimer;
    private readonly TimeSpan _period; // between two looks for stalls
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Exception? _broken; // a broken invariant beside the requests: the next one says it
    private int _threadsLeft;
    private bool _isStopping, _mutationsEnded, _isFull;
    private long _reads, _writes, _flushCount, _zeroings, _faults, _bytesRead, _bytesWritten;

    /// <summary>Starts working on a copy.</summary>
    /// <param name="copy">The copy; closed with the worker.</param>
    /// <param name="options">How.</param>
    /// <param name="onStall">Told once of each request that passes the deadline, on a pool thread.</param>
    public DiskCopyWorker(DiskCopy copy, DiskCopyWorkerOptions options, Action<StallReport>? onStall = null)
    {
        options.Validate();
        Copy = copy;
        _options = options;
        _onStall = onStall;
        _threadsLeft = options.ReadThreads + 2;
        _period = options.StallDeadline / 4;
        copy.WriteOutBeside();
        StartThread("mutate", RunMutations);
        StartThread("flush", RunFlushes);
        for (int i = 0; i < options.ReadThreads; i++) StartThread("read", RunReads);
        _stallTimer = options.Time.CreateTimer(_ => CheckStalls(), null, _period, _period);
    }

    /// <summary>The copy.</summary>
    public DiskCopy Copy { get; }

    /// <summary>Ends when the files are closed.</summary>
    public Task Closed => _closed.Task;

    /// <summary>What was done.</summary>
    public DiskCopyWorkerCounts Counts
    {
        get
        {
            lock (_gate) return new DiskCopyWorkerCounts(_reads, _writes, _flushCount, _zeroings, _faults, _bytesRead, _bytesWritten, _jobs.Count);
        }
    }

    /// <summary>Submits a request; requests keep their order as <see cref="RequestOrder"/> says. False if too many are under way, or it is closed.</summary>
    /// <param name="request">The machine's request, or one of resync's own, which takes its place among them.</param>
    /// <param name="completion">
    /// Ends when the request has; never faulted by the device, only by a broken invariant. Ended on the thread that carried the request out: what runs
    /// synchronously then must only hand over.
    /// </param>
    public bool TrySubmit(BlockRequested request, out Task<BlockOutcome> completion)
    {
        var job = new Job(request, _options.Time.GetTimestamp());
        completion = job.Completion.Task;
        if (Refuse(request) is not { } refusal) return TryAdd(job);
        End(job, refusal.Status, default, CopyFaultKind.BadRequest, refusal.Reason);
        return true;
    }

    /// <summary>Submits writes that are one request, with the place of what lies from the first to the last of them.</summary>
    /// <param name="diskIndex">Which disk of the machine it is.</param>
    /// <param name="requestId">The request's id.</param>
    /// <param name="writes">At least one, whole sectors inside the disk, by rising offset.</param>
    /// <param name="completion">Ends when all have been made, or one failed.</param>
    public bool TrySubmitWrites(int diskIndex, ulong requestId, IReadOnlyList<CopyWrite> writes, out Task<BlockOutcome> completion)
    {
        ulong from = writes[0].OffsetBytes, end = writes[^1].OffsetBytes + (ulong)writes[^1].Data.Length;
        var job = new Job(new BlockRequested(diskIndex, requestId, BlockOperation.Write, from, end - from, default), _options.Time.GetTimestamp(), writes);
        completion = job.Completion.Task;
        return TryAdd(job);
    }

    private bool TryAdd(Job job)
    {
        lock (_gate)
        {
            if (_isStopping || _jobs.Count >= _options.QueueLimit) return false;
            _jobs[job.Item] = job;
            _order.Add(job.Item);
            Assign();
        }
        return true;
    }

    // Guest-controlled: a request that makes no sense ends here with a status and touches nothing.
    private (BlockStatus Status, string Reason)? Refuse(BlockRequested request) => request.Operation switch
    {
        BlockOperation.Flush => null,
        BlockOperation.Read or BlockOperation.Write or BlockOperation.Discard or BlockOperation.WriteZeroes => 
            !Copy.Geometry.IsValidRange(request.OffsetBytes, request.LengthBytes) ? (BlockStatus.IoError, "the range is not whole sectors inside the disk")
            : request.Operation == BlockOperation.Write && (ulong)request.Data.Length != request.LengthBytes ? (BlockStatus.IoError, "a write's data has another length than its range")
            : request.Operation is BlockOperation.Read or BlockOperation.Write && request.LengthBytes > (ulong)_options.MaxRequestBytes ? (BlockStatus.IoError, "the request is too long")
            : null,
        _ => (BlockStatus.Unsupported, "the operation is unknown"),
    };

    // A process that was stopped, or a host that was suspended, did nothing meanwhile; that is no fault of the device. So of the time between two looks at most
    // a period counts.
    private TimeSpan AgeOf(Job job, long now)
    {
        TimeSpan since = _options.Time.GetElapsedTime(job.SeenAt, now);
        return job.Age + (since < _period ? since : _period);
    }

    /// <summary>Reports requests past the deadline. Called by a timer, four times in a deadline; tests call it with their own clock.</summary>
    public void CheckStalls()
    {
        List<StallReport>? reports = null;
        lock (_gate)
        {
            long now = _options.Time.GetTimestamp();
            foreach (Job job in _jobs.Values)
            {
                (job.Age, job.SeenAt) = (AgeOf(job, now), now);
                if (job.IsStallReported || job.Age < _options.StallDeadline) continue;
                job.IsStallReported = true;
                (reports ??= []).Add(new StallReport(job.Item.Request, job.Age.TotalMilliseconds));
            }
        }
        if (reports is null) return;
        foreach (StallReport report in reports) _onStall?.Invoke(report);
    }

    /// <summary>
    /// Gives the copy up: every request under way ends now with an I/O error and the fault given; what the device still answers is
    /// dropped. The files are closed when the last thread comes back from the device.
    /// </summary>
    public void Abandon(CopyFaultKind fault, string detail)
    {
        List<Job> jobs;
        lock (_gate)
        {
            _isStopping = true;
            jobs = [.. _jobs.Values.OrderBy(j => j.Item.Request.RequestId)];
            _jobs.Clear();
            foreach (Job job in jobs) _order.Finish(job.Item);
            while (_freeReaders.TryPop(out Seat? reader)) reader.Wake();
            _freeMutator?.Wake();
            _flusher.Wake();
        }
        foreach (Job job in jobs) End(job, BlockStatus.IoError, default, fault, detail);
    }

    private void StartThread(string role, Action run)
    {
        var thread = new Thread(() => RunThread(run)) { IsBackground = true, Name = $"disk {Copy.Name} {role}" };
        thread.Start();
    }

    private void RunThread(Action run)
    {
        try
        {
            run();
        }
        finally
        {
            if (Interlocked.Decrement(ref _threadsLeft) == 0)
            {
                try
                {
                    _stallTimer.Dispose();
                    _flusher.Dispose();
                    Copy.Dispose();
                }
                finally
                {
                    _closed.SetResult();
                }
            }
        }
    }

    // Under the gate: what may run now goes to threads that have nothing to do.
    private void Assign()
    {
        if (_isStopping) return;
        while (_freeReaders.Count != 0 && _order.StartRead() is { } read) Give(_freeReaders.Pop(), read);
        if (_freeMutator is not { } mutator || _order.StartMutation() is not { } mutation) return;
        _freeMutator = null;
        Give(mutator, mutation);
    }

    private void Give(Seat seat, RequestOrder.Item item)
    {
        seat.Job = _jobs[item];
        seat.Wake();
    }

    // The next job of the thread that has this seat; null when the worker stops.
    private Job? TakeJob(Seat seat, bool reads)
    {
        lock (_gate)
        {
            if (reads) _freeReaders.Push(seat);
            else _freeMutator = seat;
            Assign();
        }

        while (true)
        {
            lock (_gate)
            {
                if (_isStopping) return null;
                if (seat.Job is { } job)
                {
                    seat.Job = null;
                    return job;
                }

                seat.LieDown();
            }

            seat.Sleep();
        }
    }

    private void RunReads()
    {
        using Seat seat = new();
        while (TakeJob(seat, reads: true) is { } job)
        {
            byte[] data = [];
            Carry(job, () =>
            {
                data = GC.AllocateUninitializedArray<byte>((int)job.Item.Request.LengthBytes);
                Copy.Read((long)job.Item.Request.OffsetBytes, data);
                Interlocked.Increment(ref _reads);
                Interlocked.Add(ref _bytesRead, data.Length);
            }, () => data);
        }
    }

    private void RunMutations()
    {
        using Seat seat = new();
        try
        {
            while (TakeJob(seat, reads: false) is { } job)
            {
                if (job.Item.Request.Operation == BlockOperation.Flush) BeginFlush(job);
                else Carry(job, () => Mutate(job), () => default);
                NoteFull();
            }
        }
        finally
        {
            lock (_gate)
            {
                _mutationsEnded = true;
                _flusher.Wake();
            }
        }
    }

    private void Mutate(Job job)
    {
        ThrowIfBroken();
        BlockRequested request = job.Item.Request;
        if (job.Writes is { } writes) foreach (CopyWrite write in writes) Write(write.OffsetBytes, write.Data);
        else if (request.Operation == BlockOperation.Write) Write(request.OffsetBytes, request.Data);
        else
        {
            Copy.WriteZeroes((long)request.OffsetBytes, (long)request.LengthBytes);
            Interlocked.Increment(ref _zeroings);
        }
    }

    private void Write(ulong offsetBytes, ReadOnlyMemory<byte> data)
    {
        Copy.Write((long)offsetBytes, data.Span);
        Interlocked.Increment(ref _writes);
        Interlocked.Add(ref _bytesWritten, data.Length);
    }

    // Every mutation submitted before has ended; none submitted after has begun: the seal is exact.
    private void BeginFlush(Job job)
    {
        FlushTicket ticket = Copy.BeginFlush();
        lock (_gate)
        {
            _order.Finish(job.Item);
            _flushes.Add((job, ticket));
            _flusher.Wake(); // nothing else waits for it: a flush overlaps nothing, and the next mutation is this thread's
        }
    }

    private void NoteFull()
    {
        if (!Copy.HasFull) return;
        lock (_gate)
        {
            _isFull = true;
            _flusher.Wake();
        }
    }

    private void WriteOutFull()
    {
        try
        {
            Copy.WriteOutFull();
        }
        catch (BlockIoException)
        {
            // The copy failed, and remembers why: the next write or flush says so.
        }
        catch (Exception e)
        {
            _broken = e;
        }
    }

    private void ThrowIfBroken()
    {
        if (_broken is { } e) throw new InvalidOperationException($"Writing out the memory of {Copy.Name} broke: {e.Message}", e);
    }

    private void RunFlushes()
    {
        while (true)
        {
            (Job Job, FlushTicket Ticket)[]? batch = null;
            lock (_gate)
            {
                if (_flushes.Count != 0 || _isFull)
                {
                    // All that wait are served by one: the last covers the others.
                    batch = [.. _flushes];
                    _flushes.Clear();
                    if (batch.Length == 0) _isFull = false;
                }
                else if (_isStopping && _mutationsEnded) return;
                else _flusher.LieDown();
            }
            if (batch is null)
            {
                _flusher.Sleep();
                continue;
            }
            if (batch.Length == 0)
            {
                WriteOutFull();
                continue;
            }
            (CopyFaultKind? fault, string detail) = (null, "");
            try
            {
                ThrowIfBroken();
                Copy.CompleteFlush(batch[^1].Ticket);
            }
            catch (BlockIoException e)
            {
                (fault, detail) = (e.Kind, e.Message);
            }
            catch (Exception e)
            {
                foreach ((Job job, _) in batch) Break(job, e);
                continue;
            }
            Interlocked.Add(ref _flushCount, batch.Length);
            foreach ((Job job, FlushTicket ticket) in batch)
                if (Release(job)) End(job, fault is null ? BlockStatus.Ok : BlockStatus.IoError, default, fault, detail, ticket: fault is null ? ticket : null);
        }
    }

    private void Carry(Job job, Action action, Func<ReadOnlyMemory<byte>> data)
    {
        try
        {
            action();
            if (Release(job)) End(job, BlockStatus.Ok, data(), null, "");
        }
        catch (BlockIoException e)
        {
            if (Release(job)) End(job, BlockStatus.IoError, default, e.Kind, e.Message, e is BlockCorruptException corrupt ? corrupt.Blocks : []);
        }
        catch (Exception e)
        {
            Break(job, e);
        }
    }

    private void Break(Job job, Exception e)
    {
        if (Release(job)) job.Completion.TrySetException(e);
    }

    /// <summary>Takes the job out; false if it was abandoned and has ended already.</summary>
    private bool Release(Job job)
    {
        lock (_gate)
        {
            _order.Finish(job.Item);
            Assign();
            return _jobs.Remove(job.Item);
        }
    }

    private void End(Job job, BlockStatus status, ReadOnlyMemory<byte> data, CopyFaultKind? fault, string detail, IReadOnlyList<long>? badBlocks = null, FlushTicket? ticket = null)
    {
        if (fault is not null) Interlocked.Increment(ref _faults);
        BlockRequested request = job.Item.Request;
        job.Completion.TrySetResult(new BlockOutcome(new BlockCompleted(request.DiskIndex, request.RequestId, status, data), fault, detail, badBlocks ?? [], ticket,
            AgeOf(job, _options.Time.GetTimestamp()).TotalMilliseconds));
    }

    /// <summary>Ends what is under way with an error, and returns when the files are closed. A caller that wants requests to end well waits for them first.</summary>
    public async ValueTask DisposeAsync()
    {
        Abandon(CopyFaultKind.Failed, "the copy was closed");
        await _stallTimer.DisposeAsync().ConfigureAwait(false);
        await _closed.Task.ConfigureAwait(false);
    }
}
