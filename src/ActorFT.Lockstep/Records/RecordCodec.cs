using System.Collections.Immutable;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// A record as bytes: the unit of the lockstep log and of a log file. Compact (a round without inputs costs its time's
/// difference, three bytes as a rule), versioned, every count checked before anything is allocated for it. The frame around
/// it (<see cref="Frames.FrameCodec"/>) holds its length and checksum. Layout: docs/record-format.md.
/// </summary>
public static class RecordCodec
{
    /// <summary>The version this build writes and reads.</summary>
    public const byte Version = 1;

    private const byte HasDigest = 1, CarriesBlockData = 2, LastRoundAhead = 4, KnownFlags = HasDigest | CarriesBlockData | LastRoundAhead;

    /// <summary>Appends the record's bytes.</summary>
    /// <exception cref="InvariantViolatedException">The record breaks <see cref="RecordLimits"/> or its own invariant.</exception>
    public static void Encode(StateWriter writer, Record record, BlockDataMode mode)
    {
        RequireValid(record);
        writer.U8(Version);
        writer.U8((byte)((record.DigestAtEnd.HasValue ? HasDigest : 0) | (mode == BlockDataMode.Carried ? CarriesBlockData : 0) | (record.IsLastRoundAhead ? LastRoundAhead : 0)));
        writer.Varint(record.FirstRound);
        writer.Varint((ulong)record.Rounds.Length);
        ulong time = 0;
        foreach (Round round in record.Rounds)
        {
            writer.Varint(((round.TimeNs - time) << 1) | (round.Inputs.IsEmpty ? 0UL : 1UL));
            time = round.TimeNs;
            if (!round.Inputs.IsEmpty) EncodeInputs(writer, round.Inputs, mode);
        }
        writer.Varint((ulong)record.OutputCount);
        if (record.OutputCount != 0) writer.U64(record.OutputHash);
        if (record.DigestAtEnd is { } digest) writer.WriteDigest(digest);
    }

    /// <summary>Reads a record that fills <paramref name="bytes"/>.</summary>
    /// <exception cref="StateFormatException">Not a record of this version: torn, foreign or hostile.</exception>
    public static Record Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new StateReader(bytes);
        byte version = reader.U8();
        if (version != Version) throw new StateFormatException($"A record has version {version}; this build reads version {Version}.");
        byte flags = reader.U8();
        if ((flags & ~KnownFlags) != 0) throw new StateFormatException($"A record has flags 0x{flags:x2}; 0x{KnownFlags:x2} are known.");
        if ((flags & HasDigest) != 0 && (flags & LastRoundAhead) != 0) throw new StateFormatException("A record has a digest after a last round that was still to be run.");
        BlockDataMode mode = (flags & CarriesBlockData) != 0 ? BlockDataMode.Carried : BlockDataMode.Hashed;
        ulong firstRound = reader.Varint(ulong.MaxValue - RecordLimits.MaxRounds, "first round");
        ImmutableArray<Round> rounds = DecodeRounds(ref reader, mode);
        int outputs = reader.VarintInt(int.MaxValue, "count of outputs");
        var record = new Record
        {
            FirstRound = firstRound,
            Rounds = rounds,
            OutputCount = outputs,
            OutputHash = outputs == 0 ? 0 : reader.U64(),
            DigestAtEnd = (flags & HasDigest) != 0 ? reader.ReadDigest() : null,
            IsLastRoundAhead = (flags & LastRoundAhead) != 0,
        };
        reader.End();
        return record;
    }

    /// <summary>Whether the bytes say that they hold the data of block reads; false for bytes too short to be a record.</summary>
    public static bool SaysBlockDataCarried(ReadOnlySpan<byte> bytes) => bytes.Length > 1 && (bytes[1] & CarriesBlockData) != 0;

    internal static bool HaveEqualEncoding(Record left, Record right)
    {
        // References and carried data differ as inputs, so that Hashed is what two records can be compared by.
        StateWriter a = new(), b = new();
        Encode(a, left, BlockDataMode.Hashed);
        Encode(b, right, BlockDataMode.Hashed);
        return a.Written.SequenceEqual(b.Written);
    }

    private static void EncodeInputs(StateWriter writer, ImmutableArray<MachineInput> inputs, BlockDataMode mode)
    {
        writer.Varint((ulong)inputs.Length);
        foreach (MachineInput input in inputs) InputCodec.Write(writer, input, mode);
    }

    private static ImmutableArray<Round> DecodeRounds(ref StateReader reader, BlockDataMode mode)
    {
        int count = reader.VarintInt(RecordLimits.MaxRounds, "count of rounds");
        if (count == 0) throw new StateFormatException("A record holds no round; at least 1 is required.");
        if (count > reader.Remaining) throw new StateFormatException($"A record counts {count} rounds, but only {reader.Remaining} bytes follow.");
        var rounds = ImmutableArray.CreateBuilder<Round>(count);
        ulong time = 0;
        for (int i = 0; i < count; i++)
        {
            ulong step = reader.Varint(ulong.MaxValue, "time of a round");
            time += step >> 1;
            if (time > RecordLimits.MaxTimeNs) throw new StateFormatException($"A round has time {time}; at most {RecordLimits.MaxTimeNs} is allowed.");
            rounds.Add(new Round(time, (step & 1) == 0 ? [] : DecodeInputs(ref reader, mode)));
        }
        return rounds.MoveToImmutable();
    }

    private static ImmutableArray<MachineInput> DecodeInputs(ref StateReader reader, BlockDataMode mode)
    {
        int count = reader.VarintInt(RecordLimits.MaxInputsPerRound, "count of inputs");
        if (count == 0) throw new StateFormatException("A round says it has inputs and counts 0.");
        if (count > reader.Remaining / InputCodec.MinBytes)
            throw new StateFormatException($"A round counts {count} inputs, but only {reader.Remaining} bytes follow.");
        var inputs = ImmutableArray.CreateBuilder<MachineInput>(count);
        for (int i = 0; i < count; i++) inputs.Add(InputCodec.Read(ref reader, mode));
        return inputs.MoveToImmutable();
    }

    private static void RequireValid(Record record)
    {
        InvariantViolatedException.Require(record.Rounds.Length is > 0 and <= RecordLimits.MaxRounds, "A record holds 1 to 4096 rounds.");
        InvariantViolatedException.Require(record.OutputCount >= 0, "A record counts at least 0 outputs.");
        InvariantViolatedException.Require(!record.IsLastRoundAhead || record.DigestAtEnd is null, "No digest is taken of a round that is still to be run.");
        ulong time = 0;
        foreach (Round round in record.Rounds)
        {
            InvariantViolatedException.Require(round.TimeNs >= time && round.TimeNs <= RecordLimits.MaxTimeNs, "Round times never fall and fit 62 bits.");
            InvariantViolatedException.Require(round.Inputs.Length <= RecordLimits.MaxInputsPerRound, "A round holds at most 4096 inputs.");
            time = round.TimeNs;
        }
    }
}
