using ActorFT.Machine.IO;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>A side that is further ahead than results may be kept waits for the other: none is forgotten that the other still needs, and nothing waits for ever.</summary>
public class HeldBackTests
{
    private const int Block = 4096;

    private readonly Host _host = new();
    private readonly DiskMirror _mirror;
    private long _nowMs = 1_000;
    private ulong _told;

    public HeldBackTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings { KeptBytes = 2 * Block }, _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: true);
        _mirror.Tick(_nowMs);
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Rebuilding, "new"));
    }

    [Fact]
    public void ReadsBeyondWhatIsKept_AreHeldBack_UntilTheOtherEndedOnes()
    {
        Pair();
        ReadThrough(5);
        Assert.Equal([1UL, 2], EndedIds);
        Assert.Equal(3, _mirror.HeldBack);
        TellEnded(1, 2, 3);
        Assert.Equal([1UL, 2, 3, 4, 5], EndedIds);
        Assert.Equal(2 * Block, _mirror.KeptBytes);
    }

    [Fact]
    public void WhatIsHeldBackOrWaitedFor_IsNeverForgotten_ThoughItWasWrittenSince()
    {
        Pair();
        ReadThrough(5);
        for (ulong id = 1; id <= 5; id++) Write(5 + id, at: id);
        for (ulong id = 1; id <= 5; id++)
        {
            MirrorHostBase.Hear(_mirror, new ResultWanted(id, Block * id, Block));
            ResultTold told = Assert.Single(_host.Told.OfType<ResultTold>(), told => told.RequestId == id);
            Assert.Equal((PeerAnswer.Ok, (byte)id), (told.Answer, told.Data.Span[0]));
        }
    }

    // The machine holds a read back behind a write, and asks for later ones before it: what the other wants of it is as of that read, and not of now.
    [Fact]
    public void ReadThatItsMachineHasYetToAskFor_IsAnsweredWhenItHasEnded_ThoughLaterOnesHave()
    {
        Pair();
        ReadThrough(5, from: 5);
        MirrorHostBase.Hear(_mirror, new ResultWanted(4, 4 * Block, Block));
        Assert.Empty(_host.Told.OfType<ResultTold>());
        Assert.Empty(_host.Submitted);
        ReadThrough(4, from: 4);
        Assert.Equal((4UL, PeerAnswer.Ok), (_host.Told.OfType<ResultTold>().Single().RequestId, _host.Told.OfType<ResultTold>().Single().Answer));
    }

    [Fact]
    public void ReplicaThatFollows_HoldsNothingBack_AndLetsAllGoOnWhenItBeginsTo()
    {
        Pair();
        ReadThrough(5);
        _mirror.Leads(false);
        Assert.Equal([1UL, 2, 3, 4, 5], EndedIds);
        ReadThrough(9, from: 6);
        Assert.Equal(9, _host.Ended.Count);
        Assert.Equal(9 * Block, _mirror.KeptBytes); // all of it is kept
        _mirror.Leads(true);
        ReadThrough(10, from: 10);
        Assert.Equal(9, _host.Ended.Count);
    }

    [Fact]
    public void WritesAndFlushes_AreNeverHeldBack()
    {
        Pair();
        ReadThrough(4);
        Write(5, at: 9);
        _mirror.Request(new BlockRequested(0, 6, BlockOperation.Flush, 0, 0, default));
        _host.End(null);
        Assert.Equal([1UL, 2, 5, 6], EndedIds);
    }

    [Fact]
    public void PeerThatIsGone_LetsAllGoOn()
    {
        Pair();
        ReadThrough(5);
        _mirror.PeerGone();
        Assert.Equal([1UL, 2, 3, 4, 5], EndedIds);
        Assert.Equal(0, _mirror.KeptBytes);
        ReadThrough(9, from: 6); // alone: nothing is kept or waited for
        Assert.Equal(9, _host.Ended.Count);
    }

    [Fact]
    public void NewPairing_LetsAllGoOn_AndWaitsForTheOldOneNoMore()
    {
        Pair();
        ReadThrough(5);
        _mirror.PeerIn(8, 1, isSource: true);
        Assert.Equal(5, _host.Ended.Count);
        ReadThrough(9, from: 6);
        Assert.Equal(9, _host.Ended.Count);
    }

    [Fact]
    public void MachineThatIsNoMore_EndsNothing()
    {
        Pair();
        ReadThrough(5);
        _mirror.Reset();
        _mirror.Tick(_nowMs += 60_000);
        Assert.Equal([1UL, 2], EndedIds);
        Assert.Equal((0, 0L), (_mirror.HeldBack, _mirror.KeptBytes));
    }

    [Fact]
    public void PeerThatSaysNothing_HoldsOneRequestForTwoSecondsAtMost_AndMemoryHasABound()
    {
        Pair();
        ReadThrough(100);
        Assert.Equal(2, _host.Ended.Count);
        Assert.Equal(16 * Block, _mirror.KeptBytes);
        for (int i = 0; i < 100; i++) _mirror.Tick(_nowMs += 20);
        Assert.Equal(3, _host.Ended.Count);
        for (int i = 0; i < 100; i++) _mirror.Tick(_nowMs += 20);
        Assert.Equal(4, _host.Ended.Count);
    }

    [Fact]
    public void PeerOfABuildThatDoesNotTell_AndAPeerWithoutTheMachine_AreNotWaitedFor()
    {
        ReadThrough(5); // it has not said that it tells, and the machine's state was not taken yet
        Assert.Equal(5, _host.Ended.Count);
        MirrorHostBase.Hear(_mirror, new RequestsEnded(0, []));
        ReadThrough(9, from: 6); // the state was not taken yet
        Assert.Equal(9, _host.Ended.Count);
        _mirror.MarkBase();
        ReadThrough(14, from: 10);
        Assert.Equal(11, _host.Ended.Count);
    }

    [Fact]
    public void WhatTheOtherEndedFirst_IsNotKept()
    {
        Pair();
        TellEnded(1, 2, 3, 4);
        ReadThrough(6);
        Assert.Equal(6, _host.Ended.Count);
        Assert.Equal(2 * Block, _mirror.KeptBytes);
    }

    [Fact]
    public void MessageThatComesTwice_CountsOnce()
    {
        Pair();
        TellEnded(1);
        ReadThrough(1);
        MirrorHostBase.Hear(_mirror, new RequestsEnded(_told, [1]));
        _mirror.Request(Read(1)); // a later machine's request of that number would be forgotten
        _host.End(null, 1);
        Assert.Equal(Block, _mirror.KeptBytes);
        Assert.Equal(2, _host.Told.OfType<EndedHeard>().Count());
    }

    [Fact]
    public void WhatEndedHere_IsToldUntilHeard()
    {
        Pair();
        ReadThrough(2);
        _mirror.Tick(_nowMs += 20);
        Assert.Equal([1UL, 2], Assert.Single(ToldEnded).RequestIds);
        _mirror.Tick(_nowMs += 499);
        Assert.Single(ToldEnded);
        _mirror.Tick(_nowMs += 1);
        Assert.Equal(2, ToldEnded.Count());
        MirrorHostBase.Hear(_mirror, new EndedHeard(1));
        _mirror.Tick(_nowMs += 10_000);
        Assert.Equal(2, ToldEnded.Count());
    }

    [Fact]
    public void ManySmallReads_AreToldWithoutWaitingForTime()
    {
        Pair();
        TellEnded([.. Enumerable.Range(1, 200).Select(i => (ulong)i)]);
        ReadThrough(200);
        Assert.Equal(192, ToldEnded.Sum(told => told.RequestIds.Length)); // 64 at a time
    }

    private IEnumerable<ulong> EndedIds => _host.Ended.Select(one => one.Id);

    private IEnumerable<RequestsEnded> ToldEnded => _host.Told.OfType<RequestsEnded>().Where(told => told.Number != 0);

    private void Pair()
    {
        MirrorHostBase.Hear(_mirror, new RequestsEnded(0, []));
        _mirror.MarkBase();
    }

    private void TellEnded(params ulong[] ids) => MirrorHostBase.Hear(_mirror, new RequestsEnded(++_told, ids));

    private static BlockRequested Read(ulong id) => new(0, id, BlockOperation.Read, Block * (id % 200), Block, default);

    private void ReadThrough(ulong last, ulong from = 1)
    {
        for (ulong id = from; id <= last; id++)
        {
            _mirror.Request(Read(id));
            _host.End(null, (byte)id);
        }
    }

    private void Write(ulong id, ulong at)
    {
        _mirror.Request(new BlockRequested(0, id, BlockOperation.Write, Block * at, 512, new byte[512]));
        _host.End(null);
    }

    private sealed class Host : MirrorHostBase
    {
        internal List<MirrorMessage> Told { get; } = [];

        public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Told.Add(MirrorCodec.Read(message.ToArray()).Item3);
    }
}
