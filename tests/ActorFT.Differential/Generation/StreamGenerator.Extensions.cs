using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Generation;

// Atomics, compressed instructions, CSRs, reserved encodings.
internal sealed partial class StreamGenerator
{
    private void EmitAtomic()
    {
        InstructionForm form;
        // Whether an SC that has no reservation looks at the page at all is an implementation's choice.
        do form = _random.Pick(InstructionForms.Of(Extension.A));
        while (extension == Extension.Paging && !form.Name.StartsWith("amo", StringComparison.Ordinal));
        int size = form.Name.Contains(".d", StringComparison.Ordinal) ? 8 : 4;
        int pointer = FreeNonzeroRegister();
        int offset = _random.Between(-40, 40) & -size;
        bool reserve = form.Name.StartsWith("lr", StringComparison.Ordinal);
        // A misaligned address must trap. QEMU lets an SC pass whose reservation is gone; QemuDeviationTests has that.
        bool misaligned = !form.Name.StartsWith("sc", StringComparison.Ordinal) && _random.Chance(4);
        if (misaligned) offset += _random.Between(1, size - 1);
        _code.Emit(Encode.I("addi", pointer, ScratchPointer, offset));
        uint word = RandomWord(form) & ~Encode.Rs1(31) | Encode.Rs1(pointer);
        if (reserve && !misaligned) EmitReservedPair(form, word, pointer);
        else _code.Emit(word);

        // A lone SC above must fail: the driver leaves no reservation, and every LR is followed by its SC or by a new LR.
    }

    /// <summary>LR, nothing that could end the reservation, SC to the same address; sometimes two SCs, of which the second fails.</summary>
    private void EmitReservedPair(InstructionForm form, uint lr, int pointer)
    {
        int destination = (int)(lr >> 7) & 31;
        if (destination == pointer) lr &= ~Encode.Rd(31);
        _code.Emit(lr);
        if (_random.Chance(30))
        {
            int result;
            do result = FreeRegister();
            while (result == pointer);
            _code.Emit(Encode.R("add", result, _random.Below(32), _random.Below(32)));
        }

        InstructionForm sc = InstructionForms.Named(form.Name.Replace("lr", "sc", StringComparison.Ordinal));
        int times = _random.Chance(20) ? 2 : 1;
        for (int i = 0; i < times; i++)
        {
            uint word = RandomWord(sc) & ~Encode.Rs1(31) | Encode.Rs1(pointer);
            if (((word >> 7) & 31) == (uint)pointer) word &= ~Encode.Rd(31);
            _code.Emit(word);
        }
    }

    private void EmitCompressed()
    {
        CompressedForm form;
        do form = _random.Pick(CompressedForm.All);
        while (form.Name == "c.ebreak");
        switch (form.Use)
        {
            case CompressedUse.RelativeJump when form.Name == "c.j":
                EmitAround(form.Match, Encode.ImmCJ);
                break;
            case CompressedUse.RelativeJump:
                EmitAround(form.Match | (uint)_random.Below(8) << 7, Encode.ImmCB);
                break;
            case CompressedUse.RegisterJump:
                EmitCompressedRegisterJump(form);
                break;
            case CompressedUse.StackAdjust:
                int amount;
                do amount = _random.Between(-31, 31) * 16;
                while (amount == 0);
                _code.Emit(form.Match | Encode.ImmCStack(amount));
                _code.Emit(CompressedForm.Named("c.addi4spn").RandomWord(_random));
                _code.Emit(form.Match | Encode.ImmCStack(-amount));
                break;
            default:
                _code.Emit(form.RandomWord(_random));
                break;
        }
    }

    private void EmitCompressedRegisterJump(CompressedForm form)
    {
        int pointer = FreeNonzeroRegister();
        int start = _code.Emit(Encode.U("auipc", pointer, 0));
        int add = _code.Emit(Encode.I("addi", pointer, pointer, 0));
        _code.Emit((uint)(form.Match | pointer << 7));
        EmitFillers(_random.Between(0, 2));
        _code.Patch(add, Encode.ImmI(_code.Distance(start, _code.Count)));
    }

    /// <summary>Writes an instruction over a later one, fences, and goes there.</summary>
    private void EmitCodeChange()
    {
        InstructionForm form;
        do form = _random.Pick(InstructionForms.Of(Extension.I));
        while (form.IsMemory || form.IsBranch || (form.Match & 0x7F) is 0x6F or 0x67 or 0x73 or 0x0F);
        int word = _random.Chance(30)
            ? (int)(CompressedForm.Named("c.addi").RandomWord(_random) | CompressedForm.Named("c.li").RandomWord(_random) << 16)
            : (int)RandomWord(form);
        int pointer = FreeNonzeroRegister(), value = OtherThan(pointer);
        int start = _code.Emit(Encode.U("auipc", pointer, 0));
        int low = word << 20 >> 20;
        _code.Emit(Encode.U("lui", value, (word - low) >> 12));
        _code.Emit(Encode.I("addiw", value, value, low));
        int store = _code.Emit(Encode.S("sw", pointer, value, 0));
        _code.Emit(InstructionForms.Named("fence.i").Match);
        if (_random.Chance(50)) EmitFillers(1);
        int target = _code.Emit(Encode.I("addi", 0, 0, 0));
        _code.Patch(store, Encode.ImmS(_code.Distance(start, target)));
    }

    private const int Fflags = 1, Frm = 2, Fcsr = 3;
    private const int Sstatus = 0x100, Sie = 0x104, Stvec = 0x105, Scounteren = 0x106, Sscratch = 0x140, Sepc = 0x141, Scause = 0x142, Stval = 0x143;
    private const int Sip = 0x144, Satp = 0x180;

    private static readonly string[] CsrNames = ["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"];

    private void EmitCsr()
    {
        switch (_random.Below(100))
        {
            case < 55:
                uint word = RandomWord(InstructionForms.Named(_random.Pick(CsrNames)));
                _code.Emit(word & 0x000F_FFFF | (uint)_random.Between(Fflags, Fcsr) << 20);
                break;
            case < 70:
                // Something that raises flags and obeys the mode just set.
                EmitForm(_random.Pick(InstructionForms.Of(_random.Chance(50) ? Extension.F : Extension.D)));
                break;
            case < 87 when !_userMode:
                EmitSupervisorCsr();
                break;
            case < 90 when !_userMode:
                EmitReturn();
                break;
            default:
                EmitIllegalAccess();
                break;
        }
    }

    /// <summary>Writes a supervisor CSR, reads it back, and restores what the driver needs, with no trap between.</summary>
    private void EmitSupervisorCsr()
    {
        int saved = FreeNonzeroRegister(), value = OtherThan(saved), readBack = OtherThan(saved), constant = OtherThan(saved, value);
        int csr = _random.Pick((int[])[Sstatus, Sie, Stvec, Scounteren, Sscratch, Sepc, Scause, Stval, Sip, Satp]);
        _code.Emit(Encode.Csr("csrrs", saved, csr, 0));
        _code.Inseparable = true;
        _code.Emit(Encode.I("addi", value, _random.Below(32), 0));
        switch (csr)
        {
            case Sstatus:
                // SIE, SPIE, SPP, FS, SUM, MXR; set and cleared, so that UXL stays as it is.
                _code.Emit(Encode.U("lui", constant, 0xC6));
                _code.Emit(Encode.I("addi", constant, constant, 0x122));
                _code.Emit(Encode.R("and", value, value, constant));
                break;
            case Sie:
                // Only the three standard interrupts, none of which is pending, so that enabling them is harmless.
                _code.Emit(Encode.I("andi", value, value, 0x222));
                break;
            case Stvec:
                // Direct and vectored; what reserved modes do is free.
                _code.Emit(Encode.I("andi", value, value, -3));
                break;
            case Sepc:
                // Bit 0 is always zero, which QEMU 7.2 does not know; QemuDeviationTests has it.
                _code.Emit(Encode.I("andi", value, value, -2));
                break;
            case Satp:
                EmitReservedTranslationMode(value, constant);
                break;
        }

        string name = csr == Sstatus ? _random.Pick((string[])["csrrs", "csrrc"]) : csr == Satp ? "csrrw" : _random.Pick((string[])["csrrw", "csrrs", "csrrc"]);
        _code.Emit(Encode.Csr(name, readBack, csr, value));
        _code.Emit(Encode.Csr("csrrs", readBack, csr, 0));
        // Bits that exist at the implementation's choice are left out.
        if (csr == Scounteren) _code.Emit(Encode.I("andi", readBack, readBack, 7));
        _code.Emit(Encode.Csr("csrrw", 0, csr, saved));
        _code.Inseparable = false;
    }

    /// <summary>SRET to the code behind it, in S- or U-mode. In the latter what follows of S-mode's traps.</summary>
    private void EmitReturn()
    {
        int pointer = FreeNonzeroRegister(), previous = OtherThan(pointer);
        int start = _code.Emit(Encode.U("auipc", pointer, 0));
        int add = _code.Emit(Encode.I("addi", pointer, pointer, 0));
        _code.Emit(Encode.Csr("csrrw", 0, Sepc, pointer));
        _code.Emit(Encode.I("addi", previous, 0, (int)Chunk.SstatusSpp));
        _code.Emit(Encode.Csr(_random.Chance(70) ? "csrrs" : "csrrc", FreeRegister(), Sstatus, previous));
        _code.Emit(InstructionForms.Named("sret").Match);
        if (_random.Chance(30)) EmitFillers(1);
        _code.Patch(add, Encode.ImmI(_code.Distance(start, _code.Count)));
    }

    /// <summary>satp with a reserved MODE: the write must change nothing (privileged spec, satp).</summary>
    private void EmitReservedTranslationMode(int value, int constant)
    {
        _code.Emit(Encode.Shift("slli", value, value, 4));
        _code.Emit(Encode.Shift("srli", value, value, 4));
        _code.Emit(Encode.I("addi", constant, 0, _random.Pick((int[])[1, 2, 7, 11, 13, 15])));
        _code.Emit(Encode.Shift("slli", constant, constant, 60));
        _code.Emit(Encode.R("or", value, value, constant));
    }

    private int OtherThan(params ReadOnlySpan<int> taken)
    {
        while (true)
        {
            int register = FreeNonzeroRegister();
            if (!taken.Contains(register)) return register;
        }
    }

    /// <summary>Accesses that must trap: above the mode, to nothing, to read-only registers; and privileged instructions.</summary>
    private void EmitIllegalAccess()
    {
        uint word = RandomWord(InstructionForms.Named(_random.Pick(CsrNames))) & 0x000F_FFFF;
        switch (_random.Below(6))
        {
            case 0:
                _code.Emit(word | (uint)_random.Pick((int[])[0x300, 0x301, 0x305, 0x340, 0x341, 0x3A0, 0xF14, 0xB00]) << 20);
                break;
            case 1:
                _code.Emit(word | (uint)_random.Pick((int[])[0x004, 0x0FF, 0x1FF, 0x400, 0x5C0, 0x800, 0x9FF, 0xCC0, 0xDC0]) << 20);
                break;
            case 2:
                // CSRRW always writes, and cycle, time and instret are read-only; scounteren, zero, closes them to U-mode.
                bool read = _userMode && _random.Chance(50);
                _code.Emit(Encode.Csr(read ? "csrrs" : "csrrw", FreeRegister(), _random.Between(0xC00, 0xC02), read ? 0 : _random.Below(32)));
                break;
            case 3:
                if (_userMode) _code.Emit(word | (uint)_random.Pick((int[])[Sstatus, Sie, Stvec, Sscratch, Sepc, Scause, Stval, Sip, Satp]) << 20);
                break;
            case 4:
                _code.Emit(InstructionForms.Named(_userMode && _random.Chance(50) ? "sret" : "mret").Match);
                break;
            default:
                // Legal in S-mode, where it does nothing that shows.
                _code.Emit(RandomWord(InstructionForms.Named("sfence.vma")));
                break;
        }
    }

    /// <summary>Random function fields under opcodes that can do no harm, and reserved functions of the others.</summary>
    private void EmitReserved()
    {
        uint word = (uint)_random.Next() & ~Encode.Rd(31) | Encode.Rd(FreeRegister());
        uint opcode = _random.Pick((uint[])[0x13, 0x1B, 0x33, 0x3B, 0x53, 0x43, 0x47, 0x4B, 0x4F, 0x03, 0x07, 0x23, 0x27, 0x63, 0x2F, 0x67, 0x0B, 0x2B, 0x57, 0x5B, 0x6B, 0x77, 0x7B, 0x3F, 0x7F]);
        word = word & ~0x7Fu | opcode;
        // Half the words under the arithmetic opcodes get a function field that exists, so that neighbours of real ones come up.
        if (_random.Chance(50)) word &= _random.Pick((uint[])[0x01FF_FFFF, 0x41FF_FFFF, 0x03FF_FFFF, 0xFFFF_8FFF, 0xFE0F_FFFF, 0xF80F_8FFF]);
        InstructionForm? form = InstructionForms.Find(word);
        bool harmless = opcode is 0x13 or 0x1B or 0x33 or 0x3B or 0x53 or 0x43 or 0x47 or 0x4B or 0x4F;
        if (form == null || harmless) _code.Emit(word);
        if (_random.Chance(10)) EmitReservedCompressed();
    }

    private static readonly ushort[] ReservedCompressed =
    [
        0x0000, 0x0004, 0x001C, // C.ADDI4SPN with a zero immediate
        0x8000, 0x9C41, 0x9C61, 0x9FFD, // quadrant 0 funct3 100; quadrant 1 arithmetic beyond C.ADDW
        0x2001, 0x3005, // C.ADDIW to x0
        0x6101, 0x6281, 0x6F81, // C.ADDI16SP and C.LUI with a zero immediate
        0x4002, 0x6002, 0x407E, 0x607E, 0x8002, // C.LWSP, C.LDSP, C.JR on x0
    ];

    private void EmitReservedCompressed() => _code.Emit(_random.Pick(ReservedCompressed));
}
