using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// A write meets a bad block and was not made, and whether the other copy has it is asked: a read behind it has shown what was there before, and waits for what becomes of
/// the write (seed 692 of scripts/simulate --disks).
/// </summary>
public class ReadBehindChangeTests
{
    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public ReadBehindChangeTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: true);
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Rebuilding, "new"));
        MirrorHostBase.Hear(_mirror, new SyncWanted(1, 0, [])); // from here on it may be complete
        _host.End(null);
        _mirror.Request(new BlockRequested(0, 1, BlockOperation.Write, 512, 8192, new byte[8192]));
        _mirror.Request(new BlockRequested(0, 2, BlockOperation.Read, 4096, 512, default));
        _mirror.Request(new BlockRequested(0, 3, BlockOperation.Read, 65536, 512, default));
        _host.End(CopyFaultKind.Corrupt, badBlocks: 0);
        _host.End(null, content: 9);
        _host.End(null);
        _host.Recorded!(true);
    }

    [Fact]
    public void Read_WaitsForWhatBecomesOfTheWrite_AndOthersDoNot() => Assert.Equal([(3UL, BlockStatus.Ok)], _host.Ended);

    [Fact]
    public void WriteThatNobodyHas_EndsBeforeTheRead_WhichShowsWhatIsThere()
    {
        MirrorHostBase.HearAnswer(_mirror, PeerAnswer.Bad);
        Assert.Equal([(3UL, BlockStatus.Ok), (1UL, BlockStatus.IoError), (2UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void WriteThatWasLostWithTheOtherServer_EndsBeforeTheRead()
    {
        _mirror.PeerGone();
        Assert.Equal([(3UL, BlockStatus.Ok), (1UL, BlockStatus.IoError), (2UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void WriteThatTheOtherCopyHas_HasTheReadEndWithThatCopysResult()
    {
        MirrorHostBase.HearAnswer(_mirror, PeerAnswer.Ok);
        _host.Marked!();
        Assert.Equal([(3UL, BlockStatus.Ok), (1UL, BlockStatus.Ok)], _host.Ended);
        Assert.Contains(_host.Sent.OfType<ResultWanted>(), wanted => wanted.RequestId == 2);
        MirrorHostBase.Hear(_mirror, new ResultTold(2, PeerAnswer.Ok, new byte[512]));
        Assert.Equal((2UL, BlockStatus.Ok), _host.Ended[^1]);
    }

    private sealed class Host : MirrorHostBase
    {
        internal List<MirrorMessage> Sent { get; } = [];

        internal Action? Marked { get; private set; }

        internal Action<bool>? Recorded { get; private set; }

        public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Sent.Add(MirrorCodec.Read(message.ToArray()).Message);

        public override void Record(Action<DiskCopy> change, Action<bool> ended) => Recorded = ended;

        public override void Check(int region, Action<BlockCheck[]?> ended)
        {
        }

        public override void MarkStale(Action ended) => Marked = ended;
    }
}
