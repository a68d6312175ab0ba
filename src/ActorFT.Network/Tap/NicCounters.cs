namespace ActorFT.Network.Tap;

/// <summary>What a NIC's back end passed and dropped since it was made. Sent: from the machine to the world.</summary>
public readonly record struct NicCounters
{
    /// <summary>Frames and bytes that left.</summary>
    public long SentFrames { get; init; }

    /// <summary>Bytes that left.</summary>
    public long SentBytes { get; init; }

    /// <summary>Frames dropped because the host's queue was full (EAGAIN, ENOBUFS).</summary>
    public long SendDroppedFull { get; init; }

    /// <summary>Frames dropped because the gate was closed.</summary>
    public long SendDroppedClosed { get; init; }

    /// <summary>Frames dropped because they were shorter than a header or longer than the MTU allows.</summary>
    public long SendDroppedLength { get; init; }

    /// <summary>Frames dropped because the host refused them (interface down or gone).</summary>
    public long SendErrors { get; init; }

    /// <summary>Frames handed to the receiver.</summary>
    public long ReceivedFrames { get; init; }

    /// <summary>Bytes handed to the receiver.</summary>
    public long ReceivedBytes { get; init; }

    /// <summary>Frames dropped because the receiver had no room.</summary>
    public long ReceiveDroppedFull { get; init; }

    /// <summary>Frames that arrived while the gate was closed.</summary>
    public long ReceiveDroppedClosed { get; init; }

    /// <summary>Failed reads.</summary>
    public long ReceiveErrors { get; init; }
}
