using System.Runtime.CompilerServices;
using Reference = ActorFT.Machine.FloatingPoint.SoftFloat<ActorFT.Machine.FloatingPoint.Binary64>;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>
/// The D extension's arithmetic on binary64 bit patterns. Exceptions are added to <c>flags</c>, which must be the hart's
/// accrued fflags: where NX is set already, nobody needs to find out whether an operation was inexact.
/// </summary>
/// <remarks>
/// DETERMINISM: the host's scalar instructions round to nearest even and handle subnormal numbers as IEEE 754 says (.NET
/// never sets flush-to-zero nor contracts operations), so their result is the correctly rounded one everywhere. Each use
/// says why its flags are right too. Whatever is not covered, NaNs above all, goes to <see cref="SoftFloat{TFormat}"/>.
/// </remarks>
internal static class Float64
{
    private const int FractionBits = 52;
    private const uint MaxExponent = 0x7FF;

    // The exponent field from which on the rounding error of a product, at worst 2^-106 of it, is above the subnormal range.
    private const uint SafeErrorExponent = 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Value(ulong a) => BitConverter.UInt64BitsToDouble(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bits(double value) => BitConverter.DoubleToUInt64Bits(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ExponentField(ulong a) => (uint)(a >> FractionBits) & MaxExponent;

    // Finite, and far enough above the smallest normal number that rounding cannot have lifted a tiny result up to it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsClearlyNormal(ulong a) => ExponentField(a) - 2 < MaxExponent - 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsFinite(ulong a) => ExponentField(a) != MaxExponent;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool MayUseHost(RoundingMode rm, uint flags) => rm == RoundingMode.NearestEven && (flags & FloatFlags.Inexact) != 0;

    /// <summary>FADD.D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Add(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        // A finite sum has finite operands and did not overflow; one in the subnormal range is exact: at most NX.
        ulong sum = Bits(Value(a) + Value(b));
        return MayUseHost(rm, flags) && IsFinite(sum) ? sum : AddExactly(a, b, rm, ref flags);
    }

    /// <summary>FSUB.D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Sub(ulong a, ulong b, RoundingMode rm, ref uint flags) => Add(a, b ^ Reference.SignBit, rm, ref flags);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong AddExactly(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        // Knuth's TwoSum gives the exact error of a sum when nothing overflows, and half the range is left for that here.
        const uint limit = MaxExponent - 2;
        if (rm == RoundingMode.NearestEven && ExponentField(a) < limit && ExponentField(b) < limit)
        {
            double x = Value(a), y = Value(b);
            double sum = x + y;
            double yRounded = sum - x;
            double error = (x - (sum - yRounded)) + (y - yRounded);
            if (error != 0) flags |= FloatFlags.Inexact;
            return Bits(sum);
        }

        return Reference.Add(a, b, rm, ref flags);
    }

    /// <summary>FMUL.D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mul(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        // A clearly normal product did neither overflow nor underflow, and its operands are finite: at most NX.
        ulong product = Bits(Value(a) * Value(b));
        return MayUseHost(rm, flags) && IsClearlyNormal(product) ? product : MulExactly(a, b, rm, ref flags);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong MulExactly(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        double product = Value(a) * Value(b);
        uint exponent = ExponentField(Bits(product));
        if (HostFma.IsFast && rm == RoundingMode.NearestEven && exponent is > SafeErrorExponent and < MaxExponent)
        {
            // The error of a product is a number of the format when it is above the subnormal range: the FMA yields it exactly.
            if (Math.FusedMultiplyAdd(Value(a), Value(b), -product) != 0) flags |= FloatFlags.Inexact;
            return Bits(product);
        }

        return Reference.Multiply(a, b, rm, ref flags);
    }

    /// <summary>FDIV.D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Div(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        // A clearly normal quotient has finite operands and a divisor that is not zero: at most NX.
        ulong quotient = Bits(Value(a) / Value(b));
        return MayUseHost(rm, flags) && IsClearlyNormal(quotient) ? quotient : DivExactly(a, b, rm, ref flags);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong DivExactly(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        ulong quotient = Bits(Value(a) / Value(b));
        if (HostFma.IsFast && rm == RoundingMode.NearestEven && IsClearlyNormal(quotient)
            && ExponentField(a) > SafeErrorExponent && ExponentField(b) != 0)
        {
            // a - quotient * b is a number of the format when nothing in it reaches the subnormal range.
            if (Math.FusedMultiplyAdd(-Value(quotient), Value(b), Value(a)) != 0) flags |= FloatFlags.Inexact;
            return quotient;
        }

        return Reference.Divide(a, b, rm, ref flags);
    }

    /// <summary>FSQRT.D.</summary>
    public static ulong Sqrt(ulong a, RoundingMode rm, ref uint flags)
    {
        if (rm == RoundingMode.NearestEven && a < Reference.Infinity && ExponentField(a) > SafeErrorExponent)
        {
            // A positive normal number: its root is normal, so at most NX; the residual is exact as for division.
            double root = Math.Sqrt(Value(a));
            if ((flags & FloatFlags.Inexact) != 0) return Bits(root);
            if (HostFma.IsFast)
            {
                if (Math.FusedMultiplyAdd(-root, root, Value(a)) != 0) flags |= FloatFlags.Inexact;
                return Bits(root);
            }
        }

        return Reference.SquareRoot(a, rm, ref flags);
    }

    /// <summary>FMADD.D: a * b + c, rounded once. The other three are this with signs of a and c flipped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong MulAdd(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags)
    {
        if (HostFma.IsFast && MayUseHost(rm, flags))
        {
            // As for Mul: clearly normal means at most NX.
            ulong result = Bits(Math.FusedMultiplyAdd(Value(a), Value(b), Value(c)));
            if (IsClearlyNormal(result)) return result;
        }

        return Reference.MultiplyAdd(a, b, c, rm, ref flags);
    }

    /// <summary>FMIN.D.</summary>
    public static ulong Min(ulong a, ulong b, ref uint flags)
    {
        double x = Value(a), y = Value(b);
        // Neither holds for equal numbers, zeros among them, nor for NaNs.
        return x < y ? a : x > y ? b : Reference.Minimum(a, b, ref flags);
    }

    /// <summary>FMAX.D.</summary>
    public static ulong Max(ulong a, ulong b, ref uint flags)
    {
        double x = Value(a), y = Value(b);
        return x > y ? a : x < y ? b : Reference.Maximum(a, b, ref flags);
    }

    // The host's comparisons are exact; where one does not hold, it may have been for a NaN.

    /// <summary>FEQ.D.</summary>
    public static bool Equal(ulong a, ulong b, ref uint flags) => Value(a) == Value(b) || Reference.Equal(a, b, ref flags);

    /// <summary>FLT.D.</summary>
    public static bool LessThan(ulong a, ulong b, ref uint flags)
    {
        double x = Value(a), y = Value(b);
        return x < y || (!(x >= y) && Reference.LessThan(a, b, ref flags));
    }

    /// <summary>FLE.D.</summary>
    public static bool LessOrEqual(ulong a, ulong b, ref uint flags)
    {
        double x = Value(a), y = Value(b);
        return x <= y || (!(x > y) && Reference.LessOrEqual(a, b, ref flags));
    }

    /// <summary>FCLASS.D.</summary>
    public static ulong Classify(ulong a) => Reference.Classify(a);

    /// <summary>FCVT.W.D: the register's value, sign-extended.</summary>
    public static ulong ToInt32(ulong a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), int.MinValue, int.MaxValue + 1.0, rm, out long integer, ref flags)
            ? (ulong)integer
            : Reference.ToInteger(a, 32, signed: true, rm, ref flags);

    /// <summary>FCVT.WU.D: the register's value, sign-extended.</summary>
    public static ulong ToUInt32(ulong a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), 0, uint.MaxValue + 1.0, rm, out long integer, ref flags)
            ? (ulong)(int)integer
            : Reference.ToInteger(a, 32, signed: false, rm, ref flags);

    /// <summary>FCVT.L.D.</summary>
    public static ulong ToInt64(ulong a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), -HostConversion.TwoTo63, HostConversion.TwoTo63, rm, out long integer, ref flags)
            ? (ulong)integer
            : Reference.ToInteger(a, 64, signed: true, rm, ref flags);

    /// <summary>FCVT.LU.D.</summary>
    public static ulong ToUInt64(ulong a, RoundingMode rm, ref uint flags) =>
        HostConversion.TryToInteger(Value(a), 0, HostConversion.TwoTo63, rm, out long integer, ref flags)
            ? (ulong)integer
            : Reference.ToInteger(a, 64, signed: false, rm, ref flags);

    /// <summary>FCVT.D.W: of the register's low 32 bits; always exact.</summary>
    public static ulong FromInt32(ulong register, RoundingMode rm, ref uint flags) => Bits((int)register);

    /// <summary>FCVT.D.WU: of the register's low 32 bits; always exact.</summary>
    public static ulong FromUInt32(ulong register, RoundingMode rm, ref uint flags) => Bits((uint)register);

    /// <summary>FCVT.D.L.</summary>
    public static ulong FromInt64(ulong register, RoundingMode rm, ref uint flags)
    {
        // Up to 53 bits every integer is a number of the format.
        const ulong exactLimit = 1UL << 53;
        if (register + exactLimit <= 2 * exactLimit || MayUseHost(rm, flags)) return Bits((long)register);
        bool negative = (long)register < 0;
        return Reference.FromInteger(negative, negative ? 0 - register : register, rm, ref flags);
    }

    /// <summary>FCVT.D.LU.</summary>
    public static ulong FromUInt64(ulong register, RoundingMode rm, ref uint flags)
    {
        const ulong exactLimit = 1UL << 53;
        return register <= exactLimit ? Bits((long)register) : Reference.FromInteger(false, register, rm, ref flags);
    }

    /// <summary>FCVT.S.D.</summary>
    public static uint ToFloat32(ulong a, RoundingMode rm, ref uint flags)
    {
        if (rm == RoundingMode.NearestEven)
        {
            // Clearly normal in binary32: neither overflow nor underflow, so at most NX, which widening again shows.
            float narrow = (float)Value(a);
            uint exponent = (BitConverter.SingleToUInt32Bits(narrow) >> 23) & 0xFF;
            if (exponent is >= 2 and < 0xFF)
            {
                if (narrow != Value(a)) flags |= FloatFlags.Inexact;
                return BitConverter.SingleToUInt32Bits(narrow);
            }
        }

        return (uint)Reference.ConvertTo<Binary32>(a, rm, ref flags);
    }
}
