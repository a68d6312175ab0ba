using System.Numerics;
using ActorFT.Machine.FloatingPoint;
using Xunit;

namespace ActorFT.Machine.Tests.FloatingPoint;

/// <summary>Every operation, on every combination of edge operands, in every rounding mode, gives the oracle's bits and flags.</summary>
public class EdgeOperandTests
{
    // The flags are sticky and steer the fast paths: each case starts once from none and once with NX, the common state.
    private static readonly uint[] InitialFlags = [0, FloatFlags.Inexact];

    private static void Check(string operation, Oracle.Result expected, ulong actual, uint initial, uint flags, params ReadOnlySpan<ulong> operands)
    {
        uint expectedFlags = expected.Flags | initial;
        if (actual == expected.Bits && flags == expectedFlags) return;
        string list = string.Join(", ", operands.ToArray().Select(o => o.ToString("x")));
        Assert.Fail($"{operation}({list}) from flags {initial:x}: got {actual:x} with flags {flags:x}, must be {expected.Bits:x} with {expectedFlags:x}");
    }

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void BinaryOperations_OnEdgeOperands_AreExact(Subject subject)
    {
        Oracle oracle = subject.Oracle;
        (string Name, Subject.Binary Actual, Func<ulong, ulong, RoundingMode, Oracle.Result> Expected)[] operations =
        [
            ("add", subject.Add, oracle.Add), ("sub", subject.Sub, oracle.Sub), ("mul", subject.Mul, oracle.Mul), ("div", subject.Div, oracle.Div),
        ];
        ulong[] operands = oracle.EdgeOperands(wide: true);
        foreach (ulong a in operands)
        foreach (ulong b in operands)
        foreach (RoundingMode rm in Subject.RoundingModes)
        foreach (var (name, actual, expected) in operations)
        {
            Oracle.Result wanted = expected(a, b, rm);
            foreach (uint initial in InitialFlags)
            {
                uint flags = initial;
                Check($"{name} {rm}", wanted, actual(a, b, rm, ref flags), initial, flags, a, b);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void MulAdd_OnEdgeOperands_IsExact(Subject subject)
    {
        ulong[] operands = subject.Oracle.EdgeOperands(wide: false);
        foreach (ulong a in operands)
        foreach (ulong b in operands)
        foreach (ulong c in operands)
        foreach (RoundingMode rm in Subject.RoundingModes)
        {
            Oracle.Result wanted = subject.Oracle.MulAdd(a, b, c, rm);
            foreach (uint initial in InitialFlags)
            {
                uint flags = initial;
                Check($"muladd {rm}", wanted, subject.MulAdd(a, b, c, rm, ref flags), initial, flags, a, b, c);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void UnaryOperations_OnEdgeOperands_AreExact(Subject subject)
    {
        Oracle oracle = subject.Oracle;
        foreach (ulong a in oracle.EdgeOperands(wide: true))
        {
            Assert.Equal(oracle.Classify(a), subject.Classify(a));
            foreach (RoundingMode rm in Subject.RoundingModes)
            foreach (uint initial in InitialFlags)
            {
                uint flags = initial;
                Check($"sqrt {rm}", oracle.Sqrt(a, rm), subject.Sqrt(a, rm, ref flags), initial, flags, a);
                flags = initial;
                Check($"to other {rm}", subject.OtherOracle.FromFormat(oracle, a, rm), subject.ToOther(a, rm, ref flags), initial, flags, a);
                foreach (var (name, convert, min, max) in subject.ToInteger)
                {
                    flags = initial;
                    Check($"{name} {rm}", oracle.ToInteger(a, min, max, rm), convert(a, rm, ref flags), initial, flags, a);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void ToOtherFormat_NearItsLimits_IsExact(Subject subject)
    {
        // The other format's edges, moved into this one, and their neighbours here.
        foreach (ulong edge in subject.OtherOracle.EdgeOperands(wide: true))
        foreach (RoundingMode rm in Subject.RoundingModes)
        {
            ulong near = subject.Oracle.FromFormat(subject.OtherOracle, edge, rm).Bits;
            foreach (ulong a in (ulong[])[near - 1, near, near + 1, near + 2])
            {
                ulong operand = subject.Oracle == Oracle.Binary32 ? (uint)a : a;
                uint flags = 0;
                Check($"to other {rm}", subject.OtherOracle.FromFormat(subject.Oracle, operand, rm), subject.ToOther(operand, rm, ref flags), 0, flags, operand);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void FromInteger_AroundEveryPowerOfTwo_IsExact(Subject subject)
    {
        var registers = new SortedSet<ulong>();
        for (int bit = 0; bit < 64; bit++)
        {
            ulong power = 1UL << bit;
            registers.UnionWith([power - 1, power, power + 1, 0 - power, ~power, power * 3, power | power >> 24, power | power >> 53]);
            registers.UnionWith([power | power >> 24 | 1, power | power >> 53 | 1, (power | power >> 23 | power >> 24), power | power >> 52 | power >> 53]);
        }

        foreach (ulong register in registers)
        foreach (RoundingMode rm in Subject.RoundingModes)
        foreach (var (name, convert, signed, widthBits) in subject.FromInteger)
        {
            Oracle.Result wanted = subject.Oracle.FromInteger(IntegerOperand(register, signed, widthBits), rm);
            foreach (uint initial in InitialFlags)
            {
                uint flags = initial;
                Check($"{name} {rm}", wanted, convert(register, rm, ref flags), initial, flags, register);
            }
        }
    }

    /// <summary>What a conversion from an integer register converts.</summary>
    internal static BigInteger IntegerOperand(ulong register, bool signed, int widthBits) => (signed, widthBits) switch
    {
        (true, 32) => (int)register,
        (false, 32) => (uint)register,
        (true, _) => (long)register,
        _ => register,
    };

    [Theory]
    [MemberData(nameof(Subject.Both), MemberType = typeof(Subject))]
    public void Comparisons_OnEdgeOperands_AreExact(Subject subject)
    {
        Oracle oracle = subject.Oracle;
        ulong[] operands = oracle.EdgeOperands(wide: true);
        foreach (ulong a in operands)
        foreach (ulong b in operands)
        {
            int? order = oracle.Compare(a, b);
            uint quiet = oracle.IsSignaling(a) || oracle.IsSignaling(b) ? FloatFlags.Invalid : 0;
            uint signaling = order == null ? FloatFlags.Invalid : 0;

            uint flags = 0;
            Check("eq", new Oracle.Result(order == 0 ? 1UL : 0, quiet), subject.Equal(a, b, ref flags) ? 1UL : 0, 0, flags, a, b);
            flags = 0;
            Check("lt", new Oracle.Result(order < 0 ? 1UL : 0, signaling), subject.LessThan(a, b, ref flags) ? 1UL : 0, 0, flags, a, b);
            flags = 0;
            Check("le", new Oracle.Result(order <= 0 ? 1UL : 0, signaling), subject.LessOrEqual(a, b, ref flags) ? 1UL : 0, 0, flags, a, b);
            flags = 0;
            Check("min", oracle.Min(a, b), subject.Min(a, b, ref flags), 0, flags, a, b);
            flags = 0;
            Check("max", oracle.Max(a, b), subject.Max(a, b, ref flags), 0, flags, a, b);
        }
    }

    [Fact]
    public void CanonicalNaNs_AreRiscVs()
    {
        uint flags = 0;
        Assert.Equal(0x7fc00000U, Float32.Sub(0x7f800000, 0x7f800000, RoundingMode.NearestEven, ref flags));
        Assert.Equal(0x7ff8000000000000UL, Float64.Sub(0xfff0000000000000, 0xfff0000000000000, RoundingMode.NearestEven, ref flags));
        Assert.Equal(FloatFlags.Invalid, flags);
    }
}
