using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// By the word that both copies are stable at one place each side forgets that the regions written before it may differ. A copy that lacks one of those changes gives its word
/// only once its own metadata says so: else nobody would know it if it failed (seed 1379 of scripts/simulate --disks).
/// </summary>
public class LackRecordTests
{
    private const int RegionBytes = DiskGeometry.MinRegionBytes;
    private const long BadBlock = RegionBytes / DiskGeometry.BlockBytes;

    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public LackRecordTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(8 * RegionBytes, RegionBytes), new MirrorSettings(), _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: false);
        _mirror.Enrolled();
        Hear(new CopyStands(CopyUse.Current, ""));
        _host.EndRecord(true); // that no full compare is needed
        _mirror.Request(new BlockRequested(0, 1, BlockOperation.Write, RegionBytes, 512, new byte[512]));
    }

    [Fact]
    public void FlushForThePeer_IsToldWhenTheLackIsRecorded()
    {
        MeetBadBlock();
        Hear(new SyncWanted(1, 1, []));
        _host.End(null); // the flush
        Assert.Empty(_host.Sent.OfType<SyncTold>());
        _host.EndRecord(true);
        SyncTold told = Assert.Single(_host.Sent.OfType<SyncTold>());
        Assert.Equal((1UL, false), (told.Position, told.IsPassed));
    }

    [Fact]
    public void FlushThatBeganBefore_IsToldWhenTheLackIsRecorded()
    {
        Hear(new SyncWanted(1, 1, []));
        MeetBadBlock();
        _host.End(null);
        Assert.Empty(_host.Sent.OfType<SyncTold>());
        _host.EndRecord(true);
        Assert.Single(_host.Sent.OfType<SyncTold>());
    }

    [Fact]
    public void FlushForThePeer_IsNeverTold_WhenTheLackCouldNotBeRecorded()
    {
        MeetBadBlock();
        Hear(new SyncWanted(1, 1, []));
        _host.End(null);
        _host.EndRecord(false);
        Hear(new SyncWanted(2, 1, []));
        _host.End(null);
        Assert.Empty(_host.Sent.OfType<SyncTold>());
    }

    [Fact]
    public void OwnFlush_IsConfirmedWhenTheLackIsRecorded()
    {
        _mirror.PeerIn(7, 1, isSource: true); // the source begins them
        Hear(new CopyStands(CopyUse.Current, ""));
        _host.EndRecord(true);
        _mirror.Tick(20_000);
        MeetBadBlock();
        SyncWanted wanted = Assert.Single(_host.Sent.OfType<SyncWanted>());
        _host.End(null);
        Hear(new SyncTold(wanted.Number, false, wanted.Position, []));
        Assert.Empty(_host.Sent.OfType<SyncConfirmed>());
        _host.EndRecord(true);
        Assert.Single(_host.Sent.OfType<SyncConfirmed>());
    }

    [Fact]
    public void RegionThatIsLackedSinceTheFlush_IsNotRecordedAsEqualByIt()
    {
        Hear(new SyncWanted(1, 1, [1, 2]));
        MeetBadBlock();
        _host.End(null);
        _host.EndRecord(true);
        Hear(new SyncConfirmed(1));
        _host.EndRecord(true);
        // Complete again only once both flushed behind what was fetched: the flush of before it makes nothing whole.
        Hear(new RegionTold(1, 1, false, [], []));
        _mirror.Tick(20_000);
        Assert.Null(_host.MarkedCurrent);
        SyncWanted wanted = Assert.Single(_host.Sent.OfType<SyncWanted>());
        _host.End(null);
        Hear(new SyncTold(wanted.Number, false, wanted.Position, []));
        _host.EndRecord(true);
        Assert.NotNull(_host.MarkedCurrent);
    }

    private void MeetBadBlock()
    {
        _host.End(CopyFaultKind.Corrupt, badBlocks: BadBlock);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
    }

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private sealed class Host : MirrorHostBase
    {
        private readonly Queue<Action<bool>> _records = new();

        internal List<MirrorMessage> Sent { get; } = [];

        internal Action<bool>? MarkedCurrent { get; private set; }

        internal void EndRecord(bool isRecorded) => _records.Dequeue()(isRecorded);

        public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Sent.Add(MirrorCodec.Read(message.ToArray()).Message);

        public override void Record(Action<DiskCopy> change, Action<bool> ended) => _records.Enqueue(ended);

        public override void MarkStale(Action ended) => ended();

        public override void MarkCurrent(Action<bool> ended) => MarkedCurrent = ended;

        public override void Check(int region, Action<BlockCheck[]?> ended) => ended(new BlockCheck[RegionBytes / DiskGeometry.BlockBytes]);
    }
}
