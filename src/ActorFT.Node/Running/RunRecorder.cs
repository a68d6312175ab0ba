using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;

namespace ActorFT.Node.Running;

/// <summary>
/// Writes a run to a record log (docs/record-format.md), so that <c>actorft replay</c> can repeat it: round times, inputs with
/// the bytes of disk reads, and digests on the way. A record closes after <see cref="RecordNs"/> or when the machine goes
/// idle; a digest is taken after <see cref="DigestInstructions"/> instructions, but at most once in <see cref="DigestNs"/>.
/// Measured cost: a digest hashes the pages written since the last one, some milliseconds; a record costs what its inputs do.
/// </summary>
internal sealed class RunRecorder : IDisposable
{
    /// <summary>A record's longest time in the machine's scale.</summary>
    public const ulong RecordNs = 10_000_000;

    /// <summary>Instructions between digests, at least.</summary>
    public const ulong DigestInstructions = 100_000_000;

    /// <summary>Time between digests, at least.</summary>
    public const ulong DigestNs = 1_000_000_000;

    private const ulong FlushNs = 100_000_000;

    private readonly Stream _stream;
    private readonly IMachine _machine;
    private readonly RecordLogWriter _writer;
    private readonly RecordBuilder _builder;
    private ulong _openedNs, _digestNs, _flushedNs, _sinceDigest;

    /// <summary>Starts the log with its header.</summary>
    /// <param name="stream">The file; disposed with the recorder.</param>
    /// <param name="machine">The machine, before the first round of this run.</param>
    /// <param name="header">Says which machine it is.</param>
    public RunRecorder(Stream stream, IMachine machine, RecordLogHeader header)
    {
        (_stream, _machine) = (stream, machine);
        _writer = new RecordLogWriter(header);
        _builder = new RecordBuilder(machine.RoundNumber, machine.TimeNs);
        _openedNs = _digestNs = _flushedNs = machine.TimeNs;
        _stream.Write(_writer.Start.Span);
        _stream.Flush();
    }

    /// <summary>Records the round that has just ended.</summary>
    /// <param name="inputs">The inputs it began with.</param>
    /// <param name="outputs">The outputs it made.</param>
    /// <param name="retired">The instructions it retired.</param>
    public void Append(List<MachineInput> inputs, List<MachineOutput> outputs, ulong retired)
    {
        ulong nowNs = _machine.TimeNs;
        if (_builder.RoundCount == 0) _openedNs = nowNs;
        _builder.Append(new Round(nowNs, inputs.Count == 0 ? [] : [.. inputs]), outputs);
        _sinceDigest += retired;
        bool takeDigest = _sinceDigest >= DigestInstructions && nowNs - _digestNs >= DigestNs;
        if (takeDigest || _builder.MustClose || nowNs - _openedNs >= RecordNs) Close(takeDigest);
    }

    /// <summary>The machine waits: nothing is kept from the file for long.</summary>
    public void Idle()
    {
        if (_builder.RoundCount != 0) Close(takeDigest: false);
        Flush(_machine.TimeNs);
    }

    /// <summary>Closes the log in order, with the machine's last digest, and makes it stable.</summary>
    public void End()
    {
        if (_builder.RoundCount != 0) Close(takeDigest: true);
        _stream.Write(_writer.End(new RecordLogEnd(_machine.RoundNumber, _machine.ComputeDigest(), _machine.Power)).Span);
        _stream.Flush();
        if (_stream is FileStream file) file.Flush(flushToDisk: true);
    }

    public void Dispose()
    {
        // After End nothing is left to write; before it the run has failed already, and that error is the one to tell.
        try { _stream.Dispose(); }
        catch (IOException) { }
    }

    private void Close(bool takeDigest)
    {
        ulong nowNs = _machine.TimeNs;
        Record record = _builder.Close(takeDigest ? _machine.ComputeDigest() : null);
        if (takeDigest) (_digestNs, _sinceDigest) = (nowNs, 0);
        _stream.Write(_writer.Append(record).Span);
        Flush(nowNs);
    }

    private void Flush(ulong nowNs)
    {
        if (nowNs - _flushedNs < FlushNs) return;
        _stream.Flush();
        _flushedNs = nowNs;
    }
}
