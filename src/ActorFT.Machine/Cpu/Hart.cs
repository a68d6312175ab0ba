using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorFT.Machine.Cpu.Decoding;
using ActorFT.Machine.Cpu.Translation;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu;

/// <summary>
/// One RV64GC hart: registers, CSRs and the loop that runs quanta.
/// Invariant: after <see cref="Run"/> the architectural state is exactly that of a machine that executes one instruction
/// after the other with no cache of any kind; TLBs, decoded blocks and the jump cache are derived state.
/// DETERMINISM: interrupts are looked at only where the instruction stream says so in every replica: at a quantum's
/// start, after instructions that always end a block (CSR, SRET, ECALL, WFI …), and after an access to a device. A block's
/// end itself is no such place, because where blocks end depends on what was cached.
/// </summary>
/// <remarks>
/// <code>
///            HSM start                    WFI                 interrupt pending and enabled
///  Stopped ────────────> Running ────────────────> Waiting ───────────────> Running
///     ^                     |
///     └──── HSM stop ───────┘
/// </code>
/// </remarks>
internal sealed unsafe partial class Hart : IDisposable
{
    /// <summary>Where writes to x0 go.</summary>
    public const int SinkRegister = 32;

    [InlineArray(33)]
    private struct IntegerRegisters { private ulong _first; }

    [InlineArray(32)]
    private struct FloatRegisters { private ulong _first; }

    private IntegerRegisters _x;
    private FloatRegisters _f;

    // The four fields that blocks touch lie beside the registers.

    /// <summary>The program counter; valid between blocks only.</summary>
    public ulong Pc;

    /// <summary>The virtual address of the running block's first instruction.</summary>
    public ulong BlockPc;

    /// <summary>The running block's first op.</summary>
    public Op* BlockOps;

    /// <summary>Instructions in the running block, already taken from <see cref="Budget"/>.</summary>
    public long BlockCount;

    /// <summary>Instructions that may still run before the loop looks up.</summary>
    public long Budget;

    /// <summary>Read translations of the current mode.</summary>
    public TlbEntry* ReadTlb;

    /// <summary>Write translations of the current mode.</summary>
    public TlbEntry* WriteTlb;

    private readonly JumpEntry* _jumpCache;
    private readonly Op* _scratchOps;
    private readonly JumpEntry* _scratchEntry;
    private long _deferredBudget;
    private bool _interruptCheck;
    private bool _stopped;
    private QuantumEnd _stopReason;

    /// <summary>Creates a hart in the state after reset: stopped.</summary>
    public Hart(int id, GuestMemory memory, DerivedState derived, IHartEnvironment environment)
    {
        Id = id;
        Memory = memory;
        Blocks = derived.Blocks;
        Environment = environment;
        Tlb = new Tlb();
        Mmu = new Mmu(memory, derived);
        _jumpCache = (JumpEntry*)NativeMemory.AllocZeroed(JumpEntry.CacheEntries, (nuint)sizeof(JumpEntry));
        _scratchOps = (Op*)NativeMemory.AllocZeroed(BlockCache.MaxOpsInBlock + 1, (nuint)sizeof(Op));
        _scratchEntry = (JumpEntry*)NativeMemory.AllocZeroed(1, (nuint)sizeof(JumpEntry));
        ClearJumpCache();
        Reset();
    }

    /// <summary>Its number, also the PLIC context and the SBI hart id.</summary>
    public int Id { get; }

    /// <summary>RAM.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Decoded blocks, shared by all harts.</summary>
    public BlockCache Blocks { get; }

    /// <summary>What lies outside the hart: devices, firmware, clock.</summary>
    public IHartEnvironment Environment { get; }

    /// <summary>This hart's TLBs.</summary>
    public Tlb Tlb { get; }

    private Mmu Mmu { get; }

    /// <summary>Whether the hart runs, waits or is stopped.</summary>
    public HartState State { get; set; }

    /// <summary>Current privilege mode.</summary>
    public PrivilegeMode Mode { get; private set; }

    /// <summary>Slots used since reset: retired instructions and exceptions.</summary>
    public ulong Slots { get; private set; }

    /// <summary>Test option: throw derived state away at every quantum and block look-up.</summary>
    public bool ThrashCaches { get; set; }

    /// <summary>An integer register; index <see cref="SinkRegister"/> swallows writes to x0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref ulong X(uint index) => ref Unsafe.Add(ref Unsafe.As<IntegerRegisters, ulong>(ref _x), index);

    /// <summary>A floating-point register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref ulong F(uint index) => ref Unsafe.Add(ref Unsafe.As<FloatRegisters, ulong>(ref _f), index);

    /// <summary>Runs one quantum of at most <paramref name="instructions"/>; ends what only lasts for a quantum.</summary>
    public QuantumResult RunQuantum(int instructions)
    {
        QuantumResult result = Run(instructions);
        EndQuantum();
        return result;
    }

    /// <summary>
    /// Ends what only lasts for a quantum: other harts and devices write between quanta, so a reservation does not outlive
    /// one (an SC may fail spuriously).
    /// </summary>
    public void EndQuantum() => _reservationValid = false;

    /// <summary>
    /// Runs at most <paramref name="instructions"/> slots. Two calls of n and m do the same as one of n+m, apart from the
    /// interrupt lines being looked at again, which do not change within a round.
    /// </summary>
    public QuantumResult Run(int instructions)
    {
        if (State == HartState.Stopped) return new QuantumResult(QuantumEnd.Stopped, 0);
        if (Environment.IsPoweringOff) return new QuantumResult(QuantumEnd.PowerOff, 0);
        RefreshExternalInterrupt();
        if (State == HartState.Waiting)
        {
            if ((PendingInterrupts & _sie) == 0) return new QuantumResult(QuantumEnd.Waiting, 0);
            State = HartState.Running;
        }

        if (ThrashCaches) FlushTranslations();
        Budget = instructions;
        _deferredBudget = 0;
        _stopped = false;
        _stopReason = QuantumEnd.Exhausted;
        _interruptCheck = true;
        _slotsBase = Slots + (ulong)instructions;
        RunLoop();
        long unused = Budget + _deferredBudget;
        int used = instructions - (int)unused;
        Slots = _slotsBase - (ulong)unused;
        return new QuantumResult(_stopReason, used);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunLoop()
    {
        do
        {
            Budget += _deferredBudget;
            _deferredBudget = 0;
            if (_interruptCheck) TakePendingInterrupt();
            while (Budget > 0)
            {
                ulong pc = Pc;
                JumpEntry* entry = _jumpCache + JumpEntry.Index(pc);
                if (entry->Tag != (pc | _modeTag) || entry->Generation != _jumpGeneration)
                {
                    entry = FindBlock(pc);
                    if (entry == null) continue; // a fetch exception was raised; it used a slot
                }

                if (entry->Count > Budget) entry = CutBlock(entry);
                Budget -= entry->Count;
                BlockCount = entry->Count;
                BlockPc = pc;
                Op* ops = entry->Ops;
                BlockOps = ops;
                ops->Run(this, ops);
            }
        }
        while (_deferredBudget > 0 && !_stopped);
    }

    /// <summary>A block that is longer than what is left is cut: its first ops and an end, in the hart's own buffer.</summary>
    private JumpEntry* CutBlock(JumpEntry* entry)
    {
        int count = (int)Budget, offsetBytes = 0;
        for (int i = 0; i < count; i++)
        {
            _scratchOps[i] = entry->Ops[i];
            offsetBytes += entry->Ops[i].LengthBytes;
        }

        BlockBuilder.Unfuse(_scratchOps + count - 1);
        _scratchOps[count] = BlockBuilder.EndOfBlock(offsetBytes);
        _scratchEntry->Ops = _scratchOps;
        _scratchEntry->Count = count;
        return _scratchEntry;
    }

    /// <summary>
    /// Ends the budget of the inner loop so that interrupts are looked at before the next instruction. Only where every
    /// replica does the same; the running block must be at its last op or left.
    /// </summary>
    public void RequestInterruptCheck()
    {
        _interruptCheck = true;
        _deferredBudget += Budget;
        Budget = 0;
    }

    /// <summary>Ends this hart's part of the round after the current instruction.</summary>
    public void Stop(QuantumEnd reason)
    {
        _stopped = true;
        _stopReason = reason;
        _deferredBudget += Budget;
        Budget = 0;
    }

    /// <summary>The virtual address of an op of the running block.</summary>
    public ulong PcOf(Op* op)
    {
        int offset = 0;
        for (Op* at = BlockOps; at < op; at++) offset += at->LengthBytes;
        return BlockPc + (ulong)offset;
    }

    /// <summary>
    /// Leaves the running block after <paramref name="op"/>: sets the program counter behind it and gives back the slots
    /// of the ops that did not run. The handler must return at once.
    /// </summary>
    public void LeaveBlockAfter(Op* op)
    {
        Pc = PcOf(op) + (ulong)op->LengthBytes;
        Budget += BlockCount - (op - BlockOps) - 1;
    }

    /// <summary>Raises an exception at <paramref name="op"/> of the running block. The handler must return at once.</summary>
    public void Raise(Op* op, TrapCause cause, ulong value)
    {
        ulong pc = PcOf(op);
        Budget += BlockCount - (op - BlockOps) - 1;
        EnterTrap(pc, cause, value);
    }

    /// <summary>Frees native memory.</summary>
    public void Dispose()
    {
        NativeMemory.Free(_jumpCache);
        NativeMemory.Free(_scratchOps);
        NativeMemory.Free(_scratchEntry);
        Tlb.Dispose();
    }
}

/// <summary>What a hart is doing, as architectural state.</summary>
internal enum HartState : byte
{
    /// <summary>SBI HSM STOPPED.</summary>
    Stopped = 0,
    /// <summary>Runs instructions.</summary>
    Running = 1,
    /// <summary>In WFI.</summary>
    Waiting = 2,
}
