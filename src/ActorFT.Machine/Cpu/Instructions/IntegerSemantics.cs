namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>A result from two 64-bit values: what register-register and register-immediate instructions and AMOs share.</summary>
internal interface IBinary
{
    /// <summary>The result.</summary>
    static abstract ulong Apply(ulong a, ulong b);
}

/// <summary>A condition on two 64-bit values.</summary>
internal interface ICondition
{
    /// <summary>Whether it holds.</summary>
    static abstract bool Test(ulong a, ulong b);
}

// RV64I (Unprivileged spec §2.4, §4.2).
internal readonly struct Add : IBinary { public static ulong Apply(ulong a, ulong b) => a + b; }
internal readonly struct Subtract : IBinary { public static ulong Apply(ulong a, ulong b) => a - b; }
internal readonly struct And : IBinary { public static ulong Apply(ulong a, ulong b) => a & b; }
internal readonly struct Or : IBinary { public static ulong Apply(ulong a, ulong b) => a | b; }
internal readonly struct Xor : IBinary { public static ulong Apply(ulong a, ulong b) => a ^ b; }
internal readonly struct SetLess : IBinary { public static ulong Apply(ulong a, ulong b) => (long)a < (long)b ? 1UL : 0UL; }
internal readonly struct SetLessUnsigned : IBinary { public static ulong Apply(ulong a, ulong b) => a < b ? 1UL : 0UL; }
internal readonly struct ShiftLeft : IBinary { public static ulong Apply(ulong a, ulong b) => a << (int)b; }
internal readonly struct ShiftRight : IBinary { public static ulong Apply(ulong a, ulong b) => a >> (int)b; }
internal readonly struct ShiftRightArithmetic : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)((long)a >> (int)b); }
internal readonly struct AddWord : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)(long)(int)(a + b); }
internal readonly struct SubtractWord : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)(long)(int)(a - b); }
internal readonly struct ShiftLeftWord : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)(long)((int)a << (int)b); }
internal readonly struct ShiftRightWord : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)(long)(int)((uint)a >> (int)b); }
internal readonly struct ShiftRightArithmeticWord : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)(long)((int)a >> (int)b); }

// RV64M (chapter 7). Division never traps: by zero gives all ones or the dividend, overflow the dividend or zero.
internal readonly struct Multiply : IBinary { public static ulong Apply(ulong a, ulong b) => a * b; }
internal readonly struct MultiplyHigh : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)Math.BigMul((long)a, (long)b, out _); }
internal readonly struct MultiplyHighUnsigned : IBinary { public static ulong Apply(ulong a, ulong b) => Math.BigMul(a, b, out _); }
internal readonly struct MultiplyHighSignedUnsigned : IBinary
{
    public static ulong Apply(ulong a, ulong b) => Math.BigMul(a, b, out _) - ((long)a < 0 ? b : 0);
}

internal readonly struct Divide : IBinary
{
    public static ulong Apply(ulong a, ulong b) => b == 0 ? ulong.MaxValue : b == ulong.MaxValue ? 0 - a : (ulong)((long)a / (long)b);
}

internal readonly struct DivideUnsigned : IBinary { public static ulong Apply(ulong a, ulong b) => b == 0 ? ulong.MaxValue : a / b; }
internal readonly struct Remainder : IBinary
{
    public static ulong Apply(ulong a, ulong b) => b == 0 ? a : b == ulong.MaxValue ? 0 : (ulong)((long)a % (long)b);
}

internal readonly struct RemainderUnsigned : IBinary { public static ulong Apply(ulong a, ulong b) => b == 0 ? a : a % b; }
internal readonly struct MultiplyWord : IBinary { public static ulong Apply(ulong a, ulong b) => (ulong)(long)(int)(a * b); }
internal readonly struct DivideWord : IBinary
{
    public static ulong Apply(ulong a, ulong b) =>
        (int)b == 0 ? ulong.MaxValue : (int)b == -1 ? (ulong)(long)(int)(0 - (uint)a) : (ulong)(long)((int)a / (int)b);
}

internal readonly struct DivideUnsignedWord : IBinary
{
    public static ulong Apply(ulong a, ulong b) => (uint)b == 0 ? ulong.MaxValue : (ulong)(long)(int)((uint)a / (uint)b);
}

internal readonly struct RemainderWord : IBinary
{
    public static ulong Apply(ulong a, ulong b) =>
        (int)b == 0 ? (ulong)(long)(int)a : (int)b == -1 ? 0 : (ulong)(long)((int)a % (int)b);
}

internal readonly struct RemainderUnsignedWord : IBinary
{
    public static ulong Apply(ulong a, ulong b) => (uint)b == 0 ? (ulong)(long)(int)a : (ulong)(long)(int)((uint)a % (uint)b);
}

// RV64A (chapter 8); a is the value in memory, b the register. Word operands come sign-extended, which keeps both orders.
internal readonly struct Swap : IBinary { public static ulong Apply(ulong a, ulong b) => b; }
internal readonly struct Minimum : IBinary { public static ulong Apply(ulong a, ulong b) => (long)a < (long)b ? a : b; }
internal readonly struct Maximum : IBinary { public static ulong Apply(ulong a, ulong b) => (long)a > (long)b ? a : b; }
internal readonly struct MinimumUnsigned : IBinary { public static ulong Apply(ulong a, ulong b) => a < b ? a : b; }
internal readonly struct MaximumUnsigned : IBinary { public static ulong Apply(ulong a, ulong b) => a > b ? a : b; }

// Branches (§2.5.2).
internal readonly struct Equal : ICondition { public static bool Test(ulong a, ulong b) => a == b; }
internal readonly struct NotEqual : ICondition { public static bool Test(ulong a, ulong b) => a != b; }
internal readonly struct Less : ICondition { public static bool Test(ulong a, ulong b) => (long)a < (long)b; }
internal readonly struct NotLess : ICondition { public static bool Test(ulong a, ulong b) => (long)a >= (long)b; }
internal readonly struct LessUnsigned : ICondition { public static bool Test(ulong a, ulong b) => a < b; }
internal readonly struct NotLessUnsigned : ICondition { public static bool Test(ulong a, ulong b) => a >= b; }
