using System.Runtime.CompilerServices;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>Addition, multiplication, division, square root, fused multiply-add. Never inlined: these are the slow paths.</summary>
internal static partial class SoftFloat<TFormat>
{
    // Where sums put the leading bit of their operands: one bit is left above for the carry.
    private const int SumLeadingBit = 126;

    /// <summary>a + b; a - b is a + (b with its sign flipped), NaNs included, since a NaN's sign never shows.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong Add(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return PropagateNaN(a, b, ref flags);
        if (IsInfinite(a)) return IsInfinite(b) && a != b ? InvalidNaN(ref flags) : a;
        if (IsInfinite(b)) return b;
        if (IsZero(a)) return IsZero(b) && a != b ? ZeroOfDifference(rm) : IsZero(b) ? a : b;
        if (IsZero(b)) return a;

        Finite x = Unpack(a), y = Unpack(b);
        return AddFinite(
            x.Negative, x.Exponent, (UInt128)x.Significand << 63,
            y.Negative, y.Exponent, (UInt128)y.Significand << 63, rm, ref flags);
    }

    /// <summary>a * b.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong Multiply(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return PropagateNaN(a, b, ref flags);
        bool negative = IsNegative(a ^ b);
        if (IsInfinite(a) || IsInfinite(b)) return IsZero(a) || IsZero(b) ? InvalidNaN(ref flags) : SignOf(negative) | Infinity;
        if (IsZero(a) || IsZero(b)) return SignOf(negative);

        int exponent = MultiplyFinite(Unpack(a), Unpack(b), out UInt128 product);
        return Round(negative, exponent, UpperSticky(product << 1), rm, ref flags);
    }

    /// <summary>a / b.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong Divide(ulong a, ulong b, RoundingMode rm, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return PropagateNaN(a, b, ref flags);
        ulong sign = SignOf(IsNegative(a ^ b));
        if (IsInfinite(a)) return IsInfinite(b) ? InvalidNaN(ref flags) : sign | Infinity;
        if (IsInfinite(b)) return sign;
        if (IsZero(b))
        {
            if (IsZero(a)) return InvalidNaN(ref flags);
            flags |= FloatFlags.DivideByZero;
            return sign | Infinity;
        }

        if (IsZero(a)) return sign;

        Finite x = Unpack(a), y = Unpack(b);
        int exponent = x.Exponent - y.Exponent + Bias;
        int shift = 63;
        if (x.Significand < y.Significand)
        {
            exponent--;
            shift = 64;
        }

        // The dividend is in [divisor * 2^63, divisor * 2^64): the quotient has its leading bit in bit 63.
        UInt128 dividend = (UInt128)x.Significand << shift;
        ulong quotient = (ulong)(dividend / y.Significand);
        bool exact = (UInt128)quotient * y.Significand == dividend;
        return Round(sign != 0, exponent, exact ? quotient : quotient | 1, rm, ref flags);
    }

    /// <summary>The square root of a.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong SquareRoot(ulong a, RoundingMode rm, ref uint flags)
    {
        if (IsNaN(a)) return PropagateNaN(a, a, ref flags);
        if (IsZero(a)) return a;
        if (IsNegative(a)) return InvalidNaN(ref flags);
        if (IsInfinite(a)) return a;

        Finite x = Unpack(a);
        int exponent = x.Exponent - Bias;

        // An even exponent leaves the radicand's leading bit in bit 126, an odd one in bit 127: the root's is bit 63.
        UInt128 radicand = (UInt128)x.Significand << ((exponent & 1) == 0 ? 63 : 64);
        ulong root = IntegerSquareRoot(radicand, out bool exact);
        return Round(false, (exponent >> 1) + Bias, exact ? root : root | 1, rm, ref flags);
    }

    /// <summary>a * b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong MultiplyAdd(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags)
    {
        // Infinity times zero is invalid even if the addend is a quiet NaN (F extension, fused multiply-add).
        if ((IsInfinite(a) && IsZero(b)) || (IsZero(a) && IsInfinite(b))) return InvalidNaN(ref flags);
        if (IsNaN(a) || IsNaN(b) || IsNaN(c))
        {
            if (IsSignalingNaN(c)) flags |= FloatFlags.Invalid;
            return PropagateNaN(a, b, ref flags);
        }

        bool negative = IsNegative(a ^ b);
        if (IsInfinite(a) || IsInfinite(b))
        {
            return IsInfinite(c) && IsNegative(c) != negative ? InvalidNaN(ref flags) : SignOf(negative) | Infinity;
        }

        if (IsInfinite(c)) return c;
        if (IsZero(a) || IsZero(b)) return IsZero(c) && IsNegative(c) != negative ? ZeroOfDifference(rm) : c;

        int exponent = MultiplyFinite(Unpack(a), Unpack(b), out UInt128 product);
        if (IsZero(c)) return Round(negative, exponent, UpperSticky(product << 1), rm, ref flags);

        Finite z = Unpack(c);
        return AddFinite(negative, exponent, product, z.Negative, z.Exponent, (UInt128)z.Significand << 63, rm, ref flags);
    }

    /// <summary>The zero that the sum of two opposite numbers is (IEEE 754 §6.3).</summary>
    private static ulong ZeroOfDifference(RoundingMode rm) => rm == RoundingMode.Down ? SignBit : 0;

    /// <summary>The exact product, its leading bit in <see cref="SumLeadingBit"/>; returns its biased exponent.</summary>
    private static int MultiplyFinite(Finite x, Finite y, out UInt128 product)
    {
        int exponent = x.Exponent + y.Exponent - Bias;
        product = (UInt128)x.Significand * y.Significand;
        if (product >> 127 == UInt128.Zero) return exponent;

        // Nothing is lost: a product of two significands has at least 2 * RoundBits zeros at its end.
        product >>= 1;
        return exponent + 1;
    }

    /// <summary>Adds two numbers given as sign, biased exponent and significand with bit <see cref="SumLeadingBit"/> set.</summary>
    private static ulong AddFinite(
        bool xNegative, int xExponent, UInt128 x, bool yNegative, int yExponent, UInt128 y, RoundingMode rm, ref uint flags)
    {
        if (xExponent < yExponent || (xExponent == yExponent && x < y))
        {
            (xNegative, yNegative) = (yNegative, xNegative);
            (xExponent, yExponent) = (yExponent, xExponent);
            (x, y) = (y, x);
        }

        // A sticky bit can arise only when the smaller operand moves by more than the zeros at its end, at least 21. Then
        // subtraction cancels at most one leading bit, and the sticky bit stays below everything that rounding looks at.
        y = ShiftRightSticky(y, xExponent - yExponent);
        UInt128 sum = xNegative == yNegative ? x + y : x - y;
        if (sum == UInt128.Zero) return ZeroOfDifference(rm);

        int shift = (int)UInt128.LeadingZeroCount(sum);
        return Round(xNegative, xExponent + 1 - shift, UpperSticky(sum << shift), rm, ref flags);
    }

    /// <summary>The root of a number of 127 or 128 bits, rounded down, found bit by bit.</summary>
    private static ulong IntegerSquareRoot(UInt128 radicand, out bool exact)
    {
        UInt128 remainder = UInt128.Zero;
        ulong root = 0;
        for (int bit = 63; bit >= 0; bit--)
        {
            // remainder < 2 * root + 1 keeps it within 65 bits, so that bringing two more down cannot overflow.
            remainder = (remainder << 2) | ((radicand >> (2 * bit)) & 3);
            UInt128 trial = ((UInt128)root << 2) | 1;
            root <<= 1;
            if (remainder >= trial)
            {
                remainder -= trial;
                root |= 1;
            }
        }

        exact = remainder == UInt128.Zero;
        return root;
    }
}
