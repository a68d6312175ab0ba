using System.Numerics;
using ActorFT.Machine.FloatingPoint;
using Xunit;

namespace ActorFT.Machine.Tests.FloatingPoint;

/// <summary>The host's instructions, where used, agree with the integer reference in bits and flags; the reference with the oracle.</summary>
public class FastPathTests
{
    private const int Seed = 754;
    private const int FastCases = 300_000;
    private const int OracleCases = 10_000;

    /// <summary>
    /// Random operands of several kinds: any bits; exponents near each other, so that sums cancel and round; short
    /// significands, so that results are often exact or ties; exponents at the ends of the range.
    /// </summary>
    private static ulong Operand(Random random, Oracle oracle)
    {
        int fractionBits = oracle.Precision - 1;
        ulong bits = (ulong)random.NextInt64(long.MinValue, long.MaxValue) & (oracle.SignBit | (oracle.SignBit - 1));
        ulong maxExponent = oracle.Infinity >> fractionBits;
        ulong sign = bits & oracle.SignBit;
        ulong fraction = bits & ((1UL << fractionBits) - 1);
        int kind = random.Next(8);
        if (kind is 2 or 3) fraction &= ~0UL << random.Next(fractionBits - 4, fractionBits);
        if (kind == 4) fraction |= (1UL << random.Next(fractionBits)) - 1;
        ulong exponent = kind switch
        {
            0 => bits >> fractionBits & maxExponent,
            1 or 2 => maxExponent / 2 + (ulong)random.Next(64) - 32,
            5 => (ulong)random.Next(4),
            6 => maxExponent - (ulong)random.Next(1, 4),
            7 => maxExponent / 2 + (ulong)random.Next(2) * maxExponent / 4 - (ulong)random.Next(2) * maxExponent / 4,
            _ => maxExponent / 2 + (ulong)random.Next(2),
        };
        return sign | exponent << fractionBits | fraction;
    }

    private static uint RandomFlags(Random random) => random.Next(2) == 0 ? 0 : (uint)random.Next(32);

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void FastPaths_OnRandomOperands_EqualTheReference(Subject subject)
    {
        var random = new Random(Seed);
        Oracle oracle = subject.Oracle;
        for (int i = 0; i < FastCases; i++)
        {
            ulong a = Operand(random, oracle), b = Operand(random, oracle), c = Operand(random, oracle);
            uint initial = RandomFlags(random);
            // Nearest even most of the time: the only mode with fast paths for arithmetic.
            var rm = (RoundingMode)Math.Max(0, random.Next(-10, 5));
            foreach (var (name, fast, reference) in subject.BinaryPairs)
            {
                uint fastFlags = initial, referenceFlags = initial;
                ulong fastBits = fast(a, b, rm, ref fastFlags), referenceBits = reference(a, b, rm, ref referenceFlags);
                if (fastBits != referenceBits || fastFlags != referenceFlags)
                    Assert.Fail($"{name} {rm} {a:x} {b:x} from {initial:x}: fast {fastBits:x}/{fastFlags:x}, reference {referenceBits:x}/{referenceFlags:x}");
            }

            uint flags1 = initial, flags2 = initial;
            ulong bits1 = subject.SqrtPair.Fast(a, rm, ref flags1), bits2 = subject.SqrtPair.Reference(a, rm, ref flags2);
            if (bits1 != bits2 || flags1 != flags2)
                Assert.Fail($"sqrt {rm} {a:x} from {initial:x}: fast {bits1:x}/{flags1:x}, reference {bits2:x}/{flags2:x}");

            flags1 = flags2 = initial;
            bits1 = subject.MulAddPair.Fast(a, b, c, rm, ref flags1);
            bits2 = subject.MulAddPair.Reference(a, b, c, rm, ref flags2);
            if (bits1 != bits2 || flags1 != flags2)
                Assert.Fail($"muladd {rm} {a:x} {b:x} {c:x} from {initial:x}: fast {bits1:x}/{flags1:x}, reference {bits2:x}/{flags2:x}");
        }
    }

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void Operations_OnRandomOperands_EqualTheOracle(Subject subject)
    {
        var random = new Random(Seed + 1);
        Oracle oracle = subject.Oracle;
        for (int i = 0; i < OracleCases; i++)
        {
            ulong a = Operand(random, oracle), b = Operand(random, oracle), c = Operand(random, oracle);
            var rm = (RoundingMode)random.Next(5);
            uint flags = 0;
            Check("add", oracle.Add(a, b, rm), subject.Add(a, b, rm, ref flags), flags);
            flags = 0;
            Check("mul", oracle.Mul(a, b, rm), subject.Mul(a, b, rm, ref flags), flags);
            flags = 0;
            Check("div", oracle.Div(a, b, rm), subject.Div(a, b, rm, ref flags), flags);
            flags = 0;
            Check("muladd", oracle.MulAdd(a, b, c, rm), subject.MulAdd(a, b, c, rm, ref flags), flags);
            flags = 0;
            Check("to other", subject.OtherOracle.FromFormat(oracle, a, rm), subject.ToOther(a, rm, ref flags), flags);
            foreach (var (name, convert, min, max) in subject.ToInteger)
            {
                flags = 0;
                Check(name, oracle.ToInteger(a, min, max, rm), convert(a, rm, ref flags), flags);
            }

            ulong integer = (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            foreach (var (name, convert, signed, widthBits) in subject.FromInteger)
            {
                // From NX as well: then the host converts.
                flags = (uint)(i & 1);
                BigInteger value = EdgeOperandTests.IntegerOperand(integer, signed, widthBits);
                Oracle.Result expected = oracle.FromInteger(value, rm);
                Check($"{name} {integer:x}", expected with { Flags = expected.Flags | (uint)(i & 1) }, convert(integer, rm, ref flags), flags);
            }

            // Numbers that are equal often enough.
            if (random.Next(4) == 0) b = a ^ (random.Next(2) == 0 ? oracle.SignBit : 0);
            int? order = oracle.Compare(a, b);
            uint quiet = oracle.IsSignaling(a) || oracle.IsSignaling(b) ? FloatFlags.Invalid : 0, signaling = order == null ? FloatFlags.Invalid : 0;
            flags = 0;
            Check("eq", new Oracle.Result(order == 0 ? 1UL : 0, quiet), subject.Equal(a, b, ref flags) ? 1UL : 0, flags);
            flags = 0;
            Check("lt", new Oracle.Result(order < 0 ? 1UL : 0, signaling), subject.LessThan(a, b, ref flags) ? 1UL : 0, flags);
            flags = 0;
            Check("le", new Oracle.Result(order <= 0 ? 1UL : 0, signaling), subject.LessOrEqual(a, b, ref flags) ? 1UL : 0, flags);
            flags = 0;
            Check("min", oracle.Min(a, b), subject.Min(a, b, ref flags), flags);
            flags = 0;
            Check("max", oracle.Max(a, b), subject.Max(a, b, ref flags), flags);

            if (i % 20 == 0)
            {
                flags = 0;
                Check("sqrt", oracle.Sqrt(a, rm), subject.Sqrt(a, rm, ref flags), flags);
            }

            void Check(string name, Oracle.Result expected, ulong bits, uint raised)
            {
                if (bits != expected.Bits || raised != expected.Flags)
                    Assert.Fail($"{name} {rm} {a:x} {b:x} {c:x}: got {bits:x}/{raised:x}, must be {expected.Bits:x}/{expected.Flags:x}");
            }
        }
    }
}
