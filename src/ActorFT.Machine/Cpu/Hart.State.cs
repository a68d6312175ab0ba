using ActorFT.Machine.State;

namespace ActorFT.Machine.Cpu;

// Reset, save, restore.
internal sealed unsafe partial class Hart : ISavable
{
    /// <summary>Returns to the state after reset: stopped, S-mode, translation off.</summary>
    public void Reset()
    {
        for (uint i = 0; i <= SinkRegister; i++) X(i) = 0;
        for (uint i = 0; i < 32; i++) F(i) = 0;
        Pc = 0;
        Mode = PrivilegeMode.Supervisor;
        State = HartState.Stopped;
        _sstatus = SstatusBits.Uxl64;
        _sie = _stvec = _scounteren = _sscratch = _sepc = _scause = _stval = _satp = _senvcfg = 0;
        _stimecmp = ulong.MaxValue;
        FloatFlagsRegister = RoundingModeRegister = 0;
        _softwarePending = false;
        _reservationValid = false;
        _reservation = 0;
        Slots = _exceptions = 0;
        ForgetDerivedState();
    }

    /// <summary>Starts the hart as SBI HSM says: S-mode, translation off, interrupts off, a0 its id, a1 the opaque value.</summary>
    public void Start(ulong address, ulong opaque)
    {
        ulong slots = Slots, exceptions = _exceptions;
        Reset();
        (Slots, _exceptions) = (slots, exceptions);
        Pc = address;
        X(10) = (ulong)Id;
        X(11) = opaque;
        // As OpenSBI does: a kernel without a PMU driver leaves the register alone, and its vDSO reads the time in U-mode.
        _scounteren = CounterEnableMask;
        State = HartState.Running;
    }

    private void ForgetDerivedState()
    {
        FlushTranslations();
        SelectTlb();
        RefreshExternalInterrupt();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Section("HART", 1);
        for (uint i = 1; i < 32; i++) writer.U64(X(i));
        for (uint i = 0; i < 32; i++) writer.U64(F(i));
        writer.U64(Pc);
        writer.U8((byte)Mode);
        writer.U8((byte)State);
        foreach (ulong csr in (ReadOnlySpan<ulong>)[_sstatus, _sie, _stvec, _scounteren, _senvcfg, _sscratch, _sepc, _scause, _stval, _satp, _stimecmp])
            writer.U64(csr);
        writer.U8((byte)FloatFlagsRegister);
        writer.U8((byte)RoundingModeRegister);
        writer.Bool(_softwarePending);
        writer.U64(Slots);
        writer.U64(_exceptions);
        // No reservation: it never outlives a quantum.
    }

    /// <inheritdoc/>
    public void Restore(ref StateReader reader)
    {
        reader.Section("HART", 1);
        for (uint i = 1; i < 32; i++) X(i) = reader.U64();
        X(0) = 0;
        for (uint i = 0; i < 32; i++) F(i) = reader.U64();
        Pc = Checked(reader.U64(), 1, "pc");
        byte mode = reader.U8(), state = reader.U8();
        if (mode > 1) throw new StateFormatException($"Hart {Id}: privilege mode {mode}; 0 (U) and 1 (S) are allowed.");
        if (state > 2) throw new StateFormatException($"Hart {Id}: state {state}; 0 to 2 are allowed.");
        (Mode, State) = ((PrivilegeMode)mode, (HartState)state);
        _sstatus = Checked(reader.U64(), ~(SstatusBits.WritableMask | SstatusBits.Uxl64), "sstatus");
        if ((_sstatus & SstatusBits.Uxl64) == 0) throw new StateFormatException($"Hart {Id}: sstatus.UXL is not 2.");
        _sie = Checked(reader.U64(), ~InterruptBits.All, "sie");
        _stvec = Checked(reader.U64(), 2, "stvec");
        _scounteren = Checked(reader.U64(), ~CounterEnableMask, "scounteren");
        _senvcfg = Checked(reader.U64(), ~1UL, "senvcfg");
        _sscratch = reader.U64();
        _sepc = Checked(reader.U64(), 1, "sepc");
        _scause = reader.U64();
        _stval = reader.U64();
        _satp = reader.U64();
        if ((_satp >> 60) is not (0 or 8 or 9) || (_satp & 0x0FFF_F000_0000_0000) != 0)
            throw new StateFormatException($"Hart {Id}: satp {_satp:x}; MODE 0, 8 or 9 and ASID 0 are allowed.");
        _stimecmp = reader.U64();
        FloatFlagsRegister = (uint)Checked(reader.U8(), ~31UL, "fflags");
        RoundingModeRegister = (uint)Checked(reader.U8(), ~7UL, "frm");
        _softwarePending = reader.Bool();
        Slots = reader.U64();
        _exceptions = reader.U64();
        _reservationValid = false;
        ForgetDerivedState();
    }

    private ulong Checked(ulong value, ulong forbidden, string name) => (value & forbidden) == 0
        ? value
        : throw new StateFormatException($"Hart {Id}: {name} {value:x} has bits that this hart cannot hold.");
}
