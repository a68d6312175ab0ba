using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace ActorFT.Network.Links;

/// <summary>
/// One agreed connection: one class on one path. Whoever sends does so on its own thread, at once, without ever waiting;
/// what the kernel does not take follows through the pump. One thread of its own waits for what arrives: the thread pool
/// may be starved by whatever it likes, heartbeats and records still pass.
/// </summary>
internal sealed class LinkConnection : IDisposable
{
    private const int SmallReadBytes = 32 * 1024, BulkReadBytes = 256 * 1024;

    // More than so much is sent even if it may trail.
    private const int MaxTrailingBytes = 256 * 1024;

    private readonly LinkStream _transport;
    private readonly Stream _stream;
    private readonly int _pathIndex;
    private readonly LinkMeter _meter;
    private readonly PathMeter _pathMeter;
    private readonly ILinkSink _sink;
    private readonly Action _wakePump;
    private readonly Lock _sendGate = new();
    private readonly Lock _creditGate = new();
    private readonly ManualResetEventSlim _creditReturned = new(true);
    private readonly List<TaskCompletionSource<bool>> _roomWaiters = [];
    private byte[] _scratch = [];
    private LinkProtocolException? _abortReason;
    private long _sentNumber;
    private long _receivedNumber;
    private long _heldBytes;
    private bool _isClosed;

    internal LinkConnection(LinkAgreed agreed, LinkMeter meter, PathMeter pathMeter, ILinkSink sink, Action wakePump)
    {
        _transport = agreed.Transport;
        _stream = agreed.Stream;
        Peer = agreed.Peer;
        Class = agreed.Peer.LinkClass;
        _pathIndex = agreed.Peer.PathIndex;
        _meter = meter;
        _pathMeter = pathMeter;
        _sink = sink;
        _wakePump = wakePump;
    }

    internal LinkClass Class { get; }

    internal LinkIdentity Peer { get; }

    internal Socket Socket => _transport.Socket;

    /// <summary>Bytes that wait for the kernel. A moment's view.</summary>
    internal int UnsentBytes => _transport.UnsentBytes;

    /// <summary>What the pump saw at its last look.</summary>
    internal Native.TcpHealth LastHealth { get; set; }

    private int QueueLimitBytes => LinkClasses.QueueLimitBytes(Class);

    /// <summary>Sends a message whose payload comes in two parts; one that may trail goes with the next that may not, or with <see cref="FlushTrailing"/>.</summary>
    internal SendResult TrySend(ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool mayTrail = false)
    {
        SendResult result = TrySend(LinkFrameKind.Message, channel, head, body, mayTrail);
        if (result == SendResult.Taken)
        {
            _meter.Sent.Add(head.Length + body.Length);
        }
        else if (result == SendResult.Full)
        {
            Interlocked.Increment(ref _meter.RefusedFull);
        }

        return result;
    }

    /// <summary>Sends a heartbeat. One that finds no room is not sent: the peer does not read anyway.</summary>
    internal void Ping()
    {
        Span<byte> heartbeat = stackalloc byte[LinkFraming.HeartbeatBytes];
        heartbeat.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(heartbeat, Stopwatch.GetTimestamp());
        TrySend(LinkFrameKind.Ping, 0, heartbeat, default);
    }

    /// <summary>Sends what trails.</summary>
    internal void FlushTrailing()
    {
        if (_transport.UnsentBytes != 0 && !Flush()) _wakePump();
    }

    /// <summary>The pump's part: sends what waits. True: nothing waits any more.</summary>
    internal bool Flush()
    {
        lock (_sendGate)
        {
            if (_isClosed) return true;
            try
            {
                return TryFlush();
            }
            catch (LinkProtocolException exception)
            {
                Abort(exception.Cause, exception.Message);
                return true;
            }
        }
    }

    /// <summary>Completes with true when there is room again, with false when the connection ended.</summary>
    internal Task<bool> WaitForRoomAsync(CancellationToken cancellation)
    {
        TaskCompletionSource<bool> waiter;
        lock (_sendGate)
        {
            if (_isClosed) return Task.FromResult(false);
            if (_transport.UnsentBytes <= QueueLimitBytes) return Task.FromResult(true);
            waiter = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            _roomWaiters.Add(waiter);
        }

        return cancellation.CanBeCanceled ? waiter.Task.WaitAsync(cancellation) : waiter.Task;
    }

    /// <summary>Makes the connection end; the first reason stays. From any thread.</summary>
    internal void Abort(LinkDownCause cause, string reason)
    {
        if (Interlocked.CompareExchange(ref _abortReason, new LinkProtocolException(cause, reason), null) is not null) return;
        try
        {
            // Wakes the reader, which then disposes.
            _transport.Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Already ended.
        }

        _creditReturned.Set();
    }

    /// <summary>Receives until the connection ends, on the calling thread, and says why it ended.</summary>
    internal LinkProtocolException Run()
    {
        try
        {
            Receive();
        }
        catch (LinkProtocolException exception)
        {
            if (exception.Cause == LinkDownCause.Corrupted) Interlocked.Increment(ref _meter.CorruptedFrames);
            Abort(exception.Cause, exception.Message);
        }
        catch (Exception exception)
        {
            // TLS wraps what our stream throws. Whatever else it is, it costs this connection only.
            LinkProtocolException? inner = exception.InnerException as LinkProtocolException;
            Abort(inner?.Cause ?? LinkDownCause.Reset, inner?.Message ?? $"the connection broke ({exception.Message.TrimEnd('.')})");
        }

        Dispose();
        return _abortReason!;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_sendGate)
        {
            if (_isClosed) return;
            _isClosed = true;
            ReleaseRoomWaiters(false);
            _stream.Dispose();
            _transport.Dispose();
        }
    }

    private SendResult TrySend(LinkFrameKind kind, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool mayTrail = false)
    {
        bool isDone;
        lock (_sendGate)
        {
            if (_isClosed) return SendResult.NotConnected;
            if (_transport.UnsentBytes > QueueLimitBytes) return SendResult.Full;
            try
            {
                Append(kind, channel, head, body);
                isDone = (mayTrail && _transport.UnsentBytes < MaxTrailingBytes) || TryFlush();
            }
            catch (Exception exception) when (exception is LinkProtocolException or IOException)
            {
                Abort((exception as LinkProtocolException)?.Cause ?? LinkDownCause.Reset, exception.Message);
                return SendResult.NotConnected;
            }
        }

        if (!isDone) _wakePump();
        return SendResult.Taken;
    }

    private void Append(LinkFrameKind kind, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        int lengthBytes = LinkFraming.HeaderBytes + head.Length + body.Length;
        if (ReferenceEquals(_stream, _transport))
        {
            LinkFraming.Write(_transport.Append(lengthBytes), kind, channel, head, body, _sentNumber++);
            return;
        }

        if (_scratch.Length < lengthBytes) _scratch = new byte[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)lengthBytes)];
        LinkFraming.Write(_scratch.AsSpan(0, lengthBytes), kind, channel, head, body, _sentNumber++);
        _stream.Write(_scratch.AsSpan(0, lengthBytes));
    }

    // Under the gate. Whoever makes room tells those who wait for it, a heartbeat's flush too: when nothing is left to send nobody else comes by.
    private bool TryFlush()
    {
        bool isDone = _transport.TryFlush();
        if (_transport.UnsentBytes <= QueueLimitBytes / 2) ReleaseRoomWaiters(true);
        return isDone;
    }

    private void ReleaseRoomWaiters(bool hasRoom)
    {
        foreach (TaskCompletionSource<bool> waiter in _roomWaiters) waiter.TrySetResult(hasRoom);
        _roomWaiters.Clear();
    }

    private void Receive()
    {
        PipeReader reader = PipeReader.Create(
            _stream, new StreamPipeReaderOptions(bufferSize: Class == LinkClass.Bulk ? BulkReadBytes : SmallReadBytes, leaveOpen: true));
        while (true)
        {
            ValueTask<ReadResult> reading = reader.ReadAsync();
            // Our stream completes before it returns; a stream over it may not, and then this thread waits.
            ReadResult result = reading.IsCompleted ? reading.Result : reading.AsTask().GetAwaiter().GetResult();
            _pathMeter.Heard();
            ReadOnlySequence<byte> buffer = result.Buffer;
            while (TryTakeFrame(ref buffer))
            {
            }

            if (result.IsCompleted) throw new LinkProtocolException(LinkDownCause.Reset, "the peer's system ended the connection");
            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private bool TryTakeFrame(ref ReadOnlySequence<byte> buffer)
    {
        if (!LinkFraming.TryReadHeader(buffer, LinkClasses.MaxPayloadBytes(Class), out LinkFrameHeader header)) return false;
        int frameBytes = LinkFraming.HeaderBytes + header.PayloadBytes;
        if (buffer.Length < frameBytes) return false;
        bool isPooled = Class == LinkClass.Bulk;
        byte[] frame = isPooled ? ArrayPool<byte>.Shared.Rent(frameBytes) : GC.AllocateUninitializedArray<byte>(frameBytes);
        buffer.Slice(0, frameBytes).CopyTo(frame);
        buffer = buffer.Slice(frameBytes);
        LinkFraming.Check(frame.AsSpan(0, frameBytes), _receivedNumber++);
        Memory<byte> payload = frame.AsMemory(LinkFraming.HeaderBytes, header.PayloadBytes);
        if (header.Kind == LinkFrameKind.Message) Deliver(new LinkFrame(_pathIndex, Class, header.Channel, frame, payload, isPooled, ReturnCredit));
        else AnswerHeartbeat(header.Kind, payload.Span);
        return true;
    }

    private void Deliver(LinkFrame frame)
    {
        int lengthBytes = frame.Payload.Length;
        _meter.Received.Add(lengthBytes);
        bool hasCredit;
        lock (_creditGate)
        {
            // With the header, so that empty messages too have an end.
            _heldBytes += lengthBytes + LinkFraming.HeaderBytes;
            hasCredit = _heldBytes <= LinkClasses.CreditBytes(Class);
            if (!hasCredit) _creditReturned.Reset();
        }

        _sink.FrameReceived(frame);
        if (!hasCredit && Volatile.Read(ref _abortReason) is null) _creditReturned.Wait();
        if (Volatile.Read(ref _abortReason) is { } reason) throw reason;
    }

    private void ReturnCredit(int lengthBytes)
    {
        lock (_creditGate)
        {
            _heldBytes -= lengthBytes + LinkFraming.HeaderBytes;
            if (_heldBytes <= LinkClasses.CreditBytes(Class)) _creditReturned.Set();
        }
    }

    private void AnswerHeartbeat(LinkFrameKind kind, ReadOnlySpan<byte> heartbeat)
    {
        if (kind == LinkFrameKind.Ping)
        {
            TrySend(LinkFrameKind.Pong, 0, heartbeat, default);
            return;
        }

        double roundTripMs = Stopwatch.GetElapsedTime(BinaryPrimitives.ReadInt64LittleEndian(heartbeat)).TotalMilliseconds;
        // Only the control connection's tell the path's round trip: the others' may wait behind data. A peer that
        // makes numbers up is not believed.
        if (Class == LinkClass.Control && roundTripMs is >= 0 and < 600_000) _pathMeter.RoundTrips.Add(roundTripMs);
    }
}
