using ActorFT.Lockstep.Frames;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Lockstep.Tests.Messages;

public class LinkCodecTests
{
    private static readonly StreamId Stream = new(7, 3);
    private static readonly Configuration Configuration = new(7, new Member("server-a", 1), new Member("server-b", ulong.MaxValue));
    private static readonly Digest Digest = new(1, 2);

    internal static readonly LinkMessage[] Samples =
    [
        new Hello
        {
            Server = "server-a", Machine = "web", DefinitionHash = Digest, Commit = CommitMode.Verified, IsLeader = true, HasState = true,
            IsAvailable = true, Stream = Stream, DiskTerm = 7, Configuration = Configuration,
        },
        new Hello { Server = "b", Machine = "m", DefinitionHash = Digest },
        new PeerRefused("another machine"), new JoinBegin(Stream, Configuration), new JoinReady(Stream),
        new StateBatch(Stream, 9, StateKind.Devices, new byte[] { 1, 2, 3 }), new PassEnd(Stream, 2, 100), new PassLoaded(Stream, 2),
        new StateEnd(Stream, 101, 5000, 6000, Digest), new StateAccepted(Stream, 8), new StreamEnded(Stream, "why"),
        new RecordSent(Stream, Tests.Records.Samples.Record(), 6), new RecordSent(Stream, Tests.Records.Samples.Record() with { DigestAtEnd = null, IsLastRoundAhead = true }, 6),
        new FollowerProgress(Stream, 9, 8, 7, Digest, true, 3),
        new LeaderBeat(Stream, Configuration, 9, 8, 4), new LeaderBeat(null, Configuration with { Follower = null }, 9, 8),
        new FlushesStored(Stream, [new FlushId(0, 5), new FlushId(1, ulong.MaxValue)]),
        new FollowerDiverged(Stream, 12, false, [new ComponentDigest("vcpu-0", Digest)]), new HandOverPrepare(Stream, Configuration, 77),
        new HandOverReady(Stream, 8), new LeaveAsked(Stream), new Parcel(4, new byte[] { 9 }),
    ];

    public static TheoryData<int> All => [.. Enumerable.Range(0, Samples.Length)];

    [Theory]
    [MemberData(nameof(All))]
    public void Message_Encoded_DecodesToTheSameBytes(int index)
    {
        byte[] bytes = Encode(Samples[index]);
        LinkEnvelope decoded = LinkCodec.Decode(bytes);
        Assert.Equal((42UL, 1234UL, Samples[index].GetType()), (decoded.Incarnation, decoded.Sequence, decoded.Message.GetType()));
        Assert.Equal(bytes, Encode(decoded.Message));
    }

    [Fact]
    public void EveryMessage_HasASample() =>
        Assert.Equal(typeof(LinkMessage).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(LinkMessage))).OrderBy(type => type.Name),
            Samples.Select(sample => sample.GetType()).Distinct().OrderBy(type => type.Name));

    [Theory]
    [MemberData(nameof(All))]
    public void TornMessage_AtEveryLength_IsRefused(int index)
    {
        byte[] bytes = Encode(Samples[index]);
        for (int length = 0; length < bytes.Length; length++) Assert.Throws<StateFormatException>(() => LinkCodec.Decode(bytes.AsSpan(0, length)));
        Assert.Throws<StateFormatException>(() => LinkCodec.Decode([.. bytes, 0]));
    }

    [Fact]
    public void HostileMessages_GiveAFormatErrorOrAMessageAndCostLittle()
    {
        var random = new Random(5);
        int refused = 0;
        for (int i = 0; i < 40_000; i++)
        {
            byte[] bytes = Encode(Samples[random.Next(Samples.Length)]);
            for (int flips = random.Next(1, 5); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try { LinkCodec.Decode(bytes); }
            catch (StateFormatException) { refused++; }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
        Assert.True(refused > 5000, $"Only {refused} of 40,000 damaged messages were refused.");
    }

    [Fact]
    public void Hello_OfAnotherVersion_IsRefusedWithBothVersionsNamed()
    {
        byte[] bytes = Encode(Samples[0]);
        bytes[1 + 8 + 2] = 9; // kind, incarnation, sequence 1234 in two bytes, then the version
        string message = Assert.Throws<StateFormatException>(() => LinkCodec.Decode(bytes)).Message;
        Assert.Contains("version 9", message);
        Assert.Contains($"version {Hello.ProtocolVersion}", message);
    }

    [Fact]
    public void RecordWithBlockData_OnALink_IsRefused()
    {
        var writer = new StateWriter();
        LinkCodec.Encode(writer, new LinkEnvelope(42, 1234, new RecordSent(Stream, Tests.Records.Samples.Record(), 6)));
        byte[] hashed = writer.Written.ToArray();
        byte[] carried = [.. hashed.AsSpan(0, hashed.Length - Tests.Records.Samples.Encode(Tests.Records.Samples.Record(), Lockstep.Records.BlockDataMode.Hashed).Length),
            .. Tests.Records.Samples.Encode(Tests.Records.Samples.Record(), Lockstep.Records.BlockDataMode.Carried)];
        Assert.Contains("carries block data", Assert.Throws<StateFormatException>(() => LinkCodec.Decode(carried)).Message);
    }

    [Fact]
    public void Frame_WithAnyBitFlipped_IsNeverAccepted()
    {
        byte[] frame = FrameCodec.Make(Encode(Samples[0]));
        for (int bit = 0; bit < frame.Length * 8; bit++)
        {
            byte[] damaged = (byte[])frame.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(FrameStatus.Complete, FrameCodec.TryRead(damaged, LinkCodec.MaxPayloadBytes, out _, out _, out _));
        }
    }

    internal static byte[] Encode(LinkMessage message)
    {
        var writer = new StateWriter();
        LinkCodec.Encode(writer, new LinkEnvelope(42, 1234, message));
        return writer.Written.ToArray();
    }
}
