using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World.Disks;

namespace ActorFT.Simulation.World;

/// <summary>Outputs to the world, requests to the disk, the disk's term mark, and state transfer.</summary>
internal sealed partial class SimProcess
{
    private StreamId? _streaming;
    private StreamFinalState? _finalState;
    private byte[]? _loadedDevices, _loadedDisk;

    /// <summary>This run's shell around its server's disks.</summary>
    public SimDisks Disks { get; }

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
                case BlockRequested request: Disks.Issue(request); break;
                case EntropyRequested entropy: SupplyEntropy(entropy.RequestId); break;
                case FrameTransmitted frame: World.OnFrame(frame.Frame); break;
            }
        }
    }

    /// <summary>A request of the machine has ended at this server's disk.</summary>
    public void OnDiskDone(BlockOperation operation, BlockCompleted completion)
    {
        if (operation == BlockOperation.Flush)
        {
            _completions[completion.RequestId] = completion; // until a record or CompleteFlush asks for it, whatever the role becomes
            Deliver(now => new FlushDone(now, new FlushId(completion.DiskIndex, completion.RequestId)));
        }
        else if (IsLeading) AddInput(completion);
        else _completions[completion.RequestId] = completion;
        PumpRecord();
    }

    private void Prepare(StreamId stream)
    {
        (Machine, IsLeading, _isFollowing) = (new ToyMachine(0, World.Options.ToyDisks), false, false);
        (_loadedDevices, _loadedDisk) = (null, null);
        _completions.Clear();
        NotExecutable = null;
        Disks.Prepare(stream);
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
        Disks.Loaded(load.Stream, _loadedDisk);
        Registers.Clear();
        Executed.Clear();
        Registers[Machine.Round] = Machine.Accumulator;
        IsTainted = World.Servers[1 - Server.Index].Process is { IsTainted: true };
        foreach (BlockRequested request in Machine.PendingRequests) Disks.Issue(request);
        World.After(World.Random.Between(100_000, 20_000_000), () => { if (Machine is not null) Deliver(now => new StateLoaded(now, load.Stream, Machine?.ComputeDigest())); });
    }

    private void StreamPass(StreamState stream)
    {
        if (stream.Pass == 0)
        {
            Machine!.MarkAllDirty();
            Disks.BeginStream(stream.Stream);
        }

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
        if (Disks.TakeState() is { } disk) SendBatch(final.Stream, sequence++, StateKind.Disk, disk, final.Path);
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
