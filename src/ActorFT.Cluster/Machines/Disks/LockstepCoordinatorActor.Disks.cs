using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

// The machine's disks: how they stand, the marks that say so durably, and the mirrors' messages between the two servers.
public sealed partial class LockstepCoordinatorActor
{
    private MachineDisks _disks = new([]);
    private MirrorReassembly[] _incoming = [];
    private bool _areDisksCurrent = true, _areDisksStale, _isPeerTold, _isEnrolledTold;
    private readonly Dictionary<int, (int Disk, object Answer)> _staleMarks = [];
    private int _staleNumber;

    private bool HasDisks => _disks.Count != 0;

    private void BeginDisks(IReadOnlyList<CopyUse> uses)
    {
        _disks = new MachineDisks(uses);
        _incoming = [.. uses.Select(_ => new MirrorReassembly())];
        if (_disks.IsAnyStale) _parts.TermKeeper.Tell(new MachineProtocol.WriteStale(true, 0), Self);
        ConsiderDisks();
    }

    private void TellDisks(MachineProtocol.ILocalMessage message)
    {
        foreach (IActorRef disk in _parts.Disks) disk.Tell(message, Self);
    }

    /// <summary>Messages of and about disks; false: the message is about something else.</summary>
    private bool OnDiskMessage(object message)
    {
        switch (message)
        {
            case DiskProtocol.Changed changed: OnDiskChanged(changed); break;
            case DiskProtocol.MirrorBytes bytes: SendMirrorBytes(bytes); break;
            case DiskProtocol.TermMarked marked: OnTermMarked(marked); break;
            case DiskProtocol.Prepared prepared: OnDiskPrepared(prepared); break;
            case DiskProtocol.MarkStale stale: MarkDisk(stale.Disk, true, stale); break;
            case DiskProtocol.MarkCurrent current: MarkDisk(current.Disk, false, current); break;
            case MachineProtocol.StaleWritten written:
                if (_staleMarks.Remove(written.Number, out (int Disk, object Answer) asked)) _parts.Disks[asked.Disk].Tell(asked.Answer, Self);
                break;
            default: return false;
        }

        return true;
    }

    private void OnDiskChanged(DiskProtocol.Changed changed)
    {
        _disks.Changed(changed.Disk, changed.Own, changed.Peer, changed.Reason, changed.Progress);
        ConsiderDisks();
    }

    private void ConsiderDisks()
    {
        (bool AreCurrent, bool AreStale) now = (_disks.AreCurrent, _disks.IsAnyStale);
        if (now == (_areDisksCurrent, _areDisksStale)) return;
        (_areDisksCurrent, _areDisksStale) = now;
        Feed(new DisksChanged(Now, now.AreCurrent, now.AreStale));
    }

    private void MarkDisk(int disk, bool isStale, object answer)
    {
        _staleMarks[++_staleNumber] = (disk, answer);
        _parts.TermKeeper.Tell(new MachineProtocol.WriteStale(_disks.Mark(disk, isStale), _staleNumber), Self);
        ConsiderDisks();
    }

    private void PersistDiskTerm(ulong term)
    {
        if (!HasDisks)
        {
            _parts.TermKeeper.Tell(new MachineProtocol.WriteTerm(term), Self);
            return;
        }

        _disks.BeginTerm(term);
        TellDisks(new DiskProtocol.MarkTerm(term));
    }

    private void OnTermMarked(DiskProtocol.TermMarked marked)
    {
        foreach (ulong term in _disks.TermMarked(marked.Disk, marked.Term)) _parts.TermKeeper.Tell(new MachineProtocol.WriteTerm(term), Self);
    }

    // Joining: nothing of before may change a disk any more, and every mark is durable, before state comes.
    private void PrepareDisks(StreamId stream)
    {
        _disks.BeginPreparing((stream.Term, stream.Number));
        if (HasDisks) _parts.TermKeeper.Tell(new MachineProtocol.WriteStale(true, 0), Self);
        TellDisks(new DiskProtocol.Prepare(stream));
        _parts.TermKeeper.Tell(new MachineProtocol.TermBarrier(stream), Self);
        _isPeerTold = false;
        ConsiderDisks();
    }

    private void OnDiskPrepared(DiskProtocol.Prepared prepared)
    {
        if (_disks.Prepared(prepared.Disk, (prepared.Stream.Term, prepared.Stream.Number))) Feed(new StatePrepared(Now, prepared.Stream));
    }

    private void OnTermBarrier(StreamId stream)
    {
        if (_disks.PassedBarrier((stream.Term, stream.Number))) Feed(new StatePrepared(Now, stream));
    }

    private void TellPeerIn(StreamId stream, bool isSource)
    {
        if (!HasDisks) return;
        (_isPeerTold, _isEnrolledTold) = (true, isSource);
        foreach (MirrorReassembly incoming in _incoming) incoming.Clear();
        TellDisks(new DiskProtocol.PeerIn(stream, isSource));
    }

    // A leader that goes on alone, or a follower that won and executes the rest: nothing more comes from the other's copies. A follower that was made a member: its copies may count.
    private void NoteDisks()
    {
        if (_mode != Mode.None && !_protocol.HasPeer) TellPeerGone();
        if (!_isPeerTold || _isEnrolledTold || !_protocol.IsMember) return;
        _isEnrolledTold = true;
        TellDisks(new DiskProtocol.Enrolled());
    }

    private void TellPeerGone()
    {
        if (!_isPeerTold) return;
        _isPeerTold = false;
        TellDisks(new DiskProtocol.PeerGone());
    }

    // A read that gave other bytes here than on the leader is this copy's fault, or the leader's; digests will tell, this says why. Null: what the leader read nobody
    // has any more, or not here, and this replica cannot go on.
    private BlockCompleted? OwnAs(BlockCompletionReference reference, BlockCompleted own)
    {
        BlockCompleted? taken = reference.For(own, _protocol.HasPeer, out bool differs);
        // A change that failed here was told when it did.
        if (differs && (own.Status == BlockStatus.Ok || reference.LengthBytes != 0))
            Report("disk-mismatch", FaultSeverity.Error, $"disk-{_options.Definition.Disks[own.DiskIndex].Name}",
                $"Request {own.RequestId} of machine {_options.Identity.Machine} gave {own.Data.Length} bytes ({own.Status}) on {_options.Identity.Self.Server} and others on {_options.Identity.PeerServer}.");
        return taken;
    }

    private string DisksSentence => string.Join("; ", _disks.All.Select((disk, i) => (Disk: disk, _options.Definition.Disks[i].Name)).Where(d => d.Disk is not { Own: CopyUse.Current, Peer: CopyUse.Current })
        .Select(d => d.Disk.Own != CopyUse.Current ? $"disk {d.Name} of {_options.Identity.Self.Server} is {Words(d.Disk.Own)}" : $"disk {d.Name} of {_options.Identity.PeerServer} is {(d.Disk.Peer is { } use ? Words(use) : "not known yet")}"));

    private static string Words(CopyUse use) => use switch { CopyUse.Out => "out of service", CopyUse.Rebuilding => "being made equal", _ => "whole" };

    private uint _mirrorNumber;

    // The mirrors' small messages go with the log, on every path; large ones the disks' actors send themselves.
    private void SendMirrorBytes(DiskProtocol.MirrorBytes message)
    {
        _encoded.Clear();
        LinkCodec.EncodeParcelHead(_encoded, _options.Identity.Self.Incarnation, MirrorParcels.Kind, MirrorParcels.HeaderBytes + message.Bytes.Length);
        MirrorParcels.WriteHeader(_encoded, (byte)message.Disk, ++_mirrorNumber & ~MirrorParcels.BulkNumbers, 0, 1);
        _encoded.Raw(message.Bytes.Span);
        for (int path = 0; path < _options.Link.PathCount; path++) SendLog(path);
    }

    private void OnParcel(Parcel parcel)
    {
        if (parcel.Kind != MirrorParcels.Kind || MirrorParcels.DiskOf(parcel.Content, _disks.Count) is not { } disk) return;
        if (_incoming[disk].Add(parcel.Content) is { } whole) _parts.Disks[disk].Tell(new DiskProtocol.MirrorBytes(disk, whole), Self);
    }
}
