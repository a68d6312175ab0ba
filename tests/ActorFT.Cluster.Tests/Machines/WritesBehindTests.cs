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
    public void OnlyWritesEndEarly()
    {
        Assert.True(_writes.TryAdd(Request(1, BlockOperation.Write)));
        foreach (BlockOperation other in new[] { BlockOperation.Read, BlockOperation.Flush, BlockOperation.Discard, BlockOperation.WriteZeroes })
            Assert.False(_writes.TryAdd(Request(2, other)));
    }

    [Fact]
    public void AFlush_WaitsForTheWritesBeforeIt_OfItsDisk_AndForNoOther()
    {
        _writes.TryAdd(Request(1, BlockOperation.Write));
        _writes.TryAdd(Request(2, BlockOperation.Write));
        _writes.TryAdd(Request(3, BlockOperation.Write, disk: 1));
        _writes.TryAdd(Request(5, BlockOperation.Write));

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
        _writes.TryAdd(Request(1, BlockOperation.Write));
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
        for (ulong id = 0; id < WritesBehind.MaxRequests; id++) Assert.True(_writes.TryAdd(Request(id, BlockOperation.Write)));
        Assert.False(_writes.TryAdd(Request(99, BlockOperation.Write)));
        End(0);
        Assert.True(_writes.TryAdd(Request(99, BlockOperation.Write)));
        _writes.Clear();

        Assert.True(_writes.TryAdd(Request(1, BlockOperation.Write, bytes: WritesBehind.MaxBytes)));
        Assert.False(_writes.TryAdd(Request(2, BlockOperation.Write)));
        End(1);
        Assert.True(_writes.TryAdd(Request(2, BlockOperation.Write)));
    }

    [Fact]
    public void WhatTheDiskEndsInItsOwnTime_IsNotBehind() => Assert.False(End(7));

    [Fact]
    public void AfterAHandOver_FlushesAreTheNewLeaders_AndWritesStillEnd()
    {
        _writes.TryAdd(Request(1, BlockOperation.Write));
        _writes.MustWait(new FlushId(0, 2));

        _writes.ForgetFlushes();

        Assert.True(End(1));
        Assert.Empty(_ended);
    }

    private bool End(ulong id, BlockStatus status = BlockStatus.Ok) => _writes.End(new BlockCompleted(0, id, status, default), _ended);

    private static BlockRequested Request(ulong id, BlockOperation operation, int disk = 0, int bytes = 512) =>
        new(disk, id, operation, 0, (ulong)bytes, operation == BlockOperation.Write ? new byte[bytes] : default);
}
