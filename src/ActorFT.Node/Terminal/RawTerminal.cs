using System.Runtime.InteropServices;

namespace ActorFT.Node.Terminal;

/// <summary>
/// The terminal on standard input in raw mode: every key goes to the guest. <see cref="Restore"/> sets it back as it was;
/// it may be called from any thread and more than once, so that every way out of the program can call it.
/// </summary>
internal sealed unsafe partial class RawTerminal : IDisposable
{
    private const int StandardInput = 0, SetNow = 0; // TCSANOW
    private const int TermiosBytes = 256; // struct termios has 60 bytes on Linux; more does no harm

    private readonly byte[] _saved;
    private int _restored;

    private RawTerminal(byte[] saved) => _saved = saved;

    /// <summary>Whether standard input is a terminal.</summary>
    public static bool IsTerminal(int descriptor) => IsATty(descriptor) == 1;

    /// <summary>Goes to raw mode; null when standard input is no terminal.</summary>
    public static RawTerminal? Enter()
    {
        if (!IsTerminal(StandardInput)) return null;
        byte[] saved = new byte[TermiosBytes];
        fixed (byte* settings = saved)
        {
            if (GetAttributes(StandardInput, settings) != 0) return null;
        }
        var terminal = new RawTerminal(saved);
        terminal.SetRaw();
        return terminal;
    }

    /// <summary>Goes to raw mode again, as is needed after the program was stopped and continued.</summary>
    public void SetRaw()
    {
        if (Volatile.Read(ref _restored) != 0) return;
        byte[] raw = [.. _saved];
        fixed (byte* settings = raw)
        {
            MakeRaw(settings);
            _ = SetAttributes(StandardInput, SetNow, settings);
        }
    }

    /// <summary>Sets the terminal back as it was found.</summary>
    public void Restore()
    {
        if (Interlocked.Exchange(ref _restored, 1) != 0) return;
        fixed (byte* settings = _saved) _ = SetAttributes(StandardInput, SetNow, settings);
    }

    public void Dispose() => Restore();

    [LibraryImport("libc", EntryPoint = "isatty")]
    private static partial int IsATty(int descriptor);

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int descriptor, byte* settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int descriptor, int when, byte* settings);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw(byte* settings);
}
