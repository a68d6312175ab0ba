namespace ActorFT.Machine.FloatingPoint;

/// <summary>The five rounding modes, with the encoding of frm (F extension, table "Rounding mode encoding").</summary>
internal enum RoundingMode : byte
{
    /// <summary>RNE: to nearest, ties to even.</summary>
    NearestEven = 0,

    /// <summary>RTZ: towards zero.</summary>
    TowardZero = 1,

    /// <summary>RDN: towards -infinity.</summary>
    Down = 2,

    /// <summary>RUP: towards +infinity.</summary>
    Up = 3,

    /// <summary>RMM: to nearest, ties away from zero.</summary>
    NearestMaxMagnitude = 4,
}
