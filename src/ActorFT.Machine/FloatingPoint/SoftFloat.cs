using System.Numerics;
using System.Runtime.CompilerServices;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>
/// IEEE 754 arithmetic in integers alone: the reference that defines every result and flag of the F and D extensions.
/// Bit patterns are in the low bits of a ulong. This file owns the format's anatomy and rounding; the operations are in
/// the other parts. The host's floating point is used in <see cref="Float32"/> and <see cref="Float64"/> only, and only
/// where it provably gives the same.
/// Invariant: a NaN result is the canonical NaN (F extension, "NaN Generation and Propagation").
/// </summary>
internal static partial class SoftFloat<TFormat> where TFormat : struct, IBinaryFormat
{
    /// <summary>Bits of the fraction field.</summary>
    internal static int FractionBits => TFormat.Precision - 1;

    /// <summary>The biased exponent of infinities and NaNs.</summary>
    internal static int MaxExponent => (1 << TFormat.ExponentBits) - 1;

    /// <summary>What the exponent field adds to the exponent.</summary>
    internal static int Bias => MaxExponent >> 1;

    internal static ulong SignBit => 1UL << (FractionBits + TFormat.ExponentBits);

    internal static ulong FractionMask => (1UL << FractionBits) - 1;

    /// <summary>The bits of +infinity.</summary>
    internal static ulong Infinity => (ulong)MaxExponent << FractionBits;

    /// <summary>The fraction bit that is set in quiet NaNs and clear in signaling ones.</summary>
    internal static ulong QuietBit => 1UL << (FractionBits - 1);

    /// <summary>The only NaN that an operation returns.</summary>
    internal static ulong CanonicalNaN => Infinity | QuietBit;

    // Bits of a left-aligned significand that do not fit into the format.
    private static int RoundBits => 64 - TFormat.Precision;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsNaN(ulong a) => (a & ~SignBit) > Infinity;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsSignalingNaN(ulong a) => IsNaN(a) && (a & QuietBit) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsInfinite(ulong a) => (a & ~SignBit) == Infinity;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsZero(ulong a) => (a & ~SignBit) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsNegative(ulong a) => (a & SignBit) != 0;

    private static ulong SignOf(bool negative) => negative ? SignBit : 0;

    /// <summary>The result of an operation that has none: the canonical NaN, and NV.</summary>
    private static ulong InvalidNaN(ref uint flags)
    {
        flags |= FloatFlags.Invalid;
        return CanonicalNaN;
    }

    /// <summary>The result of an operation on NaNs: the canonical NaN, and NV if one of them is signaling.</summary>
    private static ulong PropagateNaN(ulong a, ulong b, ref uint flags)
    {
        if (IsSignalingNaN(a) || IsSignalingNaN(b)) flags |= FloatFlags.Invalid;
        return CanonicalNaN;
    }

    /// <summary>
    /// A finite number that is not zero: Significand / 2^63 * 2^(Exponent - Bias), its significand's bit 63 set.
    /// The exponent of a subnormal number is therefore below 1.
    /// </summary>
    internal readonly record struct Finite(bool Negative, int Exponent, ulong Significand);

    /// <summary>Takes a finite number that is not zero apart.</summary>
    private static Finite Unpack(ulong a)
    {
        int exponent = (int)(a >> FractionBits) & MaxExponent;
        ulong fraction = a & FractionMask;
        if (exponent != 0) return new Finite(IsNegative(a), exponent, (fraction | (1UL << FractionBits)) << (RoundBits));
        int shift = BitOperations.LeadingZeroCount(fraction);
        return new Finite(IsNegative(a), 1 - (shift - RoundBits), fraction << shift);
    }

    /// <summary>
    /// Rounds significand / 2^63 * 2^(exponent - Bias) into the format. Bit 63 of the significand is set; its bit 0 may
    /// stand for any part below ("sticky"), since at least two bits above it are beyond the format's precision.
    /// </summary>
    internal static ulong Round(bool negative, int exponent, ulong significand, RoundingMode rm, ref uint flags)
    {
        ulong mask = (1UL << RoundBits) - 1;
        ulong half = 1UL << (RoundBits - 1);
        ulong increment = rm switch
        {
            RoundingMode.TowardZero => 0,
            RoundingMode.Down => negative ? mask : 0,
            RoundingMode.Up => negative ? 0 : mask,
            _ => half,
        };

        bool tiny = false;
        if (exponent < 1)
        {
            // Tininess is detected after rounding (F extension): as if the exponent had no lower bound. Just below the
            // smallest normal number a carry out of the full-precision rounding therefore means: not tiny.
            tiny = exponent < 0 || significand + increment >= significand;
            significand = ShiftRightSticky(significand, 1 - exponent);
            exponent = 0;
        }

        ulong roundedAway = significand & mask;
        ulong sum = significand + increment;
        ulong rounded = sum >> RoundBits;
        if (sum < significand)
        {
            rounded = 1UL << FractionBits;
            exponent++;
        }
        else if (rm == RoundingMode.NearestEven && roundedAway == half)
        {
            rounded &= ~1UL;
        }

        if (exponent >= MaxExponent) return RoundOverflow(negative, rm, ref flags);
        if (roundedAway != 0) flags |= tiny ? FloatFlags.Underflow | FloatFlags.Inexact : FloatFlags.Inexact;

        // The hidden bit is dropped for normal numbers. A subnormal one has none, and if rounding made it the smallest
        // normal number, its leading bit lands in the exponent field, which is right.
        if (exponent > 0) rounded = ((ulong)exponent << FractionBits) | (rounded & FractionMask);
        return rounded | SignOf(negative);
    }

    /// <summary>Overflow: infinity, or the largest finite number if the mode rounds towards it (IEEE 754 §7.4).</summary>
    private static ulong RoundOverflow(bool negative, RoundingMode rm, ref uint flags)
    {
        flags |= FloatFlags.Overflow | FloatFlags.Inexact;
        bool toLargestFinite = rm switch
        {
            RoundingMode.TowardZero => true,
            RoundingMode.Down => !negative,
            RoundingMode.Up => negative,
            _ => false,
        };
        return SignOf(negative) | (toLargestFinite ? Infinity - 1 : Infinity);
    }

    /// <summary>Shifts right; what falls out, if anything, stays visible in bit 0.</summary>
    private static ulong ShiftRightSticky(ulong value, int count)
    {
        if (count == 0) return value;
        if (count > 63) return value != 0 ? 1UL : 0;
        return (value >> count) | ((value << (64 - count)) != 0 ? 1UL : 0);
    }

    private static UInt128 ShiftRightSticky(UInt128 value, int count)
    {
        if (count == 0) return value;
        if (count > 127) return value != UInt128.Zero ? UInt128.One : UInt128.Zero;
        return (value >> count) | ((value << (128 - count)) != UInt128.Zero ? UInt128.One : UInt128.Zero);
    }

    /// <summary>The upper 64 bits, with the lower ones visible in bit 0.</summary>
    private static ulong UpperSticky(UInt128 value) => (ulong)(value >> 64) | ((ulong)value != 0 ? 1UL : 0);
}
