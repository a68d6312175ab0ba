using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Cpu.Instructions;

// RV64D (Unprivileged spec chapter 12).
internal readonly struct DoubleAdd : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.Add(a, b, rm, ref flags);
}

internal readonly struct DoubleSubtract : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.Sub(a, b, rm, ref flags);
}

internal readonly struct DoubleMultiply : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.Mul(a, b, rm, ref flags);
}

internal readonly struct DoubleDivide : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.Div(a, b, rm, ref flags);
}

internal readonly struct DoubleSquareRoot : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.Sqrt(a, rm, ref flags);
}

internal readonly struct DoubleMultiplyAdd : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        Float64.MulAdd(a, b, c, rm, ref flags);
}

internal readonly struct DoubleMultiplySubtract : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        Float64.MulAdd(a, b, c ^ 0x8000_0000_0000_0000ul, rm, ref flags);
}

internal readonly struct DoubleNegatedMultiplySubtract : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        Float64.MulAdd(a ^ 0x8000_0000_0000_0000ul, b, c, rm, ref flags);
}

internal readonly struct DoubleNegatedMultiplyAdd : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        Float64.MulAdd(a ^ 0x8000_0000_0000_0000ul, b, c ^ 0x8000_0000_0000_0000ul, rm, ref flags);
}

internal readonly struct DoubleSignInject : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => (a & ~0x8000_0000_0000_0000ul) | (b & 0x8000_0000_0000_0000ul);
}

internal readonly struct DoubleSignInjectNegated : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => (a & ~0x8000_0000_0000_0000ul) | (~b & 0x8000_0000_0000_0000ul);
}

internal readonly struct DoubleSignInjectXor : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => a ^ (b & 0x8000_0000_0000_0000ul);
}

internal readonly struct DoubleMinimum : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float64.Min(a, b, ref flags);
}

internal readonly struct DoubleMaximum : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float64.Max(a, b, ref flags);
}

internal readonly struct DoubleEqual : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float64.Equal(a, b, ref flags) ? 1UL : 0UL;
}

internal readonly struct DoubleLess : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float64.LessThan(a, b, ref flags) ? 1UL : 0UL;
}

internal readonly struct DoubleLessOrEqual : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float64.LessOrEqual(a, b, ref flags) ? 1UL : 0UL;
}

internal readonly struct DoubleClassify : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float64.Classify(a);
}

internal readonly struct DoubleToInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.ToInt32(a, rm, ref flags);
}

internal readonly struct DoubleToUInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.ToUInt32(a, rm, ref flags);
}

internal readonly struct DoubleToInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.ToInt64(a, rm, ref flags);
}

internal readonly struct DoubleToUInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.ToUInt64(a, rm, ref flags);
}

internal readonly struct DoubleFromInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.FromInt32(a, rm, ref flags);
}

internal readonly struct DoubleFromUInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.FromUInt32(a, rm, ref flags);
}

internal readonly struct DoubleFromInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.FromInt64(a, rm, ref flags);
}

internal readonly struct DoubleFromUInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float64.FromUInt64(a, rm, ref flags);
}

internal readonly struct SingleFromDouble : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float64.ToFloat32(a, rm, ref flags));
}

internal readonly struct DoubleFromSingle : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float32.ToFloat64(NanBox.Unbox(a), ref flags);
}
