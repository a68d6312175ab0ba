using System.Buffers;
using ActorFT.Lockstep.Messages;
using ActorFT.Machine.State;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// One disk's messages to the other server's mirror that go with bulk: regions of a resync, and results too long for the log. They do not pass the
/// coordinator, whose thread runs the guest. Results go before regions: a machine waits for them. Bounded; not thread-safe, its disk's actor has it.
/// </summary>
internal sealed class MirrorOutbox : IDisposable
{
    /// <summary>Bytes that wait for room at most; what comes then is dropped, and asked for again by the other side.</summary>
    internal const long MaxQueuedBytes = 64 << 20;

    private const int ReconnectMs = 20;

    private readonly record struct Frame(byte[] Buffer, int Length);

    private readonly IPeerLink _link;
    private readonly ushort _channel;
    private readonly ulong _incarnation;
    private readonly byte _disk;
    private readonly Action _roomCame;
    private readonly Queue<Frame> _results = new(), _regions = new();
    private readonly StateWriter _head = new();
    private uint _number;
    private bool _isWaiting;

    /// <summary>Creates it.</summary>
    /// <param name="link">The FT link.</param>
    /// <param name="channel">The machine's number on it.</param>
    /// <param name="incarnation">This server's run.</param>
    /// <param name="disk">The disk's position in the machine's definition.</param>
    /// <param name="roomCame">Called on any thread when <see cref="RoomCame"/> is to be.</param>
    internal MirrorOutbox(IPeerLink link, ushort channel, ulong incarnation, int disk, Action roomCame) =>
        (_link, _channel, _incarnation, _disk, _roomCame) = (link, channel, incarnation, (byte)disk, roomCame);

    /// <summary>Bytes that wait.</summary>
    internal long QueuedBytes { get; private set; }

    /// <summary>Sends a message, or keeps a copy of it until there is room.</summary>
    internal void Send(ReadOnlySpan<byte> message, bool isRegion)
    {
        if (QueuedBytes > MaxQueuedBytes) return;
        int count = MirrorParcels.FragmentCount(message.Length);
        uint number = MirrorParcels.BulkNumbers | ++_number;
        Queue<Frame> queue = isRegion ? _regions : _results;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> part = MirrorParcels.Fragment(message, i);
            _head.Clear();
            LinkCodec.EncodeParcelHead(_head, _incarnation, MirrorParcels.Kind, MirrorParcels.HeaderBytes + part.Length);
            MirrorParcels.WriteHeader(_head, _disk, number, i, count);
            if (queue.Count == 0 && (!isRegion || _results.Count == 0) && TrySend(_head.Written, part)) continue;
            if (!_isWaiting) return; // no path: lost
            int length = _head.Written.Length + part.Length;
            Frame frame = new(ArrayPool<byte>.Shared.Rent(length), length);
            _head.Written.CopyTo(frame.Buffer);
            part.CopyTo(frame.Buffer.AsSpan(_head.Written.Length));
            queue.Enqueue(frame);
            QueuedBytes += length;
        }
    }

    /// <summary>There is room again, or the path is gone.</summary>
    internal void RoomCame()
    {
        _isWaiting = false;
        while ((_results.Count != 0 ? _results : _regions) is { Count: not 0 } queue)
        {
            Frame frame = queue.Peek();
            if (!TrySend(frame.Buffer.AsSpan(0, frame.Length), default))
            {
                if (!_isWaiting) Forget();
                return;
            }

            Free(queue.Dequeue());
        }
    }

    // False: it waits for room now, or there is no path.
    private bool TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        if (_isWaiting) return false;
        int path = _link.BulkPath;
        if (path < 0) return false;
        if (_link.TrySendBulk(path, _channel, head, body)) return true;
        _isWaiting = true;
        Action roomCame = _roomCame;
        Task room = _link.WaitForBulkRoomAsync(path);
        // The path is up and has no bulk connection now: there is nothing to wait for but time.
        if (room is Task<bool> { IsCompletedSuccessfully: true, Result: false }) room = Task.Delay(ReconnectMs);
        room.ContinueWith(_ => roomCame(), TaskScheduler.Default);
        return false;
    }

    private void Forget()
    {
        while (_results.TryDequeue(out Frame frame) || _regions.TryDequeue(out frame)) Free(frame);
    }

    private void Free(Frame frame)
    {
        QueuedBytes -= frame.Length;
        ArrayPool<byte>.Shared.Return(frame.Buffer);
    }

    /// <inheritdoc/>
    public void Dispose() => Forget();
}
