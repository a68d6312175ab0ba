using System.Runtime.CompilerServices;
using ActorFT.Machine.Cpu.Translation;
using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Cpu.Instructions;

// RV64F and RV64D. Every one of them finds FS on, and leaves it Dirty (Privileged spec §3.1.6.6 lets FS be imprecise upwards).
internal static unsafe partial class Execute
{
    // False after raising an illegal instruction: floating-point state is off.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TurnFloatDirty(Hart h, Op* op)
    {
        if (h.FloatOff)
        {
            h.RaiseIllegal(op);
            return false;
        }

        h.MarkFloatDirty();
        return true;
    }

    /// <summary>F register results of one or two sources, rounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatBinary<T>(Hart h, Op* op) where T : struct, IFloatBinary
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        if (!h.TryRounding(op->RoundingField, out RoundingMode rm))
        {
            h.RaiseIllegal(op);
            return;
        }

        uint flags = h.FloatFlagsRegister;
        h.F(op->Rd) = T.Apply(h.F(op->Rs1), h.F(op->Rs2), rm, ref flags);
        h.FloatFlagsRegister = flags;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Fused multiply-add and its relatives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatTernary<T>(Hart h, Op* op) where T : struct, IFloatTernary
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        if (!h.TryRounding(op->RoundingField, out RoundingMode rm))
        {
            h.RaiseIllegal(op);
            return;
        }

        uint flags = h.FloatFlagsRegister;
        h.F(op->Rd) = T.Apply(h.F(op->Rs1), h.F(op->Rs2), h.F((uint)op->Imm), rm, ref flags);
        h.FloatFlagsRegister = flags;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Sign injection, minimum, maximum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatPlain<T>(Hart h, Op* op) where T : struct, IFloatPlain
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        uint flags = h.FloatFlagsRegister;
        h.F(op->Rd) = T.Apply(h.F(op->Rs1), h.F(op->Rs2), ref flags);
        h.FloatFlagsRegister = flags;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Comparisons, classification, bit moves: results in an integer register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatInspect<T>(Hart h, Op* op) where T : struct, IFloatPlain
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        uint flags = h.FloatFlagsRegister;
        h.X(op->Rd) = T.Apply(h.F(op->Rs1), h.F(op->Rs2), ref flags);
        h.FloatFlagsRegister = flags;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Conversions to integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatToInteger<T>(Hart h, Op* op) where T : struct, IFloatBinary
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        if (!h.TryRounding(op->RoundingField, out RoundingMode rm))
        {
            h.RaiseIllegal(op);
            return;
        }

        uint flags = h.FloatFlagsRegister;
        h.X(op->Rd) = T.Apply(h.F(op->Rs1), 0, rm, ref flags);
        h.FloatFlagsRegister = flags;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Conversions from integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatFromInteger<T>(Hart h, Op* op) where T : struct, IFloatBinary
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        if (!h.TryRounding(op->RoundingField, out RoundingMode rm))
        {
            h.RaiseIllegal(op);
            return;
        }

        uint flags = h.FloatFlagsRegister;
        h.F(op->Rd) = T.Apply(h.X(op->Rs1), 0, rm, ref flags);
        h.FloatFlagsRegister = flags;
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>Bit moves from integer registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatMoveFromInteger<T>(Hart h, Op* op) where T : struct, IFloatPlain
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        h.F(op->Rd) = T.Apply(h.X(op->Rs1), 0, ref h.FloatFlagsRegister);
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>FLW.</summary>
    public static void FloatLoadSingle(Hart h, Op* op) => FloatLoad<Unsigned32>(h, op, 0xFFFF_FFFF_0000_0000);

    /// <summary>FLD.</summary>
    public static void FloatLoadDouble(Hart h, Op* op) => FloatLoad<Unsigned64>(h, op, 0);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FloatLoad<T>(Hart h, Op* op, ulong box) where T : struct, IAccess
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        ulong va = h.X(op->Rs1) + (ulong)(long)op->Imm;
        TlbEntry* entry = h.ReadTlb + Tlb.Index(va);
        if (entry->Tag == (va & T.TagMask))
        {
            h.F(op->Rd) = T.Read((byte*)((nint)va + entry->Addend)) | box;
            Op* next = op + 1;
            next->Run(h, next);
            return;
        }

        AccessResult result = h.Load(op, va, T.WidthBytes, out ulong raw);
        if (result == AccessResult.Raised) return;
        h.F(op->Rd) = raw | box;
        Continue(h, op, result);
    }

    /// <summary>FSW, FSD.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FloatStore<T>(Hart h, Op* op) where T : struct, IAccess
    {
        if (!h.FloatDirty && !TurnFloatDirty(h, op)) return;
        ulong va = h.X(op->Rs1) + (ulong)(long)op->Imm;
        TlbEntry* entry = h.WriteTlb + Tlb.Index(va);
        if (entry->Tag == (va & T.TagMask))
        {
            T.Write((byte*)((nint)va + entry->Addend), h.F(op->Rs2));
            Op* next = op + 1;
            next->Run(h, next);
            return;
        }

        StoreSlow(h, op, va, T.WidthBytes, h.F(op->Rs2));
    }
}
