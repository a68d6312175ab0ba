using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// Lets one thread sleep until another signals it or a time is due, with the kernel's precision: .NET's wait handles count
/// in milliseconds, which would make every timer of an idle guest up to one late. An eventfd and ppoll(2).
/// Invariant: a signal given after the sleeper last looked for work ends its next wait at once.
/// </summary>
public sealed unsafe partial class WakeEvent : IDisposable
{
    private const int Awake = 0, Asleep = 1, Signalled = 2;
    private const short PollIn = 1;

    private readonly SafeFileHandle _event;
    private int _state;

    /// <summary>Makes one.</summary>
    /// <exception cref="IOException">The host has no descriptor left.</exception>
    public WakeEvent()
    {
        const int NonBlocking = 0x800, CloseOnExec = 0x80000; // EFD_NONBLOCK, EFD_CLOEXEC
        int descriptor = EventFd(0, NonBlocking | CloseOnExec);
        if (descriptor < 0) throw new IOException($"An eventfd cannot be made: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
        _event = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Whether the sleeper sleeps, or is about to.</summary>
    public bool IsAsleep => Volatile.Read(ref _state) == Asleep;

    /// <summary>Wakes the sleeper, or keeps it from falling asleep. Costs a system call only when it sleeps.</summary>
    public void Signal()
    {
        if (Interlocked.Exchange(ref _state, Signalled) != Asleep) return;
        ulong one = 1;
        _ = Write(_event, &one, sizeof(ulong)); // can only fail when the counter is full: then it is set anyway
    }

    /// <summary>Sleeps until a signal or for <paramref name="timeoutNs"/> nanoseconds; may wake early without reason.</summary>
    public void Wait(ulong timeoutNs)
    {
        if (timeoutNs == 0 || Interlocked.CompareExchange(ref _state, Asleep, Awake) == Signalled)
        {
            // With a full fence: the caller looks for work next, and a processor that looked before the others see Awake would miss work whose
            // signaller still found Signalled, and this store would then wipe the signal out.
            Interlocked.Exchange(ref _state, Awake);
            return;
        }
        // SAFETY: poll and timeout live on this stack for the call's time; the descriptor is open until Dispose.
        var poll = new PollDescriptor { Descriptor = (int)_event.DangerousGetHandle(), Events = PollIn };
        var timeout = new TimeSpec { Seconds = (long)Math.Min(timeoutNs / 1_000_000_000, 3600), Nanoseconds = (long)(timeoutNs % 1_000_000_000) };
        _ = PPoll(&poll, 1, &timeout, null);
        if (Interlocked.Exchange(ref _state, Awake) != Signalled) return;
        ulong count;
        _ = Read(_event, &count, sizeof(ulong)); // not yet written by a signaller in a hurry: the next wait ends early, once
    }

    /// <summary>Closes it; nobody may wait or signal any more.</summary>
    public void Dispose() => _event.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds, Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int PPoll(PollDescriptor* descriptors, nuint count, TimeSpec* timeout, void* signalMask);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(SafeFileHandle file, void* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(SafeFileHandle file, void* bytes, nuint count);
}
