using System.Buffers.Binary;
using ActorFT.Machine.IO;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// A copy fails a moment after the other one became complete, and has not heard it: the other is asked before an error is given, and before the copy serves again as it is
/// though it lost what was in its memory (seed 373 of scripts/simulate --disks).
/// </summary>
public class AskedPeerTests
{
    private readonly FailingCopyHost _host = new();
    private readonly DiskMirror _mirror;

    public AskedPeerTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: true);
        Hear(new CopyStands(CopyUse.Rebuilding, "new"));
        Hear(new SyncWanted(1, 0, [])); // from here on it may be complete
        _host.End(null);
        _mirror.Request(Write(1));
        _host.End(null);
        _mirror.Request(Write(2));
        _host.End(CopyFaultKind.IoError);
        _host.Sent.Clear();
    }

    [Fact]
    public void RequestThatTheCopyCannotDo_WaitsForTheAnswer_AndFailsWhenTheOtherIsNotComplete()
    {
        _mirror.Request(Write(3));
        Assert.Equal([1UL], _host.Ended.Select(end => end.Id));
        Answer(PeerAnswer.Bad);
        Assert.Equal([(1UL, BlockStatus.Ok), (2UL, BlockStatus.IoError), (3UL, BlockStatus.IoError)], _host.Ended);
    }

    [Fact]
    public void RequestThatTheCopyCannotDo_EndsThroughTheOther_WhenThatIsComplete_OnceThatIsDurable()
    {
        Answer(PeerAnswer.Ok);
        Assert.Single(_host.Ended);
        _host.Marked!();
        Assert.Equal([(1UL, BlockStatus.Ok), (2UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void CopyThatIsOpenedBeforeTheAnswer_DoesNotServe_AndIsStaleWhenTheOtherIsComplete()
    {
        _mirror.CopyOpened(true, "");
        _mirror.Request(Read(3));
        _host.End(null, 9);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
        Assert.Single(_host.Ended);
        Answer(PeerAnswer.Ok);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
        Assert.NotNull(_host.Marked);
        Assert.Single(_host.Ended); // what it holds may lack what it lost
    }

    [Fact]
    public void CopyThatIsOpenedBeforeTheAnswer_Serves_WhenTheOtherIsNotComplete_AndTheFlushTellsTheLoss()
    {
        _mirror.CopyOpened(true, "");
        _mirror.Request(Read(3));
        _host.End(null, 9);
        _mirror.Request(Flush(4));
        _host.End(null);
        Answer(PeerAnswer.Bad);
        Assert.Equal(CopyUse.Current, _mirror.Use);
        Assert.Contains((3UL, BlockStatus.Ok), _host.Ended);
        Assert.Contains((4UL, BlockStatus.IoError), _host.Ended);
    }

    [Fact]
    public void CopyThatIsOpenedBeforeTheAnswer_Serves_WhenTheOtherIsGone()
    {
        _mirror.CopyOpened(true, "");
        _mirror.PeerGone();
        Assert.Equal(CopyUse.Current, _mirror.Use);
    }

    [Fact]
    public void CopyThatIsOpenedBeforeTheAnswer_IsCurrent_WhenTheMachineIsDiscarded()
    {
        _mirror.CopyOpened(true, "");
        _mirror.Request(Read(3));
        _mirror.Reset(); // fenced: this server may have to boot the machine again
        Assert.Equal(CopyUse.Current, _mirror.Use);
        _host.End(null, 9);
        Assert.DoesNotContain(_host.Ended, end => end.Id == 3);
    }

    [Fact]
    public void Question_IsRepeatedUntilItIsAnswered()
    {
        _mirror.Tick(1_000);
        _mirror.Tick(2_000);
        Assert.Equal(2, _host.Sent.OfType<ResultWanted>().Count(wanted => wanted.RequestId == 0));
        Answer(PeerAnswer.Bad);
        _host.Sent.Clear();
        _mirror.Tick(3_000);
        Assert.DoesNotContain(_host.Sent.OfType<ResultWanted>(), wanted => wanted.RequestId == 0);
    }

    [Fact]
    public void PeerOfABuildThatDoesNotKnowTheQuestion_CountsAsItSaidLast()
    {
        Hear(new ResultTold(0, PeerAnswer.Gone, default));
        Assert.Contains((2UL, BlockStatus.IoError), _host.Ended);
    }

    [Theory]
    [InlineData(true, PeerAnswer.Ok)]
    [InlineData(false, PeerAnswer.Bad)]
    public void AskedSide_SaysHowItStands_AndHearsHowTheOtherDoes(bool isComplete, PeerAnswer answer)
    {
        var host = new FailingCopyHost();
        var asked = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), host);
        asked.CopyOpened(isComplete, "");
        asked.PeerIn(7, 1, isSource: false);
        MirrorHostBase.Hear(asked, new ResultWanted(0, 5, (ulong)CopyUse.Out));
        Assert.Equal(CopyUse.Out, asked.PeerUse);
        ResultTold told = Assert.Single(host.Sent.OfType<ResultTold>());
        Assert.Equal((0UL, answer, 5UL), (told.RequestId, told.Answer, BinaryPrimitives.ReadUInt64LittleEndian(told.Data.Span)));
    }

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private void Answer(PeerAnswer answer) => MirrorHostBase.HearAnswer(_mirror, answer);

    private static BlockRequested Read(ulong id) => new(0, id, BlockOperation.Read, 4096 * id, 4096, default);

    private static BlockRequested Write(ulong id) => new(0, id, BlockOperation.Write, 4096 * id, 512, new byte[512]);

    private static BlockRequested Flush(ulong id) => new(0, id, BlockOperation.Flush, 0, 0, default);
}
