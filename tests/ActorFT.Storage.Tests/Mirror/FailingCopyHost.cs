using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>For a mirror whose copy fails: keeps what it says to the other side, and what waits for its copy's being stale to be durable.</summary>
internal sealed class FailingCopyHost : MirrorHostBase
{
    internal List<MirrorMessage> Sent { get; } = [];

    internal Action? Marked { get; private set; }

    public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Sent.Add(MirrorCodec.Read(message.ToArray()).Message);

    public override void Record(Action<DiskCopy> change, Action<bool> ended)
    {
    }

    public override void MarkStale(Action ended) => Marked = ended;

    public override void OnCopyFailed(CopyFaultKind kind, string detail)
    {
    }
}
