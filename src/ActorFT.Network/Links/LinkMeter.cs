using System.Diagnostics;

namespace ActorFT.Network.Links;

/// <summary>Counters of one class on one path, over all its connections. Any thread adds and reads.</summary>
internal sealed class LinkMeter
{
    internal long Connections, RefusedFull, CorruptedFrames;
    internal TrafficCounter Sent, Received;

    internal LinkClassCounters Snapshot(LinkConnection? connection) => new()
    {
        IsConnected = connection is not null,
        Connections = Interlocked.Read(ref Connections),
        SentFrames = Sent.Frames,
        SentBytes = Sent.Bytes,
        ReceivedFrames = Received.Frames,
        ReceivedBytes = Received.Bytes,
        RefusedFull = Interlocked.Read(ref RefusedFull),
        CorruptedFrames = Interlocked.Read(ref CorruptedFrames),
        QueuedBytes = connection?.UnsentBytes ?? 0,
    };
}

/// <summary>When a path was last heard, and how long its round trips take. Any thread adds and reads.</summary>
internal sealed class PathMeter
{
    private long _heardAt;

    internal RoundTripMeter RoundTrips { get; } = new();

    /// <summary>Time since the last byte, in ms; negative before the first.</summary>
    internal double HeardAgoMs
    {
        get
        {
            long heardAt = Volatile.Read(ref _heardAt);
            return heardAt == 0 ? -1 : Stopwatch.GetElapsedTime(heardAt).TotalMilliseconds;
        }
    }

    internal void Heard() => Volatile.Write(ref _heardAt, Stopwatch.GetTimestamp());
}
