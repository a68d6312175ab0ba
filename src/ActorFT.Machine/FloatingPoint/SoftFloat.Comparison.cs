using System.Runtime.CompilerServices;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>Comparison, minimum and maximum, classification.</summary>
internal static partial class SoftFloat<TFormat>
{
    // Maps the order of numbers that are not NaN, -0 below +0, to the order of signed integers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long TotalOrder(ulong a)
    {
        long magnitude = (long)(a & ~SignBit);
        return IsNegative(a) ? ~magnitude : magnitude;
    }

    /// <summary>FEQ: quiet, only a signaling NaN raises NV.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool Equal(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b))
        {
            PropagateNaN(a, b, ref flags);
            return false;
        }

        return a == b || IsZero(a | b);
    }

    /// <summary>FLT: signaling, any NaN raises NV.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool LessThan(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b))
        {
            flags |= FloatFlags.Invalid;
            return false;
        }

        return TotalOrder(a) < TotalOrder(b) && !IsZero(a | b);
    }

    /// <summary>FLE: signaling, any NaN raises NV.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool LessOrEqual(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b))
        {
            flags |= FloatFlags.Invalid;
            return false;
        }

        return TotalOrder(a) <= TotalOrder(b) || IsZero(a | b);
    }

    /// <summary>minimumNumber of IEEE 754-2019: a number rather than a NaN, -0 below +0, NV for signaling NaNs.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong Minimum(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return NumberOf(a, b, ref flags);
        return TotalOrder(a) < TotalOrder(b) ? a : b;
    }

    /// <summary>maximumNumber of IEEE 754-2019.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong Maximum(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return NumberOf(a, b, ref flags);
        return TotalOrder(a) > TotalOrder(b) ? a : b;
    }

    private static ulong NumberOf(ulong a, ulong b, ref uint flags)
    {
        ulong nan = PropagateNaN(a, b, ref flags);
        return !IsNaN(a) ? a : !IsNaN(b) ? b : nan;
    }

    /// <summary>FCLASS: one bit of ten (F extension, table "Format of result of FCLASS").</summary>
    internal static ulong Classify(ulong a)
    {
        if (IsNaN(a)) return IsSignalingNaN(a) ? 1UL << 8 : 1UL << 9;
        ulong magnitude = a & ~SignBit;
        int distanceFromZero = magnitude == 0 ? 0 : magnitude <= FractionMask ? 1 : magnitude < Infinity ? 2 : 3;
        return 1UL << (IsNegative(a) ? 3 - distanceFromZero : 4 + distanceFromZero);
    }
}
