namespace ActorFT.Machine.FloatingPoint;

/// <summary>The accrued exceptions, with the bits of fflags (F extension, "Floating-Point Control and Status Register").</summary>
internal static class FloatFlags
{
    /// <summary>NX: the result was rounded.</summary>
    public const uint Inexact = 1;

    /// <summary>UF: the result was rounded and is tiny, tininess detected after rounding.</summary>
    public const uint Underflow = 2;

    /// <summary>OF: the rounded result is above the format's range.</summary>
    public const uint Overflow = 4;

    /// <summary>DZ: a finite number, not zero, was divided by zero.</summary>
    public const uint DivideByZero = 8;

    /// <summary>NV: the operation has no usable result, or an operand was a signaling NaN.</summary>
    public const uint Invalid = 16;
}
