using System.Runtime.InteropServices;

namespace ActorFT.Node.Tests.Support;

/// <summary>Signals to processes (signal(7)).</summary>
internal static partial class Signal
{
    public const int Interrupt = 2, Kill = 9, User1 = 10, Terminate = 15, Continue = 18, Stop = 19;

    /// <summary>Sends one; to a whole process group, when the number is negative.</summary>
    /// <returns>0: sent; else there is no such process any more, or it is another user's.</returns>
    [LibraryImport("libc", EntryPoint = "kill")]
    public static partial int Send(int process, int signal);
}
