namespace ActorFT.Machine.Cpu;

// Illegal instructions and LR/SC reservations.
internal sealed unsafe partial class Hart
{
    private bool _reservationValid;
    private ulong _reservation;

    /// <summary>LR: reserves a physical address.</summary>
    public void Reserve(ulong physical)
    {
        _reservationValid = true;
        _reservation = physical;
    }

    /// <summary>SC: uses the reservation up; whether it covered the address.</summary>
    public bool TakeReservation(ulong physical)
    {
        bool success = _reservationValid && _reservation == physical;
        _reservationValid = false;
        return success;
    }

    /// <summary>Raises an illegal-instruction exception; stval holds the instruction's bits (Privileged spec §4.1.9).</summary>
    public void RaiseIllegal(Op* op) => Raise(op, TrapCause.IllegalInstruction, InstructionBits(op));

    // Read anew: ops do not keep them. The page was fetchable when the block was found and has not been written since.
    private ulong InstructionBits(Op* op)
    {
        ulong pc = PcOf(op), bits = 0;
        for (int i = 0; i < op->LengthBytes; i += 2)
        {
            TrapCause fault = Mmu.Translate(pc + (ulong)i, Translation.AccessKind.Fetch, Mode, _satp, false, false, out ulong physical);
            if (fault != Translation.Mmu.NoFault || !Memory.TryRead(physical, out ushort half)) break;
            bits |= (ulong)half << (8 * i);
        }

        return bits;
    }

    /// <summary>
    /// What CSRRS and CSRRC modify: the register's own value, where reading shows more than what writing sets
    /// (sip: SEIP and STIP come from outside).
    /// </summary>
    public ulong WritableView(int number, ulong read) => number == CsrNumbers.Sip ? read & InterruptBits.Software : read;
}
