using System.Runtime.CompilerServices;
using Reference = ActorFT.Machine.FloatingPoint.SoftFloat<ActorFT.Machine.FloatingPoint.Binary32>;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>
/// The F extension's arithmetic on binary32 bit patterns; NaN boxing is the hart's. See <see cref="Float64"/> for why
/// the host's instructions may be used. Here inexactness is seen in binary64, which holds every product of two binary32
/// numbers exactly.
/// </summary>
internal static class Float32
{
    private const int FractionBits = 23;
    private const uint MaxExponent = 0xFF;
    private const uint SignBit = 0x8000_0000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Value(uint a) => BitConverter.UInt32BitsToSingle(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ExponentField(uint a) => (a >> FractionBits) & MaxExponent;

    // Finite, and far enough above the smallest normal number that rounding cannot have lifted a tiny result up to it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsClearlyNormal(uint a) => ExponentField(a) - 2 < MaxExponent - 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsFinite(uint a) => ExponentField(a) != MaxExponent;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool MayUseHost(RoundingMode rm, uint flags) => rm == RoundingMode.NearestEven && (flags & FloatFlags.Inexact) != 0;

    /// <summary>FADD.S.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Add(uint a, uint b, RoundingMode rm, ref uint flags)
    {
        // A finite sum has finite operands and did not overflow; one in the subnormal range is exact: at most NX.
        uint sum = Bits(Value(a) + Value(b));
        return MayUseHost(rm, flags) && IsFinite(sum) ? sum : AddExactly(a, b, rm, ref flags);
    }

    /// <summary>FSUB.S.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Sub(uint a, uint b, RoundingMode rm, ref uint flags) => Add(a, b ^ SignBit, rm, ref flags);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint AddExactly(uint a, uint b, RoundingMode rm, ref uint flags)
    {
        // Knuth's TwoSum in binary64, where nothing overflows, applied to a sum rounded to binary64 and then to binary32.
        float sum = Value(a) + Value(b);
        if (rm == RoundingMode.NearestEven && IsFinite(Bits(sum)))
        {
            double x = Value(a), y = Value(b);
            double wide = x + y;
            double yRounded = wide - x;
            double error = (x - (wide - yRounded)) + (y - yRounded);
            if (error != 0 || wide != sum) flags |= FloatFlags.Inexact;
            return Bits(sum);
        }

        return (uint)Reference.Add(a, b, rm, ref flags);
    }

    /// <summary>FMUL.S.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Mul(uint a, uint b, RoundingMode rm, ref uint flags)
    {
        // A clearly normal product did neither overflow nor underflow, and its operands are finite: at most NX.
        uint product = Bits(Value(a) * Value(b));
        return MayUseHost(rm, flags) && IsClearlyNormal(product) ? product : MulExactly(a, b, rm, ref flags);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint MulExactly(uint a, uint b, RoundingMode rm, ref uint flags)
    {
        uint product = Bits(Value(a) * Value(b));
        if (rm == RoundingMode.NearestEven && IsClearlyNormal(product))
        {
            if ((double)Value(a) * Value(b) != Value(product)) flags |= FloatFlags.Inexact;
            return product;
        }

        return (uint)Reference.Multiply(a, b, rm, ref flags);
    }

    /// <summary>FDIV.S.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Div(uint a, uint b, RoundingMode rm, ref uint flags)
    {
        // A clearly normal quotient has finite operands and a divisor that is not zero: at most NX.
        uint quotient = Bits(Value(a) / Value(b));
        return MayUseHost(rm, flags) && IsClearlyNormal(quotient) ? quotient : DivExactly(a, b, rm, ref flags);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint DivExactly(uint a, uint b, RoundingMode rm, ref uint flags)
    {
        uint quotient = Bits(Value(a) / Value(b));
        if (rm == RoundingMode.NearestEven && IsClearlyNormal(quotient))
        {
            if ((double)Value(quotient) * Value(b) != Value(a)) flags |= FloatFlags.Inexact;
            return quotient;
        }

        return (uint)Reference.Divide(a, b, rm, ref flags);
    }

    /// <summary>FSQRT.S.</summary>
    public static uint Sqrt(uint a, RoundingMode rm, ref uint flags)
    {
        // A positive finite number has a normal root: at most NX.
        if (rm == RoundingMode.NearestEven && a - 1 < (uint)Reference.Infinity - 1)
        {
            float root = MathF.Sqrt(Value(a));
            if ((double)root * root != Value(a)) flags |= FloatFlags.Inexact;
            return Bits(root);
        }

        return (uint)Reference.SquareRoot(a, rm, ref flags);
    }

    /// <summary>FMADD.S: a * b + c, rounded once. The other three are this with signs of a and c flipped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MulAdd(uint a, uint b, uint c, RoundingMode rm, ref uint flags)
    {
        if (HostFma.IsFast && MayUseHost(rm, flags))
        {
            // As for Mul: clearly normal means at most NX.
            uint result = Bits(MathF.FusedMultiplyAdd(Value(a), Value(b), Value(c)));
            if (IsClearlyNormal(result)) return result;
        }

        return (uint)Reference.MultiplyAdd(a, b, c, rm, ref flags);
    }

    /// <summary>FMIN.S.</summary>
    public static uint Min(uint a, uint b, ref uint flags)
    {
        float x = Value(a), y = Value(b);
        // Neither holds for equal numbers, zeros among them, nor for NaNs.
        return x < y ? a : x > y ? b : (uint)Reference.Minimum(a, b, ref flags);
    }

    /// <summary>FMAX.S.</summary>
    public static uint Max(uint a, uint b, ref uint flags)
    {
        float x = Value(a), y = Value(b);
        return x > y ? a : x < y ? b : (uint)Reference.Maximum(a, b, ref flags);
    }

    // The host's comparisons are exact; where one does not hold, it may have been for a NaN.

    /// <summary>FEQ.S.</summary>
    public static bool Equal(uint a, uint b, ref uint flags) => Value(a) == Value(b) || Reference.Equal(a, b, ref flags);

    /// <summary>FLT.S.</summary>
    public static bool LessThan(uint a, uint b, ref uint flags)
    {
        float x = Value(a), y = Value(b);
        return x < y || (!(x >= y) && Reference.LessThan(a, b, ref flags));
    }

    /// <summary>FLE.S.</summary>
    public static bool LessOrEqual(uint a, uint b, ref uint flags)
    {
        float x = Value(a), y = Value(b);
        return x <= y || (!(x > y) && Reference.LessOrEqual(a, b, ref flags));
    }

    /// <summary>FCLASS.S.</summary>
    public static ulong Classify(uint a) => Reference.Classify(a);

    /// <summary>FCVT.W.S: the register's value, sign-extended.</summary>
    public static ulong ToInt32(uint a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), int.MinValue, int.MaxValue + 1.0, rm, out long integer, ref flags)
            ? (ulong)integer
            : Reference.ToInteger(a, 32, signed: true, rm, ref flags);

    /// <summary>FCVT.WU.S: the register's value, sign-extended.</summary>
    public static ulong ToUInt32(uint a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), 0, uint.MaxValue + 1.0, rm, out long integer, ref flags)
            ? (ulong)(int)integer
            : Reference.ToInteger(a, 32, signed: false, rm, ref flags);

    /// <summary>FCVT.L.S.</summary>
    public static ulong ToInt64(uint a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), -HostConversion.TwoTo63, HostConversion.TwoTo63, rm, out long integer, ref flags)
            ? (ulong)integer
            : Reference.ToInteger(a, 64, signed: true, rm, ref flags);

    /// <summary>FCVT.LU.S.</summary>
    public static ulong ToUInt64(uint a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), 0, HostConversion.TwoTo63, rm, out long integer, ref flags)
            ? (ulong)integer
            : Reference.ToInteger(a, 64, signed: false, rm, ref flags);

    /// <summary>FCVT.S.W: of the register's low 32 bits.</summary>
    public static uint FromInt32(ulong register, RoundingMode rm, ref uint flags) => FromInt64((ulong)(int)register, rm, ref flags);

    /// <summary>FCVT.S.WU: of the register's low 32 bits.</summary>
    public static uint FromUInt32(ulong register, RoundingMode rm, ref uint flags) => FromUInt64((uint)register, rm, ref flags);

    /// <summary>FCVT.S.L.</summary>
    public static uint FromInt64(ulong register, RoundingMode rm, ref uint flags)
    {
        // Up to 24 bits every integer is a number of the format.
        const ulong exactLimit = 1UL << 24;
        if (register + exactLimit <= 2 * exactLimit) return Bits((int)register);
        bool negative = (long)register < 0;
        return (uint)Reference.FromInteger(negative, negative ? 0 - register : register, rm, ref flags);
    }

    /// <summary>FCVT.S.LU.</summary>
    public static uint FromUInt64(ulong register, RoundingMode rm, ref uint flags)
    {
        const ulong exactLimit = 1UL << 24;
        return register <= exactLimit ? Bits((int)register) : (uint)Reference.FromInteger(false, register, rm, ref flags);
    }

    /// <summary>FCVT.D.S: always exact; only a signaling NaN raises a flag.</summary>
    public static ulong ToFloat64(uint a, ref uint flags) =>
        Reference.IsNaN(a)
            ? Reference.ConvertTo<Binary64>(a, RoundingMode.NearestEven, ref flags)
            : BitConverter.DoubleToUInt64Bits(Value(a));
}
