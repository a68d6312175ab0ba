namespace ActorFT.Network.Tap;

/// <summary>Live counters behind a <see cref="NicCounters"/>: any thread adds, any thread takes a snapshot.</summary>
internal sealed class NicCounterSet
{
    private long _sendFull, _sendClosed, _sendLength, _sendErrors, _receiveFull, _receiveClosed, _receiveErrors;
    private TrafficCounter _sent, _received;

    internal void Sent(int lengthBytes) => _sent.Add(lengthBytes);

    internal void SendDroppedFull() => Interlocked.Increment(ref _sendFull);

    internal void SendDroppedClosed() => Interlocked.Increment(ref _sendClosed);

    internal void SendDroppedLength() => Interlocked.Increment(ref _sendLength);

    internal void SendError() => Interlocked.Increment(ref _sendErrors);

    internal void Received(int lengthBytes) => _received.Add(lengthBytes);

    internal void ReceiveDroppedFull() => Interlocked.Increment(ref _receiveFull);

    internal void ReceiveDroppedClosed() => Interlocked.Increment(ref _receiveClosed);

    internal void ReceiveError() => Interlocked.Increment(ref _receiveErrors);

    internal NicCounters Snapshot() => new()
    {
        SentFrames = _sent.Frames,
        SentBytes = _sent.Bytes,
        SendDroppedFull = Interlocked.Read(ref _sendFull),
        SendDroppedClosed = Interlocked.Read(ref _sendClosed),
        SendDroppedLength = Interlocked.Read(ref _sendLength),
        SendErrors = Interlocked.Read(ref _sendErrors),
        ReceivedFrames = _received.Frames,
        ReceivedBytes = _received.Bytes,
        ReceiveDroppedFull = Interlocked.Read(ref _receiveFull),
        ReceiveDroppedClosed = Interlocked.Read(ref _receiveClosed),
        ReceiveErrors = Interlocked.Read(ref _receiveErrors),
    };
}
