using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;

namespace ActorFT.Simulation.World;

/// <summary>Outputs to the world, requests to the disk, the disk's term mark, and state transfer.</summary>
internal sealed partial class SimProcess
{
    private readonly Queue<BlockRequested> _inFlight = new();
    private ulong _diskBusyUntilNs, _markBusyUntilNs;
    private int _diskGeneration;
    private StreamId? _streaming;
    private StreamFinalState? _finalState;
    private byte[]? _loadedDevices, _loadedDisk;

    private void PerformAll(Perform perform)
    {
        if (_isHangingAtPerform && perform.ReturnIfLate) IsHung = true;
        foreach (MachineOutput output in perform.Outputs)
        {
            if (IsHung && perform.ReturnIfLate && output is not BlockRequested)
            {
                _returned.Add(output);
                continue;
            }
            if (IsLeading && ToyMachine.IdOf(output) is { } id)
                foreach (Checkers.Checker checker in World.Checkers) checker.OnReleased(this, output, id);
            switch (output)
            {
                case BlockRequested request: Issue(request); break;
                case EntropyRequested entropy: SupplyEntropy(entropy.RequestId); break;
                case FrameTransmitted frame: World.OnFrame(frame.Frame); break;
            }
        }
    }

    private void Issue(BlockRequested request)
    {
        _inFlight.Enqueue(request);
        int generation = _diskGeneration;
        _diskBusyUntilNs = Math.Max(_diskBusyUntilNs, World.NowNs) + World.Random.Between(50_000, 1_500_000);
        World.At(_diskBusyUntilNs, () =>
        {
            if (IsDead || generation != _diskGeneration) return;
            BlockRequested done = _inFlight.Dequeue();
            byte[] data = Server.Disk.Do(done);
            OnDiskDone(done, new BlockCompleted(0, done.RequestId, BlockStatus.Ok, data));
        });
    }

    private void OnDiskDone(BlockRequested request, BlockCompleted completion)
    {
        if (_writesBehind.Remove(request.RequestId)) return;
        if (request.Operation == BlockOperation.Flush)
        {
            _completions[request.RequestId] = completion; // until a record or CompleteFlush asks for it, whatever the role becomes
            Deliver(now => new FlushDone(now, new FlushId(0, request.RequestId)));
        }
        else if (IsLeading) AddInput(completion);
        else _completions[request.RequestId] = completion;
        PumpRecord();
    }

    // A crash may or may not have done what was in flight; a fence waits for it.
    private void AbandonDisk(bool isCrash)
    {
        _diskGeneration++;
        while (_inFlight.TryDequeue(out BlockRequested? request))
        {
            if (isCrash && World.Random.Chance(0.5)) break;
            Server.Disk.Do(request);
        }
        _inFlight.Clear();
        _writesBehind.Clear();
    }

    private void Persist(ulong term) => AfterMark(() =>
    {
        Server.Disk.TermMark = term;
        Deliver(now => new TermPersisted(now, term));
    });

    private void AfterMark(Action then)
    {
        _markBusyUntilNs = Math.Max(_markBusyUntilNs, World.NowNs) + World.Random.Between(50_000, 1_000_000);
        World.At(_markBusyUntilNs, () => { if (!IsDead) then(); });
    }

    private void Prepare(StreamId stream)
    {
        (Machine, IsLeading, _isFollowing) = (new ToyMachine(0), false, false);
        (_loadedDevices, _loadedDisk) = (null, null);
        _completions.Clear();
        AbandonDisk(isCrash: false);
        AfterMark(() => Deliver(now => new StatePrepared(now, stream)));
    }

    private void Load(StateBatch batch)
    {
        switch (batch.Kind)
        {
            case StateKind.Pages: Machine!.LoadPage(batch.Content.Span); break;
            case StateKind.Devices: _loadedDevices = batch.Content.ToArray(); break;
            case StateKind.Disk: _loadedDisk = batch.Content.ToArray(); break;
        }
    }

    private void FinishLoading(LoadState load)
    {
        Machine!.LoadDevices(_loadedDevices);
        Machine.MarkAllDirty();
        Server.Disk.Load(_loadedDisk);
        Registers.Clear();
        Executed.Clear();
        Registers[Machine.Round] = Machine.Accumulator;
        IsTainted = World.Servers[1 - Server.Index].Process is { IsTainted: true };
        foreach (BlockRequested request in Machine.PendingRequests) Issue(request);
        World.After(World.Random.Between(100_000, 20_000_000), () => { if (Machine is not null) Deliver(now => new StateLoaded(now, load.Stream, Machine?.ComputeDigest())); });
    }

    private void StreamPass(StreamState stream)
    {
        if (stream.Pass == 0) Machine!.MarkAllDirty();
        _streaming = stream.Stream;
        SendPages(stream, new Queue<int>(Machine!.TakeDirty()), stream.FirstSequence);
    }

    private void SendPages(StreamState stream, Queue<int> pages, ulong sequence)
    {
        if (IsDead || _streaming != stream.Stream) return;
        if (pages.TryDequeue(out int page))
        {
            SendBatch(stream.Stream, sequence, StateKind.Pages, Machine!.SavePage(page), stream.Path);
            Deliver(now => new StateMoved(now, stream.Stream));
            World.After(World.Random.Between(50_000, 2_000_000), () => SendPages(stream, pages, sequence + 1));
            return;
        }
        Deliver(now => new StatePassSent(now, stream.Stream, stream.Pass, sequence, Machine?.DirtyCount ?? 0));
    }

    private void RequestFinalState(StreamFinalState final)
    {
        _streaming = final.Stream;
        if (_isRoundRunning) _finalState = final;
        else SendFinalState(final);
    }

    private void SendFinalState(StreamFinalState final)
    {
        _finalState = null;
        if (_streaming != final.Stream) return;
        ulong sequence = final.FirstSequence;
        foreach (int page in Machine!.TakeDirty()) SendBatch(final.Stream, sequence++, StateKind.Pages, Machine.SavePage(page), final.Path);
        SendBatch(final.Stream, sequence++, StateKind.Disk, Server.Disk.Save(_inFlight.Where(request => _writesBehind.Contains(request.RequestId))), final.Path);
        SendBatch(final.Stream, sequence++, StateKind.Devices, Machine.SaveDevices(), final.Path);
        Feed(new FinalStateSent(LocalNow, final.Stream, sequence, Machine.Round, Machine.TimeNs, Machine.ComputeDigest()));
    }

    private void SendBatch(StreamId stream, ulong sequence, StateKind kind, byte[] content, int path) =>
        World.Paths[path].Send(this, LinkChannel.Bulk, SimPath.Encode(new LinkEnvelope(Self.Incarnation, 0, new StateBatch(stream, sequence, kind, content))));

    private void StopStream(StreamId stream)
    {
        if (_streaming != stream) return;
        _streaming = null;
        _finalState = null;
    }
}
