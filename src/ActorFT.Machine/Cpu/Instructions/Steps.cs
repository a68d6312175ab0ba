using System.Runtime.CompilerServices;
using ActorFT.Machine.Cpu.Translation;

namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>An instruction that goes on to the next one: operands fetched, semantics applied, result stored.</summary>
internal unsafe interface IStep
{
    /// <summary>Does the whole instruction, or nothing at all and says false.</summary>
    static abstract bool TryRun(Hart h, Op* op);

    /// <summary>Does what <see cref="TryRun"/> refused, and the rest of the block.</summary>
    static virtual void RunSlow(Hart h, Op* op) => throw new InvalidOperationException("An instruction without a slow path took it.");
}

/// <summary>An instruction that sets the program counter, by which its block ends.</summary>
internal unsafe interface IBlockEnd
{
    /// <summary>Does the instruction.</summary>
    static abstract void Run(Hart h, Op* op);
}

/// <summary>Register-register.</summary>
internal readonly unsafe struct Binary<T> : IStep where T : struct, IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op)
    {
        h.X(op->Rd) = T.Apply(h.X(op->Rs1), h.X(op->Rs2));
        return true;
    }
}

/// <summary>Register-immediate.</summary>
internal readonly unsafe struct Immediate<T> : IStep where T : struct, IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op)
    {
        h.X(op->Rd) = T.Apply(h.X(op->Rs1), (ulong)(long)op->Imm);
        return true;
    }
}

/// <summary>LUI.</summary>
internal readonly unsafe struct LoadUpper : IStep
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op)
    {
        h.X(op->Rd) = (ulong)(long)op->Imm;
        return true;
    }
}

/// <summary>AUIPC.</summary>
internal readonly unsafe struct AddUpperToPc : IStep
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op)
    {
        h.X(op->Rd) = h.BlockPc + (ulong)(long)op->Imm;
        return true;
    }
}

/// <summary>Loads: the TLB hit here, all else in <see cref="Execute.LoadSlow"/>.</summary>
internal readonly unsafe struct Load<T> : IStep where T : struct, IAccess
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op)
    {
        ulong va = h.X(op->Rs1) + (ulong)(long)op->Imm;
        TlbEntry* entry = h.ReadTlb + Tlb.Index(va);
        if (entry->Tag != (va & T.TagMask)) return false;
        h.X(op->Rd) = T.Read((byte*)((nint)va + entry->Addend));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RunSlow(Hart h, Op* op) => Execute.LoadSlow<T>(h, op);
}

/// <summary>Stores: the TLB hit here, all else in <see cref="Execute.StoreSlow"/>.</summary>
internal readonly unsafe struct Store<T> : IStep where T : struct, IAccess
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op)
    {
        ulong va = h.X(op->Rs1) + (ulong)(long)op->Imm;
        TlbEntry* entry = h.WriteTlb + Tlb.Index(va);
        if (entry->Tag != (va & T.TagMask)) return false;
        T.Write((byte*)((nint)va + entry->Addend), h.X(op->Rs2));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RunSlow(Hart h, Op* op) => 
        Execute.StoreSlow(h, op, h.X(op->Rs1) + (ulong)(long)op->Imm, T.WidthBytes, h.X(op->Rs2));
}

/// <summary>Conditional branches: one that is not taken goes on within the block, one that is taken leaves it.</summary>
internal readonly unsafe struct Branch<T> : IStep where T : struct, ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRun(Hart h, Op* op) => !T.Test(h.X(op->Rs1), h.X(op->Rs2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RunSlow(Hart h, Op* op)
    {
        h.Pc = h.BlockPc + (ulong)(long)op->Imm;
        h.Budget += h.BlockCount - (op - h.BlockOps) - 1; // the slots of the ops behind it
    }
}

/// <summary>JAL.</summary>
internal readonly unsafe struct Jump : IBlockEnd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(Hart h, Op* op)
    {
        h.X(op->Rd) = h.BlockPc + (ulong)op->Rs1 * 2;
        h.Pc = h.BlockPc + (ulong)(long)op->Imm;
    }
}

/// <summary>JALR.</summary>
internal readonly unsafe struct JumpRegister : IBlockEnd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(Hart h, Op* op)
    {
        ulong target = (h.X(op->Rs1) + (ulong)(long)op->Imm) & ~1UL;
        h.X(op->Rd) = h.BlockPc + (ulong)op->Rs2 * 2;
        h.Pc = target;
    }
}
