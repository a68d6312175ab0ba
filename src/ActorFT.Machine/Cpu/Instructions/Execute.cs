using System.Runtime.CompilerServices;

namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>
/// Handlers: fetch operands, apply the semantics, go on to the next op. The jump to the next handler is a tail call
/// (the JIT makes one of every optimized call in return position, hence AggressiveOptimization: no tier 0); if it ever were not, a
/// block's at most 64 nested calls would still fit the stack.
/// </summary>
internal static unsafe partial class Execute
{
    /// <summary>Register-register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Binary<T>(Hart h, Op* op) where T : struct, IBinary
    {
        h.X(op->Rd) = T.Apply(h.X(op->Rs1), h.X(op->Rs2));
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Register-immediate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Immediate<T>(Hart h, Op* op) where T : struct, IBinary
    {
        h.X(op->Rd) = T.Apply(h.X(op->Rs1), (ulong)(long)op->Imm);
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>LUI.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LoadUpper(Hart h, Op* op)
    {
        h.X(op->Rd) = (ulong)(long)op->Imm;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>AUIPC.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddUpperToPc(Hart h, Op* op)
    {
        h.X(op->Rd) = h.BlockPc + (ulong)(long)op->Imm;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Conditional branches. A branch back to its own block's start goes round without the dispatcher.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Branch<T>(Hart h, Op* op) where T : struct, ICondition
    {
        h.Pc = h.BlockPc + (T.Test(h.X(op->Rs1), h.X(op->Rs2)) ? (ulong)(long)op->Imm : (ulong)op->Rd * 2);
    }

    /// <summary>JAL.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Jump(Hart h, Op* op)
    {
        h.X(op->Rd) = h.BlockPc + (ulong)op->Rs1 * 2;
        h.Pc = h.BlockPc + (ulong)(long)op->Imm;
    }

    /// <summary>JALR.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void JumpRegister(Hart h, Op* op)
    {
        ulong target = (h.X(op->Rs1) + (ulong)(long)op->Imm) & ~1UL;
        h.X(op->Rd) = h.BlockPc + (ulong)op->Rs2 * 2;
        h.Pc = target;
    }

    /// <summary>The synthetic end of a block that falls through. Not an instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EndOfBlock(Hart h, Op* op) => h.Pc = h.BlockPc + (ulong)(long)op->Imm;

    /// <summary>FENCE: harts run one after the other and devices between instructions, so everything is in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fence(Hart h, Op* op)
    {
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>FENCE.I: blocks of a written page were dropped at the write.</summary>
    public static void FenceI(Hart h, Op* op) => Next(h, op);

    /// <summary>SFENCE.VMA: translations were dropped when their page-table entry was written. U-mode may not.</summary>
    public static void FenceVma(Hart h, Op* op)
    {
        if (h.Mode == PrivilegeMode.User) Illegal(h, op);
        else Next(h, op);
    }

    /// <summary>PAUSE (Zihintpause): gives the rest of the quantum away, since the hart waits for another one.</summary>
    public static void Pause(Hart h, Op* op)
    {
        Next(h, op);
        h.Stop(QuantumEnd.Yielded);
    }

    /// <summary>ECALL: U-mode's goes to S-mode, S-mode's to the firmware, which is the machine itself.</summary>
    public static void EnvironmentCall(Hart h, Op* op)
    {
        if (h.Mode == PrivilegeMode.User)
        {
            h.Raise(op, TrapCause.EnvironmentCallFromU, 0);
            return;
        }

        Next(h, op);
        h.RequestInterruptCheck();
        h.Environment.CallFirmware(h);
    }

    /// <summary>EBREAK; stval holds its address.</summary>
    public static void Breakpoint(Hart h, Op* op) => h.Raise(op, TrapCause.Breakpoint, h.PcOf(op));

    /// <summary>SRET.</summary>
    public static void ReturnFromTrap(Hart h, Op* op)
    {
        if (h.Mode == PrivilegeMode.User) Illegal(h, op);
        else h.ReturnFromTrap();
    }

    /// <summary>WFI; in U-mode illegal, since it would not complete within bounded time (Privileged spec §3.3.3).</summary>
    public static void WaitForInterrupt(Hart h, Op* op)
    {
        if (h.Mode == PrivilegeMode.User)
        {
            Illegal(h, op);
            return;
        }

        Next(h, op);
        h.WaitForInterrupt();
    }

    /// <summary>Anything that no line of the table matches, or that is not allowed here; stval holds the bits.</summary>
    public static void Illegal(Hart h, Op* op) => h.RaiseIllegal(op);

    // The op is its block's last: the program counter goes behind it.
    private static void Next(Hart h, Op* op) => h.Pc = h.BlockPc + (ulong)op->Rs2 * 2;
}
