using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Storage.Raw;

/// <summary>
/// A disk image without any structure of its own: a regular file or a block device whose bytes are the disk's. One owner
/// at a time: it is locked against other programs that open it the same way (flock). Positional, so that no two calls
/// share a file position. Errors are the host's <see cref="IOException"/> and <see cref="UnauthorizedAccessException"/>.
/// </summary>
public sealed class RawImage : IDisposable
{
    /// <summary>A disk's smallest unit.</summary>
    public const int SectorBytes = 512;

    private const int ZeroPieceBytes = 1 << 20;

    private readonly SafeFileHandle _file;
    private bool _canPunchHoles = true;

    private RawImage(SafeFileHandle file, ulong capacityBytes)
    {
        _file = file;
        CapacityBytes = capacityBytes;
    }

    /// <summary>Its size in bytes when it was opened.</summary>
    public ulong CapacityBytes { get; }

    /// <summary>Opens an image that exists.</summary>
    /// <param name="path">A regular file or a block device.</param>
    /// <param name="isReadOnly">Whether nothing will be written; read-only owners may share an image.</param>
    /// <exception cref="InvalidDataException">Its size is not a positive multiple of 512; the message says so.</exception>
    /// <exception cref="IOException">The host cannot open it, or another program has it open.</exception>
    /// <exception cref="UnauthorizedAccessException">No permission, or a folder.</exception>
    public static RawImage Open(string path, bool isReadOnly)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.Open, isReadOnly ? FileAccess.Read : FileAccess.ReadWrite,
            isReadOnly ? FileShare.Read : FileShare.None);
        try
        {
            // SEEK_END gives the size of regular files and of block devices, whose st_size is 0.
            long size = Native.Seek(file, 0, Native.SeekEnd);
            if (size <= 0 || size % SectorBytes != 0)
                throw new InvalidDataException($"{path} has {Math.Max(size, 0)} bytes; a disk image has a positive multiple of {SectorBytes}.");
            return new RawImage(file, (ulong)size);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads exactly the bytes asked for.</summary>
    /// <exception cref="EndOfStreamException">The image was cut behind our back.</exception>
    public void Read(ulong offsetBytes, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = RandomAccess.Read(_file, destination, checked((long)offsetBytes));
            if (count == 0) throw new EndOfStreamException($"The image ends before offset {offsetBytes}.");
            destination = destination[count..];
            offsetBytes += (ulong)count;
        }
    }

    /// <summary>Writes the bytes; not stable before <see cref="Flush"/>.</summary>
    public void Write(ulong offsetBytes, ReadOnlySpan<byte> source) => RandomAccess.Write(_file, source, checked((long)offsetBytes));

    /// <summary>Makes a range read as zeroes: as a hole where the file system can, else by writing.</summary>
    public void WriteZeroes(ulong offsetBytes, ulong lengthBytes)
    {
        if (lengthBytes == 0) return;
        if (_canPunchHoles)
        {
            int error = Native.PunchHole(_file, checked((long)offsetBytes), checked((long)lengthBytes));
            if (error == 0) return;
            if (error is not (Native.NotSupported or Native.NotImplemented or Native.NoDevice))
                throw new IOException($"Zeroing {lengthBytes} bytes at {offsetBytes} failed: {Marshal.GetPInvokeErrorMessage(error)}.");
            _canPunchHoles = false;
        }
        byte[] zeroes = new byte[Math.Min(lengthBytes, ZeroPieceBytes)];
        while (lengthBytes != 0)
        {
            int piece = (int)Math.Min(lengthBytes, (ulong)zeroes.Length);
            Write(offsetBytes, zeroes.AsSpan(0, piece));
            offsetBytes += (ulong)piece;
            lengthBytes -= (ulong)piece;
        }
    }

    /// <summary>Makes everything written before stable (fsync).</summary>
    public void Flush() => RandomAccess.FlushToDisk(_file);

    /// <summary>Closes the image and gives up the lock.</summary>
    public void Dispose() => _file.Dispose();

    private static class Native
    {
        public const int SeekEnd = 2;
        public const int NotSupported = 95, NotImplemented = 38, NoDevice = 19; // EOPNOTSUPP, ENOSYS, ENODEV
        private const int Interrupted = 4; // EINTR
        private const int KeepSize = 1, PunchHoleMode = 2; // FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE

        [DllImport("libc", EntryPoint = "lseek", SetLastError = true)]
        private static extern long LSeek(SafeFileHandle file, long offset, int whence);

        [DllImport("libc", EntryPoint = "fallocate", SetLastError = true)]
        private static extern int FAllocate(SafeFileHandle file, int mode, long offset, long length);

        public static long Seek(SafeFileHandle file, long offset, int whence)
        {
            long position = LSeek(file, offset, whence);
            return position >= 0 ? position : throw new IOException($"Its size cannot be found: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
        }

        /// <summary>0, or the host's error number.</summary>
        public static int PunchHole(SafeFileHandle file, long offset, long length)
        {
            while (true)
            {
                if (FAllocate(file, PunchHoleMode | KeepSize, offset, length) == 0) return 0;
                int error = Marshal.GetLastPInvokeError();
                if (error != Interrupted) return error;
            }
        }
    }
}
