namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>
/// The instruction set, a line per instruction (Unprivileged spec chapter "Instruction Set Listings"). The handler named in a line, with
/// the semantics named in its type argument, is the one place that says what the instruction does; whatever executes code
/// (blocks of ops now, a compiling tier later) takes it from here.
/// </summary>
internal static unsafe class InstructionTable
{
    private static readonly InstructionDefinition Illegal =
        new("illegal", "", InstructionFormat.Illegal, &Execute.Illegal, endsBlock: true);

    /// <summary>All instructions. The first match counts: PAUSE, a FENCE hint, stands before FENCE.</summary>
    public static readonly InstructionDefinition[] All =
    [
        // RV32I, RV64I
        new("lui", "-------------------- ----- 0110111", InstructionFormat.U, &Execute.LoadUpper),
        new("auipc", "-------------------- ----- 0010111", InstructionFormat.UPcRelative, &Execute.AddUpperToPc),
        new("jal", "-------------------- ----- 1101111", InstructionFormat.J, &Execute.Jump, endsBlock: true),
        new("jalr", "------------ ----- 000 ----- 1100111", InstructionFormat.JumpRegister, &Execute.JumpRegister, endsBlock: true),
        new("beq", "------- ----- ----- 000 ----- 1100011", InstructionFormat.B, &Execute.Branch<Equal>, endsBlock: true),
        new("bne", "------- ----- ----- 001 ----- 1100011", InstructionFormat.B, &Execute.Branch<NotEqual>, endsBlock: true),
        new("blt", "------- ----- ----- 100 ----- 1100011", InstructionFormat.B, &Execute.Branch<Less>, endsBlock: true),
        new("bge", "------- ----- ----- 101 ----- 1100011", InstructionFormat.B, &Execute.Branch<NotLess>, endsBlock: true),
        new("bltu", "------- ----- ----- 110 ----- 1100011", InstructionFormat.B, &Execute.Branch<LessUnsigned>, endsBlock: true),
        new("bgeu", "------- ----- ----- 111 ----- 1100011", InstructionFormat.B, &Execute.Branch<NotLessUnsigned>, endsBlock: true),
        new("lb", "------------ ----- 000 ----- 0000011", InstructionFormat.I, &Execute.Load<Signed8>),
        new("lh", "------------ ----- 001 ----- 0000011", InstructionFormat.I, &Execute.Load<Signed16>),
        new("lw", "------------ ----- 010 ----- 0000011", InstructionFormat.I, &Execute.Load<Signed32>),
        new("ld", "------------ ----- 011 ----- 0000011", InstructionFormat.I, &Execute.Load<Unsigned64>),
        new("lbu", "------------ ----- 100 ----- 0000011", InstructionFormat.I, &Execute.Load<Unsigned8>),
        new("lhu", "------------ ----- 101 ----- 0000011", InstructionFormat.I, &Execute.Load<Unsigned16>),
        new("lwu", "------------ ----- 110 ----- 0000011", InstructionFormat.I, &Execute.Load<Unsigned32>),
        new("sb", "------- ----- ----- 000 ----- 0100011", InstructionFormat.S, &Execute.Store<Unsigned8>),
        new("sh", "------- ----- ----- 001 ----- 0100011", InstructionFormat.S, &Execute.Store<Unsigned16>),
        new("sw", "------- ----- ----- 010 ----- 0100011", InstructionFormat.S, &Execute.Store<Unsigned32>),
        new("sd", "------- ----- ----- 011 ----- 0100011", InstructionFormat.S, &Execute.Store<Unsigned64>),
        new("addi", "------------ ----- 000 ----- 0010011", InstructionFormat.I, &Execute.Immediate<Add>),
        new("slti", "------------ ----- 010 ----- 0010011", InstructionFormat.I, &Execute.Immediate<SetLess>),
        new("sltiu", "------------ ----- 011 ----- 0010011", InstructionFormat.I, &Execute.Immediate<SetLessUnsigned>),
        new("xori", "------------ ----- 100 ----- 0010011", InstructionFormat.I, &Execute.Immediate<Xor>),
        new("ori", "------------ ----- 110 ----- 0010011", InstructionFormat.I, &Execute.Immediate<Or>),
        new("andi", "------------ ----- 111 ----- 0010011", InstructionFormat.I, &Execute.Immediate<And>),
        new("slli", "000000 ------ ----- 001 ----- 0010011", InstructionFormat.Shift, &Execute.Immediate<ShiftLeft>),
        new("srli", "000000 ------ ----- 101 ----- 0010011", InstructionFormat.Shift, &Execute.Immediate<ShiftRight>),
        new("srai", "010000 ------ ----- 101 ----- 0010011", InstructionFormat.Shift, &Execute.Immediate<ShiftRightArithmetic>),
        new("addiw", "------------ ----- 000 ----- 0011011", InstructionFormat.I, &Execute.Immediate<AddWord>),
        new("slliw", "0000000 ----- ----- 001 ----- 0011011", InstructionFormat.Shift, &Execute.Immediate<ShiftLeftWord>),
        new("srliw", "0000000 ----- ----- 101 ----- 0011011", InstructionFormat.Shift, &Execute.Immediate<ShiftRightWord>),
        new("sraiw", "0100000 ----- ----- 101 ----- 0011011", InstructionFormat.Shift, &Execute.Immediate<ShiftRightArithmeticWord>),
        new("add", "0000000 ----- ----- 000 ----- 0110011", InstructionFormat.R, &Execute.Binary<Add>),
        new("sub", "0100000 ----- ----- 000 ----- 0110011", InstructionFormat.R, &Execute.Binary<Subtract>),
        new("sll", "0000000 ----- ----- 001 ----- 0110011", InstructionFormat.R, &Execute.Binary<ShiftLeft>),
        new("slt", "0000000 ----- ----- 010 ----- 0110011", InstructionFormat.R, &Execute.Binary<SetLess>),
        new("sltu", "0000000 ----- ----- 011 ----- 0110011", InstructionFormat.R, &Execute.Binary<SetLessUnsigned>),
        new("xor", "0000000 ----- ----- 100 ----- 0110011", InstructionFormat.R, &Execute.Binary<Xor>),
        new("srl", "0000000 ----- ----- 101 ----- 0110011", InstructionFormat.R, &Execute.Binary<ShiftRight>),
        new("sra", "0100000 ----- ----- 101 ----- 0110011", InstructionFormat.R, &Execute.Binary<ShiftRightArithmetic>),
        new("or", "0000000 ----- ----- 110 ----- 0110011", InstructionFormat.R, &Execute.Binary<Or>),
        new("and", "0000000 ----- ----- 111 ----- 0110011", InstructionFormat.R, &Execute.Binary<And>),
        new("addw", "0000000 ----- ----- 000 ----- 0111011", InstructionFormat.R, &Execute.Binary<AddWord>),
        new("subw", "0100000 ----- ----- 000 ----- 0111011", InstructionFormat.R, &Execute.Binary<SubtractWord>),
        new("sllw", "0000000 ----- ----- 001 ----- 0111011", InstructionFormat.R, &Execute.Binary<ShiftLeftWord>),
        new("srlw", "0000000 ----- ----- 101 ----- 0111011", InstructionFormat.R, &Execute.Binary<ShiftRightWord>),
        new("sraw", "0100000 ----- ----- 101 ----- 0111011", InstructionFormat.R, &Execute.Binary<ShiftRightArithmeticWord>),
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
        new("mul", "0000001 ----- ----- 000 ----- 0110011", InstructionFormat.R, &Execute.Binary<Multiply>),
        new("mulh", "0000001 ----- ----- 001 ----- 0110011", InstructionFormat.R, &Execute.Binary<MultiplyHigh>),
        new("mulhsu", "0000001 ----- ----- 010 ----- 0110011", InstructionFormat.R, &Execute.Binary<MultiplyHighSignedUnsigned>),
        new("mulhu", "0000001 ----- ----- 011 ----- 0110011", InstructionFormat.R, &Execute.Binary<MultiplyHighUnsigned>),
        new("div", "0000001 ----- ----- 100 ----- 0110011", InstructionFormat.R, &Execute.Binary<Divide>),
        new("divu", "0000001 ----- ----- 101 ----- 0110011", InstructionFormat.R, &Execute.Binary<DivideUnsigned>),
        new("rem", "0000001 ----- ----- 110 ----- 0110011", InstructionFormat.R, &Execute.Binary<Remainder>),
        new("remu", "0000001 ----- ----- 111 ----- 0110011", InstructionFormat.R, &Execute.Binary<RemainderUnsigned>),
        new("mulw", "0000001 ----- ----- 000 ----- 0111011", InstructionFormat.R, &Execute.Binary<MultiplyWord>),
        new("divw", "0000001 ----- ----- 100 ----- 0111011", InstructionFormat.R, &Execute.Binary<DivideWord>),
        new("divuw", "0000001 ----- ----- 101 ----- 0111011", InstructionFormat.R, &Execute.Binary<DivideUnsignedWord>),
        new("remw", "0000001 ----- ----- 110 ----- 0111011", InstructionFormat.R, &Execute.Binary<RemainderWord>),
        new("remuw", "0000001 ----- ----- 111 ----- 0111011", InstructionFormat.R, &Execute.Binary<RemainderUnsignedWord>),

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

    // By bits 6:2, the major opcode.
    private static readonly InstructionDefinition[][] ByOpcode = Enumerable.Range(0, 32)
        .Select(opcode => All.Where(d => ((d.Match >> 2) & 31) == opcode).ToArray()).ToArray();

    /// <summary>The definition that a word matches; the illegal instruction when none does.</summary>
    public static InstructionDefinition Find(uint word)
    {
        if ((word & 3) != 3) return Illegal;
        foreach (InstructionDefinition definition in ByOpcode[(word >> 2) & 31])
            if ((word & definition.Mask) == definition.Match) return definition;
        return Illegal;
    }
}
