using System.Buffers;
using ActorFT.Lockstep.Frames;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// Encodes a log file (docs/record-format.md) piece by piece; its owner appends the pieces to the file in the order made.
/// Invariant: header first, then records that continue one another, then at most one end.
/// </summary>
public sealed class RecordLogWriter
{
    /// <summary>A file starts with these bytes; carriage return and line feed show a transfer that changed line ends.</summary>
    internal static ReadOnlySpan<byte> Magic => "AFTLOG\r\n"u8;

    /// <summary>The version this build writes and reads.</summary>
    public const ushort Version = 1;

    internal const byte HeaderKind = (byte)'H', RecordKind = (byte)'R', EndKind = (byte)'E';

    private readonly StateWriter _payload = new();
    private readonly ArrayBufferWriter<byte> _piece = new();
    private readonly BlockDataMode _blockData;
    private ulong? _nextRound;
    private bool _ended;

    /// <summary>Starts a log.</summary>
    public RecordLogWriter(RecordLogHeader header)
    {
        _blockData = header.BlockData;
        _piece.Write(Magic);
        _piece.GetSpan(2)[0] = (byte)Version;
        _piece.GetSpan(2)[1] = Version >> 8;
        _piece.Advance(2);
        _payload.U8(HeaderKind);
        header.Write(_payload);
        FrameCodec.Write(_piece, _payload.Written);
        Start = _piece.WrittenMemory.ToArray();
    }

    /// <summary>The file's first bytes: magic, version and header.</summary>
    public ReadOnlyMemory<byte> Start { get; }

    /// <summary>The bytes of the next record, valid until the next call.</summary>
    public ReadOnlyMemory<byte> Append(Record record)
    {
        InvariantViolatedException.Require(!_ended, "Nothing follows a log's end.");
        InvariantViolatedException.Require(_nextRound is null || record.FirstRound == _nextRound, "A log's records continue one another.");
        InvariantViolatedException.Require(!record.IsLastRoundAhead, "A log holds rounds that were run.");
        _nextRound = record.EndRound;
        _payload.Clear();
        _payload.U8(RecordKind);
        RecordCodec.Encode(_payload, record, _blockData);
        return Frame();
    }

    /// <summary>The bytes of the log's end, valid until the next call.</summary>
    public ReadOnlyMemory<byte> End(RecordLogEnd end)
    {
        InvariantViolatedException.Require(!_ended, "A log ends once.");
        InvariantViolatedException.Require(_nextRound is null || end.Rounds == _nextRound, "A log's end counts the rounds of its records.");
        _ended = true;
        _payload.Clear();
        _payload.U8(EndKind);
        end.Write(_payload);
        return Frame();
    }

    private ReadOnlyMemory<byte> Frame()
    {
        _piece.ResetWrittenCount();
        FrameCodec.Write(_piece, _payload.Written);
        return _piece.WrittenMemory;
    }
}
