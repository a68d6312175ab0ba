using System.Runtime.InteropServices;

namespace ActorFT.Node.Terminal;

/// <summary>
/// Standard input, output and error as the descriptors they are: no buffering, no encoding, no terminal settings of
/// .NET's own, and the file position shared with whoever shares the descriptor.
/// </summary>
internal static unsafe partial class StandardStream
{
    /// <summary>Descriptor numbers.</summary>
    public const int Input = 0, Output = 1, Error = 2;

    private const int Interrupted = 4, TryAgain = 11; // EINTR, EAGAIN

    /// <summary>Reads what there is, waiting for at least one byte; 0 at the end.</summary>
    public static int Read(int descriptor, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                nint count = ReadFile(descriptor, bytes, (nuint)buffer.Length);
                if (count >= 0) return (int)count;
                if (!WaitOrThrow(descriptor, forInput: true)) return 0;
            }
        }
    }

    /// <summary>Writes all bytes.</summary>
    /// <exception cref="IOException">The other end is gone, or the host cannot write.</exception>
    public static void Write(int descriptor, ReadOnlySpan<byte> source)
    {
        fixed (byte* bytes = source)
        {
            nuint done = 0;
            while (done < (nuint)source.Length)
            {
                nint count = WriteFile(descriptor, bytes + done, (nuint)source.Length - done);
                if (count >= 0) done += (nuint)count;
                else WaitOrThrow(descriptor, forInput: false);
            }
        }
    }

    private static bool WaitOrThrow(int descriptor, bool forInput)
    {
        int error = Marshal.GetLastPInvokeError();
        if (error == Interrupted) return true;
        if (error == TryAgain)
        {
            // Another program made the shared descriptor non-blocking.
            var poll = new PollDescriptor { Descriptor = descriptor, Events = forInput ? (short)1 : (short)4 };
            _ = Poll(&poll, 1, -1);
            return true;
        }
        if (forInput) return false; // EIO: the terminal is gone; the same as its end
        throw new IOException($"{(descriptor == Output ? "Standard output" : "Standard error")} cannot be written: {Marshal.GetPInvokeErrorMessage(error)}.");
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Returned;
    }

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFile(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteFile(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);
}
