using System.Buffers.Binary;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Machine.IO;
using Xunit;
using static ActorFT.Machine.Tests.Devices.Virtio.GuestBuffer;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The network device against VirtIO 1.2 §5.1.</summary>
public sealed class NetDeviceTests : IDisposable
{
    private const int HeaderBytes = 12;

    private VirtioWorld _world = null!;
    private GuestDriver _driver = null!;

    public NetDeviceTests() => Use();

    private void Use(ulong features = ulong.MaxValue, int queueSize = 16, int mtuBytes = 1500)
    {
        _world?.Dispose();
        _world = new VirtioWorld(world => new NetDevice(1, new NicDefinition("lan", [0x02, 1, 2, 3, 4, 5], mtuBytes), world));
        _driver = new GuestDriver(_world).Initialize(queueSize, features & _world.Device.OfferedFeatures | VirtioFeatures.Version1);
        _world.Transport.BeginRound();
    }

    public void Dispose() => _world.Dispose();

    private NetDevice Device => (NetDevice)_world.Device;

    private GuestQueue Rx => _driver.Queues[0];

    private GuestQueue Tx => _driver.Queues[1];

    private static byte[] Frame(int bytes, int seed = 1)
    {
        var frame = new byte[bytes];
        new Random(seed).NextBytes(frame);
        frame[12] = 0x88; // no protocol whose checksum anyone looks at
        frame[13] = 0xb5;
        return frame;
    }

    private byte[]? Send(byte[] frame, byte flags = 0, byte gsoType = 0, ushort start = 0, ushort offset = 0)
    {
        var header = new byte[HeaderBytes];
        header[0] = flags;
        header[1] = gsoType;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), start);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), offset);
        Tx.Add(Out(_driver.Allocate(header), HeaderBytes), Out(_driver.Allocate(frame), frame.Length));
        Tx.Kick();
        Assert.Equal(0u, Tx.TakeUsed()!.Value.Bytes);
        return _world.TakeOutputs<FrameTransmitted>().SingleOrDefault()?.Frame.ToArray();
    }

    private ulong OfferBuffer(int bytes)
    {
        ulong at = _driver.Allocate(bytes);
        Rx.Add(In(at, bytes));
        return at;
    }

    private void Receive(byte[] frame)
    {
        Device.Receive(new FrameReceived(1, frame));
        Device.EndReceive();
    }

    [Fact]
    public void Config_HoldsMacLinkAndMtu()
    {
        Assert.Equal([0x02, 1, 2, 3, 4, 5], Enumerable.Range(0, 6).Select(i => (byte)_world.Transport.Read(0x100 + (ulong)i, 1)));
        Assert.Equal(1UL, _world.Transport.Read(0x106, 2));
        Assert.Equal(1500UL, _world.Transport.Read(0x10a, 2));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(60)]
    [InlineData(1514)]
    [InlineData(65_553)]
    public void Frame_Sent_LeavesWithoutItsHeader_AndTheBufferComesBackAtOnce(int bytes)
    {
        byte[] frame = Frame(bytes);
        Assert.Equal(frame, Send(frame));
        Assert.Equal((1, bytes), (Device.Metrics.FramesSent, Device.Metrics.BytesSent));
    }

    [Fact]
    public void Frame_InManyPieces_LeavesWhole()
    {
        byte[] frame = Frame(100);
        ulong at = _driver.Allocate([.. new byte[HeaderBytes], .. frame]);
        Tx.AddIndirect(Out(at, 5), Out(at + 5, 20), Out(at + 25, 1), Out(at + 26, 86));
        Tx.Kick();
        Assert.Equal(frame, Assert.Single(_world.TakeOutputs<FrameTransmitted>()).Frame.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData(65_554)]
    public void Frame_TooShortOrTooLong_IsNotSent_AndTheDeviceGoesOn(int bytes)
    {
        Assert.Null(Send(new byte[bytes]));
        Assert.Equal(1, Device.Metrics.SendErrors);
        _driver.AssertHealthy();
        Assert.NotNull(Send(Frame(60)));
    }

    [Fact]
    public void Frame_WithSegmentationOrAChecksumNotNegotiated_IsNotSent()
    {
        Assert.Null(Send(Frame(60), gsoType: 1));
        Use(features: 0);
        Assert.Null(Send(Frame(60), flags: 1, start: 34, offset: 6));
        Assert.Equal(1, Device.Metrics.SendErrors);
    }

    [Fact]
    public void Frame_WithoutAHeaderOrWithRoomToWrite_MakesTheDeviceAskForAReset()
    {
        ulong at = _driver.Allocate(100);
        Tx.Add(Out(at, 11));
        Tx.Kick();
        _driver.AssertNeedsReset();
        Use();
        Tx.Add(Out(at, 80), In(at, 4));
        Tx.Kick();
        _driver.AssertNeedsReset();
        Assert.Empty(_world.Outputs);
    }

    [Theory]
    [InlineData(6, 54)]
    [InlineData(17, 45)]
    [InlineData(17, 46)]
    [InlineData(6, 1480)]
    public void PartialChecksum_IsCompleteOnTheWire(byte protocol, int segmentBytes)
    {
        byte[] frame = Ipv4Frame(protocol, segmentBytes, withChecksum: true);
        int field = 34 + (protocol == 6 ? 16 : 6);
        byte[] partial = (byte[])frame.Clone();
        BinaryPrimitives.WriteUInt16BigEndian(partial.AsSpan(field), PseudoSum(partial));
        byte[]? sent = Send(partial, flags: 1, start: 34, offset: (ushort)(field - 34));
        Assert.Equal(frame, sent);
    }

    [Theory]
    [InlineData(59, 0)]
    [InlineData(0, 59)]
    [InlineData(65_535, 65_535)]
    public void PartialChecksum_WhoseFieldLiesOutsideTheFrame_IsNotSent(ushort start, ushort offset)
    {
        Assert.Null(Send(Frame(60), flags: 1, start: start, offset: offset));
        _driver.AssertHealthy();
    }

    [Fact]
    public void UdpChecksum_ThatSumsToZero_IsSentAsAllOnes()
    {
        byte[] frame = Ipv4Frame(17, 10, withChecksum: false);
        // Choose the payload so that the whole sums to 0xffff before the complement.
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(40), 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(42), 0);
        ushort sum = ReferenceChecksum(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(42), sum);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(40), PseudoSum(frame));
        byte[]? sent = Send(frame, flags: 1, start: 34, offset: 6);
        Assert.Equal(0xffff, BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(40)));
    }

    [Fact]
    public void Frame_Received_FillsOneBufferAfterItsHeader()
    {
        ulong at = OfferBuffer(1526);
        byte[] frame = Frame(1514);
        Receive(frame);
        Assert.Equal(1526u, Rx.TakeUsed()!.Value.Bytes);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], _driver.Peek(at, HeaderBytes));
        Assert.Equal(frame, _driver.Peek(at + HeaderBytes, 1514));
        Assert.True(_world.Line);
    }

    [Fact]
    public void Frame_LargerThanOneBuffer_IsMergedOverSeveral()
    {
        Use(mtuBytes: 9000);
        ulong[] at = [OfferBuffer(100), OfferBuffer(1000), OfferBuffer(5000), OfferBuffer(5000), OfferBuffer(50)];
        byte[] frame = Frame(9000);
        Receive(frame);
        List<(ushort Head, uint Bytes)> used = Rx.TakeAllUsed();
        Assert.Equal([100u, 1000u, 5000u, 2912u], used.Select(element => element.Bytes));
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(_driver.Peek(at[0] + 10, 2)));
        byte[] joined = [.. _driver.Peek(at[0] + 12, 88), .. _driver.Peek(at[1], 1000), .. _driver.Peek(at[2], 5000), .. _driver.Peek(at[3], 2912)];
        Assert.Equal(frame, joined);
        Assert.Equal(1, Device.ReceiveBuffersFree);
    }

    [Fact]
    public void Header_SplitOverPieces_IsWrittenWhole()
    {
        ulong at = _driver.Allocate(200);
        Rx.Add(In(at, 5), In(at + 5, 6), In(at + 11, 189));
        OfferBuffer(2000);
        byte[] frame = Frame(300);
        Receive(frame);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, .. frame[..188]], _driver.Peek(at, 200));
    }

    [Fact]
    public void Frame_WithoutEnoughBuffers_IsDroppedAndCounted_AndTheBuffersStay()
    {
        Receive(Frame(60));
        Assert.Equal(1, Device.Metrics.ReceiveDropped);
        OfferBuffer(100);
        OfferBuffer(100);
        Receive(Frame(500));
        Assert.Equal(2, Device.Metrics.ReceiveDropped);
        Assert.Equal(2, Device.ReceiveBuffersFree);
        Assert.False(_world.Line);
        Receive(Frame(150));
        Assert.Equal(2, Rx.TakeAllUsed().Count);
        Assert.Equal(0, Device.ReceiveBuffersFree);
        _driver.AssertHealthy();
    }

    [Fact]
    public void WithoutMergeableBuffers_AFrameNeedsOneThatIsLongEnough()
    {
        Use(features: 0);
        ulong at = OfferBuffer(100);
        OfferBuffer(2000);
        Receive(Frame(89));
        Assert.Equal(1, Device.Metrics.ReceiveDropped);
        byte[] frame = Frame(88);
        Receive(frame);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, .. frame], _driver.Peek(at, 100));
    }

    [Theory]
    [InlineData(13)]
    [InlineData(1519)]
    [InlineData(100_000)]
    public void Frame_ShorterThanAHeaderOrLongerThanTheMtuAllows_IsDropped(int bytes)
    {
        OfferBuffer(2000);
        Receive(new byte[bytes]);
        Assert.Equal(1, Device.Metrics.ReceiveErrors);
        Assert.Equal(1, Device.ReceiveBuffersFree);
    }

    [Fact]
    public void ReceiveBuffer_TooShortForAHeaderOrReadable_MakesTheDeviceAskForAReset()
    {
        OfferBuffer(11);
        Receive(Frame(60));
        _driver.AssertNeedsReset();
        Assert.Equal(0, Device.ReceiveBuffersFree);
        Use();
        ulong at = _driver.Allocate(100);
        Rx.Add(Out(at, 20), In(at, 80));
        Receive(Frame(60));
        _driver.AssertNeedsReset();
    }

    [Fact]
    public void ReceiveNotifications_AreDeclined_AndTransmitNotificationsWanted()
    {
        Use(features: 0);
        OfferBuffer(100);
        Rx.Kick();
        Assert.Equal((1, 0), (Rx.UsedFlags, Tx.UsedFlags));
        Use();
        Send(Frame(60));
        Assert.Equal(1, Tx.AvailEvent);
    }

    [Fact]
    public void ReceiveBuffersFree_WhenTheDeviceIsStopped_IsZero()
    {
        OfferBuffer(100);
        Assert.Equal(1, Device.ReceiveBuffersFree);
        Rx.SetAvailIndex(0x8000);
        Assert.Equal(0, Device.ReceiveBuffersFree);
        _driver.SetStatus(VirtioStatus.None);
        Assert.Equal(0, Device.ReceiveBuffersFree);
    }

    [Fact]
    public void Frame_ForAnotherNicOrWhileStopped_IsIgnored()
    {
        OfferBuffer(100);
        Device.Receive(new FrameReceived(0, Frame(60)));
        Device.EndReceive();
        Assert.Equal(1, Device.ReceiveBuffersFree);
        _driver.SetStatus(VirtioStatus.None);
        Receive(Frame(60));
        Assert.Equal(0, Device.Metrics.FramesReceived);
    }

    [Theory]
    [InlineData(6, 20, 4)]
    [InlineData(6, 1461, 4)]
    [InlineData(17, 9, 4)]
    [InlineData(6, 33, 6)]
    [InlineData(17, 100, 6)]
    public void ReceivedChecksum_FoundRight_IsSaidToBe_AndOneWrongIsNot(byte protocol, int segmentBytes, int version)
    {
        byte[] frame = version == 4 ? Ipv4Frame(protocol, segmentBytes, true) : Ipv6Frame(protocol, segmentBytes);
        Assert.Equal(2, ReceivedFlags(frame));
        Assert.Equal(2, ReceivedFlags([.. frame, 0, 0, 0])); // Ethernet padding is not summed
        byte[] wrong = (byte[])frame.Clone();
        wrong[^1] ^= 0x10;
        Assert.Equal(0, ReceivedFlags(wrong));
        byte[] tagged = [.. frame[..12], 0x81, 0, 0, 5, .. frame[12..]];
        Assert.Equal(2, ReceivedFlags(tagged));
    }

    [Fact]
    public void ReceivedChecksum_OfFragmentsTornPacketsAndUnknownProtocols_IsLeftToTheDriver()
    {
        byte[] good = Ipv4Frame(6, 40, true);
        byte[] fragment = (byte[])good.Clone();
        fragment[20] = 0x20; // MF
        byte[] torn = good[..^1];
        byte[] noSum = Ipv4Frame(17, 40, false);
        noSum[40] = noSum[41] = 0;
        byte[] icmp = (byte[])good.Clone();
        icmp[23] = 1;
        foreach (byte[] frame in (byte[][])[fragment, torn, noSum, icmp, Frame(60), good[..20]]) Assert.Equal(0, ReceivedFlags(frame));
    }

    [Fact]
    public void ReceivedChecksum_WithoutTheFeature_IsNotMentioned()
    {
        Use(features: 0);
        Assert.Equal(0, ReceivedFlags(Ipv4Frame(6, 40, true)));
    }

    [Fact]
    public void TransmitWork_BeyondTheRoundsBudget_GoesOnAtTheNextRound()
    {
        Use(queueSize: 256);
        ulong at = _driver.Allocate(HeaderBytes + 65_000);
        for (int i = 0; i < 200; i++) Tx.Add(Out(at, HeaderBytes + 65_000));
        Tx.Kick();
        int first = _world.TakeOutputs<FrameTransmitted>().Length;
        Assert.Equal((VirtioDevice.RoundBudgetUnits + 127) / 128, first);
        _world.Transport.BeginRound();
        Assert.Equal(200 - first, _world.TakeOutputs<FrameTransmitted>().Length);
        Assert.Equal(200, Tx.TakeAllUsed().Count);
    }

    [Fact]
    public void DeferredWorkAndSpentBudget_SurviveARestore()
    {
        Use(queueSize: 256);
        ulong at = _driver.Allocate(HeaderBytes + 65_000);
        for (int i = 0; i < 200; i++) Tx.Add(Out(at, HeaderBytes + 65_000));
        Tx.Kick();
        int first = _world.TakeOutputs<FrameTransmitted>().Length;
        using var twin = new NetBench();
        twin.World.CopySurroundings(_world);
        var writer = new ActorFT.Machine.State.StateWriter();
        _world.Transport.Save(writer);
        twin.Restore(writer.Written);

        Assert.True(twin.World.Transport.HasDeferredWork);
        twin.World.Transport.Write(0x50, 4, 1);
        Assert.Empty(twin.World.Outputs);
        twin.World.Transport.BeginRound();
        Assert.Equal(200 - first, twin.World.TakeOutputs<FrameTransmitted>().Length);
    }

    private int ReceivedFlags(byte[] frame)
    {
        ulong at = OfferBuffer(2000);
        Receive(frame);
        Assert.NotNull(Rx.TakeUsed());
        return _driver.Peek(at, 1)[0];
    }

    // ---- frames and a checksum written from RFC 1071's text, bytewise

    private static byte[] Ipv4Frame(byte protocol, int segmentBytes, bool withChecksum)
    {
        byte[] frame = Frame(34 + segmentBytes, segmentBytes);
        frame[12] = 0x08;
        frame[13] = 0x00;
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(20 + segmentBytes));
        frame[20] = 0x40; // DF
        frame[21] = 0;
        frame[23] = protocol;
        if (protocol == 17) BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), (ushort)segmentBytes);
        return withChecksum ? WithChecksum(frame, 34, protocol) : frame;
    }

    private static byte[] Ipv6Frame(byte protocol, int segmentBytes)
    {
        byte[] frame = Frame(54 + segmentBytes, segmentBytes);
        frame[12] = 0x86;
        frame[13] = 0xdd;
        frame[14] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)segmentBytes);
        frame[20] = protocol;
        if (protocol == 17) BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(58), (ushort)segmentBytes);
        return WithChecksum(frame, 54, protocol);
    }

    private static byte[] WithChecksum(byte[] frame, int at, byte protocol)
    {
        int field = at + (protocol == 6 ? 16 : 6);
        frame[field] = frame[field + 1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(field), ReferenceChecksum(frame));
        return frame;
    }

    private static ushort ReferenceChecksum(byte[] frame)
    {
        bool isIpv6 = frame[12] == 0x86;
        uint sum = PseudoSum(frame);
        for (int i = isIpv6 ? 54 : 34; i < frame.Length; i += 2) sum = Add(sum, (uint)(frame[i] << 8 | (i + 1 < frame.Length ? frame[i + 1] : 0)));
        return (ushort)~sum;
    }

    private static ushort PseudoSum(byte[] frame)
    {
        bool isIpv6 = frame[12] == 0x86;
        int addresses = isIpv6 ? 22 : 26, count = isIpv6 ? 32 : 8;
        uint sum = Add((uint)(frame.Length - (isIpv6 ? 54 : 34)), isIpv6 ? frame[20] : frame[23]);
        for (int i = 0; i < count; i += 2) sum = Add(sum, (uint)(frame[addresses + i] << 8 | frame[addresses + i + 1]));
        return (ushort)sum;
    }

    private static uint Add(uint a, uint b) => (a + b) % 65_535 == 0 && a + b != 0 ? 65_535 : (a + b) % 65_535;
}
