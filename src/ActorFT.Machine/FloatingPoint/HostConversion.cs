using System.Runtime.CompilerServices;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>Conversions to integers by the host's rounding instructions; binary32 operands are widened, which is exact.</summary>
internal static class HostConversion
{
    public const double TwoTo63 = 9223372036854775808.0;

    /// <summary>
    /// Rounds a number whose rounded value is at least <paramref name="min"/> and below <paramref name="limit"/>, within the
    /// range of a long; false for any other, NaNs included, and for a mode that the host lacks.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryToInteger(double value, double min, double limit, RoundingMode rm, out long integer, ref uint flags)
    {
        // DETERMINISM: rounding to an integral number of the same format is exact by definition, whatever instruction does it.
        double rounded = rm switch
        {
            RoundingMode.TowardZero => Math.Truncate(value),
            RoundingMode.NearestEven => Math.Round(value, MidpointRounding.ToEven),
            RoundingMode.Down => Math.Floor(value),
            RoundingMode.Up => Math.Ceiling(value),
            _ => double.NaN,
        };
        if (rounded >= min && rounded < limit)
        {
            integer = (long)rounded;
            if (rounded != value) flags |= FloatFlags.Inexact;
            return true;
        }

        integer = 0;
        return false;
    }
}
