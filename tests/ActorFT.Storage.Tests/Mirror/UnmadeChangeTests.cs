using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// A write of part of a block that is bad on both copies: the guest gets an I/O error for that block alone. If each side took the other's copy for the one that has the write, neither would be complete.
/// </summary>
public class UnmadeChangeTests
{
    private const int RegionBytes = DiskGeometry.MinRegionBytes;

    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public UnmadeChangeTests() => _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(8 * RegionBytes, RegionBytes), new MirrorSettings(), _host);

    [Fact]
    public void Source_WaitsForTheOthersWord_AndStaysComplete_WhenTheOtherDidNotMakeItEither()
    {
        MeetBadBlock(isSource: true);
        Assert.Equal(CopyUse.Current, _mirror.Use);
        Assert.Empty(_host.Ended);
        Assert.Equal(new ResultWanted(1, 1, 0), Assert.Single(_host.Sent.OfType<ResultWanted>()));
        Hear(new ResultTold(1, PeerAnswer.Bad, default));
        Assert.Equal([(1UL, BlockStatus.IoError)], _host.Ended);
        Assert.Equal(CopyUse.Current, _mirror.Use);
        Assert.Null(_host.Stale);
        Assert.Contains(MirrorNote.DataLost, _host.MirrorNotes);
    }

    [Fact]
    public void Source_WhenTheOtherMadeIt_LacksIt_AndEndsItWell_OnceThatIsDurable()
    {
        MeetBadBlock(isSource: true);
        Hear(new ResultTold(1, PeerAnswer.Ok, default));
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
        Assert.Empty(_host.Ended);
        _host.Stale!();
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void Source_GivesARegionToNobody_AndReadsNoneOfTheWrite_BeforeItIsKnownWhoLacksIt()
    {
        MeetBadBlock(isSource: true);
        Hear(new RegionWanted(0, 1, new ulong[RegionBytes / DiskGeometry.BlockBytes]));
        Assert.True(Assert.Single(_host.Sent.OfType<RegionTold>()).IsRefused);
        _mirror.Request(new BlockRequested(0, 2, BlockOperation.Read, 512, 512, default));
        _host.End(null, 7);
        Assert.Empty(_host.Ended);
        Hear(new ResultTold(1, PeerAnswer.Bad, default));
        Assert.Equal([(1UL, BlockStatus.IoError), (2UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void Source_ThatFollows_DoesNotActAlone_WhileItWaits()
    {
        MeetBadBlock(isSource: true, leads: false);
        Assert.Equal((CopyUse.Current, CopyUse.Rebuilding), (_mirror.Use, _mirror.UseAlone));
        Hear(new ResultTold(1, PeerAnswer.Bad, default));
        Assert.Equal(CopyUse.Current, _mirror.UseAlone);
    }

    [Fact]
    public void Source_WhoseOtherIsLost_EndsItWithAnError()
    {
        MeetBadBlock(isSource: true);
        _mirror.PeerGone();
        Assert.Equal([(1UL, BlockStatus.IoError)], _host.Ended);
        Assert.Equal(CopyUse.Current, _mirror.Use);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Other_LacksItAtOnce_AndEndsItAsTheSourceSays(bool isMade)
    {
        MeetBadBlock(isSource: false);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
        _host.Stale!();
        Assert.Empty(_host.Ended);
        Assert.Contains(new ResultWanted(1, 1, 0), _host.Sent);
        Hear(new ResultTold(1, isMade ? PeerAnswer.Ok : PeerAnswer.Bad, default));
        Assert.Equal([(1UL, isMade ? BlockStatus.Ok : BlockStatus.IoError)], _host.Ended);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PeerOfABuildThatGivesNoWord_IsTakenForHavingMadeIt(bool isSource)
    {
        MeetBadBlock(isSource, givesWord: false);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
        _host.Stale!();
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
        Assert.Empty(_host.Sent.OfType<ResultWanted>());
    }

    [Fact]
    public void Word_IsGivenWhenTheChangeHasEndedHere_NotBefore()
    {
        Pair(isSource: true);
        Hear(new ResultWanted(1, 1, 0)); // not made here yet
        Assert.Empty(Words);
        _mirror.Request(Write(1));
        Hear(new ResultWanted(1, 1, 0)); // under way
        Assert.Empty(Words);
        _host.End(null);
        Assert.Equal([(1UL, PeerAnswer.Ok)], Words);
        Hear(new ResultWanted(1, 1, 0)); // again
        Assert.Equal([(1UL, PeerAnswer.Ok), (1, PeerAnswer.Ok)], Words);
    }

    [Fact]
    public void Word_OfAChangeThatMetABadBlockHere_IsBad_AlsoAfterItEnded()
    {
        MeetBadBlock(isSource: true);
        Hear(new ResultWanted(1, 1, 0));
        Hear(new ResultTold(1, PeerAnswer.Bad, default));
        Hear(new ResultWanted(1, 1, 0));
        Assert.Equal([(1UL, PeerAnswer.Bad), (1, PeerAnswer.Bad)], Words);
    }

    private IEnumerable<(ulong, PeerAnswer)> Words => _host.Sent.OfType<ResultTold>().Select(told => (told.RequestId, told.Answer));

    private void Pair(bool isSource, bool leads = true, bool givesWord = true)
    {
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource);
        _mirror.Enrolled();
        _mirror.Leads(leads);
        Hear(new CopyStands(CopyUse.Current, ""));
        Hear(new RequestsEnded(0, givesWord ? [1] : []));
        _host.Sent.Clear();
    }

    private void MeetBadBlock(bool isSource, bool leads = true, bool givesWord = true)
    {
        Pair(isSource, leads, givesWord);
        _mirror.Request(Write(1));
        _host.End(CopyFaultKind.Corrupt, badBlocks: 0);
        Assert.Empty(_host.Ended);
        _host.EndRecords();
    }

    private static BlockRequested Write(ulong id) => new(0, id, BlockOperation.Write, 512, 512, new byte[512]);

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private sealed class Host : MirrorHostBase
    {
        private readonly Queue<Action<bool>> _records = new();

        internal List<MirrorMessage> Sent { get; } = [];

        internal Action? Stale { get; private set; }

        internal void EndRecords()
        {
            while (_records.TryDequeue(out Action<bool>? ended)) ended(true);
        }

        public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Sent.Add(MirrorCodec.Read(message.ToArray()).Message);

        public override void Record(Action<DiskCopy> change, Action<bool> ended) => _records.Enqueue(ended);

        public override void MarkStale(Action ended) => Stale = ended;

        public override void Check(int region, Action<BlockCheck[]?> ended)
        {
        }
    }
}
