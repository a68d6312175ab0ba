using System.Buffers.Binary;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Machine.IO;
using Xunit;
using static ActorFT.Machine.Tests.Devices.Virtio.GuestBuffer;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>Large TCP packets are for the driver only: outside, every frame is one of the wire's (VirtIO 1.2 §5.1.6.2, §5.1.6.4).</summary>
public sealed class NetSegmentationTests : IDisposable
{
    private const int HeaderBytes = 12;
    private const ulong GuestTso4 = 1 << 7, GuestTso6 = 1 << 8, HostTso4 = 1 << 11, HostTso6 = 1 << 12;

    private readonly Random _random = new(20);
    private VirtioWorld _world = null!;
    private GuestDriver _driver = null!;

    public NetSegmentationTests() => Use();

    private void Use(ulong without = 0, int mtuBytes = 1500)
    {
        _world?.Dispose();
        _world = new VirtioWorld(world => new NetDevice(1, new NicDefinition("lan", [0x02, 1, 2, 3, 4, 5], mtuBytes), world));
        _driver = new GuestDriver(_world).Initialize(64, _world.Device.OfferedFeatures & ~without | VirtioFeatures.Version1);
        _world.Transport.BeginRound();
    }

    public void Dispose() => _world.Dispose();

    private NetDevice Device => (NetDevice)_world.Device;

    private List<byte[]> Send(byte[] packet, NetHeader header)
    {
        byte[] bytes = new byte[HeaderBytes];
        header.Write(bytes, 0);
        _driver.Queues[1].Add(Out(_driver.Allocate(bytes), HeaderBytes), Out(_driver.Allocate(packet), packet.Length));
        _driver.Queues[1].Kick();
        Assert.Equal(0u, _driver.Queues[1].TakeUsed()!.Value.Bytes);
        return [.. _world.TakeOutputs<FrameTransmitted>().Select(output => output.Frame.ToArray())];
    }

    private static NetHeader HeaderOf(TcpStream stream, int segmentBytes) =>
        new(NetHeader.NeedsChecksum, stream.IsIpv6 ? NetHeader.GsoTcp6 : NetHeader.GsoTcp4, (ushort)stream.HeaderBytes, (ushort)segmentBytes, (ushort)stream.TcpStart, 16);

    // What the driver gets for frames of one round: each packet with its header.
    private List<(NetHeader Header, byte[] Packet)> Receive(IEnumerable<byte[]> frames)
    {
        GuestQueue queue = _driver.Queues[0];
        Dictionary<ushort, ulong> buffers = [];
        for (int i = 0; i < 50; i++)
        {
            ulong at = _driver.Allocate(3000);
            buffers[queue.Add(In(at, 3000))] = at;
        }

        foreach (byte[] frame in frames) Device.Receive(new FrameReceived(1, frame));
        Device.EndReceive();
        List<(NetHeader, byte[])> packets = [];
        List<(ushort Head, uint Bytes)> used = queue.TakeAllUsed();
        for (int i = 0; i < used.Count;)
        {
            byte[] first = _driver.Peek(buffers[used[i].Head], (int)used[i].Bytes);
            int count = BinaryPrimitives.ReadUInt16LittleEndian(first.AsSpan(10));
            packets.Add((NetHeader.Parse(first), [.. first[HeaderBytes..], .. used.Skip(i + 1).Take(count - 1).SelectMany(more => _driver.Peek(buffers[more.Head], (int)more.Bytes))]));
            i += count;
        }

        return packets;
    }

    [Theory]
    [InlineData(false, false, 1448)]
    [InlineData(false, true, 1444)]
    [InlineData(true, false, 1428)]
    [InlineData(true, true, 48)]
    public void LargePacket_LeavesAsTheFramesThatTheSenderWouldHaveMade(bool isIpv6, bool isTagged, int segmentBytes)
    {
        TcpStream stream = new(new Random(7), isIpv6, isTagged), twin = new(new Random(7), isIpv6, isTagged);
        foreach (int payloadBytes in new[] { 1, segmentBytes, segmentBytes + 1, 10 * segmentBytes, 65_000 })
        {
            List<byte[]> sent = Send(stream.Large(payloadBytes, 0x18), HeaderOf(stream, segmentBytes));
            List<byte[]> expected = [];
            byte[] payload = [.. sent.SelectMany(frame => frame[stream.HeaderBytes..])];
            twin = Follow(twin, payload, segmentBytes, expected);
            Assert.Equal(expected, sent);
            stream = new(new Random(7), isIpv6, isTagged);
            twin = new(new Random(7), isIpv6, isTagged);
        }

        Assert.Equal(0, Device.Metrics.SendErrors);
    }

    // The same stream, with a payload that is given, in frames.
    private static TcpStream Follow(TcpStream stream, byte[] payload, int segmentBytes, List<byte[]> frames)
    {
        for (int at = 0; at < payload.Length; at += segmentBytes)
        {
            byte[] part = payload[at..Math.Min(payload.Length, at + segmentBytes)];
            frames.Add(stream.Frame(part, (byte)(at + part.Length == payload.Length ? 0x18 : 0x10)));
        }

        return stream;
    }

    [Fact]
    public void Flags_OfTheEndAreInTheLastFrame_AndCwrInTheFirst()
    {
        TcpStream stream = new(_random, isIpv6: false);
        List<byte[]> sent = Send(stream.Large(3000, 0x80 | 0x18 | 0x01), HeaderOf(stream, 1000));
        Assert.Equal([0x90, 0x10, 0x19], sent.Select(frame => frame[stream.TcpStart + 13]));
    }

    [Fact]
    public void LargePacket_ThatIsNoneOrThatWasNotNegotiated_IsNotSent_AndTheDeviceGoesOn()
    {
        TcpStream stream = new(_random, isIpv6: false), six = new(_random, isIpv6: true);
        byte[] packet = stream.Large(5000, 0x18), packet6 = six.Large(5000, 0x18);
        NetHeader good = HeaderOf(stream, 1448);
        byte[] udp = (byte[])packet.Clone(), fragment = (byte[])packet.Clone(), longHeader = (byte[])packet.Clone();
        udp[23] = 17;
        fragment[20] = 0x20;
        longHeader[stream.TcpStart + 12] = 0x40; // shorter than TCP's least header
        (byte[], NetHeader)[] bad =
        [
            (packet, good with { Flags = 0 }), (packet, good with { GsoType = 3 }), (packet, good with { GsoType = NetHeader.GsoTcp6 }),
            (packet, good with { GsoType = NetHeader.GsoTcp4 | 0x80 }), (packet, good with { GsoSize = 0 }), (packet, good with { GsoSize = 47 }),
            (packet, good with { GsoSize = 1453 }), (packet, good with { GsoSize = 65_535 }), (packet, good with { ChecksumStart = 35 }),
            (packet, good with { ChecksumOffset = 6 }), (udp, good), (fragment, good), (longHeader, good), (packet[..60], good), (packet6, good),
        ];
        foreach ((byte[] bytes, NetHeader header) in bad) Assert.Empty(Send(bytes, header));
        Assert.Equal(bad.Length, Device.Metrics.SendErrors);
        _driver.AssertHealthy();
        Assert.Equal(4, Send(packet, good).Count);
        Use(without: HostTso4);
        Assert.Empty(Send(packet, good));
        Assert.Equal(4, Send(packet6, HeaderOf(six, 1428)).Count);
        Use(without: HostTso6);
        Assert.Empty(Send(packet6, HeaderOf(six, 1428)));
        _driver.AssertHealthy();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void FramesOfOneStream_BecomeOnePacket_ThatCutAgainGivesThem(bool isIpv6, bool isTagged)
    {
        for (int i = 0; i < 40; i++)
        {
            TcpStream stream = new(_random, isIpv6, isTagged, optionBytes: _random.Next(4) * 4);
            int segmentBytes = _random.Next(100, 1400);
            List<byte[]> frames = stream.Frames(_random.Next(1, Math.Min(65_000, 40 * segmentBytes)), segmentBytes, isPushed: _random.Next(2) == 0);
            (NetHeader header, byte[] packet) = Assert.Single(Receive(frames));
            if (frames.Count == 1)
            {
                Assert.Equal((NetHeader.DataValid, 0), (header.Flags, header.GsoType));
                Assert.Equal(frames[0], packet);
            }
            else
            {
                Assert.Equal(HeaderOf(stream, segmentBytes), header);
                Assert.Equal(frames, Send(packet, header));
            }

            Use();
        }
    }

    [Fact]
    public void Packet_IsCompleteForADriverThatSumsIt()
    {
        TcpStream stream = new(_random, isIpv6: false);
        (NetHeader _, byte[] packet) = Assert.Single(Receive(stream.Frames(4000, 1448)));
        Assert.True(InternetChecksum.IsIpv4HeaderValid(packet.AsSpan(14, 20)));
        Assert.Equal(packet.Length - 14, BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(16)));
        Assert.True(InternetChecksum.TryComplete(packet, stream.TcpStart, 16));
        Assert.True(InternetChecksum.IsTransportValid(packet));
    }

    [Fact]
    public void WhateverIsNotTheStreamsNextData_StaysOnItsOwn_InOrder()
    {
        TcpStream stream = new(_random, isIpv6: false), other = new(_random, isIpv6: false, port: 81);
        List<byte[]> frames = [.. stream.Frames(2896, 1448, isPushed: false), .. other.Frames(2896, 1448, isPushed: false), .. stream.Frames(1448, 1448, isPushed: false)];
        Assert.Equal([2, 2, 1], Counts(Receive(frames), stream));

        Use();
        byte[] first = stream.Frames(1448, 1448, isPushed: false)[0];
        stream.Rewind(1448);
        byte[] again = stream.Frames(1448, 1448, isPushed: false)[0];
        byte[] wrong = stream.Frames(1448, 1448, isPushed: false)[0];
        wrong[^1] ^= 1;
        byte[] fin = stream.Frame(new byte[1448], 0x11), reset = stream.Frame(new byte[1448], 0x14), echo = stream.Frame(new byte[1448], 0x50);
        byte[] pure = stream.Frame([], 0x10);
        byte[] beforeMore = stream.Frames(1448, 1448, isPushed: false)[0];
        stream.AcknowledgeMore();
        byte[] more = stream.Frames(1448, 1448, isPushed: false)[0];
        byte[][] apart = [first, again, wrong, fin, reset, echo, pure, beforeMore, more];
        List<(NetHeader Header, byte[] Packet)> packets = Receive(apart);
        Assert.Equal(apart, packets.Select(packet => packet.Packet));
        Assert.All(packets, packet => Assert.Equal(0, packet.Header.GsoType));
        Assert.Equal(0, packets[2].Header.Flags); // the wrong one is not called right
    }

    [Fact]
    public void APushOrAShorterFrame_EndsAPacket_AndNoneIsLongerThanIpAllows()
    {
        TcpStream stream = new(_random, isIpv6: false);
        List<byte[]> frames = [.. stream.Frames(2896, 1448), .. stream.Frames(2000, 1448, isPushed: false), .. stream.Frames(1448, 1448)];
        Assert.Equal([2, 2, 1], Counts(Receive(frames), stream));
        Use();
        Assert.Equal([45, 5], Counts(Receive(stream.Frames(50 * 1448, 1448, isPushed: false)), stream));
    }

    [Fact]
    public void ADriverThatDoesNotTakeThem_GetsTheFrames()
    {
        TcpStream four = new(_random, isIpv6: false), six = new(_random, isIpv6: true);
        Use(without: GuestTso4);
        Assert.Equal([1, 1, 1, 3], Counts(Receive([.. four.Frames(4000, 1448), .. six.Frames(4000, 1428)]), four));
        Use(without: GuestTso6);
        Assert.Equal([3, 1, 1, 1], Counts(Receive([.. four.Frames(4000, 1448), .. six.Frames(4000, 1428)]), four));
    }

    [Fact]
    public void Packet_ForWhichThereAreTooFewBuffers_IsDroppedWhole_AndItsFramesCounted()
    {
        TcpStream stream = new(_random, isIpv6: false);
        _driver.Queues[0].Add(In(_driver.Allocate(3000), 3000));
        foreach (byte[] frame in stream.Frames(5000, 1448)) Device.Receive(new FrameReceived(1, frame));
        Device.EndReceive();
        Assert.Equal((4, 1), (Device.Metrics.ReceiveDropped, Device.ReceiveBuffersFree));
        _driver.AssertHealthy();
    }

    private static int[] Counts(List<(NetHeader Header, byte[] Packet)> packets, TcpStream stream) =>
        [.. packets.Select(packet => packet.Header.GsoType == 0 ? 1 : (packet.Packet.Length - packet.Header.HeaderBytes + packet.Header.GsoSize - 1) / packet.Header.GsoSize)];
}
