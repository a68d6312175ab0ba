using ActorFT.Cluster.Machines;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>Which records go out a second time, on the other paths.</summary>
public sealed class RecordCopiesTests
{
    private const ulong Overdue = RecordCopies.OverdueNs;

    private readonly RecordCopies _copies = new();

    [Fact]
    public void WhatTheFollowerStored_NeedsNoCopy_WhatItDidNot_GoesWhenOverdue()
    {
        Keep(new StreamId(1, 1), first: 0, nowNs: 0);
        Keep(new StreamId(1, 1), first: 1, nowNs: 1);
        Keep(new StreamId(1, 1), first: 2, nowNs: 2);
        _copies.Stored(new StreamId(1, 1), 2);
        Assert.Equal(1, _copies.Count);
        Assert.Empty(Take(Overdue + 1));
        Assert.Equal([2], Take(Overdue + 2));
        Assert.Empty(Take(10 * Overdue)); // once
    }

    [Fact]
    public void APathThatIsGone_TookThemWithIt_AllGoAtOnce()
    {
        Keep(new StreamId(1, 1), first: 5, nowNs: 100);
        Keep(new StreamId(1, 1), first: 6, nowNs: 100);
        Assert.Equal([5, 6], Take(101, isAll: true));
        Assert.Equal(0, _copies.Count);
    }

    [Fact]
    public void WordOfAnotherStream_SaysNothing()
    {
        Keep(new StreamId(2, 1), first: 5, nowNs: 0);
        _copies.Stored(new StreamId(1, 1), 100);
        _copies.Stored(new StreamId(2, 2), 100);
        Assert.Equal([5], Take(Overdue));
    }

    [Fact]
    public void WhatWasGivenBack_IsEmptyWhenItIsRentedAgain()
    {
        Keep(new StreamId(1, 1), first: 1, nowNs: 0);
        _copies.Stored(new StreamId(1, 1), 2);
        Assert.Equal(0, _copies.Rent().Written.Length);
    }

    private void Keep(StreamId stream, ulong first, ulong nowNs)
    {
        StateWriter bytes = _copies.Rent();
        bytes.U8((byte)first);
        _copies.Keep(new RecordSent(stream, new Lockstep.Records.Record { FirstRound = first, Rounds = [new Round(first)] }, 0), (int)first % 2, bytes, nowNs);
    }

    private List<int> Take(ulong nowNs, bool isAll = false)
    {
        List<int> taken = [];
        while (_copies.TryTakeOverdue(nowNs, isAll, out int path, out StateWriter bytes))
        {
            Assert.Equal(bytes.Written[0] % 2, path); // where it went, not where one would go now
            taken.Add(bytes.Written[0]);
            _copies.Return(bytes);
        }

        return taken;
    }
}
