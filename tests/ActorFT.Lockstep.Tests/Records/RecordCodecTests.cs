using System.Collections.Immutable;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Lockstep.Tests.Records;

public class RecordCodecTests
{
    [Theory]
    [InlineData(BlockDataMode.Carried)]
    [InlineData(BlockDataMode.Hashed)]
    public void Record_Encoded_DecodesToTheSame(BlockDataMode mode)
    {
        Record record = Samples.Record();
        Record decoded = RecordCodec.Decode(Samples.Encode(record, mode));
        Assert.Equal(record, decoded);
        Assert.Equal(Samples.Encode(record, mode), Samples.Encode(decoded, mode));
        Assert.Equal(record.EndRound, decoded.EndRound);
    }

    [Fact]
    public void BlockRead_Hashed_MatchesOnlyTheSameBytes()
    {
        Record decoded = RecordCodec.Decode(Samples.Encode(Samples.Record(), BlockDataMode.Hashed));
        var reference = Assert.IsType<BlockCompletionReference>(decoded.Rounds[1].Inputs[2]);
        var mine = new BlockCompleted(1, ulong.MaxValue, BlockStatus.Ok, new byte[512]);
        Assert.True(reference.Matches(mine));
        var other = new byte[512];
        other[511] = 1;
        Assert.False(reference.Matches(mine with { Data = other }));
        Assert.False(reference.Matches(mine with { Status = BlockStatus.IoError }));
    }

    [Fact]
    public void ComputeRounds_Encoded_CostThreeBytesEach()
    {
        var rounds = ImmutableArray.CreateBuilder<Round>();
        for (ulong i = 0; i < 1000; i++) rounds.Add(new Round(3_600_000_000_000 + i * 900_000));
        var record = new Record { FirstRound = 4_000_000, Rounds = rounds.ToImmutable() };
        Assert.InRange(Samples.Encode(record, BlockDataMode.Hashed).Length, 1, 3 * 1000 + 24);
    }

    [Fact]
    public void IdleRound_Encoded_CostsAtMostTwentyBytes()
    {
        var record = new Record { FirstRound = 4_000_000, Rounds = [new Round(3_600_000_000_000)] };
        Assert.InRange(Samples.Encode(record, BlockDataMode.Hashed).Length, 1, 20);
    }

    [Fact]
    public void TornRecord_AtEveryLength_IsRefused()
    {
        byte[] bytes = Samples.Encode(Samples.Record(), BlockDataMode.Carried);
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<StateFormatException>(() => RecordCodec.Decode(bytes.AsSpan(0, length)));
        Assert.Throws<StateFormatException>(() => RecordCodec.Decode([.. bytes, 0]));
    }

    [Fact]
    public void HostileBytes_InAnyPlace_GiveAFormatErrorOrARecordAndNothingElse()
    {
        byte[] good = Samples.Encode(Samples.Record(), BlockDataMode.Carried);
        var random = new Random(3);
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = (byte[])good.Clone();
            for (int flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try { RecordCodec.Decode(bytes); }
            catch (StateFormatException) { refused++; }
        }
        Assert.True(refused > 1000, $"Only {refused} of 20,000 damaged records were refused.");
    }

    [Fact]
    public void AbsurdCounts_AreRefusedBeforeAnythingIsAllocated()
    {
        var writer = new StateWriter();
        writer.U8(RecordCodec.Version);
        writer.U8(0);
        writer.Varint(0);
        writer.Varint(1);
        writer.Varint(1);
        writer.Varint(1);
        writer.U8(1);
        writer.U8(0);
        writer.Varint(RecordLimits.MaxInputBytes);
        byte[] bytes = writer.Written.ToArray();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<StateFormatException>(() => RecordCodec.Decode(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void BrokenRecord_IsNeverEncoded()
    {
        var falling = new Record { FirstRound = 0, Rounds = [new Round(2), new Round(1)] };
        Assert.Throws<InvariantViolatedException>(() => Samples.Encode(falling, BlockDataMode.Hashed));
        Assert.Throws<InvariantViolatedException>(() => Samples.Encode(falling with { Rounds = [] }, BlockDataMode.Hashed));
    }

    [Fact]
    public void Builder_ClosesRecordsThatContinueOneAnother()
    {
        var builder = new RecordBuilder(10, 5);
        MachineOutput output = new ConsoleWritten(0, new byte[] { 1 });
        builder.Append(new Round(5), []);
        builder.Append(new Round(6), [output]);
        Record first = builder.Close(null);
        builder.Append(new Round(6), [output]);
        Record second = builder.Close(Digest.Zero);
        Assert.Equal((10UL, 12UL, 1), (first.FirstRound, first.EndRound, first.OutputCount));
        Assert.Equal((12UL, 13UL, first.OutputHash), (second.FirstRound, second.EndRound, second.OutputHash));
        Assert.Throws<InvariantViolatedException>(() => builder.Append(new Round(5), []));
    }

    [Fact]
    public void Builder_ClosedAhead_CountsTheRoundsOutputsWithTheNextRecord()
    {
        var builder = new RecordBuilder(10, 5);
        MachineOutput output = new ConsoleWritten(0, new byte[] { 1 });
        builder.Append(new Round(5), [output]);
        Record first = builder.CloseAhead(new Round(6));
        builder.AddOutputs([output]);
        builder.Append(new Round(7), [output]);
        Record second = builder.Close(null);
        Assert.Equal((10UL, 12UL, true, 1), (first.FirstRound, first.EndRound, first.IsLastRoundAhead, first.OutputCount));
        Assert.Equal((12UL, 13UL, false, 2), (second.FirstRound, second.EndRound, second.IsLastRoundAhead, second.OutputCount));
    }

    [Fact]
    public void RecordAhead_ComesBackAsItWas_AndHasNoDigest()
    {
        Record ahead = Samples.Record() with { DigestAtEnd = null, IsLastRoundAhead = true };
        byte[] bytes = Samples.Encode(ahead, BlockDataMode.Carried);
        Assert.Equal(ahead, RecordCodec.Decode(bytes));
        Assert.NotEqual(ahead with { IsLastRoundAhead = false }, RecordCodec.Decode(bytes));
        Assert.Throws<InvariantViolatedException>(() => Samples.Encode(Samples.Record() with { IsLastRoundAhead = true }, BlockDataMode.Carried));
        byte[] both = Samples.Encode(Samples.Record(), BlockDataMode.Carried);
        both[1] |= 4;
        Assert.Contains("digest", Assert.Throws<StateFormatException>(() => RecordCodec.Decode(both)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Outputs_ThatDifferInOrderOrContent_HashDifferently()
    {
        MachineOutput a = new ConsoleWritten(0, new byte[] { 1 }), b = new ConsoleWritten(0, new byte[] { 2 });
        Assert.NotEqual(Hash(a, b), Hash(b, a));
        Assert.NotEqual(Hash(a), Hash(new ConsoleWritten(1, new byte[] { 1 })));
        Assert.NotEqual(Hash(a), Hash(new FrameTransmitted(0, new byte[] { 1 })));
        Assert.NotEqual(Hash(a, b), Hash(new ConsoleWritten(0, new byte[] { 1, 2 })));

        static ulong Hash(params MachineOutput[] outputs)
        {
            var hasher = new OutputHasher();
            foreach (MachineOutput output in outputs) hasher.Add(output);
            return hasher.Hash;
        }
    }
}
