using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Storage.Files;

/// <summary>
/// A regular file or block device of the host. Opened for itself alone: the host's lock (flock, exclusive) refuses a second
/// opener, in this process or another, for as long as this object lives.
/// </summary>
public sealed class HostBlockFile : IBlockFile
{
    private const int ZeroChunkBytes = 1 << 20;
    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private long _lengthBytes;

    private HostBlockFile(string path, SafeFileHandle handle, long lengthBytes)
    {
        _path = path;
        _handle = handle;
        _lengthBytes = lengthBytes;
    }

    /// <summary>Opens an existing file or block device.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="what">What it is, for messages: "image", "metadata".</param>
    /// <exception cref="StorageConfigurationException">It is not there, not readable and writable, or in use.</exception>
    public static HostBlockFile Open(string path, string what) => OpenWith(path, what, FileMode.Open);

    /// <summary>Makes a new, empty file.</summary>
    /// <exception cref="StorageConfigurationException">It exists, or it cannot be made there.</exception>
    public static HostBlockFile Create(string path, string what) => OpenWith(path, what, FileMode.CreateNew);

    private static HostBlockFile OpenWith(string path, string what, FileMode mode)
    {
        try
        {
            string full = ResolvePath(path);
            if (Directory.Exists(full)) throw new StorageConfigurationException($"The {what} \"{path}\" is a folder; a regular file or block device is needed.");
            SafeFileHandle handle = File.OpenHandle(full, mode, FileAccess.ReadWrite, FileShare.None, FileOptions.RandomAccess);
            try
            {
                return new HostBlockFile(full, handle, MeasureLength(full, handle));
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
        catch (FileNotFoundException e) { throw new CopyUnusableException($"The {what} \"{path}\" does not exist.", e); }
        catch (DirectoryNotFoundException e) { throw new CopyUnusableException($"The folder of the {what} \"{path}\" does not exist.", e); }
        catch (UnauthorizedAccessException e) { throw new CopyUnusableException($"The {what} \"{path}\" may not be read and written by this user.", e); }
        catch (IOException e) when (mode == FileMode.CreateNew && File.Exists(path)) { throw new StorageConfigurationException($"The {what} \"{path}\" exists already; it was left as it is.", e); }
        catch (IOException e) when (e is not BlockIoException)
        {
            throw IsLockConflict(e)
                ? new StorageConfigurationException($"The {what} \"{path}\" is in use by another machine or program; one image serves one machine.", e)
                : new CopyUnusableException($"The {what} \"{path}\" cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>The path with its last symbolic link followed: two names of one image are one.</summary>
    internal static string ResolvePath(string path)
    {
        string full = Path.GetFullPath(path);
        return new FileInfo(full).LinkTarget is null ? full : File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
    }

    // .NET reports flock's EWOULDBLOCK (EAGAIN, 11) as a sharing violation with the errno in HResult.
    private static bool IsLockConflict(IOException e) =>
        e.HResult is 11 or unchecked((int)0x80070020) || e.Message.Contains("being used by another process", StringComparison.Ordinal);

    private static long MeasureLength(string path, SafeFileHandle handle)
    {
        long length = RandomAccess.GetLength(handle);
        if (length > 0 || !path.StartsWith("/dev/", StringComparison.Ordinal)) return length;
        // A block device has no file length; the kernel tells its size in sectors of 512 bytes.
        string sizeFile = $"/sys/class/block/{Path.GetFileName(path)}/size";
        return File.Exists(sizeFile) && long.TryParse(File.ReadAllText(sizeFile).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long sectors) ? sectors * 512 : length;
    }

    /// <inheritdoc/>
    public string Name => _path;

    /// <inheritdoc/>
    public long LengthBytes => Volatile.Read(ref _lengthBytes);

    /// <inheritdoc/>
    public bool IsVanished
    {
        get
        {
            if (_handle.IsClosed) return true;
            if (!OperatingSystem.IsLinux()) return !File.Exists(_path);
            // The kernel names the inode this descriptor holds; a deleted one carries the suffix " (deleted)".
            string? target = new FileInfo("/proc/self/fd/" + _handle.DangerousGetHandle().ToString(CultureInfo.InvariantCulture)).LinkTarget;
            return target is null || target.EndsWith(" (deleted)", StringComparison.Ordinal) || !File.Exists(_path);
        }
    }

    /// <inheritdoc/>
    public void Read(long offsetBytes, Span<byte> buffer)
    {
        try
        {
            while (buffer.Length > 0)
            {
                int count = RandomAccess.Read(_handle, buffer, offsetBytes);
                if (count == 0) throw new BlockIoException(CopyFaultKind.IoError, $"{_path} ends at byte {offsetBytes}, before the data asked for.");
                buffer = buffer[count..];
                offsetBytes += count;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException && e is not BlockIoException) { throw Translate(e, "read"); }
    }

    /// <inheritdoc/>
    public void Write(long offsetBytes, ReadOnlySpan<byte> data)
    {
        try
        {
            RandomAccess.Write(_handle, data, offsetBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException && e is not BlockIoException) { throw Translate(e, "write"); }
    }

    /// <inheritdoc/>
    public void ZeroRange(long offsetBytes, long lengthBytes)
    {
        if (lengthBytes == 0) return;
        if (OperatingSystem.IsLinux())
        {
            int errno = LinuxFile.PunchHoleAt(_handle, offsetBytes, lengthBytes);
            if (errno == 0) return;
            if (errno is not (LinuxFile.EopNotSupp or LinuxFile.EnoSys or LinuxFile.Einval or LinuxFile.EnoDev)) throw FromErrno(errno, "discard");
        }
        byte[] zeroes = new byte[(int)Math.Min(lengthBytes, ZeroChunkBytes)];
        for (long done = 0; done < lengthBytes; done += zeroes.Length)
            Write(offsetBytes + done, zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, lengthBytes - done)));
    }

    /// <inheritdoc/>
    public void BeginWriteBack(long offsetBytes, long lengthBytes)
    {
        if (OperatingSystem.IsLinux() && !_handle.IsClosed) LinuxFile.BeginWriteBack(_handle, offsetBytes, lengthBytes);
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (OperatingSystem.IsLinux())
        {
            int errno = LinuxFile.SyncData(_handle);
            if (errno != 0) throw FromErrno(errno, "flush");
            return;
        }
        try
        {
            RandomAccess.FlushToDisk(_handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException) { throw Translate(e, "flush"); }
    }

    /// <inheritdoc/>
    public void Reserve(long lengthBytes)
    {
        if (lengthBytes <= LengthBytes) return;
        int errno = OperatingSystem.IsLinux() ? LinuxFile.ReserveSpace(_handle, 0, lengthBytes) : LinuxFile.EopNotSupp;
        if (errno is LinuxFile.EopNotSupp or LinuxFile.EnoSys) Extend(lengthBytes);
        else if (errno != 0) throw FromErrno(errno, "reserve space");
        Volatile.Write(ref _lengthBytes, lengthBytes);
    }

    /// <summary>Grows the file without reserving space: a sparse image.</summary>
    internal void Extend(long lengthBytes)
    {
        if (lengthBytes <= LengthBytes) return;
        try
        {
            RandomAccess.SetLength(_handle, lengthBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException) { throw Translate(e, "grow"); }
        Volatile.Write(ref _lengthBytes, lengthBytes);
    }

    private BlockIoException FromErrno(int errno, string operation) => new(
        errno is LinuxFile.EnoSpace or LinuxFile.Edquot ? CopyFaultKind.NoSpace : errno is LinuxFile.EnoDev or LinuxFile.Enxio ? CopyFaultKind.Vanished : CopyFaultKind.IoError,
        $"{_path}: {operation} failed with error {errno}.");

    private BlockIoException Translate(Exception e, string operation)
    {
        // .NET maps ENOSPC to ERROR_DISK_FULL; other errnos arrive as they are.
        CopyFaultKind kind = e is ObjectDisposedException ? CopyFaultKind.Vanished
            : e.HResult is LinuxFile.EnoSpace or LinuxFile.Edquot or unchecked((int)0x80070070) or unchecked((int)0x80070027) ? CopyFaultKind.NoSpace
            : e.HResult is LinuxFile.EnoDev or LinuxFile.Enxio ? CopyFaultKind.Vanished : CopyFaultKind.IoError;
        return new BlockIoException(kind, $"{_path}: {operation} failed: {e.Message}", e);
    }

    /// <summary>Closes the file and gives the lock back. Does not flush.</summary>
    public void Dispose() => _handle.Dispose();
}
