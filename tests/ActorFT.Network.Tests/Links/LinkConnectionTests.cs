using System.Net;
using System.Net.Sockets;
using ActorFT.Network.Links;

namespace ActorFT.Network.Tests.Links;

/// <summary>One connection without the pump: what each sender must do by itself.</summary>
public sealed class LinkConnectionTests
{
    // A heartbeat may be what gives the kernel the last bytes of a queue that the pump brought near its limit. Nobody comes by after it: who waits
    // for room must be told by it, or a transfer stands still for ever.
    [Fact]
    public async Task Room_MadeByAnotherSender_IsToldToWhoWaits()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), ours = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        await ours.ConnectAsync(listener.LocalEndPoint!);
        using Socket peers = await listener.AcceptAsync();
        LinkStream stream = new(ours);
        LinkIdentity peer = new("pair", "b", "a", 0, LinkClass.Bulk, 1);
        using LinkConnection connection = new(new LinkAgreed(stream, stream, peer), new LinkMeter(), new PathMeter(), new RecordingSink(), () => { });
        byte[] page = new byte[64 * 1024];
        while (connection.TrySend(0, page, default) == SendResult.Taken)
        {
        }

        Task<bool> room = connection.WaitForRoomAsync(default);
        int limitBytes = LinkClasses.QueueLimitBytes(LinkClass.Bulk);
        byte[] buffer = new byte[1 << 20];
        for (bool isPumped = true; connection.UnsentBytes > 0;)
        {
            Assert.True(peers.Poll(10_000_000, SelectMode.SelectRead), $"{connection.UnsentBytes} bytes are not on their way");
            await peers.ReceiveAsync(buffer.AsMemory(0, isPumped ? 32 * 1024 : buffer.Length));
            if (isPumped) connection.Flush();
            else connection.TrySend(0, [1], default);
            isPumped &= connection.UnsentBytes > limitBytes;
        }

        Assert.True(await room.WaitAsync(TimeSpan.FromSeconds(10)));
    }
}
