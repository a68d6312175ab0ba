using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Lockstep.Messages;
using ActorFT.Network.Links;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>What goes between two mirrors with bulk: in which order it leaves, and that it comes in as it was.</summary>
public sealed class MirrorOutboxTests
{
    private readonly BulkLink _link = new();
    private int _roomCame;

    private MirrorOutbox NewOutbox() => new(_link, 3, 77, disk: 1, () => Interlocked.Increment(ref _roomCame));

    private static byte[] Message(int length, byte first)
    {
        byte[] message = new byte[length];
        for (int i = 0; i < length; i++) message[i] = (byte)(first + i * 7);
        return message;
    }

    private List<byte[]> Received()
    {
        MirrorReassembly reassembly = new();
        List<byte[]> messages = [];
        foreach (byte[] frame in _link.Sent)
        {
            Assert.True(LinkCodec.TryFindParcel(frame, out byte kind, out ReadOnlyMemory<byte> content));
            Assert.Equal((MirrorParcels.Kind, (byte)1), (kind, content.Span[0]));
            // Exactly the envelope that a build without the shortcut writes and reads.
            Assert.Equal(content.ToArray(), Assert.IsType<Parcel>(LinkCodec.Decode(frame).Message).Content.ToArray());
            if (reassembly.Add(content) is { } whole) messages.Add(whole.ToArray());
        }

        return messages;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5_000)]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 1)]
    [InlineData(16_900_000)]
    public void Message_OfAnyLength_ComesInAsItWas(int length)
    {
        using MirrorOutbox outbox = NewOutbox();
        byte[] message = Message(length, 9);
        outbox.Send(message, isRegion: true);
        Assert.Equal([message], Received());
        Assert.Equal(0, outbox.QueuedBytes);
    }

    [Fact]
    public void Results_WhileRegionsWaitForRoom_PassThem()
    {
        using MirrorOutbox outbox = NewOutbox();
        _link.HasRoom = false;
        byte[][] regions = [Message(6000, 1), Message(6000, 2)];
        foreach (byte[] region in regions) outbox.Send(region, isRegion: true);
        byte[] result = Message(5000, 3);
        outbox.Send(result, isRegion: false);
        Assert.Empty(_link.Sent);
        _link.HasRoom = true;
        _link.Room.SetResult();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref _roomCame) == 1, TimeSpan.FromSeconds(30)));
        outbox.RoomCame();
        Assert.Equal([result, .. regions], Received());
        Assert.Equal(0, outbox.QueuedBytes);
    }

    [Fact]
    public void Queue_WithoutRoom_IsBounded()
    {
        using MirrorOutbox outbox = NewOutbox();
        _link.HasRoom = false;
        byte[] region = new byte[4 << 20];
        for (int i = 0; i < 100; i++) outbox.Send(region, isRegion: true);
        Assert.InRange(outbox.QueuedBytes, MirrorOutbox.MaxQueuedBytes, MirrorOutbox.MaxQueuedBytes + 2 * region.Length);
    }

    [Fact]
    public void Path_Gone_WhatWaitsIsLostAndLaterMessagesGo()
    {
        using MirrorOutbox outbox = NewOutbox();
        _link.HasRoom = false;
        outbox.Send(Message(6000, 1), isRegion: true);
        (_link.HasRoom, _link.BulkPath) = (true, -1);
        outbox.RoomCame();
        Assert.Equal(0, outbox.QueuedBytes);
        outbox.Send(Message(6000, 2), isRegion: true);
        Assert.Empty(_link.Sent);
        _link.BulkPath = 0;
        byte[] later = Message(6000, 3);
        outbox.Send(later, isRegion: true);
        Assert.Equal([later], Received());
    }

    private sealed class BulkLink : IPeerLink
    {
        internal List<byte[]> Sent { get; } = [];

        internal bool HasRoom { get; set; } = true;

        internal TaskCompletionSource Room { get; } = new();

        public int BulkPath { get; set; }

        public int PathCount => 1;

        public int BestPath => 0;

        public bool TrySendBulk(int path, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
        {
            Assert.Equal((0, 3), (path, channel));
            if (HasRoom) Sent.Add([.. head, .. body]);
            return HasRoom;
        }

        public Task WaitForBulkRoomAsync(int path) => Room.Task;

        public bool TrySend(int path, bool isBulk, ushort channel, ReadOnlySpan<byte> payload, bool mayTrail = false) => throw new NotSupportedException();

        public void Register(ushort channel, IActorRef coordinator) => throw new NotSupportedException();

        public void RegisterControl(ushort channel, Action<ReadOnlyMemory<byte>> receive) => throw new NotSupportedException();

        public void RegisterParcels(ushort channel, Action<LinkFrame, byte, ReadOnlyMemory<byte>> receive) => throw new NotSupportedException();

        public bool TrySendControl(ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath) => throw new NotSupportedException();

        public void FlushLog() => throw new NotSupportedException();
    }
}
