using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

public class LostMemoryTests
{
    [Fact]
    public void OnlyCopy_ThatFailedWithWritesInItsMemory_FailsTheNextFlushAndNoOther()
    {
        Host host = new();
        DiskMirror mirror = new(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), host);
        mirror.CopyOpened(true, "");
        mirror.Request(Write(1));
        host.End(null);
        mirror.Request(Write(2));
        host.End(CopyFaultKind.IoError);
        Assert.Equal([(1UL, BlockStatus.Ok), (2UL, BlockStatus.IoError)], host.Ended);

        mirror.CopyOpened(true, "");
        mirror.Request(Flush(3));
        host.End(null);
        mirror.Request(Flush(4));
        host.End(null);
        Assert.Equal([(3UL, BlockStatus.IoError), (4UL, BlockStatus.Ok)], host.Ended[2..]);
    }

    private static BlockRequested Write(ulong id) => new(0, id, BlockOperation.Write, 4096 * id, 512, new byte[512]);

    private static BlockRequested Flush(ulong id) => new(0, id, BlockOperation.Flush, 0, 0, default);

    private sealed class Host : IMirrorHost
    {
        private (BlockRequested Request, Action<BlockOutcome> Ended)? _submitted;

        internal List<(ulong Id, BlockStatus Status)> Ended { get; } = [];

        internal void End(CopyFaultKind? fault)
        {
            (BlockRequested request, Action<BlockOutcome> ended) = _submitted!.Value;
            ended(new BlockOutcome(new BlockCompleted(0, request.RequestId, fault is null ? BlockStatus.Ok : BlockStatus.IoError, default), fault, "", [], null, 0));
        }

        public void Submit(BlockRequested request, Action<BlockOutcome> ended) => _submitted = (request, ended);

        public void Complete(BlockCompleted completion, BlockOperation operation) => Ended.Add((completion.RequestId, completion.Status));

        public void Check(int region, Action<BlockCheck[]?> ended) => throw new NotSupportedException();

        public void Record(Action<DiskCopy> change, Action<bool> ended) => throw new NotSupportedException();

        public void Send(ReadOnlyMemory<byte> message) => throw new NotSupportedException();

        public void MarkStale(Action ended) => throw new NotSupportedException();

        public void MarkCurrent(Action<bool> ended) => throw new NotSupportedException();

        public void OnCopyFailed(CopyFaultKind kind, string detail) { }

        public bool OnBadBlocks(int count) => true;

        public void OnForeign(string reason) => throw new NotSupportedException();

        public void OnChanged() { }

        public void Tell(MirrorNote note, string sentence) { }
    }
}
