using ActorFT.Cluster.Machines.Disks;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Simulation.World.Disks;

/// <summary>
/// Two disks, each with a real <see cref="DiskMirror"/> over a real copy: the coordinator's part about disks, and its mark. It and the disks' actors talk by
/// messages that keep their order, each pair its own.
/// </summary>
internal sealed class MirroredDisks : SimDisks
{
    private const byte MirrorParcel = 1;
    private const int PartBytes = 16 << 10, SmallBytes = 2048, TicksOfMirror = 4;

    private readonly HashSet<(int Disk, ulong Request)> _issued = [];
    private readonly MirrorReassembly[] _incoming = [new(), new()];
    private readonly ulong[] _toDiskNs = new ulong[SimCopy.Disks.Count], _toCoordinatorNs = new ulong[SimCopy.Disks.Count];
    private MachineDisks _disks = new([]);
    private uint _number;
    private int _ticks;
    private bool _isPeerTold, _isEnrolledTold, _areCurrent = true, _areStale;

    // The keeper of the mark: one write after the other.
    private ulong _keeperTerm, _keeperBusyUntilNs;
    private bool _isKeeperStale;

    public MirroredDisks(SimProcess process) : base(process)
    {
        _keeperTerm = process.Server.Mark;
        Actors = [.. process.Server.Copies.Select(copy => new SimDiskActor(this, copy, process.Server.Mark))];
    }

    public SimDiskActor[] Actors { get; }

    public new SimProcess Process => base.Process;

    public new SimWorld World => base.World;

    public DiskTruth Truth => World.Truth!;

    /// <summary>Whether this server lacks nothing, as it knows.</summary>
    public bool AreCurrent => _areCurrent;

    public bool ArePeersCurrent => _disks.ArePeersCurrent;

    public override ulong Mark => Process.Server.Mark;

    public override ulong[][] Content => Truth.ContentAtBoot(Process, Actors);

    public override void Begin()
    {
        _disks = new MachineDisks([.. Actors.Select(actor => actor.Start())], World.Options.Mirror.Bug);
        if (_disks.IsAnyStale) WriteMark(isStale: true, () => { });
        ConsiderDisks();
    }

    // ---- Messages between the coordinator and its disks

    public void ToDisk(int disk, Action action) => Send(ref _toDiskNs[disk], action);

    public void ToCoordinator(int disk, Action action) => Send(ref _toCoordinatorNs[disk], action);

    private void Send(ref ulong atNs, Action action)
    {
        atNs = Math.Max(atNs, World.NowNs + World.Random.Between(0, 40_000));
        World.At(atNs, () => Process.Post(action));
    }

    private void ToDisks(Action<SimDiskActor> tell)
    {
        for (int disk = 0; disk < Actors.Length; disk++)
        {
            SimDiskActor actor = Actors[disk];
            ToDisk(disk, () => tell(actor));
        }
    }

    public void OnChanged(int disk, CopyUse own, CopyUse? peer, string reason)
    {
        _disks.Changed(disk, own, peer, reason, -1);
        ConsiderDisks();
    }

    private void ConsiderDisks()
    {
        (bool areCurrent, bool areStale) = (_disks.AreCurrent, _disks.IsAnyStale);
        if (_disks.All.Select(disk => disk.Own).Distinct().Count() > 1) World.Count("two disks of a server stand differently");
        if ((areCurrent, areStale) == (_areCurrent, _areStale)) return;
        (_areCurrent, _areStale) = (areCurrent, areStale);
        Process.Feed(new DisksChanged(Process.LocalNow, areCurrent, areStale));
    }

    public void OnCompleted(int disk, BlockCompleted completion, BlockOperation operation)
    {
        if (_behind.End(completion, _flushesToEnd))
        {
            Truth.OwnEnded(Process, completion, operation);
            _issued.Remove((disk, completion.RequestId));
            foreach (FlushId flush in _flushesToEnd) Process.EndFlush(flush);
            _flushesToEnd.Clear();
            return;
        }

        if (!_issued.Remove((disk, completion.RequestId))) return; // of a machine that is no more
        Truth.OwnEnded(Process, completion, operation);
        Process.OnDiskDone(operation, completion);
    }

    // ---- Requests

    public override void Issue(BlockRequested request)
    {
        Truth.Issued(Process, request);
        _issued.Add((request.DiskIndex, request.RequestId));
        ToDisk(request.DiskIndex, () => Actors[request.DiskIndex].Request(request));
    }

    public override BlockCompleted? OwnAs(BlockCompletionReference reference, BlockCompleted own)
    {
        BlockCompleted? taken = reference.For(own, Process.Protocol.HasPeer, out bool differs);
        if (differs)
        {
            World.Count(own.Status == BlockStatus.Ok ? "the two replicas' answers differ" : "a replica's own answer was an error, and the leader's was not");
            if (World.IsTraced) World.Trace(Process.Server.Name, $"disk {own.DiskIndex}: the answer to {own.RequestId} is not the leader's");
        }

        return taken;
    }

    // The real one: it has the flushes wait, and fail for what was lost.
    private readonly WritesBehind _behind = new();
    private readonly List<FlushId> _flushesToEnd = [];

    public override bool EndsEarly(BlockRequested write) => World.Random.Chance(0.7) && _behind.TryAdd(write.DiskIndex, write.RequestId, write.Data.Length);

    public override bool TakesLeadersWord(BlockRequested write, BlockCompletionReference reference, bool isYetToBeMade) =>
        reference.Status == BlockStatus.Ok && (isYetToBeMade || _issued.Contains((write.DiskIndex, write.RequestId)) && World.Random.Chance(0.7)) && _behind.TryAdd(write.DiskIndex, write.RequestId, write.Data.Length);

    public override bool MustWait(FlushId flush) => _behind.MustWait(flush);

    public override bool TakeLost(int disk) => _behind.TakeLost(disk);

    public override void Discard()
    {
        _behind.Clear();
        ToDisks(actor => actor.Reset());
        _isPeerTold = false;
        _issued.Clear();
    }

    public override void Abandon(bool isCrash) { } // the server does it

    public override void Leads(bool isLeading)
    {
        if (!isLeading) _behind.ForgetFlushes();
        if (Process.LeadsIn is { Follower: null }) TellPeerGone();
        ToDisks(actor => actor.Mirror.Leads(isLeading));
    }

    // ---- Marks

    public override void Persist(ulong term)
    {
        _disks.BeginTerm(term);
        ToDisks(actor => actor.MarkTerm(term));
    }

    public void OnTermMarked(int disk, ulong term)
    {
        foreach (ulong done in _disks.TermMarked(disk, term))
        {
            Keep(() =>
            {
                _keeperTerm = done;
                Process.Server.Mark = _isKeeperStale ? 0 : _keeperTerm;
            }, () => Process.Feed(new TermPersisted(Process.LocalNow, done)));
        }
    }

    public void MarkDisk(int disk, bool isStale, Action marked)
    {
        WriteMark(_disks.Mark(disk, isStale), () => ToDisk(disk, marked));
        ConsiderDisks();
    }

    private void WriteMark(bool isStale, Action written) => Keep(() =>
    {
        _isKeeperStale = isStale;
        Process.Server.Mark = isStale ? 0 : _keeperTerm;
    }, written);

    private void Keep(Action write, Action written)
    {
        _keeperBusyUntilNs = Math.Max(_keeperBusyUntilNs, World.NowNs) + World.Random.Between(50_000, 1_500_000);
        World.At(_keeperBusyUntilNs, () => Process.Post(() =>
        {
            write();
            written();
        }));
    }

    // ---- The replica is made anew, here or there

    public override void Prepare(StreamId stream)
    {
        Discard();
        _disks.BeginPreparing((stream.Term, stream.Number));
        WriteMark(isStale: true, () => { });
        ToDisks(actor => actor.Prepare(stream));
        Keep(() => { }, () => { if (_disks.PassedBarrier((stream.Term, stream.Number))) Process.Feed(new StatePrepared(Process.LocalNow, stream)); });
        ConsiderDisks();
    }

    public void OnPrepared(int disk, StreamId stream)
    {
        if (_disks.Prepared(disk, (stream.Term, stream.Number))) Process.Feed(new StatePrepared(Process.LocalNow, stream));
    }

    public override void BeginStream(StreamId stream) => TellPeerIn(stream, isSource: true);

    public override byte[]? TakeState()
    {
        ToDisks(actor => actor.Mirror.MarkBase());
        return null;
    }

    public override void Loaded(StreamId stream, byte[]? state) => TellPeerIn(stream, isSource: false);

    private void TellPeerIn(StreamId stream, bool isSource)
    {
        (_isPeerTold, _isEnrolledTold) = (true, isSource);
        foreach (MirrorReassembly incoming in _incoming) incoming.Clear();
        ToDisks(actor => actor.Mirror.PeerIn(stream.Term, stream.Number, isSource));
    }

    public override void AfterSteps()
    {
        if (Process.HasState && !Process.Protocol.HasPeer) TellPeerGone();
        if (!_isPeerTold || _isEnrolledTold || !Process.Protocol.IsMember) return;
        _isEnrolledTold = true;
        ToDisks(actor => actor.Mirror.Enrolled());
    }

    private void TellPeerGone()
    {
        if (!_isPeerTold) return;
        _isPeerTold = false;
        ToDisks(actor => actor.Mirror.PeerGone());
    }

    // ---- Parcels

    public void SendMirrorBytes(int disk, ReadOnlyMemory<byte> message)
    {
        foreach (byte[] content in MirrorParcels.Cut(disk, ++_number, message, PartBytes))
        {
            byte[] frame = SimPath.Encode(new LinkEnvelope(Process.Self.Incarnation, 0, new Parcel(MirrorParcel, content)));
            bool isSmall = message.Length <= SmallBytes;
            foreach (SimPath path in World.Paths)
            {
                if (!path.IsUpFor(Process)) continue;
                path.Send(Process, isSmall ? LinkChannel.Log : LinkChannel.Bulk, frame);
                if (!isSmall) break;
            }
        }
    }

    public override void Deliver(Parcel parcel)
    {
        if (parcel.Kind != MirrorParcel || MirrorParcels.DiskOf(parcel.Content, _disks.Count) is not { } disk) return;
        if (_incoming[disk].Add(parcel.Content.ToArray()) is { } whole) ToDisk(disk, () => Actors[disk].Mirror.Received(whole));
    }

    public override void Tick()
    {
        if (++_ticks % TicksOfMirror != 0 || _disks.Count == 0) return;
        Process.Post(() => { foreach (SimDiskActor actor in Actors) actor.Tick(); });
    }

    public override void Woke()
    {
        foreach (SimDiskActor actor in Actors) actor.Woke();
    }

    /// <summary>The node stops in order: copies are closed.</summary>
    public void Stop()
    {
        foreach (SimDiskActor actor in Actors) actor.Stop();
    }

    public void LosePower()
    {
        foreach (SimDiskActor actor in Actors) actor.LosePower();
    }
}
