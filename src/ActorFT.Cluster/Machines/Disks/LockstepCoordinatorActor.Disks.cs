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
    private sealed class DiskStanding
    {
        internal CopyUse Own { get; set; } = CopyUse.Current;
        internal CopyUse? Peer { get; set; }
        internal string Reason { get; set; } = "";
        internal double Progress { get; set; } = -1;
        internal bool IsStale { get; set; } // durably: this server's mark says that it does not boot from its disks
        internal MirrorReassembly Incoming { get; } = new();
    }

    private DiskStanding[] _disks = [];
    private bool _areDisksCurrent = true, _isPeerTold;
    private readonly List<(ulong Term, HashSet<int> Left)> _termMarks = [];
    private (StreamId Stream, HashSet<int> Left, bool IsBarrierPassed)? _preparing;
    private readonly Dictionary<int, (int Disk, object Answer)> _staleMarks = [];
    private int _staleNumber;

    private bool HasDisks => _disks.Length != 0;

    /// <summary>Whether both copies of every disk lack nothing.</summary>
    private bool AreDisksMirrored => _disks.All(disk => disk is { Own: CopyUse.Current, Peer: CopyUse.Current });

    private void BeginDisks(IReadOnlyList<CopyUse> uses)
    {
        _disks = [.. uses.Select(use => new DiskStanding { Own = use, IsStale = use == CopyUse.Rebuilding })];
        if (_disks.Any(disk => disk.IsStale)) _parts.TermKeeper.Tell(new MachineProtocol.WriteStale(true, 0), Self);
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
        DiskStanding disk = _disks[changed.Disk];
        (disk.Own, disk.Peer, disk.Reason, disk.Progress) = (changed.Own, changed.Peer, changed.Reason, changed.Progress);
        ConsiderDisks();
    }

    private void ConsiderDisks()
    {
        bool areCurrent = _disks.All(disk => disk is { Own: CopyUse.Current, IsStale: false });
        if (areCurrent == _areDisksCurrent) return;
        _areDisksCurrent = areCurrent;
        Feed(new DisksChanged(Now, areCurrent));
    }

    // One mark for all disks of the machine: it says whether this server may boot it.
    private void MarkDisk(int disk, bool isStale, object answer)
    {
        _disks[disk].IsStale = isStale;
        _staleMarks[++_staleNumber] = (disk, answer);
        _parts.TermKeeper.Tell(new MachineProtocol.WriteStale(_disks.Any(d => d.IsStale), _staleNumber), Self);
    }

    // The copies first: a server whose mark is newer than its copies' takes them for stale.
    private void PersistDiskTerm(ulong term)
    {
        if (!HasDisks)
        {
            _parts.TermKeeper.Tell(new MachineProtocol.WriteTerm(term), Self);
            return;
        }

        _termMarks.Add((term, [.. Enumerable.Range(0, _disks.Length)]));
        TellDisks(new DiskProtocol.MarkTerm(term));
    }

    private void OnTermMarked(DiskProtocol.TermMarked marked)
    {
        int index = _termMarks.FindIndex(mark => mark.Term == marked.Term && mark.Left.Contains(marked.Disk));
        if (index < 0) return;
        _termMarks[index].Left.Remove(marked.Disk);
        while (_termMarks.Count != 0 && _termMarks[0].Left.Count == 0)
        {
            _parts.TermKeeper.Tell(new MachineProtocol.WriteTerm(_termMarks[0].Term), Self);
            _termMarks.RemoveAt(0);
        }
    }

    // Joining: nothing of before may change a disk any more, and every mark is durable, before state comes.
    private void PrepareDisks(StreamId stream)
    {
        _preparing = (stream, [.. Enumerable.Range(0, _disks.Length)], false);
        foreach (DiskStanding disk in _disks) disk.IsStale = true;
        if (HasDisks) _parts.TermKeeper.Tell(new MachineProtocol.WriteStale(true, 0), Self);
        TellDisks(new DiskProtocol.Prepare(stream));
        _parts.TermKeeper.Tell(new MachineProtocol.TermBarrier(stream), Self);
        _isPeerTold = false;
        ConsiderDisks();
    }

    private void OnDiskPrepared(DiskProtocol.Prepared prepared)
    {
        if (_preparing is not { } preparing || preparing.Stream != prepared.Stream) return;
        preparing.Left.Remove(prepared.Disk);
        ConsiderPrepared();
    }

    private void OnTermBarrier(StreamId stream)
    {
        if (_preparing is not { } preparing || preparing.Stream != stream) return;
        _preparing = preparing with { IsBarrierPassed = true };
        ConsiderPrepared();
    }

    private void ConsiderPrepared()
    {
        if (_preparing is not { IsBarrierPassed: true } preparing || preparing.Left.Count != 0) return;
        _preparing = null;
        Feed(new StatePrepared(Now, preparing.Stream));
    }

    private void TellPeerIn(StreamId stream, bool isSource)
    {
        if (!HasDisks) return;
        _isPeerTold = true;
        foreach (DiskStanding disk in _disks) disk.Incoming.Clear();
        TellDisks(new DiskProtocol.PeerIn(stream, isSource));
    }

    // A leader that goes on alone: nothing more comes from the other's copies.
    private void NoteDisks()
    {
        if (!_isPeerTold || _mode != Mode.Leading || _protocol.HasPeer) return;
        _isPeerTold = false;
        TellDisks(new DiskProtocol.PeerGone());
    }

    // A read that gave other bytes here than on the leader is this copy's fault, or the leader's; digests will tell, this says why.
    private BlockCompleted OwnAs(BlockCompletionReference reference, BlockCompleted own)
    {
        if (reference.Status != BlockStatus.Ok) return own with { Status = reference.Status, Data = default };
        if (!reference.Matches(own with { Status = BlockStatus.Ok }))
            Report("disk-mismatch", FaultSeverity.Error, $"disk-{_options.Definition.Disks[own.DiskIndex].Name}",
                $"Request {own.RequestId} of machine {_options.Identity.Machine} gave {own.Data.Length} bytes ({own.Status}) on {_options.Identity.Self.Server} and others on {_options.Identity.PeerServer}.");
        return own with { Status = BlockStatus.Ok };
    }

    private string DisksSentence => string.Join("; ", _disks.Select((disk, i) => (Disk: disk, _options.Definition.Disks[i].Name)).Where(d => d.Disk is not { Own: CopyUse.Current, Peer: CopyUse.Current })
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
        if (parcel.Kind != MirrorParcels.Kind || parcel.Content.Length < MirrorParcels.HeaderBytes || parcel.Content.Span[0] >= _disks.Length) return;
        int disk = parcel.Content.Span[0];
        if (_disks[disk].Incoming.Add(parcel.Content) is { } whole) _parts.Disks[disk].Tell(new DiskProtocol.MirrorBytes(disk, whole), Self);
    }
}
