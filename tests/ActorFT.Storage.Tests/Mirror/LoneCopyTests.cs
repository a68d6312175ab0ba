using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>The only complete copy, while the other is made from it: what it lacks, that one will lack too. Each was found by scripts/simulate --disks.</summary>
public class LoneCopyTests
{
    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public LoneCopyTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: true);
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Rebuilding, "new"));
    }

    [Fact]
    public void ChangeThatItCouldNotMake_Fails_WhateverTheOtherBecomes()
    {
        _mirror.Request(Write(1));
        _host.End(CopyFaultKind.IoError);
        Assert.Equal([(1UL, BlockStatus.IoError)], _host.Ended); // both never flushed at one place: the other is not complete, and need not be asked
        Assert.Single(_host.MirrorNotes, note => note == MirrorNote.DataLost); // an operator is told what the guest got
        _mirror.CopyOpened(true, "");
        MirrorHostBase.HearAnswer(_mirror, PeerAnswer.Bad);
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Current, ""));
        Assert.Single(_host.Ended);
    }

    [Fact]
    public void FlushBehindALoss_FailsThoughTheOtherCopyDidIt()
    {
        _mirror.Request(Write(1));
        _host.End(null);
        _mirror.Request(Write(2));
        _host.End(CopyFaultKind.IoError);
        _mirror.Request(Flush(3)); // the copy is out of service
        _mirror.CopyOpened(true, "");
        MirrorHostBase.HearAnswer(_mirror, PeerAnswer.Bad);
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Current, ""));
        MirrorHostBase.Hear(_mirror, new ResultTold(3, PeerAnswer.Ok, default));
        Assert.Contains((3UL, BlockStatus.IoError), _host.Ended);
    }

    [Fact]
    public void ReadThatWaitsBehindAWrite_AndThatTheOtherAsksFor_IsAnsweredOnceItIsMade()
    {
        _mirror.Request(Read(5)); // beside the write that 4 waits for: made before it
        _host.End(null, 5);
        MirrorHostBase.Hear(_mirror, new ResultWanted(4, 4096 * 4, 4096));
        Assert.Empty(_host.Submitted);
        Assert.Empty(_host.Told);
        _mirror.Request(Write(3));
        _host.End(null);
        _mirror.Request(Read(4));
        _host.End(null, 4);
        ResultTold told = Assert.Single(_host.Told);
        Assert.Equal((4UL, PeerAnswer.Ok, (byte)4), (told.RequestId, told.Answer, told.Data.Span[0]));
    }

    [Fact]
    public void PeerThatIsReplaced_WithoutBeingToldToBeGone_AnswersForNothingOfBefore()
    {
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Current, ""));
        Assert.Equal(CopyUse.Current, _mirror.PeerUse);
        _mirror.PeerIn(8, 1, isSource: true);
        Assert.Null(_mirror.PeerUse);
        _mirror.Request(Read(1));
        _host.End(null, 1);
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
    }

    private static BlockRequested Read(ulong id) => new(0, id, BlockOperation.Read, 4096 * id, 4096, default);

    private static BlockRequested Write(ulong id) => new(0, id, BlockOperation.Write, 4096 * id, 512, new byte[512]);

    private static BlockRequested Flush(ulong id) => new(0, id, BlockOperation.Flush, 0, 0, default);

    private sealed class Host : MirrorHostBase
    {
        internal List<ResultTold> Told { get; } = [];

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
            if (MirrorCodec.Read(message.ToArray()).Message is ResultTold told) Told.Add(told);
        }

        public override void Record(Action<DiskCopy> change, Action<bool> ended)
        {
        }

        public override void MarkStale(Action ended) => ended();

        public override void Check(int region, Action<BlockCheck[]?> ended) => ended(null);

        public override void OnCopyFailed(CopyFaultKind kind, string detail)
        {
        }
    }
}
