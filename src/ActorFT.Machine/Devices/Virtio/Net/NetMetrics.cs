namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>Counters for people; not state.</summary>
internal sealed class NetMetrics
{
    public long FramesSent { get; set; }

    public long BytesSent { get; set; }

    /// <summary>Frames not sent: too short, too long, or with a header that asks for what was not negotiated.</summary>
    public long SendErrors { get; set; }

    public long FramesReceived { get; set; }

    public long BytesReceived { get; set; }

    /// <summary>Frames dropped for want of receive buffers.</summary>
    public long ReceiveDropped { get; set; }

    /// <summary>Frames dropped because they are shorter or longer than the NIC allows.</summary>
    public long ReceiveErrors { get; set; }
}
