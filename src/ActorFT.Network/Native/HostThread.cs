using System.Runtime.InteropServices;

namespace ActorFT.Network.Native;

/// <summary>The calling thread's standing with the host's scheduler.</summary>
public static partial class HostThread
{
    private const int PrioProcess = 0, Urgent = -10;

    /// <summary>
    /// Lets this thread run before those that compute, where the host allows it (root, or CAP_SYS_NICE): a record, an acknowledgement or a heartbeat must not
    /// wait for the end of a time slice in which a core runs a machine. Only for threads that wait most of the time.
    /// </summary>
    public static void Prefer() => _ = SetPriority(PrioProcess, 0, Urgent); // sched(7): on Linux who = 0 is this thread

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int nice);
}
