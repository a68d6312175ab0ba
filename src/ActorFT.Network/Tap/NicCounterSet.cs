namespace ActorFT.Network.Tap;

/// <summary>Live counters behind a <see cref="NicCounters"/>: any thread adds, any thread takes a snapshot.</summary>
internal sealed class NicCounterSet
{
    private long _sentFrames, _sentBytes, _sendFull, _sendClosed, _sendLength, _sendErrors;
    private long _receivedFrames, _receivedBytes, _receiveFull, _receiveClosed, _receiveErrors;

    internal void Sent(int lengthBytes)
    {
        Interlocked.Increment(ref _sentFrames);
        Interlocked.Add(ref _sentBytes, lengthBytes);
    }

    internal void SendDroppedFull() => Interlocked.Increment(ref _sendFull);

    internal void SendDroppedClosed() => Interlocked.Increment(ref _sendClosed);

    internal void SendDroppedLength() => Interlocked.Increment(ref _sendLength);

    internal void SendError() => Interlocked.Increment(ref _sendErrors);

    internal void Received(int lengthBytes)
    {
        Interlocked.Increment(ref _receivedFrames);
        Interlocked.Add(ref _receivedBytes, lengthBytes);
    }

    internal void ReceiveDroppedFull() => Interlocked.Increment(ref _receiveFull);

    internal void ReceiveDroppedClosed() => Interlocked.Increment(ref _receiveClosed);

    internal void ReceiveError() => Interlocked.Increment(ref _receiveErrors);

    internal NicCounters Snapshot() => new()
    {
        SentFrames = Interlocked.Read(ref _sentFrames),
        SentBytes = Interlocked.Read(ref _sentBytes),
        SendDroppedFull = Interlocked.Read(ref _sendFull),
        SendDroppedClosed = Interlocked.Read(ref _sendClosed),
        SendDroppedLength = Interlocked.Read(ref _sendLength),
        SendErrors = Interlocked.Read(ref _sendErrors),
        ReceivedFrames = Interlocked.Read(ref _receivedFrames),
        ReceivedBytes = Interlocked.Read(ref _receivedBytes),
        ReceiveDroppedFull = Interlocked.Read(ref _receiveFull),
        ReceiveDroppedClosed = Interlocked.Read(ref _receiveClosed),
        ReceiveErrors = Interlocked.Read(ref _receiveErrors),
    };
}
