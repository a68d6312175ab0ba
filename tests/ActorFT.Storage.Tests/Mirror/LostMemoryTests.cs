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

    // What the other copy was made from had lost it (seed 587 of scripts/simulate --disks, as histories were on 2026-11-29).
    [Fact]
    public void WhatWasLostWithTheOnlyCopy_IsToldByTheNextFlush_AlsoWhenThatCopyWasRebuiltMeanwhile()
    {
        Host host = new();
        DiskMirror mirror = new(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), host);
        mirror.CopyOpened(true, "");
        mirror.PeerIn(7, 1, isSource: true);
        MirrorHostBase.Hear(mirror, new CopyStands(CopyUse.Rebuilding, "new"));
        mirror.Request(Write(1));
        host.End(null);
        mirror.Request(Write(2));
        host.End(CopyFaultKind.IoError);
        mirror.CopyOpened(true, "");
        MirrorHostBase.HearAnswer(mirror, PeerAnswer.Bad);
        Assert.Equal(CopyUse.Current, mirror.Use);

        MirrorHostBase.Hear(mirror, new CopyStands(CopyUse.Current, "")); // made from this one
        mirror.CopyOut("isolated");
        mirror.CopyOpened(false, "in service again");
        mirror.Request(Flush(3));
        host.End(null);
        MirrorHostBase.Hear(mirror, new ResultTold(3, PeerAnswer.Ok, default));
        mirror.Request(Flush(4));
        host.End(null);
        MirrorHostBase.Hear(mirror, new ResultTold(4, PeerAnswer.Ok, default));
        Assert.Equal([(3UL, BlockStatus.IoError), (4UL, BlockStatus.Ok)], host.Ended[2..]);
    }

    private static BlockRequested Write(ulong id) => new(0, id, BlockOperation.Write, 4096 * id, 512, new byte[512]);

    private static BlockRequested Flush(ulong id) => new(0, id, BlockOperation.Flush, 0, 0, default);

    private sealed class Host : MirrorHostBase
    {
        public override void OnCopyFailed(CopyFaultKind kind, string detail)
        {
        }

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
        }

        public override void Record(Action<DiskCopy> change, Action<bool> ended)
        {
        }

        public override void Check(int region, Action<BlockCheck[]?> ended)
        {
        }

        public override void MarkStale(Action ended) => ended();
    }
}
