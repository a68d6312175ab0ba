using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;

namespace ActorFT.Simulation.World.Disks;

/// <summary>One disk without a mirror: its content goes with the machine's state. Enough for the protocol's own rules, and fast.</summary>
internal sealed class PlainDisks(SimProcess process) : SimDisks(process)
{
    private readonly Queue<BlockRequested> _inFlight = new();
    private ulong _diskBusyUntilNs, _markBusyUntilNs;
    private int _diskGeneration;

    private SimDisk Disk => Process.Server.Disk;

    private readonly HashSet<ulong> _writesBehind = [];

    public override IReadOnlyCollection<ulong> WritesBehind => _writesBehind;

    // Not past a request that the disk is still to end: a joiner makes that one anew, over what it got with the disk.
    public override bool EndsEarly(BlockRequested write) =>
        !World.Random.Chance(0.5) && Process.Machine!.PendingRequests.All(other => other.RequestId >= write.RequestId || _writesBehind.Contains(other.RequestId)) && _writesBehind.Add(write.RequestId);

    public override bool TakesLeadersWord(BlockRequested write, BlockCompletionReference reference, bool isYetToBeMade) =>
        (!World.Random.Chance(0.5) || isYetToBeMade) && _writesBehind.Add(write.RequestId);

    public override ulong Mark => Disk.TermMark;

    public override void Issue(BlockRequested request)
    {
        _inFlight.Enqueue(request);
        int generation = _diskGeneration;
        _diskBusyUntilNs = Math.Max(_diskBusyUntilNs, World.NowNs) + World.Random.Between(50_000, 1_500_000);
        World.At(_diskBusyUntilNs, () =>
        {
            if (Process.IsDead || generation != _diskGeneration) return;
            BlockRequested done = _inFlight.Dequeue();
            byte[] data = Disk.Do(done);
            if (_writesBehind.Remove(done.RequestId)) return;
            Process.OnDiskDone(done.Operation, new BlockCompleted(0, done.RequestId, BlockStatus.Ok, data));
        });
    }

    public override void Discard() => Abandon(isCrash: false);

    // A crash may or may not have done what was in flight; a fence waits for it.
    public override void Abandon(bool isCrash)
    {
        _diskGeneration++;
        while (_inFlight.TryDequeue(out BlockRequested? request))
        {
            if (isCrash && World.Random.Chance(0.5)) break;
            Disk.Do(request);
        }
        _inFlight.Clear();
        _writesBehind.Clear();
    }

    public override void Persist(ulong term) => AfterMark(() =>
    {
        Disk.TermMark = term;
        Process.Deliver(now => new TermPersisted(now, term));
    });

    private void AfterMark(Action then)
    {
        _markBusyUntilNs = Math.Max(_markBusyUntilNs, World.NowNs) + World.Random.Between(50_000, 1_000_000);
        World.At(_markBusyUntilNs, () => { if (!Process.IsDead) then(); });
    }

    public override void Prepare(StreamId stream)
    {
        Abandon(isCrash: false);
        AfterMark(() => Process.Deliver(now => new StatePrepared(now, stream)));
    }

    public override byte[] TakeState() => Disk.Save(_inFlight.Where(request => _writesBehind.Contains(request.RequestId)));

    public override void Loaded(StreamId stream, byte[]? state) => Disk.Load(state);

    public override BlockCompleted? OwnAs(BlockCompletionReference reference, BlockCompleted own) =>
        reference.Matches(own) || World.WasAnyTainted ? own
            : throw new SimulationFailure("both disks say the same", $"request {reference.RequestId} on {Process.Self.Server} gave other data than the leader's");
}
