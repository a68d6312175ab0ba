using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;

namespace ActorFT.Simulation.World.Disks;

/// <summary>
/// Carries requests out on an open copy, as <see cref="DiskCopyWorker"/> does with threads: in the order that <see cref="RequestOrder"/> allows, reads beside each
/// other, each as slow as the seed says.
/// </summary>
internal sealed class SimDiskWorker(SimProcess process, SimCopy files, DiskCopy copy, Action<Action> later)
{
    private const int MaxReading = 2;

    private sealed class Job(BlockRequested request, Action<BlockOutcome> ended, ulong sinceNs, IReadOnlyList<CopyWrite>? writes = null)
    {
        public RequestOrder.Item Item { get; } = new(request);
        public Action<BlockOutcome> Ended { get; } = ended;
        public IReadOnlyList<CopyWrite>? Writes { get; } = writes;
        public ulong SinceNs { get; set; } = sinceNs;
    }

    private readonly RequestOrder _order = new();
    private readonly Dictionary<RequestOrder.Item, Job> _jobs = [];
    private readonly List<(Job Job, FlushTicket Ticket)> _flushes = [];
    private Job? _mutating;
    private int _reading;
    private bool _isFlushing, _isGivenUp, _isDisposed;

    private SimWorld World => process.World;

    public DiskCopy Copy => copy;

    /// <summary>How long the oldest request has been under way.</summary>
    public ulong OldestNs => _jobs.Count == 0 ? 0 : World.NowNs - _jobs.Values.Min(job => job.SinceNs);

    /// <summary>The process was stopped: its worker did nothing meanwhile either.</summary>
    public void Woke()
    {
        foreach (Job job in _jobs.Values) job.SinceNs = World.NowNs;
    }

    public void Submit(BlockRequested request, Action<BlockOutcome> ended) => Add(new Job(request, ended, World.NowNs));

    public void SubmitWrites(int disk, ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended)
    {
        ulong from = writes[0].OffsetBytes, end = writes[^1].OffsetBytes + (ulong)writes[^1].Data.Length;
        Add(new Job(new BlockRequested(disk, requestId, BlockOperation.Write, from, end - from, default), ended, World.NowNs, writes));
    }

    private void Add(Job job)
    {
        _jobs[job.Item] = job;
        _order.Add(job.Item);
        Pump();
    }

    private void Pump()
    {
        if (_isGivenUp) return;
        if (_mutating is null && _order.StartMutation() is { } mutation)
        {
            _mutating = _jobs[mutation];
            AfterDevice(800_000, () =>
            {
                Job job = _mutating;
                _mutating = null;
                Carry(job);
            });
        }

        while (_reading < MaxReading && _order.StartRead() is { } read)
        {
            _reading++;
            Job job = _jobs[read];
            AfterDevice(800_000, () =>
            {
                _reading--;
                Carry(job);
            });
        }

        if (_isFlushing || _flushes.Count == 0) return;
        _isFlushing = true;
        AfterDevice(2_000_000, EndFlushes);
    }

    // A stall holds everything; a copy that was given up answers nobody.
    private void AfterDevice(ulong mostNs, Action action)
    {
        ulong at = World.NowNs + World.Random.Between(20_000, mostNs);
        World.At(at, () => process.Post(() =>
        {
            if (_isGivenUp) return;
            if (files.StalledUntilNs <= World.NowNs) action();
            else
            {
                World.Count("device: Stall");
                WaitForDevice(action);
            }
        }));
    }

    private void WaitForDevice(Action action) => World.At(files.StalledUntilNs, () => process.Post(() =>
    {
        if (_isGivenUp) return;
        if (files.StalledUntilNs > World.NowNs) WaitForDevice(action);
        else action();
    }));

    private void Carry(Job job)
    {
        BlockRequested request = job.Item.Request;
        byte[] data = [];
        try
        {
            if (request.Operation == BlockOperation.Flush)
            {
                _flushes.Add((job, copy.BeginFlush()));
                _order.Finish(job.Item);
                Pump();
                return;
            }

            data = Do(job);
        }
        catch (BlockIoException e)
        {
            End(job, e.Kind, e.Message, e is BlockCorruptException corrupt ? corrupt.Blocks : []);
            return;
        }

        End(job, null, "", [], data);
    }

    private byte[] Do(Job job)
    {
        BlockRequested request = job.Item.Request;
        byte[] data = [];
        if (job.Writes is { } writes)
        {
            foreach (CopyWrite write in writes) copy.Write((long)write.OffsetBytes, write.Data.Span);
            return data;
        }

        switch (request.Operation)
        {
            case BlockOperation.Read:
                data = new byte[request.LengthBytes];
                copy.Read((long)request.OffsetBytes, data);
                break;
            case BlockOperation.Write: copy.Write((long)request.OffsetBytes, request.Data.Span); break;
            default: copy.WriteZeroes((long)request.OffsetBytes, (long)request.LengthBytes); break;
        }

        return data;
    }

    private void EndFlushes()
    {
        _isFlushing = false;
        (Job Job, FlushTicket Ticket)[] batch = [.. _flushes];
        _flushes.Clear();
        (CopyFaultKind? fault, string detail) = (null, "");
        try
        {
            copy.CompleteFlush(batch[^1].Ticket);
        }
        catch (BlockIoException e)
        {
            (fault, detail) = (e.Kind, e.Message);
        }

        foreach ((Job job, FlushTicket ticket) in batch) End(job, fault, detail, [], ticket: fault is null ? ticket : null);
    }

    private void End(Job job, CopyFaultKind? fault, string detail, IReadOnlyList<long> bad, byte[]? data = null, FlushTicket? ticket = null)
    {
        _jobs.Remove(job.Item);
        _order.Finish(job.Item);
        BlockRequested request = job.Item.Request;
        BlockStatus status = fault is null ? BlockStatus.Ok : BlockStatus.IoError;
        later(() => job.Ended(new BlockOutcome(new BlockCompleted(request.DiskIndex, request.RequestId, status, data ?? []), fault, detail, bad, ticket, 0)));
        Pump();
    }

    /// <summary>Everything under way ends with an error; the device may still do what it was about to, and the files close when it lets go.</summary>
    public void Abandon(string reason)
    {
        _isGivenUp = true;
        Job[] left = [.. _jobs.Values.OrderBy(job => job.Item.Request.RequestId)];
        _jobs.Clear();
        foreach (Job job in left)
            later(() => job.Ended(new BlockOutcome(new BlockCompleted(job.Item.Request.DiskIndex, job.Item.Request.RequestId, BlockStatus.IoError, default), CopyFaultKind.Failed, reason, [], null, 0)));
        World.At(Math.Max(files.StalledUntilNs, World.NowNs + World.Random.Between(0, 20_000_000)), () => process.Post(Dispose));
    }

    /// <summary>Whether the files are closed: nobody else can open them before.</summary>
    public bool IsDisposed => _isDisposed;

    /// <summary>Closes the copy in order, as far as the device lets it.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        (_isGivenUp, _isDisposed) = (true, true);
        FinishMutation();
        copy.Dispose();
    }

    private void FinishMutation()
    {
        if (_mutating is not { } job || job.Item.Request.Operation == BlockOperation.Flush || World.Random.Chance(0.5)) return;
        try
        {
            Do(job);
        }
        catch (Exception e) when (e is BlockIoException or InvalidOperationException)
        {
            // Nobody is told.
        }
    }

    /// <summary>Power fails, perhaps in the middle of what is under way.</summary>
    public void LosePower()
    {
        _isGivenUp = true;
        if (_isDisposed) return;
        _isDisposed = true;
        files.CrashSoon();
        try
        {
            FinishMutation();
            if (_isFlushing && World.Random.Chance(0.5)) copy.CompleteFlush(_flushes[^1].Ticket);
        }
        catch (Exception e) when (e is BlockIoException or SimulatedCrashException or InvalidOperationException)
        {
            // It is off.
        }
    }
}
