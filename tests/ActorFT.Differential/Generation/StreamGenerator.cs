using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Generation;

/// <summary>
/// Makes the chunks of a random instruction stream. Chunk number i of a seed is the same whatever was made before it.
/// x2 and x8 always point to scratch memory: nothing else writes them, and memory is accessed through them only.
/// </summary>
internal sealed partial class StreamGenerator(Extension extension, ulong seed)
{
    private const int InstructionsInChunk = 24;

    /// <summary>A taken jump leaves out no more instructions than this.</summary>
    public const int MaxSkippedByJump = 3;

    private const int StackPointer = 2, ScratchPointer = 8;

    private Prng _random = new(0);
    private CodeBuffer _code = new();
    private bool _userMode;

    public Chunk Make(int index)
    {
        _random = new Prng(seed ^ (ulong)extension << 56 ^ (ulong)index * 0xD6E8_FEB8_6659_FD93);
        _code = new CodeBuffer();
        _userMode = _random.Chance(50);
        ulong floatStatus = (ulong)(_random.Chance(90) ? 3 : _random.Below(4));
        // When FS turns from Initial to Dirty is an implementation's choice, and these streams read sstatus.
        if (extension is Extension.Zicsr or Extension.Mixed && floatStatus != 0) floatStatus = 3;

        PagingSetup? paging = null;
        ulong dataRights = 0;
        if (extension == Extension.Paging)
        {
            paging = MakePaging();
            dataRights = _random.Next() & (Chunk.SstatusSum | Chunk.SstatusMxr);
            // QEMU 7.2 lets S-mode fetch from a user page that it read before with SUM; QemuDeviationTests has that.
            _endsInScratch = _random.Chance(50) && !_pagesPointNowhere && (_userMode || (dataRights & Chunk.SstatusSum) == 0);
        }

        while (_code.Count < InstructionsInChunk) EmitNext();
        if (_endsInScratch) EmitJumpToScratch();
        bool interrupts = extension is Extension.Zicsr or Extension.Mixed;
        bool mostlyDouble = extension == Extension.D || _random.Chance(30);
        byte[] scratch = new byte[2 * Chunk.ScratchFillBytes];
        for (int i = 0; i < scratch.Length; i += 8)
            BitConverter.TryWriteBytes(scratch.AsSpan(i), _random.Chance(50) ? OperandSource.Integer(_random) : OperandSource.Float(_random, 50));
        if (paging != null) PlaceScratchCode(scratch);

        return new Chunk
        {
            Index = index,
            Code = _code.ToBytes(),
            Instructions = _code.Instructions,
            X = [.. Enumerable.Range(0, 32).Select(_ => OperandSource.Integer(_random))],
            F = [.. Enumerable.Range(0, 32).Select(_ => OperandSource.Float(_random, mostlyDouble ? 90 : 10))],
            Fcsr = OperandSource.Fcsr(_random),
            Sstatus = (_userMode ? 0 : Chunk.SstatusSpp) | (_random.Next() & Chunk.SstatusSpie) | floatStatus << Chunk.SstatusFsShift
                | dataRights,
            Sie = interrupts && _random.Chance(40) ? Chunk.SoftwareInterrupt : 0,
            Sip = interrupts && _random.Chance(40) ? Chunk.SoftwareInterrupt : 0,
            VectoredTraps = _random.Chance(50),
            Scratch = scratch,
            Paging = paging,
        };
    }

    private void EmitNext()
    {
        Extension kind = extension == Extension.Mixed ? (Extension)_random.Below((int)Extension.Mixed) : extension;
        switch (kind)
        {
            case Extension.A:
                EmitAtomic();
                break;
            case Extension.C:
                EmitCompressed();
                break;
            case Extension.Zicsr:
                EmitCsr();
                break;
            case Extension.Paging:
                EmitPaged();
                break;
            case Extension.Reserved:
                EmitReserved();
                break;
            default:
                EmitForm(_random.Pick(InstructionForms.Of(kind)));
                break;
        }
    }

    /// <summary>A register that random instructions may write.</summary>
    private int FreeRegister()
    {
        while (true)
        {
            int register = _random.Below(32);
            if (register is not (StackPointer or ScratchPointer)) return register;
        }
    }

    private int FreeNonzeroRegister()
    {
        while (true)
        {
            int register = FreeRegister();
            if (register != 0) return register;
        }
    }

    private int BasePointer() => extension == Extension.Paging || _random.Chance(70) ? ScratchPointer : StackPointer;

    /// <summary>An offset from a base pointer: mostly near, so that loads see what stores wrote, sometimes at the limits.</summary>
    private int MemoryOffset()
    {
        // Accesses of 8 bytes stay within 2048 bytes of the base on either side.
        int offset = _random.Chance(15) ? _random.Between(-2048, 2040) : _random.Between(-40, 40);
        // Outside RAM, which part of a misaligned access is at fault is an implementation's choice.
        return _pagesPointNowhere || _random.Chance(50) ? offset & ~7 : offset;
    }

    private void EmitForm(InstructionForm form)
    {
        switch (form.Name)
        {
            case "jal" or "jalr":
                EmitJump(form);
                return;
            case "ecall":
                // From S-mode it goes to the firmware, which is no subject of this comparison.
                if (_userMode && _random.Chance(20)) _code.Emit(form.Match);
                return;
            case "ebreak":
                return; // ends a chunk
            case "fence.i" when _random.Chance(80):
                EmitCodeChange();
                return;
        }

        if (form.IsBranch) EmitBranch(form);
        else _code.Emit(RandomWord(form));
    }

    private uint RandomWord(InstructionForm form)
    {
        uint word = form.Match | (uint)_random.Next() & ~form.Mask;
        if (form.Has(Operand.Rd)) word = word & ~Encode.Rd(31) | Encode.Rd(FreeRegister());
        if (form.Has(Operand.Rm)) word = word & ~0x7000u | (uint)RoundingField() << 12;
        if (form.IsMemory)
        {
            bool store = form.Has(Operand.ImmS);
            int offset = MemoryOffset();
            word = word & ~Encode.Rs1(31) | Encode.Rs1(BasePointer());
            word = store ? word & ~Encode.ImmS(-1) | Encode.ImmS(offset) : word & ~Encode.ImmI(-1) | Encode.ImmI(offset);
        }

        return word;
    }

    /// <summary>Static modes, the dynamic one, and now and then a reserved one, which must trap.</summary>
    private int RoundingField() => _random.Below(100) switch
    {
        < 60 => _random.Below(5),
        < 98 => 7,
        _ => _random.Between(5, 6),
    };

    /// <summary>A branch forward over a few instructions, or backward to one that is reached no other way.</summary>
    private void EmitBranch(InstructionForm form)
    {
        uint word = form.Match | Encode.Rs1(_random.Below(32)) | Encode.Rs2(_random.Below(32));
        if (_random.Chance(25)) word = word & ~Encode.Rs2(31) | Encode.Rs2((int)(word >> 15) & 31); // equal operands
        EmitAround(word, Encode.ImmB);
    }

    /// <summary>Places a conditional or unconditional relative jump so that every path ends behind it.</summary>
    private void EmitAround(uint jump, Func<int, uint> encodeOffset)
    {
        if (_random.Chance(70))
        {
            int at = _code.Emit(jump);
            EmitFillers(_random.Between(1, 3));
            _code.Patch(at, encodeOffset(_code.Distance(at, _code.Count)));
            return;
        }

        //   j over; back: filler; j out; over: JUMP back; out:
        int over = _code.Emit(Encode.Jal(0, 0));
        int back = _code.Count;
        EmitFillers(1);
        int outside = _code.Emit(Encode.Jal(0, 0));
        int branch = _code.Emit(jump);
        _code.Patch(over, Encode.ImmJ(_code.Distance(over, branch)));
        _code.Patch(branch, encodeOffset(_code.Distance(branch, back)));
        _code.Patch(outside, Encode.ImmJ(_code.Distance(outside, _code.Count)));
    }

    /// <summary>JAL, or AUIPC and JALR, forward over a few instructions.</summary>
    private void EmitJump(InstructionForm form)
    {
        if (form.Name == "jal")
        {
            EmitAround(form.Match | Encode.Rd(FreeRegister()), Encode.ImmJ);
            return;
        }

        int pointer = FreeNonzeroRegister();
        int start = _code.Emit(Encode.U("auipc", pointer, 0));
        // A lowest bit that is set must be ignored (unprivileged spec, JALR).
        int at = _code.Emit(form.Match | Encode.Rd(FreeRegister()) | Encode.Rs1(pointer));
        EmitFillers(_random.Between(0, 3));
        _code.Patch(at, Encode.ImmI(_code.Distance(start, _code.Count) | _random.Below(2)));
    }

    private void EmitFillers(int count)
    {
        for (int i = 0; i < count; i++)
        {
            InstructionForm form;
            do form = _random.Pick(InstructionForms.Of(Extension.I));
            while (form.IsBranch || (form.Match & 0x7F) is 0x6F or 0x67 or 0x73);
            if (_random.Chance(40)) _code.Emit(CompressedForm.Named(_random.Chance(50) ? "c.addi" : "c.ld").RandomWord(_random));
            else _code.Emit(RandomWord(form));
        }
    }
}
