namespace ActorFT.Machine.FloatingPoint;

/// <summary>
/// An IEEE 754 binary interchange format. Implementations are empty structs, so that the compiler makes one
/// specialised copy of <see cref="SoftFloat{TFormat}"/> for each with these numbers as constants.
/// </summary>
internal interface IBinaryFormat
{
    /// <summary>p: bits of the significand, the hidden one included.</summary>
    static abstract int Precision { get; }

    /// <summary>w: bits of the biased exponent.</summary>
    static abstract int ExponentBits { get; }
}

/// <summary>binary32: RISC-V's single precision.</summary>
internal readonly struct Binary32 : IBinaryFormat
{
    public static int Precision => 24;

    public static int ExponentBits => 8;
}

/// <summary>binary64: RISC-V's double precision.</summary>
internal readonly struct Binary64 : IBinaryFormat
{
    public static int Precision => 53;

    public static int ExponentBits => 11;
}
