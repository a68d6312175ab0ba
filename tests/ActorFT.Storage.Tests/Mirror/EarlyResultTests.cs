using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>A follower whose copy lacks much is told the leader's results before it asks: it is not a round trip behind with every read.</summary>
public class EarlyResultTests
{
    private const int ReadBytes = 4096;

    private readonly Host _host = new();

    [Fact]
    public void LeaderWhosePeerAskedForARead_TellsTheNextOnesUnasked_ForASecond()
    {
        DiskMirror leader = Leader();
        EndRead(leader, 1);
        Assert.Empty(_host.Told);

        MirrorHostBase.Hear(leader, Wanted(1));
        EndRead(leader, 2);
        EndRead(leader, 3);
        Assert.Equal([1UL, 2, 3], _host.Told.Select(told => told.RequestId));
        Assert.All(_host.Told, told => Assert.Equal((PeerAnswer.Ok, (byte)told.RequestId), (told.Answer, told.Data.Span[0])));

        leader.Tick(1_000);
        EndRead(leader, 4);
        Assert.DoesNotContain(_host.Told, told => told.RequestId == 4);
        MirrorHostBase.Hear(leader, Wanted(4));
        EndRead(leader, 5);
        Assert.Equal([4UL, 5], _host.Told.Skip(3).Select(told => told.RequestId));
    }

    [Fact]
    public void PeerThatWaitsForAReadThatHasNotEndedHere_IsNotTheOneBehind_AndIsToldNothingUnasked()
    {
        DiskMirror leader = Leader();
        MirrorHostBase.Hear(leader, Wanted(1));
        EndRead(leader, 1);
        EndRead(leader, 2);
        Assert.Equal([1UL], _host.Told.Select(told => told.RequestId));
    }

    [Fact]
    public void FlushesLongReadsAndErrors_AreNotToldUnasked()
    {
        DiskMirror leader = Leader();
        EndRead(leader, 1);
        MirrorHostBase.Hear(leader, Wanted(1));
        _host.Told.Clear();

        leader.Request(new BlockRequested(0, 2, BlockOperation.Flush, 0, 0, default));
        _host.End(null);
        leader.Request(new BlockRequested(0, 3, BlockOperation.Read, 0, 128 << 10, default));
        _host.End(null, 3);
        leader.Request(new BlockRequested(0, 4, BlockOperation.Read, 1 << 30, 4096, default)); // beyond the disk
        _host.End(CopyFaultKind.BadRequest);
        Assert.Equal(4, _host.Ended.Count);
        Assert.Empty(_host.Told);
    }

    [Fact]
    public void PeerOfAnotherPairing_IsToldNothingUnasked_BeforeItAsks()
    {
        DiskMirror leader = Leader();
        EndRead(leader, 1);
        MirrorHostBase.Hear(leader, Wanted(1));
        leader.PeerIn(7, 2, isSource: true);
        EndRead(leader, 2);
        Assert.DoesNotContain(_host.Told, told => told.RequestId == 2);
    }

    [Fact]
    public void FollowerThatLacksIt_EndsAReadWithWhatItWasToldBefore_AndAsksForNothing()
    {
        DiskMirror follower = Follower();
        MirrorHostBase.Hear(follower, Told(5, 0x55));
        MirrorHostBase.Hear(follower, Told(5, 0x66)); // again, as on another path
        follower.Request(Read(5));
        Assert.Equal((5UL, BlockStatus.Ok, (byte)0x55), _host.Completed.Single());
        Assert.Empty(_host.Wanted);
        Assert.Equal(1, follower.Counts.FromPeer);

        follower.Request(Read(6)); // not told: asked for
        Assert.Equal(6UL, _host.Wanted.Single().RequestId);
        MirrorHostBase.Hear(follower, Told(6, 0x77));
        Assert.Equal((6UL, BlockStatus.Ok, (byte)0x77), _host.Completed.Last());
    }

    [Fact]
    public void FollowerThatHasIt_AnswersItself_WhateverItWasTold()
    {
        DiskMirror follower = Follower(isCurrent: true);
        MirrorHostBase.Hear(follower, Told(5, 0x55));
        follower.Request(Read(5));
        MirrorHostBase.Hear(follower, Told(6, 0x66));
        _host.End(null, 1);
        Assert.Equal((5UL, BlockStatus.Ok, (byte)1), _host.Completed.Single());
        follower.Request(Read(6));
        _host.End(null, 2);
        Assert.Equal((6UL, BlockStatus.Ok, (byte)2), _host.Completed.Last());
        Assert.Equal(0, follower.Counts.FromPeer);
    }

    [Fact]
    public void FollowerWhoseOwnReadFails_EndsItWithWhatItWasToldMeanwhile()
    {
        DiskMirror follower = Follower(isCurrent: true);
        follower.Request(Read(5));
        MirrorHostBase.Hear(follower, Told(5, 0x55));
        Assert.Empty(_host.Completed);
        _host.End(CopyFaultKind.Corrupt, badBlocks: [5]);
        Assert.Equal((5UL, BlockStatus.Ok, (byte)0x55), _host.Completed.Single());
        Assert.Empty(_host.Wanted);
    }

    [Fact]
    public void ResultOfAnotherPairing_IsNotTaken()
    {
        DiskMirror follower = Follower();
        MirrorHostBase.Hear(follower, Told(5, 0x55));
        follower.PeerGone();
        follower.PeerIn(7, 1, isSource: false);
        MirrorHostBase.Hear(follower, new CopyStands(CopyUse.Current, ""));
        follower.Request(Read(5));
        Assert.Empty(_host.Completed);
        Assert.Equal(5UL, _host.Wanted.Single().RequestId);
    }

    [Fact]
    public void ResultOfAnotherLength_IsNotTaken()
    {
        DiskMirror follower = Follower();
        MirrorHostBase.Hear(follower, new ResultTold(5, PeerAnswer.Ok, new byte[512]));
        follower.Request(Read(5));
        Assert.Empty(_host.Completed);
        Assert.Equal(5UL, _host.Wanted.Single().RequestId);
    }

    [Fact]
    public void WhatIsToldAndNotMade_HasABound_AndTheOldestGoFirst()
    {
        DiskMirror follower = Follower();
        for (ulong id = 5; id < 5 + (9 << 20) / ReadBytes; id++) MirrorHostBase.Hear(follower, Told(id, (byte)id));
        follower.Request(Read(5));
        Assert.Empty(_host.Completed);
        Assert.Equal(5UL, _host.Wanted.Single().RequestId);
        follower.Request(Read(4 + (9 << 20) / ReadBytes));
        Assert.Single(_host.Completed);
    }

    private DiskMirror Leader()
    {
        DiskMirror leader = New();
        leader.CopyOpened(true, "");
        leader.PeerIn(7, 1, isSource: true);
        MirrorHostBase.Hear(leader, new CopyStands(CopyUse.Rebuilding, "new"));
        return leader;
    }

    private DiskMirror Follower(bool isCurrent = false)
    {
        DiskMirror follower = New();
        follower.CopyOpened(isCurrent, isCurrent ? "" : "new");
        follower.PeerIn(7, 1, isSource: false);
        MirrorHostBase.Hear(follower, new CopyStands(CopyUse.Current, ""));
        return follower;
    }

    private DiskMirror New() => new(new DiskName("db", "data"), new DiskGeometry(64 << 20), new MirrorSettings(), _host);

    private void EndRead(DiskMirror mirror, ulong id)
    {
        mirror.Request(Read(id));
        _host.End(null, (byte)id);
    }

    private static BlockRequested Read(ulong id) => new(0, id, BlockOperation.Read, ReadBytes * id, ReadBytes, default);

    private static ResultWanted Wanted(ulong id) => new(id, ReadBytes * id, ReadBytes);

    private static ResultTold Told(ulong id, byte content)
    {
        byte[] data = new byte[ReadBytes];
        Array.Fill(data, content);
        return new ResultTold(id, PeerAnswer.Ok, data);
    }

    private sealed class Host : MirrorHostBase, IMirrorHost
    {
        internal List<ResultTold> Told { get; } = [];

        internal List<ResultWanted> Wanted { get; } = [];

        internal List<(ulong Id, BlockStatus Status, byte First)> Completed { get; } = [];

        void IMirrorHost.Complete(BlockCompleted completion, BlockOperation operation)
        {
            Complete(completion, operation);
            Completed.Add((completion.RequestId, completion.Status, completion.Data.IsEmpty ? default : completion.Data.Span[0]));
        }

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
            MirrorMessage read = MirrorCodec.Read(message.ToArray()).Item3;
            if (read is ResultTold told) Told.Add(told);
            if (read is ResultWanted wanted && wanted.RequestId != 0) Wanted.Add(wanted);
        }

        public override void Check(int region, Action<BlockCheck[]?> ended)
        {
        }

        public override void Record(Action<DiskCopy> change, Action<bool> ended)
        {
        }

        public override void MarkStale(Action ended) => ended();
    }
}
