using System.Buffers.Binary;
using System.Numerics;
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
        internal Reassembly Incoming { get; } = new();
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

    // Mirrors' messages: parcels of at most FragmentBytes, small ones with the log on every path, large ones with bulk on one.

    private const byte MirrorParcel = 1;
    private const int FragmentHeaderBytes = 9, FragmentBytes = 1 << 20, SmallBytes = 4096;
    private const long MaxQueuedParcelBytes = 64 << 20;

    private readonly Queue<byte[]> _outgoingParcels = new();
    private long _outgoingParcelBytes;
    private uint _mirrorNumber;

    private void SendMirrorBytes(DiskProtocol.MirrorBytes message)
    {
        if (_outgoingParcelBytes > MaxQueuedParcelBytes) return; // asked again
        int count = Math.Max(1, (message.Bytes.Length + FragmentBytes - 1) / FragmentBytes);
        _mirrorNumber++;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> part = message.Bytes.Span[(i * FragmentBytes)..Math.Min(message.Bytes.Length, (i + 1) * FragmentBytes)];
            byte[] content = new byte[FragmentHeaderBytes + part.Length];
            content[0] = (byte)message.Disk;
            BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(1), _mirrorNumber);
            BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan(5), (ushort)i);
            BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan(7), (ushort)count);
            part.CopyTo(content.AsSpan(FragmentHeaderBytes));
            _encoded.Clear();
            LinkCodec.Encode(_encoded, new LinkEnvelope(_options.Identity.Self.Incarnation, 0, new Parcel(MirrorParcel, content)));
            if (message.Bytes.Length <= SmallBytes)
            {
                for (int path = 0; path < _options.Link.PathCount; path++) SendLog(path);
                continue;
            }

            _outgoingParcels.Enqueue(_encoded.Written.ToArray());
            _outgoingParcelBytes += _encoded.Written.Length;
        }

        SendParcels();
    }

    /// <summary>False: there is no room for the rest now.</summary>
    private bool SendParcels()
    {
        while (_outgoingParcels.TryPeek(out byte[]? frame))
        {
            if (_pathsUp == 0)
            {
                _outgoingParcelBytes = 0;
                _outgoingParcels.Clear();
                return true;
            }

            _encoded.Clear();
            _encoded.Raw(frame);
            if (!TrySendBulk(BitOperations.TrailingZeroCount(_pathsUp))) return false;
            _outgoingParcels.Dequeue();
            _outgoingParcelBytes -= frame.Length;
        }

        return true;
    }

    private void OnParcel(Parcel parcel)
    {
        if (parcel.Kind != MirrorParcel || parcel.Content.Length < FragmentHeaderBytes || parcel.Content.Span[0] >= _disks.Length) return;
        int disk = parcel.Content.Span[0];
        if (_disks[disk].Incoming.Add(parcel.Content) is { } whole) _parts.Disks[disk].Tell(new DiskProtocol.MirrorBytes(disk, whole), Self);
    }

    /// <summary>Puts a mirror's messages together again. Small ones come on every path: each is delivered once.</summary>
    private sealed class Reassembly
    {
        private const int Remembered = 256, MaxUnfinished = 64;

        private readonly Queue<uint> _order = new();
        private readonly HashSet<uint> _delivered = [];
        private readonly Dictionary<uint, ReadOnlyMemory<byte>?[]> _unfinished = [];

        internal void Clear()
        {
            _unfinished.Clear();
            _order.Clear();
            _delivered.Clear();
        }

        internal ReadOnlyMemory<byte>? Add(ReadOnlyMemory<byte> fragment)
        {
            uint number = BinaryPrimitives.ReadUInt32LittleEndian(fragment.Span[1..]);
            int index = BinaryPrimitives.ReadUInt16LittleEndian(fragment.Span[5..]), count = BinaryPrimitives.ReadUInt16LittleEndian(fragment.Span[7..]);
            if (count == 0 || index >= count || _delivered.Contains(number)) return null;
            ReadOnlyMemory<byte> part = fragment[FragmentHeaderBytes..];
            if (count != 1)
            {
                if (!_unfinished.TryGetValue(number, out ReadOnlyMemory<byte>?[]? parts))
                {
                    if (_unfinished.Count >= MaxUnfinished) _unfinished.Remove(_unfinished.Keys.Min());
                    _unfinished[number] = parts = new ReadOnlyMemory<byte>?[count];
                }

                if (parts.Length != count) return null;
                parts[index] = part;
                if (parts.Any(p => p is null)) return null;
                _unfinished.Remove(number);
                byte[] whole = new byte[parts.Sum(p => p!.Value.Length)];
                int at = 0;
                foreach (ReadOnlyMemory<byte>? piece in parts)
                {
                    piece!.Value.CopyTo(whole.AsMemory(at));
                    at += piece.Value.Length;
                }

                part = whole;
            }

            _delivered.Add(number);
            _order.Enqueue(number);
            if (_order.Count > Remembered) _delivered.Remove(_order.Dequeue());
            return part;
        }
    }
}
