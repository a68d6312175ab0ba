using System.Runtime.CompilerServices;

namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>
/// Handlers: fetch operands, apply the semantics, go on to the next op. The jump to the next handler is a tail call
/// (the JIT makes one of every optimized call in return position, hence AggressiveOptimization: no tier 0); if it ever were not, a
/// block's at most 64 nested calls would still fit the stack.
/// </summary>
internal static unsafe partial class Execute
{
    /// <summary>One instruction that goes on to the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Step<T>(Hart h, Op* op) where T : struct, IStep
    {
        if (!T.TryRun(h, op))
        {
            T.RunSlow(h, op);
            return;
        }

        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>One instruction that ends its block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void End<T>(Hart h, Op* op) where T : struct, IBlockEnd => T.Run(h, op);

    /// <summary>Two instructions with one dispatch. When the first takes its slow path, that goes on with the second by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StepStep<TFirst, TSecond>(Hart h, Op* op) where TFirst : struct, IStep where TSecond : struct, IStep
    {
        if (!TFirst.TryRun(h, op))
        {
            TFirst.RunSlow(h, op);
            return;
        }

        op++;
        if (!TSecond.TryRun(h, op))
        {
            TSecond.RunSlow(h, op);
            return;
        }

        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Two instructions with one dispatch, the second of which ends the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StepEnd<TFirst, TSecond>(Hart h, Op* op) where TFirst : struct, IStep where TSecond : struct, IBlockEnd
    {
        if (!TFirst.TryRun(h, op))
        {
            TFirst.RunSlow(h, op);
            return;
        }

        TSecond.Run(h, op + 1);
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
