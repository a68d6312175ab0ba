using ActorFT.Lockstep.Records;
using ActorFT.Machine.State;

namespace ActorFT.Node.Replaying;

/// <summary>A record log's file, read from its start to where it can be read no further.</summary>
internal sealed class RecordLogFile : IDisposable
{
    private readonly Stream _stream;
    private readonly RecordLogReader _reader = new();
    private readonly byte[] _buffer = new byte[256 << 10];
    private bool _atEnd;

    private RecordLogFile(Stream stream)
    {
        _stream = stream;
        Header = null!;
    }

    /// <summary>Which machine was recorded.</summary>
    public RecordLogHeader Header { get; private set; }

    /// <summary>Set when all readable entries were read and the log was not closed in order.</summary>
    public RecordLogProblem? Problem => _reader.Problem;

    /// <summary>How much of the file was read, 0 to 1; 1 when its length is not known.</summary>
    public double Progress => _stream is { CanSeek: true, Length: > 0 } ? (double)_reader.OffsetBytes / _stream.Length : 1;

    /// <summary>Reads the header.</summary>
    /// <param name="stream">The file; disposed with this, or when it is no log.</param>
    /// <exception cref="StateFormatException">Not a record log, of another version, or torn within its header.</exception>
    public static RecordLogFile Open(Stream stream)
    {
        var log = new RecordLogFile(stream);
        try
        {
            RecordLogHeader? header;
            while (!log._reader.TryReadHeader(out header))
            {
                if (log.Feed()) continue;
                log._reader.Finish(); // throws: the file ends before its header does
                throw new StateFormatException("The record log has no header.");
            }
            log.Header = header!;
            return log;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The next entry; null when there is none, or none that can be read (<see cref="Problem"/>).</summary>
    public RecordLogEntry? Read()
    {
        while (true)
        {
            if (_reader.TryRead(out RecordLogEntry entry)) return entry;
            if (_reader.Problem is not null) return null;
            if (Feed()) continue;
            _reader.Finish();
            return null;
        }
    }

    public void Dispose() => _stream.Dispose();

    private bool Feed()
    {
        if (_atEnd) return false;
        int count = _stream.Read(_buffer);
        _atEnd = count == 0;
        _reader.Feed(_buffer.AsSpan(0, count));
        return !_atEnd;
    }
}
