namespace ActorFT.Cluster.Machines;

/// <summary>
/// The data path of a console, used on the machine's thread: bytes have left (to the file, and into what watchers are given) when
/// <see cref="Append"/> returns. See <see cref="NicPort"/> for why.
/// The file is a convenience: one that cannot be written (a full disk, on both servers alike) is told, and ends no replica.
/// </summary>
public sealed class ConsoleLog : IDisposable
{
    /// <summary>Output kept for those who come later, in bytes.</summary>
    public const int KeptBytes = 256 * 1024;

    private readonly object _lock = new();
    private readonly FileStream? _file;
    private bool _isFileFailing;
    private byte[] _kept = new byte[8192];
    private int _keptCount;
    private long _total;

    /// <summary>Opens it.</summary>
    /// <param name="path">A file to which output is appended; null for none.</param>
    public ConsoleLog(string? path) => _file = path is null ? null : new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <summary>Told of each output with its position; called on the machine's thread, must only hand over.</summary>
    public Action<long, ReadOnlyMemory<byte>>? Appended { get; set; }

    /// <summary>Told why the file cannot be written, once, and with null when it can again; called on the machine's thread, must only hand over.</summary>
    public Action<string?>? FileChanged { get; set; }

    /// <summary>The latest output and the position of its first byte.</summary>
    public (long Offset, byte[] Bytes) Kept
    {
        get { lock (_lock) return (_total - _keptCount, _kept.AsSpan(0, _keptCount).ToArray()); }
    }

    /// <summary>Puts output out.</summary>
    public void Append(ReadOnlyMemory<byte> bytes)
    {
        if (_file is not null) WriteFile(_file, bytes.Span);
        long offset;
        lock (_lock)
        {
            offset = _total;
            _total += bytes.Length;
            Keep(bytes.Span[Math.Max(0, bytes.Length - KeptBytes)..]);
        }

        Appended?.Invoke(offset, bytes);
    }

    private void WriteFile(FileStream file, ReadOnlySpan<byte> bytes)
    {
        try
        {
            file.Write(bytes);
            if (_isFileFailing) FileChanged?.Invoke(null);
            _isFileFailing = false;
        }
        catch (ObjectDisposedException)
        {
            // The node stops: the console's actor may have closed it before the coordinator ended.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isFileFailing) FileChanged?.Invoke(e.Message);
            _isFileFailing = true;
        }
    }

    private void Keep(ReadOnlySpan<byte> tail)
    {
        int excess = _keptCount + tail.Length - KeptBytes;
        if (excess > 0)
        {
            // Forgets a quarter at a time, so that moving what is kept costs little.
            excess = Math.Min(_keptCount, Math.Max(excess, KeptBytes / 4));
            _kept.AsSpan(excess, _keptCount - excess).CopyTo(_kept);
            _keptCount -= excess;
        }

        if (_keptCount + tail.Length > _kept.Length) Array.Resize(ref _kept, Math.Min(KeptBytes, Math.Max(_kept.Length * 2, _keptCount + tail.Length)));
        tail.CopyTo(_kept.AsSpan(_keptCount));
        _keptCount += tail.Length;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();
}
