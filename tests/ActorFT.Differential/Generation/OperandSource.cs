namespace ActorFT.Differential.Generation;

/// <summary>Register contents that sit on edges more often than not.</summary>
internal static class OperandSource
{
    private static readonly ulong[] EdgeIntegers =
    [
        0, 1, 2, ulong.MaxValue, ulong.MaxValue - 1, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001,
        0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFF, 0x1_0000_0000, 0xFFFF_FFFF_7FFF_FFFF, 0xFFFF_FFFF_8000_0000,
        0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 31, 32, 63, 64, 0x20_0000_0000_0000, 0x20_0000_0000_0001, 0x100_0001,
    ];

    public static ulong Integer(Prng random) => random.Below(6) switch
    {
        0 or 1 => random.Pick(EdgeIntegers),
        2 => (ulong)(long)random.Between(-64, 64),
        3 => (ulong)(int)random.Next(),
        4 => 1UL << random.Below(64) ^ (random.Chance(50) ? ulong.MaxValue : 0),
        _ => random.Next(),
    };

    /// <summary>A floating-point register: a double, a boxed single, or a single that is not boxed, hence NaN.</summary>
    public static ulong Float(Prng random, int percentDouble)
    {
        if (random.Chance(percentDouble)) return Format(random, 52, 11);
        ulong single = Format(random, 23, 8);
        return random.Chance(95) ? single | 0xFFFF_FFFF_0000_0000 : single | random.Next() << 32;
    }

    // A bit pattern of a format: specials, ends of the range, neighbours of one, short and full significands.
    private static ulong Format(Prng random, int fractionBits, int exponentBits)
    {
        ulong maxExponent = (1UL << exponentBits) - 1, bias = maxExponent >> 1;
        ulong sign = random.Next() & 1;
        ulong exponent = random.Below(10) switch
        {
            0 => 0,
            1 => maxExponent,
            2 => (ulong)random.Below(3),
            3 => maxExponent - (ulong)random.Below(3),
            4 => bias + (ulong)fractionBits - (ulong)random.Below(4),
            5 => bias + (ulong)random.Between(28, 66) & maxExponent,
            6 => random.Next() & maxExponent,
            7 => (bias >> 1) + (random.Next() & 1) * bias + (ulong)random.Below(4) - 2,
            _ => bias + (ulong)random.Below(9) - 4,
        };
        ulong mask = (1UL << fractionBits) - 1;
        ulong fraction = mask & random.Below(8) switch
        {
            0 => 0UL,
            1 => 1UL << random.Below(fractionBits),
            2 => ulong.MaxValue << random.Below(fractionBits),
            3 => mask - (ulong)random.Below(3),
            4 => (ulong)random.Below(4),
            5 => random.Next() & ulong.MaxValue << (fractionBits - 6),
            _ => random.Next(),
        };
        return (sign << (fractionBits + exponentBits)) | (exponent << fractionBits) | fraction;
    }

    /// <summary>fcsr: any flags, mostly a valid rounding mode.</summary>
    public static uint Fcsr(Prng random)
    {
        uint mode = (uint)(random.Chance(96) ? random.Below(5) : random.Between(5, 7));
        uint flags = random.Chance(50) ? 0 : (uint)random.Below(32);
        return mode << 5 | flags;
    }
}
