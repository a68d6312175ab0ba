using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Cpu.Instructions;

// RV64F (Unprivileged spec chapter 11) on NaN-boxed 64-bit registers.
internal readonly struct SingleAdd : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.Add(NanBox.Unbox(a), NanBox.Unbox(b), rm, ref flags));
}

internal readonly struct SingleSubtract : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.Sub(NanBox.Unbox(a), NanBox.Unbox(b), rm, ref flags));
}

internal readonly struct SingleMultiply : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.Mul(NanBox.Unbox(a), NanBox.Unbox(b), rm, ref flags));
}

internal readonly struct SingleDivide : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.Div(NanBox.Unbox(a), NanBox.Unbox(b), rm, ref flags));
}

internal readonly struct SingleSquareRoot : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.Sqrt(NanBox.Unbox(a), rm, ref flags));
}

internal readonly struct SingleMultiplyAdd : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        NanBox.Box(Float32.MulAdd(NanBox.Unbox(a), NanBox.Unbox(b), NanBox.Unbox(c), rm, ref flags));
}

internal readonly struct SingleMultiplySubtract : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        NanBox.Box(Float32.MulAdd(NanBox.Unbox(a), NanBox.Unbox(b), NanBox.Unbox(c) ^ 0x8000_0000u, rm, ref flags));
}

internal readonly struct SingleNegatedMultiplySubtract : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        NanBox.Box(Float32.MulAdd(NanBox.Unbox(a) ^ 0x8000_0000u, NanBox.Unbox(b), NanBox.Unbox(c), rm, ref flags));
}

internal readonly struct SingleNegatedMultiplyAdd : IFloatTernary
{
    public static ulong Apply(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
        NanBox.Box(Float32.MulAdd(NanBox.Unbox(a) ^ 0x8000_0000u, NanBox.Unbox(b), NanBox.Unbox(c) ^ 0x8000_0000u, rm, ref flags));
}

internal readonly struct SingleSignInject : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => NanBox.Box((NanBox.Unbox(a) & ~0x8000_0000u) | (NanBox.Unbox(b) & 0x8000_0000u));
}

internal readonly struct SingleSignInjectNegated : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => NanBox.Box((NanBox.Unbox(a) & ~0x8000_0000u) | (~NanBox.Unbox(b) & 0x8000_0000u));
}

internal readonly struct SingleSignInjectXor : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => NanBox.Box(NanBox.Unbox(a) ^ (NanBox.Unbox(b) & 0x8000_0000u));
}

internal readonly struct SingleMinimum : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => NanBox.Box(Float32.Min(NanBox.Unbox(a), NanBox.Unbox(b), ref flags));
}

internal readonly struct SingleMaximum : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => NanBox.Box(Float32.Max(NanBox.Unbox(a), NanBox.Unbox(b), ref flags));
}

internal readonly struct SingleEqual : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float32.Equal(NanBox.Unbox(a), NanBox.Unbox(b), ref flags) ? 1UL : 0UL;
}

internal readonly struct SingleLess : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float32.LessThan(NanBox.Unbox(a), NanBox.Unbox(b), ref flags) ? 1UL : 0UL;
}

internal readonly struct SingleLessOrEqual : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float32.LessOrEqual(NanBox.Unbox(a), NanBox.Unbox(b), ref flags) ? 1UL : 0UL;
}

internal readonly struct SingleClassify : IFloatPlain
{
    public static ulong Apply(ulong a, ulong b, ref uint flags) => Float32.Classify(NanBox.Unbox(a));
}

internal readonly struct SingleToInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float32.ToInt32(NanBox.Unbox(a), rm, ref flags);
}

internal readonly struct SingleToUInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float32.ToUInt32(NanBox.Unbox(a), rm, ref flags);
}

internal readonly struct SingleToInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float32.ToInt64(NanBox.Unbox(a), rm, ref flags);
}

internal readonly struct SingleToUInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => Float32.ToUInt64(NanBox.Unbox(a), rm, ref flags);
}

internal readonly struct SingleFromInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.FromInt32(a, rm, ref flags));
}

internal readonly struct SingleFromUInt32 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.FromUInt32(a, rm, ref flags));
}

internal readonly struct SingleFromInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.FromInt64(a, rm, ref flags));
}

internal readonly struct SingleFromUInt64 : IFloatBinary
{
    public static ulong Apply(ulong a, ulong b, RoundingMode rm, ref uint flags) => NanBox.Box(Float32.FromUInt64(a, rm, ref flags));
}
