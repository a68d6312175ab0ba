using ActorFT.Cluster.Machines.Disks;
using ActorFT.Lockstep.Messages;
using ActorFT.Machine.IO;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>A write that ended early vouches for nothing: the flush behind it does.</summary>
public sealed class WritesBehindTests
{
    private readonly WritesBehind _writes = new();
    private readonly List<FlushId> _ended = [];

    [Fact]
    public void AFlush_WaitsForTheWritesBeforeIt_OfItsDisk_AndForNoOther()
    {
        Add(1);
        Add(2);
        Add(3, disk: 1);
        Add(5);

        Assert.True(_writes.MustWait(new FlushId(0, 4)));
        Assert.True(End(2));
        Assert.Empty(_ended);
        Assert.True(End(1));

        Assert.Equal([new FlushId(0, 4)], _ended);
        Assert.False(_writes.MustWait(new FlushId(0, 4)));
        Assert.False(_writes.TakeLost(0));
    }

    [Fact]
    public void AWriteThatWasLost_FailsTheNextFlushOfItsDisk_Once()
    {
        Add(1);
        _writes.MustWait(new FlushId(0, 2));

        End(1, BlockStatus.IoError);

        Assert.Equal([new FlushId(0, 2)], _ended);
        Assert.False(_writes.TakeLost(1));
        Assert.True(_writes.TakeLost(0));
        Assert.False(_writes.TakeLost(0));
    }

    [Fact]
    public void AGuest_GetsNoFurtherAheadOfItsDisk_ThanTheBounds()
    {
        for (ulong id = 0; id < WritesBehind.MaxRequests; id++) Assert.True(Add(id));
        Assert.False(Add(99));
        End(0);
        Assert.True(Add(99));
        _writes.Clear();

        Assert.True(Add(1, bytes: WritesBehind.MaxBytes));
        Assert.False(Add(2));
        End(1);
        Assert.True(Add(2));
    }

    [Fact]
    public void WhatTheDiskEndsInItsOwnTime_IsNotBehind() => Assert.False(End(7));

    [Fact]
    public void AfterAHandOver_FlushesAreTheNewLeaders_AndWritesStillEnd()
    {
        Add(1);
        _writes.MustWait(new FlushId(0, 2));

        _writes.ForgetFlushes();

        Assert.True(End(1));
        Assert.Empty(_ended);
    }

    private bool End(ulong id, BlockStatus status = BlockStatus.Ok) => _writes.End(new BlockCompleted(0, id, status, default), _ended);

    private bool Add(ulong id, int disk = 0, int bytes = 512) => _writes.TryAdd(disk, id, bytes);
}
