using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Node.SaveFiles;

/// <summary>Files that are there whole or not at all: a temporary file beside, fsync, rename, fsync of the folder.</summary>
internal static partial class AtomicFile
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Writes a file; on failure what had its name stays.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        string full = Path.GetFullPath(path);
        string temporary = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
            FlushFolder(Path.GetDirectoryName(full)!);
        }
        catch
        {
            try { File.Delete(temporary); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the first error is the one to tell */ }
            throw;
        }
    }

    private static void FlushFolder(string folder)
    {
        const int ReadOnly = 0, CloseOnExec = 0x80000; // O_RDONLY, O_CLOEXEC
        using var handle = new SafeFileHandle(Open(folder, ReadOnly | CloseOnExec), ownsHandle: true);
        if (!handle.IsInvalid) _ = FSync(handle); // some file systems cannot; the rename is then as stable as they make it
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FSync(SafeFileHandle file);
}
