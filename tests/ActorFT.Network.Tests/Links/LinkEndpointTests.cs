using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorFT.Network.Links;
using ActorFT.Network.Native;
using ActorFT.Network.Tests.Support;
using ActorFT.Node.Tests.Support;

namespace ActorFT.Network.Tests.Links;

public sealed class LinkEndpointTests
{
    [Fact]
    public void Messages_EveryClassBothWays_ArriveWholeAndInOrder()
    {
        using LinkPair pair = LinkPair.Connected();
        int[] sizes = [0, 1, 15, 16, 17, 1000, 65_536, 1 << 20];
        foreach (LinkClass linkClass in Enum.GetValues<LinkClass>())
        {
            foreach (int size in sizes)
            {
                byte[] payload = Pattern(size, (int)linkClass);
                Assert.Equal(SendResult.Taken, SendWithPatience(pair.A, 0, linkClass, payload));
                Assert.Equal(SendResult.Taken, SendWithPatience(pair.B, 0, linkClass, payload));
            }
        }

        foreach (RecordingSink sink in (RecordingSink[])[pair.SinkA, pair.SinkB])
        {
            Eventually.Holds(() => sink.Frames.Count == 3 * sizes.Length, "all messages arrive");
            foreach (LinkClass linkClass in Enum.GetValues<LinkClass>())
            {
                byte[][] got = [.. sink.Frames.Where(frame => frame.Class == linkClass).Select(frame => frame.Payload)];
                Assert.Equal(sizes, got.Select(payload => payload.Length));
                Assert.All(got, payload => Assert.Equal(Pattern(payload.Length, (int)linkClass), payload));
            }
        }
    }

    [Fact]
    public void Message_InTwoPartsOnAChannel_ArrivesJoined()
    {
        using LinkPair pair = LinkPair.Connected();
        Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 7, [1, 2], [3]));
        Eventually.Holds(() => !pair.SinkB.Frames.IsEmpty, "the message arrives");
        Assert.True(pair.SinkB.Frames.TryDequeue(out (int Path, LinkClass Class, ushort Channel, byte[] Payload) frame));
        Assert.Equal((0, LinkClass.Log, (ushort)7), (frame.Path, frame.Class, frame.Channel));
        Assert.Equal(new byte[] { 1, 2, 3 }, frame.Payload);
    }

    [Fact]
    public void Messages_ThatMayTrail_GoWithTheNextOne_WithAFlush_OrOnceTheyAreMany_InOrder()
    {
        using LinkPair pair = LinkPair.Connected();
        void Trail(byte value, int size = 1) => Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 0, Enumerable.Repeat(value, size).ToArray(), default, mayTrail: true));
        void Arrive(params byte[] expected)
        {
            Eventually.Holds(() => pair.SinkB.Frames.Count == expected.Length, "the messages arrive");
            Assert.Equal(expected, pair.SinkB.Frames.Select(frame => frame.Payload[0]));
            pair.SinkB.Frames.Clear();
        }

        Trail(1);
        Trail(2);
        Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 0, [3]));
        Arrive(1, 2, 3);
        Trail(4);
        Trail(5);
        pair.A.FlushTrailing(LinkClass.Log);
        Arrive(4, 5);
        Trail(6, 300_000);
        Arrive(6);
    }

    [Fact]
    public void Message_AboveTheClassLimit_IsTheCallersError()
    {
        using LinkPair pair = LinkPair.Connected();
        Assert.Throws<ArgumentOutOfRangeException>(() => pair.A.TrySend(0, LinkClass.Control, 0, new byte[(1 << 20) + 1]));
    }

    [Fact]
    public void Senders_ManyThreads_KeepEachTheirOrder()
    {
        const int Threads = 4, Each = 5000;
        using LinkPair pair = LinkPair.Connected();
        Thread[] senders = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() =>
        {
            for (int i = 0; i < Each; i++) SendWithPatience(pair.A, 0, LinkClass.Log, (byte[])[.. BitConverter.GetBytes(t), .. BitConverter.GetBytes(i)]);
        }))];
        foreach (Thread sender in senders) sender.Start();
        foreach (Thread sender in senders) sender.Join();
        Eventually.Holds(() => pair.SinkB.Frames.Count == Threads * Each, "all messages arrive");
        for (int t = 0; t < Threads; t++)
        {
            Assert.Equal(
                Enumerable.Range(0, Each),
                pair.SinkB.Frames.Where(f => BitConverter.ToInt32(f.Payload) == t).Select(f => BitConverter.ToInt32(f.Payload, 4)));
        }
    }

    [Fact]
    public void TwoPaths_OneKilled_OtherCarriesOnAndTheFirstReturns()
    {
        // A host on which one end's pump does not run for a while makes silence of its own; what is promised here is that it comes from no reset of the other path.
        using LinkPair pair = LinkPair.Connected(pathCount: 2, o => o with { SilentAfterMs = 5_000, DeadAfterMs = 20_000 });
        Assert.Equal(2, pair.A.TrySendAll(LinkClass.Log, 0, [1]));
        for (int round = 0; round < 5; round++)
        {
            int changesBefore = pair.SinkB.Changes.Count;
            foreach (LinkClass linkClass in Enum.GetValues<LinkClass>()) pair.A.Connection(0, linkClass)?.Abort(LinkDownCause.Reset, "the test cut it");
            Eventually.Holds(
                () => pair.SinkB.Changes.Skip(changesBefore).Any(c => c is { PathIndex: 0, State: LinkPathState.Down, Cause: LinkDownCause.Reset }),
                "b is told that path 0 was reset");
            Assert.Equal(SendResult.Taken, pair.A.TrySend(1, LinkClass.Log, 0, [2]));
            pair.WaitUp();
        }

        Eventually.Holds(() => pair.SinkB.Frames.Count(f => f is { Path: 1, Payload: [2] }) == 5, "what was sent on path 1 arrived each time");
        Assert.DoesNotContain(pair.SinkB.Changes, change => change is { PathIndex: 1, State: LinkPathState.Silent });
        Assert.Equal(2, pair.SinkB.Changes.Count(change => change.PathIndex == 1 && change.State == LinkPathState.Up) + 1);
        Assert.Equal(6, pair.B.Snapshot()[0].Classes[(int)LinkClass.Control].Connections);
    }

    [Fact]
    public void PeerGone_Reset_IsToldAtOnceAndReturnsWithAnotherInstance()
    {
        using LinkPair pair = LinkPair.Connected();
        ulong firstInstance = pair.SinkA.Changes.Last().PeerInstance;
        Assert.Equal(pair.B.Instance, firstInstance);
        pair.B.Dispose();
        Eventually.Holds(() => pair.A.Status(0).State == LinkPathState.Down, "a sees that b is gone");
        Eventually.Holds(() => pair.SinkA.Changes.Any(change => change.Cause == LinkDownCause.Reset), "a is told of the reset");
        Assert.Equal(SendResult.NotConnected, pair.A.TrySend(0, LinkClass.Log, 0, [1]));
        Eventually.Holds(() => pair.A.Status(0) is { Cause: LinkDownCause.ConnectFailed } s && s.Reason.EndsWith("nobody listens there.", StringComparison.Ordinal), "a says why");

        RecordingSink sink = new();
        using LinkEndpoint again = new(pair.OptionsB, sink);
        again.Start();
        Eventually.Holds(() => pair.A.Status(0).State == LinkPathState.Up, "a is connected again");
        Assert.Equal(again.Instance, pair.A.Status(0).PeerInstance);
        Assert.NotEqual(firstInstance, again.Instance);
    }

    [Fact]
    public void Path_StoppedInBetween_IsSilentThenDeadThenHealed()
    {
        using FaultyRelay relay = new();
        // A second between the two: a pump that was held up believes no silence, and would else come to the second with the first untold.
        using LinkPair pair = RelayedPair(relay, o => o with { HeartbeatMs = 20, SilentAfterMs = 200, DeadAfterMs = 1_200, ConnectTimeoutMs = 1_000 });
        pair.StartBoth().WaitUp();
        int[] before = [pair.SinkA.Changes.Count, pair.SinkB.Changes.Count];
        relay.Stop();
        foreach ((string name, RecordingSink sink, int count) in ((string, RecordingSink, int)[])[("a", pair.SinkA, before[0]), ("b", pair.SinkB, before[1])])
        {
            LinkPathStatus[] told = [];
            Eventually.Holds(
                () => (told = [.. sink.Changes.Skip(count)]).Any(c => c is { State: LinkPathState.Down, Cause: LinkDownCause.Silence }),
                $"{name} is told that the path is given up");
            Assert.True(told[0] is { State: LinkPathState.Silent, Cause: LinkDownCause.Silence }, $"{name} was told: {string.Join("; ", sink.Changes)}");
        }

        relay.Go();
        pair.WaitUp();
    }

    [Fact]
    public void Path_Damaged_IsClosedCountedAndConnectedAnew()
    {
        using LinkPair pair = LinkPair.Connected();
        Assert.True(TcpNative.SendNow(pair.A.Connection(0, LinkClass.Log)!.Socket, Pattern(64, 3)) == 64);
        Eventually.Holds(() => pair.SinkB.Changes.Any(c => c.Cause == LinkDownCause.Corrupted), "b is told of the damage");
        Eventually.Holds(() => pair.SinkA.Changes.Any(c => c.State == LinkPathState.Down), "a is told that the path is down");
        pair.WaitUp();
        Assert.Equal(1, pair.B.Snapshot()[0].Classes[(int)LinkClass.Log].CorruptedFrames);
        Assert.Equal(2, pair.B.Snapshot()[0].Classes[(int)LinkClass.Log].Connections);
        Assert.Equal(1, pair.B.Snapshot()[0].Classes[(int)LinkClass.Control].Connections);
        Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 0, [1]));
        Eventually.Holds(() => pair.SinkB.Frames.Count == 1, "the new connection works");
    }

    [Fact]
    public async Task Receiver_HoldsFrames_SenderIsBoundedAndOtherClassesPass()
    {
        using LinkPair pair = LinkPair.Connected();
        pair.SinkB.KeepsPayloads = false;
        pair.SinkB.Holds = linkClass => linkClass == LinkClass.Bulk;
        byte[] page = new byte[256 * 1024];
        FillUntilFull(pair, page);
        long heldBytes = HeldBytes(pair);
        // One frame may go above each bound.
        Assert.InRange(heldBytes, LinkClasses.CreditBytes(LinkClass.Bulk), LinkClasses.CreditBytes(LinkClass.Bulk) + page.Length);
        Assert.InRange(pair.A.Snapshot()[0].Classes[(int)LinkClass.Bulk].QueuedBytes, 1, LinkClasses.QueueLimitBytes(LinkClass.Bulk) + page.Length + 16);
        Assert.True(pair.A.Snapshot()[0].Classes[(int)LinkClass.Bulk].RefusedFull > 0);

        Task<bool> room = pair.A.WaitForRoomAsync(0, LinkClass.Bulk);
        Assert.False(room.IsCompleted);
        int logFrames = 0;
        pair.SinkB.OnFrame = frame => { if (frame.LinkClass == LinkClass.Log) Interlocked.Increment(ref logFrames); };
        for (int i = 0; i < 100; i++) Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 0, [1]));
        Eventually.Holds(() => logFrames == 100, "the log passes while bulk stands");
        Assert.Equal(LinkPathState.Up, pair.A.Status(0).State);
        Assert.False(room.IsCompleted);

        pair.SinkB.Holds = _ => false;
        while (pair.SinkB.Held.TryDequeue(out LinkFrame? frame)) frame.Dispose();
        Assert.True(await room.WaitAsync(TimeSpan.FromSeconds(10)));
        await Eventually.HoldsAsync(
            () => pair.B.Snapshot()[0].Classes[(int)LinkClass.Bulk].ReceivedFrames == pair.A.Snapshot()[0].Classes[(int)LinkClass.Bulk].SentFrames,
            "everything taken arrives");
    }

    [Fact]
    public async Task WaitForRoom_ConnectionEnds_CompletesWithFalse()
    {
        using LinkPair pair = LinkPair.Connected();
        pair.SinkB.Holds = _ => true;
        pair.SinkB.KeepsPayloads = false;
        byte[] page = new byte[1 << 20];
        FillUntilFull(pair, page);
        Task<bool> room = pair.A.WaitForRoomAsync(0, LinkClass.Bulk);
        pair.B.Dispose();
        Assert.False(await room.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.False(await pair.A.WaitForRoomAsync(0, LinkClass.Bulk));
    }

    [Fact]
    public void Hello_UnequalPairs_OneSentenceOnBothSides()
    {
        using LinkPair pair = new(changeB: o => o with { PairName = "other" });
        pair.StartBoth();
        const string Expected = "server 'b' belongs to pair 'other', server 'a' to pair 'pair': wrong address, or unequal configuration.";
        Eventually.Holds(() => pair.SinkA.Refusals.Any(r => r.EndsWith("it refused: " + Expected, StringComparison.Ordinal)), "a is told why");
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.EndsWith("was turned away: " + Expected, StringComparison.Ordinal)), "b is told why");
        Eventually.Holds(() => pair.A.Status(0).Cause == LinkDownCause.Refused && pair.B.Status(0).Cause == LinkDownCause.Refused, "both states tell it");
    }

    [Fact]
    public void Hello_CrossedPaths_OneSentenceOnBothSides()
    {
        using LinkPair pair = new(pathCount: 2, changeA: o => o with { Paths = [.. o.Paths.Reverse()] });
        pair.StartBoth();
        Eventually.Holds(() => pair.SinkA.Refusals.Any(r => r.Contains("path 0 of server 'b' meets path 1 of server 'a'", StringComparison.Ordinal)), "a is told why");
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.Contains("name the paths' addresses in the same order", StringComparison.Ordinal)), "b is told why");
    }

    [Fact]
    public void Listener_AnotherVersion_IsRefusedWithASentenceItCanRead()
    {
        using LinkPair pair = new();
        pair.B.Start();
        LinkHelloMessage answer = Greet(pair, LinkHello.Encode(LinkHelloKind.Hello, 42, [1, 2, 3]));
        Assert.Equal(LinkHelloKind.Refusal, answer.Kind);
        Assert.Equal("server 'b' speaks version 1 of the FT link protocol, its peer version 42: run the same ActorFT on both", answer.Refusal);
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.Contains("its peer version 42", StringComparison.Ordinal)), "b is told too");
    }

    [Fact]
    public void Listener_ForeignProtocol_IsAnsweredAndClosedAndTheLinkUnharmed()
    {
        using LinkPair pair = LinkPair.Connected();
        LinkHelloMessage answer = Greet(pair, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        Assert.Contains("it speaks another protocol than ActorFT's FT link", answer.Refusal, StringComparison.Ordinal);
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.Contains("'GET / HT'", StringComparison.Ordinal)), "b is told");
        Assert.Equal(LinkPathState.Up, pair.B.Status(0).State);
        Assert.Equal(1, pair.B.Snapshot()[0].Classes[0].Connections);
    }

    [Fact]
    public void Dialler_ForeignListener_SaysWhatItMet()
    {
        using LinkPair pair = new();
        using TcpListener listener = new(pair.OptionsB.Paths[0].Local);
        listener.Start();
        pair.A.Start();
        using Socket socket = listener.AcceptSocket();
        socket.Send("220 mail.example ESMTP\r\n"u8);
        Eventually.Holds(
            () => pair.SinkA.Refusals.Any(r => r.Contains("another protocol", StringComparison.Ordinal) && r.Contains("'220 mail'", StringComparison.Ordinal)),
            "a says what it met");
        Eventually.Holds(
            () => pair.SinkA.Changes.Any(c => c is { Cause: LinkDownCause.Refused } && c.Reason.Contains("'220 mail'", StringComparison.Ordinal)),
            "the path's state tells it");
    }

    [Fact]
    public void Listener_Strangers_WhoSayNothingAreClosedAndBounded()
    {
        using LinkPair pair = new(changeB: o => o with { ConnectTimeoutMs = 300 });
        pair.B.Start();
        List<Socket> strangers = [];
        for (int i = 0; i < 40; i++)
        {
            Socket stranger = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            stranger.Connect(pair.OptionsB.Paths[0].Local);
            strangers.Add(stranger);
        }

        Eventually.Holds(() => strangers.All(s => s.Poll(0, SelectMode.SelectRead)), "all strangers are closed");
        strangers.ForEach(s => s.Dispose());
        pair.A.Start();
        pair.WaitUp();
    }

    [Fact]
    public void Listener_RandomBytesAfterAGoodHello_CostOnlyThatConnection()
    {
        using LinkPair pair = LinkPair.Connected();
        Random random = new(3);
        for (int i = 0; i < 50; i++)
        {
            byte[] bytes = new byte[random.Next(1, 300)];
            random.NextBytes(bytes);
            if (i % 2 == 0) LinkHello.Magic.CopyTo(bytes.Length >= 8 ? bytes : bytes = new byte[8]);
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(pair.OptionsB.Paths[0].Local);
            socket.Send(bytes);
            socket.Shutdown(SocketShutdown.Send);
        }

        Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 0, [1]));
        Eventually.Holds(() => pair.SinkB.Frames.Count == 1, "the link still works");
        Assert.Equal(1, pair.B.Snapshot()[0].Classes[0].Connections);
    }

    [Fact]
    public void Start_PortInUse_IsRefusedInOneSentenceAndStartsNothing()
    {
        using LinkPair pair = new();
        using TcpListener other = new(pair.OptionsB.Paths[0].Local);
        other.Start();
        string message = Assert.Throws<NetworkConfigurationException>(pair.B.Start).Message;
        Assert.Contains($"cannot listen on {pair.OptionsB.Paths[0].Local}: another program uses that port", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_AddressNotThere_PathWaitsAndTheOtherWorks()
    {
        // TEST-NET-1 (RFC 5737): never an address of this host.
        IPEndPoint missing = new(IPAddress.Parse("192.0.2.1"), 7400);
        using LinkPair pair = new(pathCount: 2, changeB: o => o with { Paths = [o.Paths[0], o.Paths[1] with { Local = missing }] });
        pair.StartBoth();
        Eventually.Holds(() => pair.A.Status(0).State == LinkPathState.Up, "path 0 is up");
        Eventually.Holds(() => pair.B.Status(1).Reason.Contains("this server has no such address now", StringComparison.Ordinal), "path 1 says why not");
    }

    [Fact]
    public void Peer_ByName_IsFoundOrSaidToBeUnknown()
    {
        IPEndPoint listening = new(IPAddress.Loopback, FreePort.Find());
        using LinkPair pair = new(
            changeA: o => o with { Paths = [o.Paths[0] with { Local = new IPEndPoint(IPAddress.Loopback, 0), Peer = new DnsEndPoint("localhost", listening.Port) }] },
            changeB: o => o with { Paths = [o.Paths[0] with { Local = listening }] });
        pair.StartBoth().WaitUp();

        RecordingSink sink = new();
        LinkPathOptions path = pair.OptionsA.Paths[0] with { Peer = new DnsEndPoint("nowhere.invalid", 1) };
        using LinkEndpoint lost = new(pair.OptionsA with { Paths = [path] }, sink);
        lost.Start();
        Eventually.Holds(() => lost.Status(0) is { Cause: LinkDownCause.ConnectFailed }, "the failure is told", withinMs: 120_000); // a resolver that does not answer is asked several times
        Assert.Contains("nowhere.invalid", lost.Status(0).Reason, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Drill")] // a figure, not a promise: it depends on what else the host does
    public async Task Echo_BesideBulkAtFullSpeed_HasAMedianUnderAMillisecond()
    {
        using LinkPair pair = LinkPair.Connected();
        pair.SinkA.KeepsPayloads = pair.SinkB.KeepsPayloads = false;
        using ManualResetEventSlim answered = new();
        pair.SinkB.OnFrame = frame => { if (frame.LinkClass == LinkClass.Log) pair.B.TrySend(0, LinkClass.Log, 0, frame.Payload.Span); };
        pair.SinkA.OnFrame = frame => answered.Set();
        using CancellationTokenSource stop = new();
        byte[] page = new byte[256 * 1024];
        Task bulk = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                if (pair.A.TrySend(0, LinkClass.Bulk, 0, page) == SendResult.Full) await pair.A.WaitForRoomAsync(0, LinkClass.Bulk);
            }
        });
        List<double> timesMs = [];
        for (int i = 0; i < 1000; i++)
        {
            answered.Reset();
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            Assert.Equal(SendResult.Taken, pair.A.TrySend(0, LinkClass.Log, 0, new byte[256]));
            Assert.True(answered.Wait(10_000), "the echo comes");
            timesMs.Add(System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        await stop.CancelAsync();
        await bulk;
        timesMs.Sort();
        Assert.True(timesMs[500] < 1, $"median {timesMs[500]} ms");
        Assert.True(pair.B.Snapshot()[0].Classes[(int)LinkClass.Bulk].ReceivedBytes > 10 * page.Length, "bulk flowed meanwhile");
    }

    [Fact]
    public void Metrics_AfterAWhile_TellRoundTripAndTraffic()
    {
        using LinkPair pair = LinkPair.Connected(change: o => o with { HeartbeatMs = 5 });
        pair.A.TrySend(0, LinkClass.Log, 0, new byte[100]);
        Eventually.Holds(() => pair.A.Snapshot()[0].RoundTripP50Ms > 0 && pair.B.Snapshot()[0].RoundTripP50Ms > 0, "both know the round trip");
        Eventually.Holds(() => pair.B.Snapshot()[0].Classes[(int)LinkClass.Log].ReceivedBytes == 100, "traffic is counted");
        LinkPathSnapshot snapshot = pair.A.Snapshot()[0];
        Assert.InRange(snapshot.RoundTripMs, 0, 1000);
        Assert.True(snapshot.RoundTripMaxMs >= snapshot.RoundTripP50Ms);
        Eventually.Holds(() => pair.A.Snapshot()[0].HeardAgoMs is >= 0 and < 1000, "the peer is heard all the time");
        Assert.InRange(snapshot.LossRatio, 0, 0.5);
        Assert.Equal(100, snapshot.Classes[(int)LinkClass.Log].SentBytes);
    }

    [Fact]
    public void Dispose_WhateverTheState_EndsSoonAndFreesThePort()
    {
        LinkPair pair = LinkPair.Connected(pathCount: 2);
        long start = Environment.TickCount64;
        pair.Dispose();
        pair.A.Dispose();
        Assert.InRange(Environment.TickCount64 - start, 0, 2500);
        using TcpListener listener = new(pair.OptionsB.Paths[0].Local);
        listener.Server.SetRawSocketOption(1, 2, [1, 0, 0, 0]);
        listener.Start();
    }

    internal static SendResult SendWithPatience(LinkEndpoint endpoint, int path, LinkClass linkClass, ReadOnlyMemory<byte> payload)
    {
        SendResult result = SendResult.Full;
        Eventually.Holds(() => (result = endpoint.TrySend(path, linkClass, 0, payload.Span)) != SendResult.Full, "there is room");
        return result;
    }

    internal static byte[] Pattern(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static long HeldBytes(LinkPair pair) => pair.SinkB.Held.Sum(frame => (long)frame.Payload.Length);

    /// <summary>
    /// Sends bulk until b has used its credit, and nothing has been taken for a while after that: every buffer up to there is full.
    /// One that is refused after the while, not a while in which nobody tried: this thread may be the one that does not run.
    /// </summary>
    private static void FillUntilFull(LinkPair pair, byte[] page)
    {
        long lastMovedAt = Environment.TickCount64;
        Eventually.Holds(
            () =>
            {
                long now = Environment.TickCount64;
                bool isCreditUsed = HeldBytes(pair) >= LinkClasses.CreditBytes(LinkClass.Bulk);
                bool isTaken = false;
                while (pair.A.TrySend(0, LinkClass.Bulk, 0, page) == SendResult.Taken) isTaken = true;
                if (isTaken || !isCreditUsed) lastMovedAt = Environment.TickCount64;
                return now - lastMovedAt > 300;
            },
            "the sender is full and stays so");
    }

    private static LinkHelloMessage Greet(LinkPair pair, byte[] words)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.ReceiveTimeout = 5000;
        socket.Connect(pair.OptionsB.Paths[0].Local);
        socket.Send(words);
        using NetworkStream stream = new(socket);
        return LinkHello.Read(stream.ReadExactly);
    }

    private static LinkPair RelayedPair(FaultyRelay relay, Func<LinkOptions, LinkOptions> change)
    {
        LinkPair pair = new(
            changeA: o =>
            {
                relay.Target = (IPEndPoint)o.Paths[0].Peer;
                return change(o with { Paths = [o.Paths[0] with { Local = new IPEndPoint(IPAddress.Loopback, 0), Peer = relay.Address }] });
            },
            changeB: change);
        return pair;
    }
}
