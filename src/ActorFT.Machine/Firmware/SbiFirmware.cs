using ActorFT.Machine.Cpu;
using ActorFT.Machine.Devices;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Firmware;

/// <summary>
/// The supervisor execution environment: SBI v2.0 BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN and the legacy extensions, served
/// by the machine in place of M-mode code. Has no state of its own: what it changes is in harts, UART and the machine's power.
/// </summary>
/// <param name="harts">All harts; the index is the hart id.</param>
/// <param name="memory">RAM, for buffers that are given by physical address.</param>
/// <param name="uart">The console behind DBCN and the legacy calls.</param>
/// <param name="power">Called when the guest shuts down or reboots.</param>
internal sealed class SbiFirmware(Hart[] harts, GuestMemory memory, Uart16550 uart, Action<PowerEvent> power)
{
    private const uint A0 = 10, A1 = 11, A2 = 12, A6 = 16, A7 = 17;
    private const ulong SpecVersion = 2UL << 24; // major 2, minor 0
    private const ulong ImplementationId = 0xAF7; // not in the registry of known ones
    private const ulong ImplementationVersion = 1;

    /// <summary>Longest DBCN write or read of one call; the guest calls again for the rest, as the extension allows.</summary>
    private const int ConsoleChunkBytes = 4096;

    /// <summary>Serves one ECALL from S-mode.</summary>
    public void Call(Hart hart)
    {
        ulong extension = hart.X(A7), function = hart.X(A6);
        if (extension <= SbiExtension.LegacyShutdown)
        {
            CallLegacy(hart, extension);
            return;
        }

        (long error, ulong value) = extension switch
        {
            SbiExtension.Base => CallBase(hart, function),
            SbiExtension.Time when function == 0 => SetTimer(hart, hart.X(A0)),
            SbiExtension.Ipi when function == 0 => (SendIpi(hart.X(A0), hart.X(A1)), 0UL),
            SbiExtension.RemoteFence => RemoteFence(hart, function),
            SbiExtension.HartState => CallHartState(hart, function),
            SbiExtension.SystemReset when function == 0 => ResetSystem(hart, hart.X(A0), hart.X(A1)),
            SbiExtension.DebugConsole => CallDebugConsole(hart, function),
            _ => (SbiError.NotSupported, 0UL),
        };
        hart.X(A0) = (ulong)error;
        hart.X(A1) = value;
    }

    private static (long Error, ulong Value) CallBase(Hart hart, ulong function) => function switch
    {
        0 => (SbiError.Success, SpecVersion),
        1 => (SbiError.Success, ImplementationId),
        2 => (SbiError.Success, ImplementationVersion),
        3 => (SbiError.Success, IsAvailable(hart.X(A0)) ? 1UL : 0UL),
        4 or 5 or 6 => (SbiError.Success, 0UL), // mvendorid, marchid, mimpid: not a commercial implementation
        _ => (SbiError.NotSupported, 0UL),
    };

    private static bool IsAvailable(ulong extension) => extension is <= SbiExtension.LegacyShutdown or SbiExtension.Base or SbiExtension.Time
        or SbiExtension.Ipi or SbiExtension.RemoteFence or SbiExtension.HartState or SbiExtension.SystemReset or SbiExtension.DebugConsole;

    private static (long Error, ulong Value) SetTimer(Hart hart, ulong ticks)
    {
        hart.TimerCompareTicks = ticks;
        return (SbiError.Success, 0);
    }

    // A hart mask is a word of bits and the hart id of bit 0; a base of -1 means every hart (SBI v2.0 chapter 3.1).
    private bool IsValidMask(ulong mask, ulong maskBase)
    {
        if (maskBase == ulong.MaxValue) return true;
        if (maskBase >= (ulong)harts.Length) return mask == 0;
        int reach = harts.Length - (int)maskBase;
        return reach >= 64 || mask >> reach == 0;
    }

    private static bool InMask(int hartId, ulong mask, ulong maskBase) =>
        maskBase == ulong.MaxValue || ((ulong)hartId >= maskBase && (ulong)hartId - maskBase < 64 && ((mask >> (int)((ulong)hartId - maskBase)) & 1) != 0);

    private long SendIpi(ulong mask, ulong maskBase)
    {
        if (!IsValidMask(mask, maskBase)) return SbiError.InvalidParameter;
        foreach (Hart target in harts)
            if (InMask(target.Id, mask, maskBase)) target.SetSoftwareInterrupt(true);
        return SbiError.Success;
    }

    // Code and translations are coherent with memory at all times on every hart, so a remote fence has nothing to do.
    private (long Error, ulong Value) RemoteFence(Hart hart, ulong function) =>
        function > 2 ? (SbiError.NotSupported, 0UL) // 3 to 6 need the hypervisor extension
            : (IsValidMask(hart.X(A0), hart.X(A1)) ? SbiError.Success : SbiError.InvalidParameter, 0UL);

    private (long Error, ulong Value) CallHartState(Hart hart, ulong function)
    {
        switch (function)
        {
            case 0: return (StartHart(hart.X(A0), hart.X(A1), hart.X(A2)), 0);
            case 1:
                hart.State = HartState.Stopped;
                hart.Stop(QuantumEnd.Stopped);
                return (SbiError.Success, 0);
            case 2:
                if (hart.X(A0) >= (ulong)harts.Length) return (SbiError.InvalidParameter, 0);
                return (SbiError.Success, harts[(int)hart.X(A0)].State == HartState.Stopped ? 1UL : 0UL); // STOPPED : STARTED
            case 3:
                if ((uint)hart.X(A0) != 0) return (SbiError.NotSupported, 0); // only default retentive suspend, which is WFI
                hart.WaitForInterrupt();
                return (SbiError.Success, 0);
            default: return (SbiError.NotSupported, 0);
        }
    }

    private long StartHart(ulong hartId, ulong address, ulong opaque)
    {
        if (hartId >= (ulong)harts.Length) return SbiError.InvalidParameter;
        if ((address & 1) != 0 || !memory.Contains(address, 2)) return SbiError.InvalidAddress;
        Hart target = harts[(int)hartId];
        if (target.State != HartState.Stopped) return SbiError.AlreadyAvailable;
        target.Start(address, opaque);
        return SbiError.Success;
    }

    private (long Error, ulong Value) ResetSystem(Hart hart, ulong type, ulong reason)
    {
        if ((uint)type > 2 || (uint)reason > 1) return (SbiError.InvalidParameter, 0);
        Power((uint)type != 0 ? PowerEvent.Reboot : (uint)reason == 1 ? PowerEvent.ShutdownWithFailure : PowerEvent.Shutdown, hart);
        return (SbiError.Success, 0);
    }

    private void Power(PowerEvent what, Hart hart)
    {
        power(what);
        hart.Stop(QuantumEnd.PowerOff);
    }

    private (long Error, ulong Value) CallDebugConsole(Hart hart, ulong function)
    {
        ulong count = hart.X(A0), address = hart.X(A1);
        switch (function)
        {
            case 0 or 1:
                if (hart.X(A2) != 0 || !memory.Contains(address, count)) return (SbiError.InvalidParameter, 0);
                int bytes = (int)Math.Min(count, ConsoleChunkBytes);
                return (SbiError.Success, function == 0 ? WriteConsole(address, bytes) : ReadConsole(address, bytes));
            case 2:
                return (uart.WriteFromFirmware([(byte)count]) == 1 ? SbiError.Success : SbiError.Failed, 0);
            default:
                return (SbiError.NotSupported, 0);
        }
    }

    private ulong WriteConsole(ulong address, int bytes)
    {
        Span<byte> buffer = stackalloc byte[ConsoleChunkBytes];
        memory.TryRead(address, buffer[..bytes]);
        return (ulong)uart.WriteFromFirmware(buffer[..bytes]); // fewer when the round's limit is reached
    }

    private ulong ReadConsole(ulong address, int bytes)
    {
        ulong read = 0;
        while (read < (ulong)bytes && uart.TryReadForFirmware(out byte value)) memory.TryWrite(address + read++, [value]);
        return read;
    }

    // Legacy calls return in a0 alone (SBI v2.0 chapter 5). Hart masks are words at a virtual address; 0 means all.
    private void CallLegacy(Hart hart, ulong extension)
    {
        long result = SbiError.Success;
        switch (extension)
        {
            case SbiExtension.LegacySetTimer: hart.TimerCompareTicks = hart.X(A0); break;
            case SbiExtension.LegacyPutChar: uart.WriteFromFirmware([(byte)hart.X(A0)]); break;
            case SbiExtension.LegacyGetChar: result = uart.TryReadForFirmware(out byte value) ? value : -1; break;
            case SbiExtension.LegacyClearIpi: hart.SetSoftwareInterrupt(false); break;
            case SbiExtension.LegacySendIpi:
                ulong mask = ulong.MaxValue;
                if (hart.X(A0) != 0 && !hart.TryReadVirtual(hart.X(A0), out mask)) result = SbiError.InvalidAddress;
                else
                    foreach (Hart target in harts)
                        if (InMask(target.Id, mask, 0)) target.SetSoftwareInterrupt(true);
                break;
            case SbiExtension.LegacyShutdown: Power(PowerEvent.Shutdown, hart); break;
        }

        hart.X(A0) = (ulong)result;
    }
}
