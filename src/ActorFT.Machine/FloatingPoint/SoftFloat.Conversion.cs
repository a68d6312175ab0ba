using System.Numerics;
using System.Runtime.CompilerServices;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>Conversions from and to integers and between the formats.</summary>
internal static partial class SoftFloat<TFormat>
{
    /// <summary>
    /// The integer register value of a: rounded, or if that is outside the type's range, the limit that is nearest and NV
    /// without NX; NaN counts as +infinity (F extension, table "Domains of float-to-integer conversions"). 32-bit results
    /// are sign-extended, unsigned ones too.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong ToInteger(ulong a, int widthBits, bool signed, RoundingMode rm, ref uint flags)
    {
        bool negative = IsNegative(a) && !IsNaN(a);
        ulong maxPositive = ulong.MaxValue >> (64 - widthBits + (signed ? 1 : 0));
        ulong maxNegative = signed ? maxPositive + 1 : 0;
        ulong limit = negative ? maxNegative : maxPositive;

        int exponent = ((int)(a >> FractionBits) & MaxExponent) - Bias;
        ulong fraction = 0;
        ulong magnitude;
        if (exponent > 63)
        {
            flags |= FloatFlags.Invalid;
            return RegisterValue(negative, limit, widthBits);
        }

        if (IsZero(a)) return 0;
        ulong significand = Unpack(a).Significand;
        if (exponent >= 0)
        {
            // Two shifts, since one by 64 would be one by 0.
            magnitude = significand >> (63 - exponent);
            fraction = (significand << exponent) << 1;
        }
        else
        {
            magnitude = 0;
            fraction = exponent == -1 ? significand : 1;
        }

        const ulong half = 1UL << 63;
        bool roundUp = rm switch
        {
            RoundingMode.NearestEven => fraction > half || (fraction == half && (magnitude & 1) != 0),
            RoundingMode.NearestMaxMagnitude => fraction >= half,
            RoundingMode.Down => negative && fraction != 0,
            RoundingMode.Up => !negative && fraction != 0,
            _ => false,
        };
        // No overflow: with bits in the fraction the magnitude has at most 53.
        if (roundUp) magnitude++;

        if (magnitude > limit)
        {
            flags |= FloatFlags.Invalid;
            return RegisterValue(negative, limit, widthBits);
        }

        if (fraction != 0) flags |= FloatFlags.Inexact;
        return RegisterValue(negative, magnitude, widthBits);
    }

    private static ulong RegisterValue(bool negative, ulong magnitude, int widthBits)
    {
        ulong value = negative ? 0 - magnitude : magnitude;
        return widthBits == 32 ? (ulong)(int)value : value;
    }

    /// <summary>The number with this sign and magnitude, rounded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong FromInteger(bool negative, ulong magnitude, RoundingMode rm, ref uint flags)
    {
        if (magnitude == 0) return 0;
        int shift = BitOperations.LeadingZeroCount(magnitude);
        return Round(negative, Bias + 63 - shift, magnitude << shift, rm, ref flags);
    }

    /// <summary>The number a, given in this format, in another.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong ConvertTo<TResult>(ulong a, RoundingMode rm, ref uint flags) where TResult : struct, IBinaryFormat
    {
        if (IsNaN(a))
        {
            if (IsSignalingNaN(a)) flags |= FloatFlags.Invalid;
            return SoftFloat<TResult>.CanonicalNaN;
        }

        ulong sign = IsNegative(a) ? SoftFloat<TResult>.SignBit : 0;
        if (IsInfinite(a)) return sign | SoftFloat<TResult>.Infinity;
        if (IsZero(a)) return sign;

        Finite x = Unpack(a);
        return SoftFloat<TResult>.Round(x.Negative, x.Exponent - Bias + SoftFloat<TResult>.Bias, x.Significand, rm, ref flags);
    }
}
