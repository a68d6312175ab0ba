using System.Collections.Immutable;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Messages;

/// <summary>
/// An envelope as the payload of a frame (<see cref="Frames.FrameCodec"/>): kind, incarnation, sequence, the message's
/// fields in their order. Version policy: <see cref="Hello"/> keeps kind 1 and its version field in front for ever, so that
/// any two builds can tell each other why they do not match; all else may change with the version.
/// </summary>
public static class LinkCodec
{
    /// <summary>The longest payload: a batch of state or a record, and what is around it.</summary>
    public const int MaxPayloadBytes = RecordLimits.MaxRecordBytes + (1 << 20);

    private const int MaxReasonBytes = 1024, MaxComponents = 256;

    // Kind and incarnation come before the sequence.
    private const int NumberAt = 9, MaxVarintBytes = 10;

    /// <summary>Appends the envelope's bytes.</summary>
    public static void Encode(StateWriter writer, LinkEnvelope envelope)
    {
        writer.U8((byte)KindOf(envelope.Message));
        writer.U64(envelope.Incarnation);
        writer.Varint(envelope.Sequence);
        switch (envelope.Message)
        {
            case Hello hello: WriteHello(writer, hello); break;
            case PeerRefused refused: WriteReason(writer, refused.Reason); break;
            case JoinBegin begin: WriteStream(writer, begin.Stream); WriteConfiguration(writer, begin.Configuration); break;
            case JoinReady ready: WriteStream(writer, ready.Stream); break;
            case StateBatch batch:
                WriteStream(writer, batch.Stream);
                writer.Varint(batch.Sequence);
                writer.U8((byte)batch.Kind);
                InvariantViolatedException.Require(batch.Content.Length <= StateBatch.MaxContentBytes, "A batch of state holds at most 32 MiB.");
                writer.VarintBytes(batch.Content.Span);
                break;
            case PassEnd end: WriteStream(writer, end.Stream); writer.Varint((ulong)end.Pass); writer.Varint(end.NextSequence); break;
            case PassLoaded loaded: WriteStream(writer, loaded.Stream); writer.Varint((ulong)loaded.Pass); break;
            case StateEnd end:
                WriteStream(writer, end.Stream);
                writer.Varint(end.NextSequence);
                writer.Varint(end.Round);
                writer.Varint(end.TimeNs);
                writer.WriteDigest(end.Digest);
                break;
            case StateAccepted accepted: WriteStream(writer, accepted.Stream); writer.Varint(accepted.Term); break;
            case StreamEnded ended: WriteStream(writer, ended.Stream); WriteReason(writer, ended.Reason); break;
            case RecordSent sent:
                WriteStream(writer, sent.Stream);
                writer.Varint(sent.ReleasedRound);
                RecordCodec.Encode(writer, sent.Record, BlockDataMode.Hashed);
                break;
            case FollowerProgress progress: WriteProgress(writer, progress); break;
            case LeaderBeat beat:
                WriteOptionalStream(writer, beat.Stream);
                WriteConfiguration(writer, beat.Configuration);
                writer.Varint(beat.ClosedRound);
                writer.Varint(beat.ReleasedRound);
                writer.Varint(beat.Probe);
                break;
            case FlushesStored flushes: WriteFlushes(writer, flushes); break;
            case FollowerDiverged diverged: WriteDiverged(writer, diverged); break;
            case HandOverPrepare prepare:
                WriteStream(writer, prepare.Stream);
                WriteConfiguration(writer, prepare.Proposed);
                writer.Varint(prepare.Round);
                break;
            case HandOverReady ready: WriteStream(writer, ready.Stream); writer.Varint(ready.Term); break;
            case LeaveAsked leave: WriteStream(writer, leave.Stream); break;
            case Parcel parcel:
                writer.U8(parcel.Kind);
                InvariantViolatedException.Require(parcel.Content.Length <= StateBatch.MaxContentBytes, "A parcel holds at most 32 MiB.");
                writer.VarintBytes(parcel.Content.Span);
                break;
        }
    }

    /// <summary>Reads an envelope that fills <paramref name="bytes"/>.</summary>
    /// <exception cref="StateFormatException">Not a message of this build: foreign, damaged or hostile.</exception>
    public static LinkEnvelope Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new StateReader(bytes);
        var kind = (Kind)reader.U8();
        ulong incarnation = reader.U64();
        ulong sequence = reader.Varint(ulong.MaxValue, "sequence number");
        LinkMessage message = Read(kind, ref reader);
        reader.End();
        return new LinkEnvelope(incarnation, sequence, message);
    }

    /// <summary>Appends what comes before the content of an envelope with a parcel: together they are the envelope.</summary>
    public static void EncodeParcelHead(StateWriter writer, ulong incarnation, byte parcelKind, int contentBytes)
    {
        InvariantViolatedException.Require(contentBytes <= StateBatch.MaxContentBytes, "A parcel holds at most 32 MiB.");
        writer.U8((byte)Kind.Parcel);
        writer.U64(incarnation);
        writer.Varint(0);
        writer.U8(parcelKind);
        writer.Varint((ulong)contentBytes);
    }

    /// <summary>Finds the content of an envelope with a parcel where it lies. False: the envelope holds something else.</summary>
    /// <exception cref="StateFormatException">Not a message of this build.</exception>
    public static bool TryFindParcel(ReadOnlyMemory<byte> bytes, out byte parcelKind, out ReadOnlyMemory<byte> content)
    {
        (parcelKind, content) = (0, default);
        if (bytes.Length == 0 || (Kind)bytes.Span[0] != Kind.Parcel) return false;
        var reader = new StateReader(bytes.Span[1..]);
        reader.U64();
        reader.Varint(ulong.MaxValue, "sequence number");
        parcelKind = reader.U8();
        int length = reader.VarintInt(StateBatch.MaxContentBytes, "parcel length");
        content = bytes.Slice(bytes.Length - reader.Remaining, reader.Raw(length).Length);
        reader.End();
        return true;
    }

    /// <summary>
    /// Reads an envelope's number without the rest. False: bytes that are no envelope, and messages whose copies are not equal in effect: a hello
    /// is an answer to its own path, bulk state counts for itself.
    /// </summary>
    public static bool TryReadNumber(ReadOnlySpan<byte> bytes, out ulong incarnation, out ulong sequence)
    {
        (incarnation, sequence) = (0, 0);
        if (bytes.Length <= NumberAt || (Kind)bytes[0] == Kind.Hello) return false;
        var reader = new StateReader(bytes[1..Math.Min(bytes.Length, NumberAt + MaxVarintBytes)]);
        try
        {
            incarnation = reader.U64();
            sequence = reader.Varint(ulong.MaxValue, "sequence number");
        }
        catch (StateFormatException)
        {
            return false; // decoding says what is wrong with it
        }

        return sequence != 0;
    }

    private static LinkMessage Read(Kind kind, ref StateReader reader) => kind switch
    {
        Kind.Hello => ReadHello(ref reader),
        Kind.PeerRefused => new PeerRefused(ReadReason(ref reader)),
        Kind.JoinBegin => new JoinBegin(ReadStream(ref reader), ReadConfiguration(ref reader)),
        Kind.JoinReady => new JoinReady(ReadStream(ref reader)),
        Kind.StateBatch => new StateBatch(ReadStream(ref reader), ReadCount(ref reader), ReadEnum<StateKind>(ref reader, 2),
            reader.VarintBytes(StateBatch.MaxContentBytes, "batch of state")),
        Kind.PassEnd => new PassEnd(ReadStream(ref reader), reader.VarintInt(int.MaxValue, "pass"), ReadCount(ref reader)),
        Kind.PassLoaded => new PassLoaded(ReadStream(ref reader), reader.VarintInt(int.MaxValue, "pass")),
        Kind.StateEnd => new StateEnd(ReadStream(ref reader), ReadCount(ref reader), ReadCount(ref reader), ReadCount(ref reader), reader.ReadDigest()),
        Kind.StateAccepted => new StateAccepted(ReadStream(ref reader), ReadCount(ref reader)),
        Kind.StreamEnded => new StreamEnded(ReadStream(ref reader), ReadReason(ref reader)),
        Kind.RecordSent => ReadRecord(ref reader),
        Kind.FollowerProgress => new FollowerProgress(ReadStream(ref reader), ReadCount(ref reader), ReadCount(ref reader),
            ReadCount(ref reader), reader.ReadDigest(), reader.Bool(), ReadCount(ref reader)),
        Kind.LeaderBeat => new LeaderBeat(ReadOptionalStream(ref reader), ReadConfiguration(ref reader), ReadCount(ref reader), ReadCount(ref reader), ReadCount(ref reader)),
        Kind.FlushesStored => ReadFlushes(ref reader),
        Kind.FollowerDiverged => ReadDiverged(ref reader),
        Kind.HandOverPrepare => new HandOverPrepare(ReadStream(ref reader), ReadConfiguration(ref reader), ReadCount(ref reader)),
        Kind.HandOverReady => new HandOverReady(ReadStream(ref reader), ReadCount(ref reader)),
        Kind.LeaveAsked => new LeaveAsked(ReadStream(ref reader)),
        Kind.Parcel => new Parcel(reader.U8(), reader.VarintBytes(StateBatch.MaxContentBytes, "parcel")),
        _ => throw new StateFormatException($"A message has kind {(byte)kind}, which is not known."),
    };

    private static Kind KindOf(LinkMessage message) => message switch
    {
        Hello => Kind.Hello,
        PeerRefused => Kind.PeerRefused,
        JoinBegin => Kind.JoinBegin,
        JoinReady => Kind.JoinReady,
        StateBatch => Kind.StateBatch,
        PassEnd => Kind.PassEnd,
        PassLoaded => Kind.PassLoaded,
        StateEnd => Kind.StateEnd,
        StateAccepted => Kind.StateAccepted,
        StreamEnded => Kind.StreamEnded,
        RecordSent => Kind.RecordSent,
        FollowerProgress => Kind.FollowerProgress,
        LeaderBeat => Kind.LeaderBeat,
        FlushesStored => Kind.FlushesStored,
        FollowerDiverged => Kind.FollowerDiverged,
        HandOverPrepare => Kind.HandOverPrepare,
        HandOverReady => Kind.HandOverReady,
        LeaveAsked => Kind.LeaveAsked,
        Parcel => Kind.Parcel,
        _ => throw new InvariantViolatedException($"Message {message.GetType().Name} has no encoding."),
    };

    private static void WriteHello(StateWriter writer, Hello hello)
    {
        writer.U16(hello.Version);
        writer.VarintText(hello.Server);
        writer.VarintText(hello.Machine);
        writer.U16(hello.ExecutionRevision);
        writer.WriteDigest(hello.DefinitionHash);
        writer.U8((byte)hello.Commit);
        writer.Bool(hello.IsLeader);
        writer.Bool(hello.HasState);
        writer.Bool(hello.IsAvailable);
        writer.Bool(hello.AreDisksCurrent);
        WriteOptionalStream(writer, hello.Stream);
        writer.Varint(hello.DiskTerm);
        writer.Bool(hello.Configuration is not null);
        if (hello.Configuration is not null) WriteConfiguration(writer, hello.Configuration);
    }

    private static Hello ReadHello(ref StateReader reader)
    {
        ushort version = reader.U16();
        if (version != Hello.ProtocolVersion)
            throw new StateFormatException($"The peer speaks version {version} of the link protocol; this build speaks version {Hello.ProtocolVersion}.");
        return new Hello
        {
            Version = version,
            Server = ReadName(ref reader),
            Machine = ReadName(ref reader),
            ExecutionRevision = reader.U16(),
            DefinitionHash = reader.ReadDigest(),
            Commit = ReadEnum<CommitMode>(ref reader, 1),
            IsLeader = reader.Bool(),
            HasState = reader.Bool(),
            IsAvailable = reader.Bool(),
            AreDisksCurrent = reader.Bool(),
            Stream = ReadOptionalStream(ref reader),
            DiskTerm = ReadCount(ref reader),
            Configuration = reader.Bool() ? ReadConfiguration(ref reader) : null,
        };
    }

    private static void WriteProgress(StateWriter writer, FollowerProgress progress)
    {
        WriteStream(writer, progress.Stream);
        writer.Varint(progress.StoredRound);
        writer.Varint(progress.ExecutedRound);
        writer.Varint(progress.DigestRound);
        writer.WriteDigest(progress.Digest);
        writer.Bool(progress.HasOpenClaim);
        writer.Varint(progress.Probe);
    }

    private static RecordSent ReadRecord(ref StateReader reader)
    {
        StreamId stream = ReadStream(ref reader);
        ulong released = ReadCount(ref reader);
        ReadOnlySpan<byte> record = reader.Raw(reader.Remaining);
        if (RecordCodec.SaysBlockDataCarried(record)) throw new StateFormatException("A record on a link carries block data, which is not allowed.");
        return new RecordSent(stream, RecordCodec.Decode(record), released);
    }

    private static void WriteFlushes(StateWriter writer, FlushesStored flushes)
    {
        InvariantViolatedException.Require(flushes.Flushes.Length <= FlushesStored.MaxFlushes, "A message names at most 4096 flushes.");
        WriteStream(writer, flushes.Stream);
        writer.Varint((ulong)flushes.Flushes.Length);
        foreach (FlushId flush in flushes.Flushes)
        {
            writer.Varint((ulong)flush.DiskIndex);
            writer.Varint(flush.RequestId);
        }
    }

    private static FlushesStored ReadFlushes(ref StateReader reader)
    {
        StreamId stream = ReadStream(ref reader);
        int count = reader.VarintInt(Math.Min(FlushesStored.MaxFlushes, reader.Remaining), "count of flushes");
        var flushes = ImmutableArray.CreateBuilder<FlushId>(count);
        for (int i = 0; i < count; i++)
            flushes.Add(new FlushId(reader.VarintInt(RecordLimits.MaxDeviceIndex, "disk"), reader.Varint(ulong.MaxValue, "request id")));
        return new FlushesStored(stream, flushes.MoveToImmutable());
    }

    private static void WriteDiverged(StateWriter writer, FollowerDiverged diverged)
    {
        WriteStream(writer, diverged.Stream);
        writer.Varint(diverged.Round);
        writer.Bool(diverged.IsSound);
        int count = Math.Min(MaxComponents, diverged.Components.Length);
        writer.Varint((ulong)count);
        foreach (ComponentDigest component in diverged.Components[..count])
        {
            WriteReason(writer, component.Component);
            writer.WriteDigest(component.Digest);
        }
    }

    private static FollowerDiverged ReadDiverged(ref StateReader reader)
    {
        StreamId stream = ReadStream(ref reader);
        ulong round = ReadCount(ref reader);
        bool isSound = reader.Bool();
        int count = reader.VarintInt(Math.Min(MaxComponents, reader.Remaining), "count of components");
        var components = ImmutableArray.CreateBuilder<ComponentDigest>(count);
        for (int i = 0; i < count; i++) components.Add(new ComponentDigest(ReadReason(ref reader), reader.ReadDigest()));
        return new FollowerDiverged(stream, round, isSound, components.MoveToImmutable());
    }

    private static void WriteStream(StateWriter writer, StreamId stream)
    {
        writer.Varint(stream.Term);
        writer.Varint(stream.Number);
    }

    private static StreamId ReadStream(ref StateReader reader) =>
        new(reader.Varint(ulong.MaxValue, "stream's term"), (uint)reader.Varint(uint.MaxValue, "stream's number"));

    private static void WriteOptionalStream(StateWriter writer, StreamId? stream)
    {
        writer.Bool(stream.HasValue);
        if (stream is { } id) WriteStream(writer, id);
    }

    private static StreamId? ReadOptionalStream(ref StateReader reader) => reader.Bool() ? ReadStream(ref reader) : null;

    private static void WriteConfiguration(StateWriter writer, Configuration configuration)
    {
        writer.Varint(configuration.Term);
        WriteMember(writer, configuration.Leader);
        writer.Bool(configuration.Follower is not null);
        if (configuration.Follower is not null) WriteMember(writer, configuration.Follower);
    }

    private static Configuration ReadConfiguration(ref StateReader reader) =>
        new(ReadCount(ref reader), ReadMember(ref reader), reader.Bool() ? ReadMember(ref reader) : null);

    private static void WriteMember(StateWriter writer, Member member)
    {
        writer.VarintText(member.Server);
        writer.U64(member.Incarnation);
    }

    private static Member ReadMember(ref StateReader reader) => new(ReadName(ref reader), reader.U64());

    // A sentence that grew too long is cut, never refused: it is for people.
    private static void WriteReason(StateWriter writer, string reason) =>
        writer.VarintText(reason.Length <= MaxReasonBytes / 4 ? reason : reason[..(MaxReasonBytes / 4)]);

    private static string ReadReason(ref StateReader reader) => reader.VarintText(MaxReasonBytes, "reason");

    private static string ReadName(ref StateReader reader) => reader.VarintText(Member.MaxNameLength * 4, "name");

    private static ulong ReadCount(ref StateReader reader) => reader.Varint(ulong.MaxValue, "number");

    private static T ReadEnum<T>(ref StateReader reader, byte last) where T : struct, Enum
    {
        byte value = reader.U8();
        return value <= last ? (T)Enum.ToObject(typeof(T), value)
            : throw new StateFormatException($"A message has {typeof(T).Name} {value}; at most {last} is allowed.");
    }

    // Numbers on the wire: never reused, Hello stays 1.
    private enum Kind : byte
    {
        Hello = 1,
        PeerRefused = 2,
        JoinBegin = 3,
        JoinReady = 4,
        StateBatch = 5,
        PassEnd = 6,
        PassLoaded = 7,
        StateEnd = 8,
        StateAccepted = 9,
        StreamEnded = 10,
        RecordSent = 11,
        FollowerProgress = 12,
        LeaderBeat = 13,
        FlushesStored = 14,
        FollowerDiverged = 15,
        HandOverPrepare = 16,
        HandOverReady = 17,
        LeaveAsked = 18,
        Parcel = 19,
    }
}
