using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Storage.Files;

/// <summary>The few system calls that .NET does not offer. Elsewhere than on Linux callers take the portable way.</summary>
internal static class LinuxFile
{
    // fallocate(2): modes from linux/falloc.h.
    private const int KeepSize = 0x01, PunchHole = 0x02;
    internal const int Eio = 5, EnoSpace = 28, EopNotSupp = 95, EnoSys = 38, Einval = 22, EnoDev = 19, Enxio = 6, Edquot = 122, Eintr = 4;

    [DllImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static extern int Fallocate(SafeFileHandle fd, int mode, long offset, long length);

    [DllImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static extern int Fdatasync(SafeFileHandle fd);

    /// <summary>Punches a hole; 0, or the errno.</summary>
    internal static int PunchHoleAt(SafeFileHandle file, long offset, long length) => Call(() => Fallocate(file, KeepSize | PunchHole, offset, length));

    /// <summary>Reserves space, growing the file; 0, or the errno.</summary>
    internal static int ReserveSpace(SafeFileHandle file, long offset, long length) => Call(() => Fallocate(file, 0, offset, length));

    /// <summary>fdatasync: data and the metadata needed to read it back; 0, or the errno.</summary>
    internal static int SyncData(SafeFileHandle file) => Call(() => Fdatasync(file));

    // sync_file_range(2): begins to write out dirty pages and waits for none.
    private const uint BeginWrite = 0x02;

    [DllImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static extern int SyncFileRange(SafeFileHandle fd, long offset, long length, uint flags);

    /// <summary>Has the kernel begin to write out dirty pages; 0, or the errno. What fails on the way the next fdatasync tells.</summary>
    internal static int BeginWriteBack(SafeFileHandle file, long offset, long length) => Call(() => SyncFileRange(file, offset, length, BeginWrite));

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int OpenRaw([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    /// <summary>Makes the names in a folder durable: a file made there is still there after a crash. 0, or the errno.</summary>
    internal static int SyncFolder(string path)
    {
        const int readOnlyCloseOnExec = 0x80000; // O_RDONLY | O_CLOEXEC
        int descriptor = OpenRaw(path, readOnlyCloseOnExec);
        if (descriptor < 0) return Marshal.GetLastPInvokeError();
        using var folder = new SafeFileHandle(descriptor, ownsHandle: true);
        return SyncData(folder);
    }

    private static int Call(Func<int> systemCall)
    {
        while (true)
        {
            if (systemCall() == 0) return 0;
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Eintr) return errno;
        }
    }
}
