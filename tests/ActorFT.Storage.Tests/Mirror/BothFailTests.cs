using ActorFT.Machine.IO;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// Both copies fail at the same write, as on two file systems that become full together, before either side hears it of the other. If each took the other's for complete, both would be
/// stale for ever, and no server could boot (seed 5930 of scripts/simulate --disks).
/// </summary>
public class BothFailTests
{
    private readonly FailingCopyHost _host = new();
    private readonly DiskMirror _mirror;

    public BothFailTests() => _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), _host);

    private void Fail(bool isSource)
    {
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource);
        _mirror.Enrolled();
        Hear(new CopyStands(CopyUse.Current, ""));
        _mirror.Request(new BlockRequested(0, 1, BlockOperation.Write, 0, 512, new byte[512]));
        _host.End(CopyFaultKind.NoSpace);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CopyThatFails_IsNotStale_BeforeTheOtherSaidThatItsIsComplete(bool isSource)
    {
        Fail(isSource);
        Assert.Null(_host.Marked);
        Assert.Equal(CopyUse.Out, (CopyUse)Assert.Single(_host.Sent.OfType<ResultWanted>()).LengthBytes); // the other hears that this one is out
        Assert.Empty(_host.Ended);
        Answer(PeerAnswer.Ok);
        _host.Marked!();
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheSourcesCopy_WhenBothFail_IsNeverStale_AndServesWhenItIsOpened(bool isOpenedFirst)
    {
        Fail(isSource: true);
        if (isOpenedFirst) _mirror.CopyOpened(true, "");
        else Hear(new CopyStands(CopyUse.Out, "")); // overtakes the answer
        Answer(PeerAnswer.Bad);
        if (!isOpenedFirst) _mirror.CopyOpened(true, "");
        Assert.Null(_host.Marked);
        Assert.Equal(CopyUse.Current, _mirror.Use);
        Assert.Equal([(1UL, BlockStatus.IoError)], _host.Ended);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheOthers_WhenBothFail_Yields_AndIsMadeFromTheSources(bool isOpenedFirst)
    {
        Fail(isSource: false);
        if (isOpenedFirst) _mirror.CopyOpened(true, "");
        else Hear(new CopyStands(CopyUse.Out, ""));
        Assert.Null(_host.Marked);
        Answer(PeerAnswer.Bad);
        Assert.NotNull(_host.Marked);
        Assert.NotEqual(CopyUse.Current, _mirror.Use);
        _host.Marked!();
        Assert.Empty(_host.Ended);
        Hear(new CopyStands(CopyUse.Current, "")); // opened again
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void TheOthers_WhenTheSourceIsLostBeforeItAnswers_ServesAsItIs()
    {
        Fail(isSource: false);
        _mirror.CopyOpened(true, "");
        _mirror.PeerGone();
        Assert.Null(_host.Marked);
        Assert.Equal(CopyUse.Current, _mirror.Use);
    }

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private void Answer(PeerAnswer answer) => MirrorHostBase.HearAnswer(_mirror, answer);
}
