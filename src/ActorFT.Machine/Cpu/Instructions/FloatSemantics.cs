using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>A result from one or two registers that is rounded.</summary>
internal interface IFloatBinary
{
    /// <summary>The result as a register's 64 bits.</summary>
    static abstract ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags);
}

/// <summary>A result from three registers with one rounding.</summary>
internal interface IFloatTernary
{
    /// <summary>The result as a register's 64 bits.</summary>
    static abstract ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags);
}

/// <summary>A result that is never rounded.</summary>
internal interface IFloatPlain
{
    /// <summary>The result as a register's 64 bits.</summary>
    static abstract ulong Apply(ulong a, ulong b, ref uint flags);
}

/// <summary>NaN boxing of singles in 64-bit registers (Unprivileged spec §12.2).</summary>
internal static class NanBox
{
    /// <summary>The single in a register; the canonical NaN if the register holds no boxed single.</summary>
    public static uint Unbox(ulong register) => register >= 0xFFFF_FFFF_0000_0000 ? (uint)register : 0x7FC0_0000;

    /// <summary>A register that holds a single.</summary>
    public static ulong Box(uint value) => value | 0xFFFF_FFFF_0000_0000;
}

internal readonly struct MoveWordToInteger : IFloatPlain { public static ulong Apply(ulong a, ulong b, ref uint flags) => (ulong)(long)(int)a; }
internal readonly struct MoveDoublewordToInteger : IFloatPlain { public static ulong Apply(ulong a, ulong b, ref uint flags) => a; }
internal readonly struct MoveWordFromInteger : IFloatPlain { public static ulong Apply(ulong a, ulong b, ref uint flags) => NanBox.Box((uint)a); }
internal readonly struct MoveDoublewordFromInteger : IFloatPlain { public static ulong Apply(ulong a, ulong b, ref uint flags) => a; }
