using System.Numerics;

namespace ActorFT.Machine.Cpu;

// Exceptions, interrupts, SRET, WFI. All traps go to S-mode: M-mode is the machine itself (design.md §2).
internal sealed unsafe partial class Hart
{
    private bool _externalPending;
    private bool _softwarePending;
    private ulong _exceptions;
    private ulong _slotsBase;

    /// <summary>SSIP: set by another hart's IPI.</summary>
    public void SetSoftwareInterrupt(bool pending) => _softwarePending = pending;

    /// <summary>Looks at the PLIC's line. It changes within a quantum only by this hart's own accesses to devices.</summary>
    public void RefreshExternalInterrupt() => _externalPending = Environment.ExternalInterruptPending(Id);

    /// <summary>sip as read.</summary>
    public ulong PendingInterrupts =>
        (_softwarePending ? InterruptBits.Software : 0)
        | (Environment.TimeTicks >= _stimecmp ? InterruptBits.Timer : 0)
        | (_externalPending ? InterruptBits.External : 0);

    /// <summary>sie.</summary>
    public ulong EnabledInterrupts => _sie;

    /// <summary>stimecmp in timebase ticks.</summary>
    public ulong TimerCompareTicks { get => _stimecmp; set => _stimecmp = value; }

    private void TakePendingInterrupt()
    {
        _interruptCheck = false;
        RefreshExternalInterrupt();
        ulong pending = PendingInterrupts & _sie;
        if (pending == 0) return;
        // Enabled globally in S-mode by SIE, always in U-mode (Privileged spec §4.1.3).
        if (Mode == PrivilegeMode.Supervisor && (_sstatus & SstatusBits.Sie) == 0) return;
        // Priority: external, software, timer.
        ulong taken = (pending & InterruptBits.External) != 0 ? InterruptBits.External
            : (pending & InterruptBits.Software) != 0 ? InterruptBits.Software : InterruptBits.Timer;
        int code = BitOperations.TrailingZeroCount(taken);
        ulong handler = _stvec & ~3UL;
        if ((_stvec & 3) == 1) handler += 4 * (ulong)code;
        EnterSupervisor(Pc, (1UL << 63) | (uint)code, 0);
        Pc = handler;
    }

    /// <summary>Takes an exception whose instruction is at <paramref name="pc"/>.</summary>
    private void EnterTrap(ulong pc, TrapCause cause, ulong value)
    {
        _exceptions++;
        EnterSupervisor(pc, (ulong)cause, value);
        Pc = _stvec & ~3UL;
    }

    private void EnterSupervisor(ulong pc, ulong cause, ulong value)
    {
        _sepc = pc;
        _scause = cause;
        _stval = value;
        ulong status = _sstatus & ~(SstatusBits.Spie | SstatusBits.Spp | SstatusBits.Sie);
        if ((_sstatus & SstatusBits.Sie) != 0) status |= SstatusBits.Spie;
        if (Mode == PrivilegeMode.Supervisor) status |= SstatusBits.Spp;
        _sstatus = status;
        Mode = PrivilegeMode.Supervisor;
        SelectTlb();
    }

    /// <summary>SRET (Privileged spec §3.3.2). The op is the last of its block.</summary>
    public void ReturnFromTrap()
    {
        ulong status = _sstatus & ~(SstatusBits.Sie | SstatusBits.Spp);
        if ((_sstatus & SstatusBits.Spie) != 0) status |= SstatusBits.Sie;
        status |= SstatusBits.Spie;
        Mode = (_sstatus & SstatusBits.Spp) != 0 ? PrivilegeMode.Supervisor : PrivilegeMode.User;
        _sstatus = status;
        Pc = _sepc;
        SelectTlb();
        RequestInterruptCheck();
    }

    /// <summary>WFI: waits unless an interrupt is pending and enabled in sie, whatever sstatus.SIE says.</summary>
    public void WaitForInterrupt()
    {
        RefreshExternalInterrupt();
        if ((PendingInterrupts & _sie) != 0)
        {
            RequestInterruptCheck();
            return;
        }

        State = HartState.Waiting;
        Stop(QuantumEnd.Waiting);
    }

    /// <summary>Whether the hart would run if a round began now.</summary>
    public bool IsRunnable => State == HartState.Running || (State == HartState.Waiting && WouldWake);

    private bool WouldWake
    {
        get
        {
            RefreshExternalInterrupt();
            return (PendingInterrupts & _sie) != 0;
        }
    }
}
