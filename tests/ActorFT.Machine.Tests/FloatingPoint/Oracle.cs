using System.Numerics;
using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Tests.FloatingPoint;

/// <summary>
/// IEEE 754 by its definition: exact rational arithmetic in big integers, then one rounding onto the format's grid.
/// Shares nothing with the product but the names of rounding modes and flags.
/// </summary>
internal sealed class Oracle(int precision, int exponentBits)
{
    public static readonly Oracle Binary32 = new(24, 8);
    public static readonly Oracle Binary64 = new(53, 11);

    /// <summary>A result: the bits, or the register's value, and the exceptions raised.</summary>
    public readonly record struct Result(ulong Bits, uint Flags);

    /// <summary>A rational number, its denominator positive.</summary>
    private readonly record struct Rational(BigInteger Numerator, BigInteger Denominator)
    {
        public static Rational TimesPowerOfTwo(BigInteger value, int exponent) =>
            exponent >= 0 ? new Rational(value << exponent, 1) : new Rational(value, BigInteger.One << -exponent);

        public static Rational operator +(Rational a, Rational b) =>
            new(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator);

        public static Rational operator *(Rational a, Rational b) => new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

        public static Rational operator /(Rational a, Rational b) => b.Numerator.Sign < 0
            ? new Rational(-a.Numerator * b.Denominator, -a.Denominator * b.Numerator)
            : new Rational(a.Numerator * b.Denominator, a.Denominator * b.Numerator);
    }

    private const uint NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16;

    public int Precision => precision;

    private int Width => precision + exponentBits;

    private int MaxExponent => (1 << (exponentBits - 1)) - 1;

    private int MinExponent => 1 - MaxExponent;

    public ulong SignBit => 1UL << (Width - 1);

    public ulong Infinity => ((1UL << exponentBits) - 1) << (precision - 1);

    public ulong CanonicalNaN => Infinity | (1UL << (precision - 2));

    public bool IsNaN(ulong a) => (a & (SignBit - 1)) > Infinity;

    public bool IsSignaling(ulong a) => IsNaN(a) && (a >> (precision - 2) & 1) == 0;

    private bool IsInfinite(ulong a) => (a & (SignBit - 1)) == Infinity;

    private bool IsZero(ulong a) => (a & (SignBit - 1)) == 0;

    private bool IsNegative(ulong a) => (a & SignBit) != 0;

    private Rational ValueOf(ulong a)
    {
        int field = (int)((a & (SignBit - 1)) >> (precision - 1));
        BigInteger significand = a & ((1UL << (precision - 1)) - 1);
        if (field != 0) significand += BigInteger.One << (precision - 1);
        return Rational.TimesPowerOfTwo(IsNegative(a) ? -significand : significand, Math.Max(field, 1) - 1 + MinExponent - (precision - 1));
    }

    private ulong Zero(bool negative) => negative ? SignBit : 0;

    private Result Invalid() => new(CanonicalNaN, NV);

    private Result? NaNResult(params ReadOnlySpan<ulong> operands)
    {
        bool nan = false, signaling = false;
        foreach (ulong operand in operands)
        {
            nan |= IsNaN(operand);
            signaling |= IsSignaling(operand);
        }

        return nan ? new Result(CanonicalNaN, signaling ? NV : 0) : null;
    }

    public Result Add(ulong a, ulong b, RoundingMode rm)
    {
        if (NaNResult(a, b) is { } nan) return nan;
        if (IsInfinite(a) && IsInfinite(b)) return a == b ? new Result(a, 0) : Invalid();
        if (IsInfinite(a)) return new Result(a, 0);
        if (IsInfinite(b)) return new Result(b, 0);
        return RoundSum(ValueOf(a) + ValueOf(b), IsZero(a) && IsZero(b), IsNegative(a), IsNegative(b), rm);
    }

    public Result Sub(ulong a, ulong b, RoundingMode rm) => Add(a, b ^ SignBit, rm);

    public Result Mul(ulong a, ulong b, RoundingMode rm)
    {
        if (NaNResult(a, b) is { } nan) return nan;
        bool negative = IsNegative(a) != IsNegative(b);
        if (IsInfinite(a) || IsInfinite(b)) return IsZero(a) || IsZero(b) ? Invalid() : new Result(Zero(negative) | Infinity, 0);
        return RoundOrZero(ValueOf(a) * ValueOf(b), negative, rm);
    }

    public Result Div(ulong a, ulong b, RoundingMode rm)
    {
        if (NaNResult(a, b) is { } nan) return nan;
        bool negative = IsNegative(a) != IsNegative(b);
        if ((IsInfinite(a) && IsInfinite(b)) || (IsZero(a) && IsZero(b))) return Invalid();
        if (IsInfinite(a)) return new Result(Zero(negative) | Infinity, 0);
        if (IsInfinite(b)) return new Result(Zero(negative), 0);
        if (IsZero(b)) return new Result(Zero(negative) | Infinity, DZ);
        return RoundOrZero(ValueOf(a) / ValueOf(b), negative, rm);
    }

    public Result MulAdd(ulong a, ulong b, ulong c, RoundingMode rm)
    {
        bool product0Inf = (IsInfinite(a) && IsZero(b)) || (IsZero(a) && IsInfinite(b));
        if (product0Inf) return Invalid();
        if (NaNResult(a, b, c) is { } nan) return nan;
        bool negative = IsNegative(a) != IsNegative(b);
        if (IsInfinite(a) || IsInfinite(b))
        {
            return IsInfinite(c) && IsNegative(c) != negative ? Invalid() : new Result(Zero(negative) | Infinity, 0);
        }

        if (IsInfinite(c)) return new Result(c, 0);
        bool zeros = (IsZero(a) || IsZero(b)) && IsZero(c);
        return RoundSum(ValueOf(a) * ValueOf(b) + ValueOf(c), zeros, negative, IsNegative(c), rm);
    }

    public Result Sqrt(ulong a, RoundingMode rm)
    {
        if (NaNResult(a) is { } nan) return nan;
        if (IsZero(a)) return new Result(a, 0);
        if (IsNegative(a)) return Invalid();
        if (IsInfinite(a)) return new Result(a, 0);

        // Scaled so that the root's integer part alone has far more bits than the format; an irrational root lies strictly
        // between two integers, and any point between them rounds alike.
        const int scale = 1200;
        Rational value = ValueOf(a);
        BigInteger radicand = (value.Numerator << (2 * scale)) / value.Denominator;
        BigInteger root = IntegerRoot(radicand);
        bool exact = root * root == radicand;
        return Round(new Rational(exact ? 2 * root : 2 * root + 1, BigInteger.One << (scale + 1)), rm);
    }

    private static BigInteger IntegerRoot(BigInteger value)
    {
        BigInteger root = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            BigInteger next = (root + value / root) >> 1;
            if (next >= root) return root;
            root = next;
        }
    }

    /// <summary>The sign of a sum that is zero follows IEEE 754 §6.3.</summary>
    private Result RoundSum(Rational sum, bool bothZero, bool xNegative, bool yNegative, RoundingMode rm)
    {
        if (!sum.Numerator.IsZero) return Round(sum, rm);
        if (bothZero && xNegative == yNegative) return new Result(Zero(xNegative), 0);
        return new Result(Zero(rm == RoundingMode.Down), 0);
    }

    private Result RoundOrZero(Rational value, bool negative, RoundingMode rm) =>
        value.Numerator.IsZero ? new Result(Zero(negative), 0) : Round(value, rm);

    private Result Round(Rational value, RoundingMode rm)
    {
        bool negative = value.Numerator.Sign < 0;
        var magnitude = new Rational(BigInteger.Abs(value.Numerator), value.Denominator);
        int exponent = FloorLog2(magnitude);
        int unboundedGrid = exponent - (precision - 1);
        int grid = Math.Max(unboundedGrid, MinExponent - (precision - 1));

        BigInteger steps = RoundToInteger(Scale(magnitude, -grid), negative, rm, out bool inexact);
        BigInteger smallestNormal = BigInteger.One << (precision - 1);
        if (steps == smallestNormal * 2)
        {
            steps = smallestNormal;
            grid++;
        }

        uint flags = inexact ? NX : 0;
        if (steps >= smallestNormal && grid + precision - 1 > MaxExponent)
        {
            bool inward = rm == RoundingMode.TowardZero || (rm == RoundingMode.Down && !negative) || (rm == RoundingMode.Up && negative);
            return new Result(Zero(negative) | (inward ? Infinity - 1 : Infinity), OF | NX);
        }

        // Tiny: rounded with an unbounded exponent it would still be below the smallest normal number.
        BigInteger unboundedSteps = RoundToInteger(Scale(magnitude, -unboundedGrid), negative, rm, out _);
        bool tiny = exponent < MinExponent && !(exponent == MinExponent - 1 && unboundedSteps == smallestNormal * 2);
        if (tiny && inexact) flags |= UF;

        ulong bits = steps < smallestNormal
            ? (ulong)steps
            : ((ulong)(grid + (precision - 1) - MinExponent + 1) << (precision - 1)) + (ulong)(steps - smallestNormal);
        return new Result(Zero(negative) | bits, flags);
    }

    private static Rational Scale(Rational value, int exponent) => value * Rational.TimesPowerOfTwo(1, exponent);

    private static int FloorLog2(Rational value)
    {
        int estimate = (int)(value.Numerator.GetBitLength() - value.Denominator.GetBitLength());
        Rational scaled = Scale(value, -estimate);
        return scaled.Numerator < scaled.Denominator ? estimate - 1 : estimate;
    }

    private static BigInteger RoundToInteger(Rational magnitude, bool negative, RoundingMode rm, out bool inexact)
    {
        BigInteger whole = BigInteger.DivRem(magnitude.Numerator, magnitude.Denominator, out BigInteger rest);
        inexact = !rest.IsZero;
        int toHalf = (2 * rest).CompareTo(magnitude.Denominator);
        bool up = rm switch
        {
            RoundingMode.NearestEven => toHalf > 0 || (toHalf == 0 && !whole.IsEven),
            RoundingMode.NearestMaxMagnitude => toHalf >= 0,
            RoundingMode.Down => negative && inexact,
            RoundingMode.Up => !negative && inexact,
            RoundingMode.TowardZero => false,
            _ => throw new ArgumentOutOfRangeException(nameof(rm), rm, "not a rounding mode"),
        };
        return up ? whole + 1 : whole;
    }

    public Result ToInteger(ulong a, BigInteger min, BigInteger max, RoundingMode rm)
    {
        if (IsNaN(a)) return new Result(Register(max), NV);
        if (IsInfinite(a)) return new Result(Register(IsNegative(a) ? min : max), NV);
        Rational value = ValueOf(a);
        var magnitude = new Rational(BigInteger.Abs(value.Numerator), value.Denominator);
        BigInteger rounded = RoundToInteger(magnitude, IsNegative(a), rm, out bool inexact);
        if (IsNegative(a)) rounded = -rounded;
        if (rounded > max) return new Result(Register(max), NV);
        if (rounded < min) return new Result(Register(min), NV);
        return new Result(Register(rounded), inexact ? NX : 0);

        // 32-bit results are sign-extended, unsigned ones too.
        ulong Register(BigInteger integer) => max <= uint.MaxValue
            ? (ulong)(int)(uint)(integer & uint.MaxValue)
            : (ulong)(integer & ulong.MaxValue);
    }

    public Result FromInteger(BigInteger value, RoundingMode rm) => RoundOrZero(new Rational(value, 1), false, rm);

    public Result FromFormat(Oracle source, ulong a, RoundingMode rm)
    {
        if (source.IsNaN(a)) return new Result(CanonicalNaN, source.IsSignaling(a) ? NV : 0);
        if (source.IsInfinite(a)) return new Result(Zero(source.IsNegative(a)) | Infinity, 0);
        return RoundOrZero(source.ValueOf(a), source.IsNegative(a), rm);
    }

    /// <summary>-1, 0 or 1, or null for NaNs.</summary>
    public int? Compare(ulong a, ulong b)
    {
        if (IsNaN(a) || IsNaN(b)) return null;
        return Key(a).CompareTo(Key(b));

        // Infinities compare as a number beyond every finite one.
        Rational Extended(ulong x) => IsInfinite(x)
            ? Rational.TimesPowerOfTwo(IsNegative(x) ? -1 : 1, MaxExponent + 1)
            : ValueOf(x);

        BigInteger Key(ulong x)
        {
            // All values are multiples of the smallest subnormal number.
            Rational scaled = Scale(Extended(x), precision - 1 - MinExponent);
            return scaled.Numerator / scaled.Denominator;
        }
    }

    public Result Min(ulong a, ulong b) => Choose(a, b, wanted: -1);

    public Result Max(ulong a, ulong b) => Choose(a, b, wanted: 1);

    private Result Choose(ulong a, ulong b, int wanted)
    {
        uint flags = IsSignaling(a) || IsSignaling(b) ? NV : 0;
        if (IsNaN(a) && IsNaN(b)) return new Result(CanonicalNaN, flags);
        if (IsNaN(a)) return new Result(b, flags);
        if (IsNaN(b)) return new Result(a, flags);
        int order = Compare(a, b)!.Value;
        if (order == 0 && a != b) order = IsNegative(a) ? -1 : 1;
        return new Result(order == wanted ? a : b, flags);
    }

    public ulong Classify(ulong a)
    {
        bool subnormal = !IsZero(a) && (a & Infinity) == 0;
        int bit = IsSignaling(a) ? 8 : IsNaN(a) ? 9
            : IsNegative(a)
                ? IsInfinite(a) ? 0 : IsZero(a) ? 3 : subnormal ? 2 : 1
                : IsInfinite(a) ? 7 : IsZero(a) ? 4 : subnormal ? 5 : 6;
        return 1UL << bit;
    }

    /// <summary>
    /// Operands at every edge of the format. The wide set has the neighbours of each landmark too, and numbers whose sums,
    /// products and conversions hit ties.
    /// </summary>
    public ulong[] EdgeOperands(bool wide)
    {
        ulong one = (ulong)MaxExponent << (precision - 1);
        ulong exponentStep = 1UL << (precision - 1);
        ulong minNormal = exponentStep;
        var magnitudes = new SortedSet<ulong>
        {
            0, 1, minNormal - 1, minNormal, one, one + 1, one - 1, Infinity - 1, Infinity, Infinity | 1, CanonicalNaN,
            // 3, 2^-p (half an ulp of one), and halves of the extremes.
            one + exponentStep + exponentStep / 2, one - (ulong)precision * exponentStep, minNormal + exponentStep, Infinity - exponentStep,
        };
        if (wide)
        {
            magnitudes.UnionWith([2, 3, minNormal / 2, minNormal / 2 + 1, minNormal + 1, minNormal * 2 - 1, Infinity - 2]);
            magnitudes.UnionWith([CanonicalNaN - 1, CanonicalNaN | 1, SignBit - 1]);
            foreach (int integerBits in (int[])[31, 32, 63, 64, precision - 1, precision, precision + 1])
            {
                ulong power = one + (ulong)integerBits * exponentStep;
                magnitudes.UnionWith([power - 1, power, power + 1, power + 3]);
            }

            foreach (int tenths in (int[])[5, 15, 25, 35])
            {
                magnitudes.Add(RoundOrZero(new Rational(tenths, 10), false, RoundingMode.NearestEven).Bits);
            }

            ulong halfRange = (ulong)(MaxExponent / 2) * exponentStep;
            magnitudes.UnionWith([one - halfRange, one + halfRange, one - halfRange - exponentStep / 3, one + halfRange + exponentStep / 3]);
            magnitudes.UnionWith([one + exponentStep / 3, one + exponentStep * 2 / 3, one - (ulong)(precision + 1) * exponentStep]);
        }

        return [.. magnitudes, .. magnitudes.Select(m => m | SignBit)];
    }
}
