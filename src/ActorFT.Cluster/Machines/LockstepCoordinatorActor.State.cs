using System.Buffers.Binary;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

// State transfer: the leader's side sends pages between rounds, the joiner's loads them.
public sealed partial class LockstepCoordinatorActor
{
    private const int PagesInBatch = 64, PageRecordBytes = 4 + GuestMemory.PageBytes;

    /// <summary>Batches sent between two rounds, at most: half a megabyte, so that rounds are hardly delayed.</summary>
    private const int BatchesBetweenRounds = 2;

    private sealed class OutgoingState
    {
        public required StreamId Stream { get; init; }
        public required int Pass { get; init; }
        public required int Path { get; init; }
        public required bool IsFinal { get; init; }
        public required List<int> Pages { get; init; }
        public ulong NextSequence { get; set; }
        public int NextPage { get; set; }
        public bool AreDevicesSent { get; set; }
        public ulong BeganNs { get; init; }
    }

    private OutgoingState? _outgoing;
    private readonly Queue<(int Path, byte[] Frame)> _outgoingEnds = new();
    private bool _isStreamFinal, _isWaitingForRoom;
    private double _resyncAllowance;
    private ulong _resyncRefilledNs;
    private byte[] _loadedDevices = [];
    private readonly byte[] _batchBuffer = new byte[PagesInBatch * PageRecordBytes];

    private void BeginPass(StreamState stream)
    {
        if (stream.Pass == 0)
        {
            (_resyncBeganNs, _resyncBytes) = (Now, 0);
            TellPeerIn(stream.Stream, isSource: true);
        }

        List<int> pages = [];
        _machine!.Memory.TakeDirtySinceMark(pages);
        if (stream.Pass == 0)
        {
            pages.Clear();
            for (int page = 0; page < _machine.Memory.PageCount; page++)
                if (_machine.Memory.IsTouched(page)) pages.Add(page);
        }

        _outgoing = new OutgoingState
        {
            Stream = stream.Stream, Pass = stream.Pass, Path = stream.Path, IsFinal = false, Pages = pages, NextSequence = stream.FirstSequence, BeganNs = Now,
        };
    }

    private void BeginFinalPass(StreamFinalState stream)
    {
        List<int> pages = [];
        _machine!.Memory.TakeDirtySinceMark(pages);
        _isStreamFinal = true;
        TellDisks(new DiskProtocol.MarkBase());
        _outgoing = new OutgoingState
        {
            Stream = stream.Stream, Pass = -1, Path = stream.Path, IsFinal = true, Pages = pages, NextSequence = stream.FirstSequence, BeganNs = Now,
        };
        Self.Tell(MachineProtocol.RoomForState.Instance, ActorRefs.NoSender);
    }

    private void EndStream()
    {
        _outgoing = null;
        _outgoingEnds.Clear();
        _isStreamFinal = false;
    }

    /// <summary>Sends a little more of the state, if a transfer is under way and there is room.</summary>
    private void ContinueStream()
    {
        if (_isWaitingForRoom) return;
        while (_outgoingEnds.TryPeek(out (int Path, byte[] Frame) end))
        {
            _encoded.Clear();
            _encoded.Raw(end.Frame);
            if (!TrySendBulk(end.Path)) return;
            _outgoingEnds.Dequeue();
        }

        if (_outgoing is not { } outgoing || _isInRound || _machine is not { } machine) return;
        ulong sentBefore = outgoing.NextSequence;
        if (!TrySendMore(outgoing, machine) && outgoing.NextSequence != sentBefore) Feed(new StateMoved(Now, outgoing.Stream));
    }

    // False: there is more, or no room for it yet.
    private bool TrySendMore(OutgoingState outgoing, IMachine machine)
    {
        for (int batches = 0; outgoing.NextPage < outgoing.Pages.Count; batches++)
        {
            if (!outgoing.IsFinal && (batches >= BatchesBetweenRounds || !IsAllowed())) return false;
            if (!TrySendPages(outgoing, machine.Memory)) return false;
        }

        if (outgoing.IsFinal) return TryFinishFinalPass(outgoing, machine);
        _outgoing = null;
        Feed(new StatePassSent(Now, outgoing.Stream, outgoing.Pass, outgoing.NextSequence, machine.Memory.CountDirtySinceMark()));
        return true;
    }

    private bool TryFinishFinalPass(OutgoingState outgoing, IMachine machine)
    {
        if (!outgoing.AreDevicesSent)
        {
            StateWriter devices = new();
            machine.SaveDevices(devices);
            if (!TrySendBatch(outgoing, StateKind.Devices, devices.WrittenMemory)) return false;
            outgoing.AreDevicesSent = true;
        }

        _outgoing = null;
        _isStreamFinal = false;
        Digest digest = machine.ComputeDigest();
        _resyncPauseNs = Now - outgoing.BeganNs;
        Feed(new FinalStateSent(Now, outgoing.Stream, outgoing.NextSequence, machine.RoundNumber, machine.TimeNs, digest));
        QueueRound();
        return true;
    }

    private ulong _resyncBeganNs, _resyncPauseNs, _resyncTookNs;
    private long _resyncBytes, _lastResyncBytes;

    // The machine is in lockstep: the transfer, if one of ours led to it, is over.
    private void NoteResyncDone()
    {
        if (_resyncBeganNs == 0) return;
        (_resyncTookNs, _lastResyncBytes, _resyncBeganNs) = (Now - _resyncBeganNs, _resyncBytes, 0);
    }

    private bool TrySendPages(OutgoingState outgoing, GuestMemory memory)
    {
        int count = Math.Min(PagesInBatch, outgoing.Pages.Count - outgoing.NextPage);
        for (int i = 0; i < count; i++)
        {
            int page = outgoing.Pages[outgoing.NextPage + i];
            Span<byte> record = _batchBuffer.AsSpan(i * PageRecordBytes, PageRecordBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)page);
            memory.Page(page).CopyTo(record[4..]);
        }

        int bytes = count * PageRecordBytes;
        if (!TrySendBatch(outgoing, StateKind.Pages, _batchBuffer.AsMemory(0, bytes))) return false;
        outgoing.NextPage += count;
        _resyncAllowance -= bytes;
        return true;
    }

    private bool TrySendBatch(OutgoingState outgoing, StateKind kind, ReadOnlyMemory<byte> content)
    {
        _encoded.Clear();
        LinkCodec.Encode(_encoded, new LinkEnvelope(_options.Identity.Self.Incarnation, 0, new StateBatch(outgoing.Stream, outgoing.NextSequence, kind, content)));
        if (!TrySendBulk(outgoing.Path)) return false;
        outgoing.NextSequence++;
        _resyncBytes += content.Length;
        return true;
    }

    // Sends what is encoded, behind whatever waits already; when there is no room, there will be a word when there is.
    private bool TrySendBulk(int path)
    {
        if (_isWaitingForRoom) return false;
        if (_options.Link.TrySend(path, isBulk: true, _options.Channel, _encoded.Written)) return true;
        _isWaitingForRoom = true;
        IActorRef self = Self;
        _options.Link.WaitForBulkRoomAsync(path).ContinueWith(
            _ => self.Tell(MachineProtocol.RoomForState.Instance, ActorRefs.NoSender), TaskScheduler.Default);
        return false;
    }

    // A token bucket of a tenth of a second.
    private bool IsAllowed()
    {
        double rate = _options.ResyncBytesPerSecond;
        if (rate == 0) return true;
        ulong now = Now;
        _resyncAllowance = Math.Min(rate / 10, _resyncAllowance + (now - _resyncRefilledNs) / 1e9 * rate);
        _resyncRefilledNs = now;
        return _resyncAllowance > 0;
    }

    private void MakeBlank(StreamId stream)
    {
        DiscardMachine();
        _mode = Mode.None;
        OpenDevices(NicRole.None, 0);
        _machine = _options.CreateMachine(_options.Definition);
        _machine.Memory.Clear();
        _loadedDevices = [];
        PrepareDisks(stream);
    }

    private void LoadPages(StateBatch batch)
    {
        if (_machine is null) return;
        if (batch.Kind == StateKind.Devices) _loadedDevices = batch.Content.ToArray();
        if (batch.Kind != StateKind.Pages) return;
        ReadOnlySpan<byte> rest = batch.Content.Span;
        while (rest.Length >= PageRecordBytes)
        {
            uint page = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            if (page < (uint)_machine.Memory.PageCount) _machine.Memory.WritePage((int)page, rest.Slice(4, GuestMemory.PageBytes));
            rest = rest[PageRecordBytes..];
        }
    }

    private void FinishLoading(LoadState load)
    {
        Digest? digest = null;
        try
        {
            _machine!.RestoreDevices(_loadedDevices);
            digest = _machine.ComputeDigest();
        }
        catch (StateFormatException e)
        {
            Report("transfer-failed", FaultSeverity.Error, "", $"The state of machine {_options.Identity.Machine} that came from {_options.Identity.PeerServer} cannot be loaded: {e.Message}");
        }

        _loadedDevices = [];
        _events.Enqueue(new StateLoaded(Now, load.Stream, digest));
        if (digest is null) return;
        TellPeerIn(load.Stream, isSource: false);
        Perform([.. _machine!.PendingRequests.Where(request => request is BlockRequested)], returnIfLate: false);
    }

    private ResyncStatus? Resync
    {
        get
        {
            if (_outgoing is not { } outgoing) return null;
            double seconds = (Now - outgoing.BeganNs) / 1e9, rate = seconds > 0 ? outgoing.NextPage * (double)GuestMemory.PageBytes / seconds : 0;
            double left = rate > 0 ? (outgoing.Pages.Count - outgoing.NextPage) * (double)GuestMemory.PageBytes / rate : -1;
            return new ResyncStatus(outgoing.Pass, outgoing.NextPage, outgoing.Pages.Count, rate, left);
        }
    }
}
