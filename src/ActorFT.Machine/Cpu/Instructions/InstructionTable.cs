namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>
/// The instruction set, a line per instruction (Unprivileged spec chapter "Instruction Set Listings"). The handler or the semantics
/// named in a line is the one place that says what the instruction does; whatever executes code (single ops,
/// <see cref="FusedPairs"/>, a compiling tier later) takes it from here.
/// </summary>
internal static unsafe class InstructionTable
{
    private static readonly InstructionDefinition Illegal =
        new("illegal", "", InstructionFormat.Illegal, &Execute.Illegal, endsBlock: true);

    /// <summary>All instructions. The first match counts: PAUSE, a FENCE hint, stands before FENCE.</summary>
    public static readonly InstructionDefinition[] All =
    [
        // RV32I, RV64I
        Step<LoadUpper>("lui", "-------------------- ----- 0110111", InstructionFormat.U),
        Step<AddUpperToPc>("auipc", "-------------------- ----- 0010111", InstructionFormat.UPcRelative),
        End<Jump>("jal", "-------------------- ----- 1101111", InstructionFormat.J),
        End<JumpRegister>("jalr", "------------ ----- 000 ----- 1100111", InstructionFormat.JumpRegister),
        Step<Branch<Equal>>("beq", "------- ----- ----- 000 ----- 1100011", InstructionFormat.B),
        Step<Branch<NotEqual>>("bne", "------- ----- ----- 001 ----- 1100011", InstructionFormat.B),
        Step<Branch<Less>>("blt", "------- ----- ----- 100 ----- 1100011", InstructionFormat.B),
        Step<Branch<NotLess>>("bge", "------- ----- ----- 101 ----- 1100011", InstructionFormat.B),
        Step<Branch<LessUnsigned>>("bltu", "------- ----- ----- 110 ----- 1100011", InstructionFormat.B),
        Step<Branch<NotLessUnsigned>>("bgeu", "------- ----- ----- 111 ----- 1100011", InstructionFormat.B),
        Step<Load<Signed8>>("lb", "------------ ----- 000 ----- 0000011", InstructionFormat.I),
        Step<Load<Signed16>>("lh", "------------ ----- 001 ----- 0000011", InstructionFormat.I),
        Step<Load<Signed32>>("lw", "------------ ----- 010 ----- 0000011", InstructionFormat.I),
        Step<Load<Unsigned64>>("ld", "------------ ----- 011 ----- 0000011", InstructionFormat.I),
        Step<Load<Unsigned8>>("lbu", "------------ ----- 100 ----- 0000011", InstructionFormat.I),
        Step<Load<Unsigned16>>("lhu", "------------ ----- 101 ----- 0000011", InstructionFormat.I),
        Step<Load<Unsigned32>>("lwu", "------------ ----- 110 ----- 0000011", InstructionFormat.I),
        Step<Store<Unsigned8>>("sb", "------- ----- ----- 000 ----- 0100011", InstructionFormat.S),
        Step<Store<Unsigned16>>("sh", "------- ----- ----- 001 ----- 0100011", InstructionFormat.S),
        Step<Store<Unsigned32>>("sw", "------- ----- ----- 010 ----- 0100011", InstructionFormat.S),
        Step<Store<Unsigned64>>("sd", "------- ----- ----- 011 ----- 0100011", InstructionFormat.S),
        Step<Immediate<Add>>("addi", "------------ ----- 000 ----- 0010011", InstructionFormat.I),
        Step<Immediate<SetLess>>("slti", "------------ ----- 010 ----- 0010011", InstructionFormat.I),
        Step<Immediate<SetLessUnsigned>>("sltiu", "------------ ----- 011 ----- 0010011", InstructionFormat.I),
        Step<Immediate<Xor>>("xori", "------------ ----- 100 ----- 0010011", InstructionFormat.I),
        Step<Immediate<Or>>("ori", "------------ ----- 110 ----- 0010011", InstructionFormat.I),
        Step<Immediate<And>>("andi", "------------ ----- 111 ----- 0010011", InstructionFormat.I),
        Step<Immediate<ShiftLeft>>("slli", "000000 ------ ----- 001 ----- 0010011", InstructionFormat.Shift),
        Step<Immediate<ShiftRight>>("srli", "000000 ------ ----- 101 ----- 0010011", InstructionFormat.Shift),
        Step<Immediate<ShiftRightArithmetic>>("srai", "010000 ------ ----- 101 ----- 0010011", InstructionFormat.Shift),
        Step<Immediate<AddWord>>("addiw", "------------ ----- 000 ----- 0011011", InstructionFormat.I),
        Step<Immediate<ShiftLeftWord>>("slliw", "0000000 ----- ----- 001 ----- 0011011", InstructionFormat.Shift),
        Step<Immediate<ShiftRightWord>>("srliw", "0000000 ----- ----- 101 ----- 0011011", InstructionFormat.Shift),
        Step<Immediate<ShiftRightArithmeticWord>>("sraiw", "0100000 ----- ----- 101 ----- 0011011", InstructionFormat.Shift),
        Step<Binary<Add>>("add", "0000000 ----- ----- 000 ----- 0110011", InstructionFormat.R),
        Step<Binary<Subtract>>("sub", "0100000 ----- ----- 000 ----- 0110011", InstructionFormat.R),
        Step<Binary<ShiftLeft>>("sll", "0000000 ----- ----- 001 ----- 0110011", InstructionFormat.R),
        Step<Binary<SetLess>>("slt", "0000000 ----- ----- 010 ----- 0110011", InstructionFormat.R),
        Step<Binary<SetLessUnsigned>>("sltu", "0000000 ----- ----- 011 ----- 0110011", InstructionFormat.R),
        Step<Binary<Xor>>("xor", "0000000 ----- ----- 100 ----- 0110011", InstructionFormat.R),
        Step<Binary<ShiftRight>>("srl", "0000000 ----- ----- 101 ----- 0110011", InstructionFormat.R),
        Step<Binary<ShiftRightArithmetic>>("sra", "0100000 ----- ----- 101 ----- 0110011", InstructionFormat.R),
        Step<Binary<Or>>("or", "0000000 ----- ----- 110 ----- 0110011", InstructionFormat.R),
        Step<Binary<And>>("and", "0000000 ----- ----- 111 ----- 0110011", InstructionFormat.R),
        Step<Binary<AddWord>>("addw", "0000000 ----- ----- 000 ----- 0111011", InstructionFormat.R),
        Step<Binary<SubtractWord>>("subw", "0100000 ----- ----- 000 ----- 0111011", InstructionFormat.R),
        Step<Binary<ShiftLeftWord>>("sllw", "0000000 ----- ----- 001 ----- 0111011", InstructionFormat.R),
        Step<Binary<ShiftRightWord>>("srlw", "0000000 ----- ----- 101 ----- 0111011", InstructionFormat.R),
        Step<Binary<ShiftRightArithmeticWord>>("sraw", "0100000 ----- ----- 101 ----- 0111011", InstructionFormat.R),
        new("pause", "0000 0001 0000 00000 000 00000 0001111", InstructionFormat.System, &Execute.Pause, endsBlock: true),
        new("fence", "------------ ----- 000 ----- 0001111", InstructionFormat.System, &Execute.Fence),
        new("fence.i", "------------ ----- 001 ----- 0001111", InstructionFormat.System, &Execute.FenceI, endsBlock: true),
        new("ecall", "000000000000 00000 000 00000 1110011", InstructionFormat.System, &Execute.EnvironmentCall, endsBlock: true),
        new("ebreak", "000000000001 00000 000 00000 1110011", InstructionFormat.System, &Execute.Breakpoint, endsBlock: true),
        new("sret", "0001000 00010 00000 000 00000 1110011", InstructionFormat.System, &Execute.ReturnFromTrap, endsBlock: true),
        new("wfi", "0001000 00101 00000 000 00000 1110011", InstructionFormat.System, &Execute.WaitForInterrupt, endsBlock: true),
        new("sfence.vma", "0001001 ----- ----- 000 00000 1110011", InstructionFormat.System, &Execute.FenceVma, endsBlock: true),

        // Zicsr
        new("csrrw", "------------ ----- 001 ----- 1110011", InstructionFormat.Csr, &Execute.CsrWrite, endsBlock: true),
        new("csrrs", "------------ ----- 010 ----- 1110011", InstructionFormat.Csr, &Execute.CsrSet, endsBlock: true),
        new("csrrc", "------------ ----- 011 ----- 1110011", InstructionFormat.Csr, &Execute.CsrClear, endsBlock: true),
        new("csrrwi", "------------ ----- 101 ----- 1110011", InstructionFormat.Csr, &Execute.CsrWriteImmediate, endsBlock: true),
        new("csrrsi", "------------ ----- 110 ----- 1110011", InstructionFormat.Csr, &Execute.CsrSetImmediate, endsBlock: true),
        new("csrrci", "------------ ----- 111 ----- 1110011", InstructionFormat.Csr, &Execute.CsrClearImmediate, endsBlock: true),

        // RV32M, RV64M
        Step<Binary<Multiply>>("mul", "0000001 ----- ----- 000 ----- 0110011", InstructionFormat.R),
        Step<Binary<MultiplyHigh>>("mulh", "0000001 ----- ----- 001 ----- 0110011", InstructionFormat.R),
        Step<Binary<MultiplyHighSignedUnsigned>>("mulhsu", "0000001 ----- ----- 010 ----- 0110011", InstructionFormat.R),
        Step<Binary<MultiplyHighUnsigned>>("mulhu", "0000001 ----- ----- 011 ----- 0110011", InstructionFormat.R),
        Step<Binary<Divide>>("div", "0000001 ----- ----- 100 ----- 0110011", InstructionFormat.R),
        Step<Binary<DivideUnsigned>>("divu", "0000001 ----- ----- 101 ----- 0110011", InstructionFormat.R),
        Step<Binary<Remainder>>("rem", "0000001 ----- ----- 110 ----- 0110011", InstructionFormat.R),
        Step<Binary<RemainderUnsigned>>("remu", "0000001 ----- ----- 111 ----- 0110011", InstructionFormat.R),
        Step<Binary<MultiplyWord>>("mulw", "0000001 ----- ----- 000 ----- 0111011", InstructionFormat.R),
        Step<Binary<DivideWord>>("divw", "0000001 ----- ----- 100 ----- 0111011", InstructionFormat.R),
        Step<Binary<DivideUnsignedWord>>("divuw", "0000001 ----- ----- 101 ----- 0111011", InstructionFormat.R),
        Step<Binary<RemainderWord>>("remw", "0000001 ----- ----- 110 ----- 0111011", InstructionFormat.R),
        Step<Binary<RemainderUnsignedWord>>("remuw", "0000001 ----- ----- 111 ----- 0111011", InstructionFormat.R),

        // RV32A, RV64A (aq and rl ask for nothing more: harts run one after the other)
        new("lr.w", "00010 - - 00000 ----- 010 ----- 0101111", InstructionFormat.R, &Execute.LoadReserved<AtomicWord>),
        new("sc.w", "00011 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.StoreConditional<AtomicWord>),
        new("amoswap.w", "00001 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, Swap>),
        new("amoadd.w", "00000 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, Add>),
        new("amoxor.w", "00100 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, Xor>),
        new("amoand.w", "01100 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, And>),
        new("amoor.w", "01000 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, Or>),
        new("amomin.w", "10000 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, Minimum>),
        new("amomax.w", "10100 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, Maximum>),
        new("amominu.w", "11000 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, MinimumUnsigned>),
        new("amomaxu.w", "11100 - - ----- ----- 010 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicWord, MaximumUnsigned>),
        new("lr.d", "00010 - - 00000 ----- 011 ----- 0101111", InstructionFormat.R, &Execute.LoadReserved<AtomicDoubleword>),
        new("sc.d", "00011 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.StoreConditional<AtomicDoubleword>),
        new("amoswap.d", "00001 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, Swap>),
        new("amoadd.d", "00000 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, Add>),
        new("amoxor.d", "00100 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, Xor>),
        new("amoand.d", "01100 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, And>),
        new("amoor.d", "01000 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, Or>),
        new("amomin.d", "10000 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, Minimum>),
        new("amomax.d", "10100 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, Maximum>),
        new("amominu.d", "11000 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, MinimumUnsigned>),
        new("amomaxu.d", "11100 - - ----- ----- 011 ----- 0101111", InstructionFormat.R, &Execute.Atomic<AtomicDoubleword, MaximumUnsigned>),

        // RV64F, RV64D
        new("flw", "------------ ----- 010 ----- 0000111", InstructionFormat.FloatLoad, &Execute.FloatLoadSingle),
        new("fsw", "------- ----- ----- 010 ----- 0100111", InstructionFormat.FloatStore, &Execute.FloatStore<Unsigned32>),
        new("fld", "------------ ----- 011 ----- 0000111", InstructionFormat.FloatLoad, &Execute.FloatLoadDouble),
        new("fsd", "------- ----- ----- 011 ----- 0100111", InstructionFormat.FloatStore, &Execute.FloatStore<Unsigned64>),
        new("fmadd.s", "----- 00 ----- ----- --- ----- 1000011", InstructionFormat.FloatR4, &Execute.FloatTernary<SingleMultiplyAdd>),
        new("fmsub.s", "----- 00 ----- ----- --- ----- 1000111", InstructionFormat.FloatR4, &Execute.FloatTernary<SingleMultiplySubtract>),
        new("fnmsub.s", "----- 00 ----- ----- --- ----- 1001011", InstructionFormat.FloatR4, &Execute.FloatTernary<SingleNegatedMultiplySubtract>),
        new("fnmadd.s", "----- 00 ----- ----- --- ----- 1001111", InstructionFormat.FloatR4, &Execute.FloatTernary<SingleNegatedMultiplyAdd>),
        new("fadd.s", "0000000 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<SingleAdd>),
        new("fsub.s", "0000100 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<SingleSubtract>),
        new("fmul.s", "0001000 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<SingleMultiply>),
        new("fdiv.s", "0001100 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<SingleDivide>),
        new("fsqrt.s", "0101100 00000 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<SingleSquareRoot>),
        new("fsgnj.s", "0010000 ----- ----- 000 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<SingleSignInject>),
        new("fsgnjn.s", "0010000 ----- ----- 001 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<SingleSignInjectNegated>),
        new("fsgnjx.s", "0010000 ----- ----- 010 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<SingleSignInjectXor>),
        new("fmin.s", "0010100 ----- ----- 000 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<SingleMinimum>),
        new("fmax.s", "0010100 ----- ----- 001 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<SingleMaximum>),
        new("feq.s", "1010000 ----- ----- 010 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<SingleEqual>),
        new("flt.s", "1010000 ----- ----- 001 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<SingleLess>),
        new("fle.s", "1010000 ----- ----- 000 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<SingleLessOrEqual>),
        new("fclass.s", "1110000 00000 ----- 001 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<SingleClassify>),
        new("fcvt.w.s", "1100000 00000 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<SingleToInt32>),
        new("fcvt.s.w", "1101000 00000 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<SingleFromInt32>),
        new("fcvt.wu.s", "1100000 00001 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<SingleToUInt32>),
        new("fcvt.s.wu", "1101000 00001 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<SingleFromUInt32>),
        new("fcvt.l.s", "1100000 00010 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<SingleToInt64>),
        new("fcvt.s.l", "1101000 00010 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<SingleFromInt64>),
        new("fcvt.lu.s", "1100000 00011 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<SingleToUInt64>),
        new("fcvt.s.lu", "1101000 00011 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<SingleFromUInt64>),
        new("fmadd.d", "----- 01 ----- ----- --- ----- 1000011", InstructionFormat.FloatR4, &Execute.FloatTernary<DoubleMultiplyAdd>),
        new("fmsub.d", "----- 01 ----- ----- --- ----- 1000111", InstructionFormat.FloatR4, &Execute.FloatTernary<DoubleMultiplySubtract>),
        new("fnmsub.d", "----- 01 ----- ----- --- ----- 1001011", InstructionFormat.FloatR4, &Execute.FloatTernary<DoubleNegatedMultiplySubtract>),
        new("fnmadd.d", "----- 01 ----- ----- --- ----- 1001111", InstructionFormat.FloatR4, &Execute.FloatTernary<DoubleNegatedMultiplyAdd>),
        new("fadd.d", "0000001 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<DoubleAdd>),
        new("fsub.d", "0000101 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<DoubleSubtract>),
        new("fmul.d", "0001001 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<DoubleMultiply>),
        new("fdiv.d", "0001101 ----- ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<DoubleDivide>),
        new("fsqrt.d", "0101101 00000 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<DoubleSquareRoot>),
        new("fsgnj.d", "0010001 ----- ----- 000 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<DoubleSignInject>),
        new("fsgnjn.d", "0010001 ----- ----- 001 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<DoubleSignInjectNegated>),
        new("fsgnjx.d", "0010001 ----- ----- 010 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<DoubleSignInjectXor>),
        new("fmin.d", "0010101 ----- ----- 000 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<DoubleMinimum>),
        new("fmax.d", "0010101 ----- ----- 001 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatPlain<DoubleMaximum>),
        new("feq.d", "1010001 ----- ----- 010 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<DoubleEqual>),
        new("flt.d", "1010001 ----- ----- 001 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<DoubleLess>),
        new("fle.d", "1010001 ----- ----- 000 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<DoubleLessOrEqual>),
        new("fclass.d", "1110001 00000 ----- 001 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<DoubleClassify>),
        new("fcvt.w.d", "1100001 00000 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<DoubleToInt32>),
        new("fcvt.d.w", "1101001 00000 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<DoubleFromInt32>),
        new("fcvt.wu.d", "1100001 00001 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<DoubleToUInt32>),
        new("fcvt.d.wu", "1101001 00001 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<DoubleFromUInt32>),
        new("fcvt.l.d", "1100001 00010 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<DoubleToInt64>),
        new("fcvt.d.l", "1101001 00010 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<DoubleFromInt64>),
        new("fcvt.lu.d", "1100001 00011 ----- --- ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatToInteger<DoubleToUInt64>),
        new("fcvt.d.lu", "1101001 00011 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatFromInteger<DoubleFromUInt64>),
        new("fmv.x.w", "1110000 00000 ----- 000 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<MoveWordToInteger>),
        new("fmv.x.d", "1110001 00000 ----- 000 ----- 1010011", InstructionFormat.FloatToInteger, &Execute.FloatInspect<MoveDoublewordToInteger>),
        new("fmv.w.x", "1111000 00000 ----- 000 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatMoveFromInteger<MoveWordFromInteger>),
        new("fmv.d.x", "1111001 00000 ----- 000 ----- 1010011", InstructionFormat.FloatR, &Execute.FloatMoveFromInteger<MoveDoublewordFromInteger>),
        new("fcvt.s.d", "0100000 00001 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<SingleFromDouble>),
        new("fcvt.d.s", "0100001 00000 ----- --- ----- 1010011", InstructionFormat.FloatR, &Execute.FloatBinary<DoubleFromSingle>),
    ];

    private static InstructionDefinition Step<T>(string name, string pattern, InstructionFormat format) where T : struct, IStep =>
        new(name, pattern, format, &Execute.Step<T>) { Semantics = typeof(T) };

    private static InstructionDefinition End<T>(string name, string pattern, InstructionFormat format) where T : struct, IBlockEnd =>
        new(name, pattern, format, &Execute.End<T>, endsBlock: true) { Semantics = typeof(T) };

    // By bits 6:2, the major opcode.
    private static readonly InstructionDefinition[][] ByOpcode = Enumerable.Range(0, 32)
        .Select(opcode => All.Where(d => ((d.Match >> 2) & 31) == opcode).ToArray()).ToArray();

    static InstructionTable()
    {
        foreach (InstructionDefinition definition in All) definition.PairNumber = FusedPairs.NumberOf(definition);
    }

    /// <summary>The definition that a word matches; the illegal instruction when none does.</summary>
    public static InstructionDefinition Find(uint word)
    {
        if ((word & 3) != 3) return Illegal;
        foreach (InstructionDefinition definition in ByOpcode[(word >> 2) & 31])
            if ((word & definition.Mask) == definition.Match) return definition;
        return Illegal;
    }
}
