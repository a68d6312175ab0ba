using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// A bad block's region comes from the other copy as of a place that this replica has not come to. When the other is lost then, the region holds writes that the machine makes
/// only later: it reads them after that, never before.
/// </summary>
public class AheadTests
{
    private const int RegionBytes = DiskGeometry.MinRegionBytes, Region = 3;
    private const ulong AsOf = 20;

    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public AheadTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(8 * RegionBytes, RegionBytes), new MirrorSettings(), _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: false);
        Hear(new CopyStands(CopyUse.Current, ""));
        _mirror.Request(Read(5));
        _host.End(CopyFaultKind.Corrupt, badBlocks: (long)Region * RegionBytes / DiskGeometry.BlockBytes);
        Hear(new RegionTold(Region, AsOf, false, [(0, new byte[DiskGeometry.BlockBytes])], []));
        _host.EndWrites();
        _mirror.PeerGone();
    }

    [Fact]
    public void RegionFromBeyondThisReplicasPlace_IsNotReadBeforeItHasComeThere()
    {
        _mirror.Request(Read(6));
        Assert.Empty(_host.Submitted);
        Assert.Contains((6UL, BlockStatus.IoError), _host.Ended);
    }

    [Fact]
    public void RegionFromBeyondThisReplicasPlace_IsReadOnceItHasComeThere()
    {
        _mirror.Request(new BlockRequested(0, AsOf, BlockOperation.Write, 0, 512, new byte[512]));
        _host.End(null);
        _mirror.Request(Read(AsOf + 1));
        _host.End(null, 7);
        Assert.Contains((AsOf + 1, BlockStatus.Ok), _host.Ended);
    }

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private static BlockRequested Read(ulong id) => new(0, id, BlockOperation.Read, (ulong)Region * RegionBytes, 512, default);

    private sealed class Host : MirrorHostBase
    {
        private Action<BlockOutcome>? _writesEnded;

        internal void EndWrites() => _writesEnded!(new BlockOutcome(new BlockCompleted(0, 0, BlockStatus.Ok, default), null, "", [], null, 0));

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
        }

        public override void Record(Action<DiskCopy> change, Action<bool> ended)
        {
        }

        public override void Check(int region, Action<BlockCheck[]?> ended) => ended(null);

        public override void SubmitWrites(ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended) => _writesEnded = ended;
    }
}
