using System.Runtime.InteropServices;

namespace ActorFT.Network.Native;

/// <summary>The calling thread's standing with the host's scheduler. What the host does not allow or does not know is left as it is.</summary>
public static unsafe partial class HostThread
{
    private const int PrioProcess = 0, Urgent = 10, Important = 5; // above what the program was started with
    private const int ResetOnFork = 0x4000_0000; // SCHED_RESET_ON_FORK
    private const ulong FlagResetOnFork = 1; // SCHED_FLAG_RESET_ON_FORK

    // The least that the kernel takes (sched_setattr(2)): whoever asks for short turns gets them sooner. Linux 6.12 and later.
    private const ulong ShortTurnNs = 100_000;

    /// <summary>
    /// Lets this thread run before those that compute, where the host allows it (root, CAP_SYS_NICE, RLIMIT_NICE): a record, an acknowledgement or a heartbeat must not
    /// wait for the end of a time slice in which a core runs a machine. Only for threads that wait most of the time.
    /// </summary>
    public static void Prefer() => Raise(Urgent);

    /// <summary>
    /// Lets this thread, which runs a machine, come before what its server does besides, answering requests above all: three times their share where both want the
    /// processor all the time, in short turns, so that clients do not wait while a request has its own. Heartbeats and the like still get theirs.
    /// </summary>
    public static void PreferMachine() => Raise(Important);

    private static void Raise(int by)
    {
        int nice = GetPriority(PrioProcess, (uint)Environment.ProcessId) - by; // the first thread's is what the program was started with; calls do not add up
        _ = SetPriority(PrioProcess, 0, nice); // sched(7): on Linux who = 0 is this thread
        if (SyscallNumber == 0 || (GetScheduler(0) & ~ResetOnFork) != 0) return; // an operator's own policy stays
        // A thread that is made by this one, of .NET's pool for instance, starts as any other.
        Attributes attributes = new() { Size = (uint)sizeof(Attributes), Flags = FlagResetOnFork, Nice = GetPriority(PrioProcess, 0), TurnNs = ShortTurnNs };
        _ = Syscall(SyscallNumber, 0, &attributes, 0); // SAFETY: the kernel reads Size bytes of it during the call
    }

    // sched_setattr; libc has no function for it everywhere.
    private static nint SyscallNumber => RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => 314, Architecture.Arm64 => 274, _ => 0 };

    // struct sched_attr of sched_setattr(2), its first version.
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Size, Policy;
        public ulong Flags;
        public int Nice;
        public uint RealTimePriority;
        public ulong TurnNs, DeadlineNs, PeriodNs;
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int nice);

    [LibraryImport("libc", EntryPoint = "getpriority")]
    private static partial int GetPriority(int which, uint who);

    [LibraryImport("libc", EntryPoint = "sched_getscheduler")]
    private static partial int GetScheduler(int thread);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint Syscall(nint number, int thread, Attributes* attributes, uint flags);
}
