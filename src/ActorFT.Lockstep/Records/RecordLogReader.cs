using System.Buffers.Binary;
using ActorFT.Lockstep.Frames;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>One entry of a log file after its header: exactly one of the two is set.</summary>
/// <param name="Record">A record.</param>
/// <param name="End">The log's end.</param>
public readonly record struct RecordLogEntry(Record? Record, RecordLogEnd? End);

/// <summary>Where and why a log stops being readable. Every entry before is whole.</summary>
/// <param name="OffsetBytes">The file offset of the first byte that cannot be used.</param>
/// <param name="IsTorn">True when the file just ends too early, as after a crash; false when its bytes are wrong.</param>
/// <param name="Message">One sentence: the offset, what was found, what was expected.</param>
public sealed record RecordLogProblem(long OffsetBytes, bool IsTorn, string Message);

/// <summary>
/// Reads a log file from pieces of any size. Hostile input costs at most one frame's memory and never throws anything but
/// <see cref="StateFormatException"/>, and that only for a file that is no log at all (<see cref="TryReadHeader"/>).
/// <code>
/// Feed* -> TryReadHeader -> (Feed* -> TryRead)* -> Finish       Problem set: nothing more is read
/// </code>
/// </summary>
public sealed class RecordLogReader
{
    /// <summary>The longest payload of an entry: a record's inputs and their encoding.</summary>
    public const int MaxPayloadBytes = RecordLimits.MaxRecordBytes + (1 << 20);

    private const int PreambleBytes = 10;

    private byte[] _buffer = new byte[64 << 10];
    private int _start, _end;
    private long _consumedBytes;
    private ulong? _nextRound;
    private ulong _lastTimeNs;
    private RecordLogHeader? _header;
    private bool _ended;

    /// <summary>Set when the log cannot be read any further.</summary>
    public RecordLogProblem? Problem { get; private set; }

    /// <summary>The file offset after the last entry read.</summary>
    public long OffsetBytes => _consumedBytes;

    /// <summary>Adds the next bytes of the file. Read all entries between two calls, so that at most one frame is buffered.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (_buffer.Length - _end < bytes.Length)
        {
            byte[] target = _end - _start + bytes.Length <= _buffer.Length ? _buffer : new byte[Math.Max(_buffer.Length * 2, _end - _start + bytes.Length)];
            Buffer.BlockCopy(_buffer, _start, target, 0, _end - _start);
            (_buffer, _end, _start) = (target, _end - _start, 0);
        }
        bytes.CopyTo(_buffer.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>Reads the header; false when more bytes are needed.</summary>
    /// <exception cref="StateFormatException">Not a log, or of another version, or its header is damaged.</exception>
    public bool TryReadHeader(out RecordLogHeader? header)
    {
        header = _header;
        if (_header is not null) return true;
        ReadOnlySpan<byte> bytes = Buffered;
        int compare = Math.Min(bytes.Length, RecordLogWriter.Magic.Length);
        if (!bytes[..compare].SequenceEqual(RecordLogWriter.Magic[..compare]))
            throw new StateFormatException("The file is not an ActorFT record log: it does not begin with \"AFTLOG\".");
        if (bytes.Length < PreambleBytes) return false;
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]);
        if (version != RecordLogWriter.Version)
            throw new StateFormatException($"The record log has version {version}; this build reads version {RecordLogWriter.Version}.");
        switch (FrameCodec.TryRead(bytes[PreambleBytes..], MaxPayloadBytes, out ReadOnlySpan<byte> payload, out int length, out string? problem))
        {
            case FrameStatus.Incomplete: return false;
            case FrameStatus.Invalid: throw new StateFormatException($"The record log's header is damaged: {problem}.");
        }
        var reader = new StateReader(payload);
        if (reader.U8() != RecordLogWriter.HeaderKind) throw new StateFormatException("The record log begins with an entry that is no header.");
        header = _header = RecordLogHeader.Read(ref reader);
        Consume(PreambleBytes + length);
        return true;
    }

    /// <summary>Reads the next entry; false when more bytes are needed, after the end, or when <see cref="Problem"/> is set.</summary>
    public bool TryRead(out RecordLogEntry entry)
    {
        InvariantViolatedException.Require(_header is not null, "A log's header is read before its entries.");
        entry = default;
        if (Problem is not null || Buffered.IsEmpty) return false;
        if (_ended) return Stop(isTorn: false, $"{Buffered.Length} bytes follow the log's end");
        switch (FrameCodec.TryRead(Buffered, MaxPayloadBytes, out ReadOnlySpan<byte> payload, out int length, out string? problem))
        {
            case FrameStatus.Incomplete: return false;
            case FrameStatus.Invalid: return Stop(isTorn: false, problem!);
        }
        try
        {
            entry = Decode(payload);
        }
        catch (StateFormatException exception)
        {
            return Stop(isTorn: false, exception.Message.TrimEnd('.'));
        }
        Consume(length);
        return true;
    }

    /// <summary>Says that the file has no more bytes; a log that was not closed in order gets its <see cref="Problem"/>.</summary>
    /// <exception cref="StateFormatException">The file ends before its header does.</exception>
    public void Finish()
    {
        if (_header is null) throw new StateFormatException($"The file of {Buffered.Length} bytes ends before the record log's header does.");
        if (Problem is not null || _ended) return;
        if (Buffered.IsEmpty)
        {
            Stop(isTorn: true, "the file ends without an end entry, as after a crash; all records before are whole");
            return;
        }
        FrameCodec.TryRead(Buffered, MaxPayloadBytes, out _, out int needed, out _);
        Stop(isTorn: true, $"the file ends {Buffered.Length} bytes into an entry, where at least {needed} were expected");
    }

    private RecordLogEntry Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new StateReader(payload);
        byte kind = reader.U8();
        switch (kind)
        {
            case RecordLogWriter.RecordKind:
                Record record = RecordCodec.Decode(payload[1..]);
                RequireContinues(record, payload[1..]);
                _nextRound = record.EndRound;
                _lastTimeNs = record.EndTimeNs;
                return new RecordLogEntry(record, null);
            case RecordLogWriter.EndKind:
                RecordLogEnd end = RecordLogEnd.Read(ref reader);
                if (_nextRound is { } next && end.Rounds != next) throw new StateFormatException($"The log's end counts {end.Rounds} rounds; its records end at {next}");
                _ended = true;
                return new RecordLogEntry(null, end);
            default:
                throw new StateFormatException($"an entry has kind {kind}, which is not known");
        }
    }

    private void RequireContinues(Record record, ReadOnlySpan<byte> bytes)
    {
        if (_nextRound is { } next && record.FirstRound != next)
            throw new StateFormatException($"a record begins at round {record.FirstRound}, where {next} was expected");
        if (record.Rounds[0].TimeNs < _lastTimeNs)
            throw new StateFormatException($"a record begins at time {record.Rounds[0].TimeNs} ns, before the {_lastTimeNs} ns reached");
        if (record.IsLastRoundAhead) throw new StateFormatException("a record's last round was still to be run, as only in lockstep");
        if (RecordCodec.SaysBlockDataCarried(bytes) != (_header!.BlockData == BlockDataMode.Carried))
            throw new StateFormatException("a record and the log's header differ in whether block data are held");
    }

    private ReadOnlySpan<byte> Buffered => _buffer.AsSpan(_start, _end - _start);

    private void Consume(int count)
    {
        _start += count;
        _consumedBytes += count;
        if (_start == _end) _start = _end = 0;
    }

    private bool Stop(bool isTorn, string what)
    {
        Problem = new RecordLogProblem(_consumedBytes, isTorn, $"The record log cannot be read from offset {_consumedBytes} on: {what}.");
        return false;
    }
}
