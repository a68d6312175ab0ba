using System.Collections.Immutable;

namespace ActorFT.Network.Links;

/// <summary>What one class on one path did so far.</summary>
public readonly record struct LinkClassCounters
{
    /// <summary>Whether it is connected now.</summary>
    public bool IsConnected { get; init; }

    /// <summary>Connections made so far.</summary>
    public long Connections { get; init; }

    /// <summary>Messages and payload bytes sent.</summary>
    public long SentFrames { get; init; }

    /// <summary>Payload bytes sent.</summary>
    public long SentBytes { get; init; }

    /// <summary>Messages and payload bytes received.</summary>
    public long ReceivedFrames { get; init; }

    /// <summary>Payload bytes received.</summary>
    public long ReceivedBytes { get; init; }

    /// <summary>Messages not taken because the queue was full.</summary>
    public long RefusedFull { get; init; }

    /// <summary>Bytes that wait here now for the kernel to take them.</summary>
    public long QueuedBytes { get; init; }

    /// <summary>Frames whose checksum was wrong or which broke the protocol.</summary>
    public long CorruptedFrames { get; init; }
}

/// <summary>A path's measurements.</summary>
public sealed record LinkPathSnapshot
{
    /// <summary>The path's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its state.</summary>
    public required LinkPathStatus Status { get; init; }

    /// <summary>Time since anything was heard, in ms; negative before the first time.</summary>
    public required double HeardAgoMs { get; init; }

    /// <summary>Round trip of heartbeats, smoothed, in ms; negative before the first.</summary>
    public required double RoundTripMs { get; init; }

    /// <summary>Median of the last 128 round trips, in ms.</summary>
    public required double RoundTripP50Ms { get; init; }

    /// <summary>Longest of the last 128 round trips, in ms.</summary>
    public required double RoundTripMaxMs { get; init; }

    /// <summary>Part of the TCP segments of the last ten seconds that had to be sent again: 0 to 1.</summary>
    public required double LossRatio { get; init; }

    /// <summary>Per class, indexed by <see cref="LinkClass"/>.</summary>
    public required ImmutableArray<LinkClassCounters> Classes { get; init; }
}
