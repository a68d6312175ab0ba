using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Network.Tap;
using ActorFT.Network.Tests.Support;
using static ActorFT.Network.Tests.Support.NetworkNamespace;

namespace ActorFT.Network.Tests.Tap;

public sealed class TapDeviceTests
{
    private static readonly byte[] MachineMac = [0x02, 0, 0, 0, 0, 0x01];

    [RootFact]
    public void Frames_GateOpen_PassBothWays() => NetworkNamespace.Run(() =>
    {
        FrameQueue arrived = new();
        using TapDevice tap = OpenStarted(new() { Name = "aft0", MtuBytes = 1400 }, arrived);
        tap.SetOpen(true);
        Ip("addr add 10.9.0.1/24 dev aft0");
        Ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev aft0");

        using UdpClient client = new(new IPEndPoint(IPAddress.Parse("10.9.0.1"), 7000));
        client.Send(new byte[] { 1, 2, 3 }, new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7001));
        byte[] frame = WaitForUdp(arrived, 7001);
        Assert.Equal(MachineMac, frame[..6]);
        Assert.Equal(new byte[] { 1, 2, 3 }, frame[42..45]);
        Assert.True(HasGoodUdpChecksum(frame), "the host finished the checksum itself");

        Assert.True(tap.TrySend(UdpAnswer(frame, [9, 8, 7])));
        client.Client.ReceiveTimeout = 5000;
        IPEndPoint? from = null;
        Assert.Equal(new byte[] { 9, 8, 7 }, client.Receive(ref from));
        Assert.Equal("10.9.0.2:7001", from.ToString());
        Assert.Equal(1, tap.Counters.SentFrames);
        Eventually.Holds(() => tap.Counters.ReceivedFrames >= 1, "the frame is counted"); // once it was handed over
        Assert.Equal(1400, tap.MtuBytes);
    });

    [RootFact]
    public void LargeTcpPackets_OfTheHost_ArriveAsWholeFrames() => NetworkNamespace.Run(() =>
    {
        FrameQueue arrived = new();
        using TapDevice tap = OpenStarted(new() { Name = "aft0", MtuBytes = 1500 }, arrived);
        tap.SetOpen(true);
        Ip("addr add 10.9.0.1/24 dev aft0");
        Ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev aft0");
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Bind(new IPEndPoint(IPAddress.Parse("10.9.0.1"), 7000));
        Task connected = client.ConnectAsync(new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7001));
        byte[] syn = WaitForTcp(arrived);
        Assert.True(InternetChecksum.IsTransportValid(syn));
        uint first = BinaryPrimitives.ReadUInt32BigEndian(syn.AsSpan(38)) + 1;
        Assert.True(tap.TrySend(TcpAnswer(syn, flags: 0x12, sequence: 1000, acknowledged: first)));
        Assert.True(connected.Wait(5_000));
        byte[] sent = new byte[5_000]; // within the first window of ten segments (RFC 6928 §2), of 536 bytes where the other side named no other size (RFC 9293 §3.7.1)
        new Random(1).NextBytes(sent);
        client.Send(sent);
        byte[] got = new byte[sent.Length];
        HashSet<int> starts = []; // what nobody acknowledges comes again
        for (int missing = sent.Length; missing > 0;)
        {
            byte[] frame = WaitForTcp(arrived);
            Assert.InRange(frame.Length, 54, 54 + 536);
            Assert.True(InternetChecksum.IsTransportValid(frame), "checksummed");
            int start = (int)(BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(38)) - first);
            frame.AsSpan(54).CopyTo(got.AsSpan(start));
            if (frame.Length > 54 && starts.Add(start)) missing -= frame.Length - 54;
        }

        Assert.Equal(sent, got);
    });

    [Fact]
    public void WhatIsNotAsItsHeaderSays_IsRefused()
    {
        Assert.False(TapFrames.TryRead(new byte[TapFrames.HeaderBytes + 13], 1514, out _)); // no Ethernet header
        byte[] read = new byte[TapFrames.HeaderBytes + 60];
        Assert.True(TapFrames.TryRead(read, 1514, out TapFrames frames));
        Assert.Equal((1, 60), (frames.Count, frames.Make(0).Length));
        read[0] = 1; // its checksum is open, at a place behind its end
        read[6] = 60;
        Assert.False(TapFrames.TryRead(read, 1514, out _));
        read[1] = 1; // a TCP packet to be cut, which it is not
        Assert.False(TapFrames.TryRead(read, 1514, out _));
        read[1] = 3; // UDP: not asked for
        Assert.False(TapFrames.TryRead(read, 1514, out _));
    }

    [RootFact]
    public void Frames_GateClosed_NeitherLeaveNorEnter() => NetworkNamespace.Run(() =>
    {
        FrameQueue arrived = new();
        using TapDevice tap = OpenStarted(new() { Name = "aft0" }, arrived);
        Ip("addr add 10.9.0.1/24 dev aft0");
        Ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev aft0");
        using UdpClient client = new(new IPEndPoint(IPAddress.Parse("10.9.0.1"), 7000));
        client.Send(new byte[] { 1 }, new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7001));
        Eventually.Holds(() => tap.Counters.ReceiveDroppedClosed > 0, "a frame is dropped at the closed gate");
        Assert.False(tap.TrySend(new byte[60]));
        Assert.Equal(1, tap.Counters.SendDroppedClosed);
        Assert.Equal(0, tap.Counters.SentFrames);
        Assert.False(arrived.TryDequeue(out _));
    });

    [RootFact]
    public void Frames_ReceiverFull_AreDroppedAndCounted() => NetworkNamespace.Run(() =>
    {
        FrameQueue arrived = new(capacityFrames: 2);
        using TapDevice tap = OpenStarted(new() { Name = "aft0" }, arrived);
        tap.SetOpen(true);
        Ip("addr add 10.9.0.1/24 dev aft0");
        Ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev aft0");
        using UdpClient client = new(new IPEndPoint(IPAddress.Parse("10.9.0.1"), 7000));
        for (int i = 0; i < 20; i++) client.Send(new byte[] { 1 }, new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7001));
        Eventually.Holds(() => tap.Counters.ReceivedFrames + tap.Counters.ReceiveDroppedFull >= 20, "all frames are accounted for");
        Assert.Equal(2, tap.Counters.ReceivedFrames);
        // A frame is counted after it was offered, and the host's own (IPv6) may still come.
        Eventually.Holds(() => arrived.Dropped == tap.Counters.ReceiveDroppedFull, "both count the same");
    });

    [RootFact]
    public void Send_BadLength_IsDroppedAndCounted() => NetworkNamespace.Run(() =>
    {
        using TapDevice tap = OpenStarted(new() { Name = "aft0", MtuBytes = 1500 }, new());
        tap.SetOpen(true);
        Assert.False(tap.TrySend(new byte[13]));
        Assert.False(tap.TrySend(new byte[1500 + 14 + 4 + 1]));
        Assert.True(tap.TrySend(new byte[1500 + 14 + 4]));
        Assert.Equal(2, tap.Counters.SendDroppedLength);
    });

    [RootFact]
    public void Close_Transient_LeavesNothingBehind() => NetworkNamespace.Run(() =>
    {
        using (TapDevice tap = OpenStarted(new() { Name = "aft%d" }, new()))
        {
            Assert.Equal("aft0", tap.Name);
            Assert.Contains("aft0", Ip("-o link"), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("aft0", Ip("-o link"), StringComparison.Ordinal);
    });

    [RootFact]
    public void Close_Persistent_StaysAndCanBeTakenOver() => NetworkNamespace.Run(() =>
    {
        using (OpenStarted(new() { Name = "aft0", IsPersistent = true }, new()))
        {
        }

        Assert.Contains("aft0", Ip("-o link"), StringComparison.Ordinal);
        using TapDevice again = OpenStarted(new() { Name = "aft0" }, new());
        Assert.Equal(NicLinkState.Good, again.State);
    });

    [RootFact]
    public void Carrier_SetOff_IsSeenByHostAndInState() => NetworkNamespace.Run(() =>
    {
        using TapDevice tap = OpenStarted(new() { Name = "aft0" }, new());
        Assert.Equal(NicLinkState.Good, tap.State);
        tap.SetCarrier(false);
        Assert.Equal(new NicLinkState(NicCondition.NoCarrier, "TAP 'aft0' has its carrier set off."), tap.State);
        Assert.Contains("NO-CARRIER", Ip("-o link show aft0"), StringComparison.Ordinal);
        tap.SetCarrier(true);
        Assert.Equal(NicLinkState.Good, tap.State);
    });

    [RootFact]
    public void State_TapSetDownAndUp_FollowsByItself() => NetworkNamespace.Run(() =>
    {
        using TapDevice tap = OpenStarted(new() { Name = "aft0" }, new());
        tap.SetOpen(true);
        Ip("link set aft0 down");
        Eventually.Holds(() => tap.State.Reason == "TAP 'aft0' is set down.", "the TAP is seen to be down");
        Assert.False(tap.TrySend(new byte[60]));
        Assert.Equal(1, tap.Counters.SendErrors);
        Ip("link set aft0 up");
        Eventually.Holds(() => tap.State == NicLinkState.Good, "the TAP is seen to be up");
        Assert.True(tap.TrySend(new byte[60]));
    });

    [RootFact]
    public void State_TapDeleted_IsFailedForGood() => NetworkNamespace.Run(() =>
    {
        List<NicLinkState> heard = [];
        using TapDevice tap = OpenStarted(new() { Name = "aft0" }, new());
        tap.StateChanged += state => { lock (heard) heard.Add(state); };
        Ip("link del aft0");
        Eventually.Holds(() => tap.State.Condition == NicCondition.Failed, "the TAP is seen to be gone");
        Assert.Equal("TAP 'aft0' has vanished from this host.", tap.State.Reason);
        Eventually.Holds(() => { lock (heard) return heard.Count > 0 && heard[^1].Condition == NicCondition.Failed; }, "the loss is told");
        Assert.False(tap.TrySend(new byte[60]));
    });

    [RootFact]
    public void State_BridgeVanishesAndReturns_TapJoinsAgain() => NetworkNamespace.Run(() =>
    {
        Ip("link add br0 type bridge");
        Ip("link set br0 up");
        using TapDevice tap = OpenStarted(new() { Name = "aft0", Bridge = "br0" }, new());
        Assert.Contains("master br0", Ip("-o link show aft0"), StringComparison.Ordinal);
        Ip("link del br0");
        Eventually.Holds(() => tap.State.Reason == "Bridge 'br0' has vanished from this host.", "the bridge is missed");
        Ip("link add br0 type bridge");
        Ip("link set br0 up");
        Eventually.Holds(() => tap.State == NicLinkState.Good, "the TAP is in the new bridge");
        Ip("link set aft0 nomaster");
        Eventually.Holds(() => tap.State.Reason == "TAP 'aft0' is no longer in bridge 'br0'.", "the operator's hand is respected");
    });

    [RootFact]
    public void State_UplinkLosesCarrier_IsNoCarrier() => NetworkNamespace.Run(() =>
    {
        Ip("link add up0 type veth peer name up1");
        Ip("link set up0 up");
        Ip("link set up1 up");
        using TapDevice tap = OpenStarted(new() { Name = "aft0", Uplink = "up0" }, new());
        Eventually.Holds(() => tap.State == NicLinkState.Good, "the uplink has a carrier");
        Ip("link set up1 down");
        Eventually.Holds(() => tap.State.Reason == "Uplink 'up0' has no carrier.", "the pulled cable is seen");
        Ip("link set up1 up");
        Eventually.Holds(() => tap.State == NicLinkState.Good, "the repaired cable is seen");
    });

    [RootFact]
    public void State_ProbeTargetStopsAnswering_IsNoCarrierEvenWithTheGateClosed() => NetworkNamespace.Run(() =>
    {
        FrameQueue arrived = new();
        using TapDevice tap = OpenStarted(
            new() { Name = "aft0", ProbeTarget = IPAddress.Parse("10.9.0.1"), ProbeIntervalMs = 20, ProbeMissesAllowed = 10 }, arrived);
        Eventually.Holds(() => tap.State.Reason == "Probe target 10.9.0.1 does not answer through TAP 'aft0'.", "the missing target is seen");
        Ip("addr add 10.9.0.1/24 dev aft0");
        Eventually.Holds(() => tap.State == NicLinkState.Good, "the target's answer is seen");
        tap.SetOpen(true);
        Ip("addr del 10.9.0.1/24 dev aft0");
        Eventually.Holds(() => tap.State.Condition == NicCondition.NoCarrier, "the target's silence is seen");
        // ARP to the probe itself never reaches the machine.
        while (arrived.TryDequeue(out ReadOnlyMemory<byte> frame)) Assert.False(frame.Span[12] == 0x08 && frame.Span[13] == 0x06 && (frame.Span[0] & 1) == 0);
        Assert.Equal(0, tap.Counters.SentFrames);
    });

    [RootFact]
    public void Open_NotPossible_SaysWhyAndLeavesNothing() => NetworkNamespace.Run(() =>
    {
        Ip("link add up0 type veth peer name up1");
        AssertRefused(new() { Name = "aft0", Bridge = "br9" }, "bridge = 'br9' does not exist on this host");
        AssertRefused(new() { Name = "aft0", Bridge = "up0" }, "bridge = 'up0' is not a bridge but of kind veth");
        AssertRefused(new() { Name = "aft0", Uplink = "eth9" }, "uplink = 'eth9' is no interface of this host");
        AssertRefused(new() { Name = "up0" }, "tap = 'up0' is already an interface of another kind (veth)");
        AssertRefused(new() { Name = "lo" }, "tap = 'lo' is already an interface of another kind");
        Assert.DoesNotContain("aft0", Ip("-o link"), StringComparison.Ordinal);
        using TapDevice first = OpenStarted(new() { Name = "aft0" }, new());
        AssertRefused(new() { Name = "aft0" }, "tap = 'aft0' is in use by another program");
        Assert.Equal(NicLinkState.Good, first.State);
    });

    [RootFact]
    public void Open_WithoutRights_SaysHowToGetThem() => NetworkNamespace.Run(() =>
    {
        // The thread gives up its rights for good; it is the test's own.
        Assert.Equal(0, ThreadRights.DropAll());
        string message = Assert.Throws<NetworkConfigurationException>(() => TapDevice.Open(new() { Name = "aft0" }).Dispose()).Message;
        Assert.Contains("needs the right to change this host's network (CAP_NET_ADMIN)", message, StringComparison.Ordinal);
        Assert.DoesNotContain("aft0", Ip("-o link"), StringComparison.Ordinal);
    });

    [RootFact]
    public void Open_WithoutTunDevice_SaysHowToGetIt() => NetworkNamespace.Run(() =>
    {
        Hide("/dev/net");
        AssertRefused(new() { Name = "aft0" }, "tap = 'aft0' needs /dev/net/tun, which this host does not have: load the kernel's module 'tun'");
    });

    [Fact]
    public void NullNic_Frames_AreCountedAndGone()
    {
        using NullNic nic = new();
        Assert.False(nic.TrySend(new byte[60]));
        nic.SetOpen(true);
        Assert.True(nic.TrySend(new byte[60]));
        Assert.Equal(1, nic.Counters.SentFrames);
        nic.SetCarrier(false);
        Assert.Equal(NicCondition.NoCarrier, nic.State.Condition);
    }

    private static void AssertRefused(TapOptions options, string expected)
    {
        string message = Assert.Throws<NetworkConfigurationException>(() => TapDevice.Open(options).Dispose()).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
    }

    private static TapDevice OpenStarted(TapOptions options, FrameQueue arrived)
    {
        TapDevice tap = TapDevice.Open(options);
        tap.Start(arrived.TryEnqueue);
        return tap;
    }

    private static byte[] WaitForTcp(FrameQueue arrived)
    {
        byte[] found = [];
        Eventually.Holds(() =>
        {
            while (arrived.TryDequeue(out ReadOnlyMemory<byte> frame))
            {
                if (frame.Length < 54 || frame.Span[12] != 8 || frame.Span[13] != 0 || frame.Span[23] != 6) continue;
                found = frame.ToArray();
                return true;
            }

            return false;
        }, "a TCP frame arrives");
        return found;
    }

    // A segment without data, from whom a frame is for to whom it is from.
    private static byte[] TcpAnswer(byte[] asked, byte flags, uint sequence, uint acknowledged)
    {
        byte[] frame = [.. asked[6..12], .. asked[..6], 8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, .. asked[30..34], .. asked[26..30], .. asked[36..38], .. asked[34..36], .. new byte[16]];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(38), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(42), acknowledged);
        (frame[46], frame[47], frame[48]) = (0x50, flags, 0xFF);
        TcpFrame parts = new(IsIpv6: false, 14, 34, 54, 54);
        parts.WriteLength(frame);
        parts.WriteChecksum(frame, isPartial: false);
        return frame;
    }

    private static byte[] WaitForUdp(FrameQueue arrived, int port)
    {
        byte[]? found = null;
        Eventually.Holds(
            () =>
            {
                while (found is null && arrived.TryDequeue(out ReadOnlyMemory<byte> frame))
                {
                    ReadOnlySpan<byte> bytes = frame.Span;
                    bool isUdp = bytes.Length > 42 && bytes[12] == 0x08 && bytes[13] == 0 && bytes[23] == 17;
                    if (isUdp && ((bytes[36] << 8) | bytes[37]) == port) found = frame.ToArray();
                }

                return found is not null;
            },
            $"a UDP frame to port {port} arrives");
        return found!;
    }

    private static bool HasGoodUdpChecksum(byte[] frame)
    {
        int length = (frame[38] << 8) | frame[39], sum = 17 + length;
        byte[] covered = [.. frame[26..34], .. frame[34..(34 + length)], 0];
        for (int i = 0; i + 1 < covered.Length; i += 2) sum += (covered[i] << 8) | covered[i + 1];
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return sum == 0xFFFF;
    }

    /// <summary>The asker's frame turned round with another payload; no UDP checksum (allowed in IPv4).</summary>
    private static byte[] UdpAnswer(byte[] asked, byte[] payload)
    {
        byte[] frame = [.. asked[6..12], .. asked[..6], .. asked[12..42], .. payload];
        asked.AsSpan(26, 4).CopyTo(frame.AsSpan(30));
        asked.AsSpan(30, 4).CopyTo(frame.AsSpan(26));
        asked.AsSpan(34, 2).CopyTo(frame.AsSpan(36));
        asked.AsSpan(36, 2).CopyTo(frame.AsSpan(34));
        frame[16] = 0;
        frame[17] = (byte)(28 + payload.Length);
        frame[38] = 0;
        frame[39] = (byte)(8 + payload.Length);
        frame[40] = frame[41] = 0;
        frame[24] = frame[25] = 0;
        int sum = 0;
        for (int i = 14; i < 34; i += 2) sum += (frame[i] << 8) | frame[i + 1];
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        frame[24] = (byte)(~sum >> 8);
        frame[25] = (byte)~sum;
        return frame;
    }
}
