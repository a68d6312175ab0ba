using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Cpu;

/// <summary>CSR numbers (Privileged spec §2.2).</summary>
internal static class CsrNumbers
{
    public const int Fflags = 0x001, Frm = 0x002, Fcsr = 0x003, Cycle = 0xC00, Time = 0xC01, Instret = 0xC02;
    public const int Sstatus = 0x100, Sie = 0x104, Stvec = 0x105, Scounteren = 0x106, Senvcfg = 0x10A;
    public const int Sscratch = 0x140, Sepc = 0x141, Scause = 0x142, Stval = 0x143, Sip = 0x144, Stimecmp = 0x14D, Satp = 0x180;
}

// Control and status registers with their WARL rules.
internal sealed unsafe partial class Hart
{
    private ulong _sstatus = SstatusBits.Uxl64;
    private ulong _sie, _stvec, _scounteren, _sscratch, _sepc, _scause, _stval, _satp, _senvcfg;
    private ulong _stimecmp = ulong.MaxValue;

    /// <summary>fflags, sticky.</summary>
    public uint FloatFlagsRegister;

    /// <summary>frm; values above 4 are kept and make dynamic rounding illegal.</summary>
    public uint RoundingModeRegister;

    private const ulong CounterEnableMask = 7; // CY, TM, IR: Zicntr's three

    /// <summary>satp.</summary>
    public ulong Satp => _satp;

    /// <summary>Instructions retired since reset.</summary>
    public ulong Retired => Slots - _exceptions;

    // The CSR instruction is its block's last op, so that what is left of the budget tells how many came before it.
    private ulong RetiredBeforeThis => _slotsBase - (ulong)(Budget + _deferredBudget) - 1 - _exceptions;

    /// <summary>Whether floating-point state is off: every F and D instruction is illegal (Privileged spec §3.1.6.6).</summary>
    public bool FloatOff => (_sstatus & SstatusBits.FsMask) == 0;

    /// <summary>Whether FS is already Dirty.</summary>
    public bool FloatDirty => (_sstatus & SstatusBits.FsMask) == SstatusBits.FsMask;

    /// <summary>Sets FS to Dirty.</summary>
    public void MarkFloatDirty() => _sstatus |= SstatusBits.FsMask;

    /// <summary>Reads a CSR; false: illegal instruction.</summary>
    public bool TryReadCsr(int number, out ulong value)
    {
        value = 0;
        if (((number >> 8) & 3) > (int)Mode) return false; // lowest privilege is in bits 9:8
        switch (number)
        {
            case CsrNumbers.Fflags: value = FloatFlagsRegister; return !FloatOff;
            case CsrNumbers.Frm: value = RoundingModeRegister; return !FloatOff;
            case CsrNumbers.Fcsr: value = FloatFlagsRegister | (RoundingModeRegister << 5); return !FloatOff;
            case CsrNumbers.Cycle: value = RetiredBeforeThis; return CounterAllowed(0);
            case CsrNumbers.Time: value = Environment.TimeTicks; return CounterAllowed(1);
            case CsrNumbers.Instret: value = RetiredBeforeThis; return CounterAllowed(2);
            case CsrNumbers.Sstatus:
                value = _sstatus | ((_sstatus & SstatusBits.FsMask) == SstatusBits.FsMask ? SstatusBits.Sd : 0);
                return true;
            case CsrNumbers.Sie: value = _sie; return true;
            case CsrNumbers.Stvec: value = _stvec; return true;
            case CsrNumbers.Scounteren: value = _scounteren; return true;
            case CsrNumbers.Senvcfg: value = _senvcfg; return true;
            case CsrNumbers.Sscratch: value = _sscratch; return true;
            case CsrNumbers.Sepc: value = _sepc; return true;
            case CsrNumbers.Scause: value = _scause; return true;
            case CsrNumbers.Stval: value = _stval; return true;
            case CsrNumbers.Sip: value = PendingInterrupts; return true;
            case CsrNumbers.Stimecmp: value = _stimecmp; return true;
            case CsrNumbers.Satp: value = _satp; return true;
            default: return false;
        }
    }

    private bool CounterAllowed(int bit) => Mode == PrivilegeMode.Supervisor || ((_scounteren >> bit) & 1) != 0;

    /// <summary>Writes a CSR that was just read successfully; false: illegal instruction (read-only).</summary>
    public bool TryWriteCsr(int number, ulong value)
    {
        if ((number >> 10) == 3) return false; // read-only quarter
        switch (number)
        {
            case CsrNumbers.Fflags: FloatFlagsRegister = (uint)value & 31; MarkFloatDirty(); break;
            case CsrNumbers.Frm: RoundingModeRegister = (uint)value & 7; MarkFloatDirty(); break;
            case CsrNumbers.Fcsr:
                FloatFlagsRegister = (uint)value & 31;
                RoundingModeRegister = (uint)(value >> 5) & 7;
                MarkFloatDirty();
                break;
            case CsrNumbers.Sstatus:
                ulong old = _sstatus;
                _sstatus = (old & ~SstatusBits.WritableMask) | (value & SstatusBits.WritableMask);
                if (((old ^ _sstatus) & SstatusBits.Mxr) != 0) Tlb.FlushData();
                SelectTlb();
                break;
            case CsrNumbers.Sie: _sie = value & InterruptBits.All; break;
            case CsrNumbers.Stvec: if ((value & 2) == 0) _stvec = value; else _stvec = value & ~2UL; break;
            case CsrNumbers.Scounteren: _scounteren = value & CounterEnableMask; break;
            case CsrNumbers.Senvcfg: _senvcfg = value & 1; break; // FIOM only
            case CsrNumbers.Sscratch: _sscratch = value; break;
            case CsrNumbers.Sepc: _sepc = value & ~1UL; break;
            case CsrNumbers.Scause: _scause = value; break;
            case CsrNumbers.Stval: _stval = value; break;
            case CsrNumbers.Sip: _softwarePending = (value & InterruptBits.Software) != 0; break; // STIP, SEIP are read-only
            case CsrNumbers.Stimecmp: _stimecmp = value; break;
            case CsrNumbers.Satp: WriteSatp(value); break;
        }

        return true;
    }

    // An unsupported MODE leaves the whole register unchanged (Privileged spec §4.1.11). ASIDLEN is 0.
    private void WriteSatp(ulong value)
    {
        ulong mode = value >> 60;
        if (mode != 0 && mode != 8 && mode != 9) return;
        ulong accepted = value & 0xF000_0FFF_FFFF_FFFF;
        if (accepted == _satp) return;
        _satp = accepted;
        FlushTranslations();
    }

    /// <summary>Resolves an instruction's rounding-mode field; false: illegal instruction.</summary>
    public bool TryRounding(int field, out RoundingMode mode)
    {
        uint value = field == 7 ? RoundingModeRegister : (uint)field;
        mode = (RoundingMode)value;
        return value <= 4;
    }
}
