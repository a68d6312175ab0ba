using System.Collections.Concurrent;
using ActorFT.Network.Links;

namespace ActorFT.Network.Tests.Links;

/// <summary>Remembers what a link told; disposes frames unless it is told to hold them.</summary>
internal sealed class RecordingSink : ILinkSink
{
    internal ConcurrentQueue<(int Path, LinkClass Class, ushort Channel, byte[] Payload)> Frames { get; } = new();

    internal ConcurrentQueue<LinkPathStatus> Changes { get; } = new();

    internal ConcurrentQueue<string> Refusals { get; } = new();

    internal ConcurrentQueue<LinkFrame> Held { get; } = new();

    /// <summary>Classes whose frames are kept undisposed.</summary>
    internal Func<LinkClass, bool> Holds { get; set; } = _ => false;

    /// <summary>Runs before a frame is remembered.</summary>
    internal Action<LinkFrame>? OnFrame { get; set; }

    internal bool KeepsPayloads { get; set; } = true;

    public void FrameReceived(LinkFrame frame)
    {
        OnFrame?.Invoke(frame);
        if (KeepsPayloads) Frames.Enqueue((frame.PathIndex, frame.LinkClass, frame.Channel, frame.Payload.ToArray()));
        if (Holds(frame.LinkClass)) Held.Enqueue(frame);
        else frame.Dispose();
    }

    public void PathChanged(LinkPathStatus status) => Changes.Enqueue(status);

    public void Refused(int pathIndex, string reason) => Refusals.Enqueue(reason);
}
