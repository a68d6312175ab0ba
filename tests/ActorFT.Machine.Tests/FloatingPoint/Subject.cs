using ActorFT.Machine.FloatingPoint;

namespace ActorFT.Machine.Tests.FloatingPoint;

/// <summary>One format of the product under test, its single precision widened to ulong, beside its oracle.</summary>
public abstract class Subject
{
    internal delegate ulong Unary(ulong a, RoundingMode rm, ref uint flags);

    internal delegate ulong Binary(ulong a, ulong b, RoundingMode rm, ref uint flags);

    internal delegate ulong Ternary(ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags);

    internal delegate ulong Selection(ulong a, ulong b, ref uint flags);

    internal delegate bool Comparison(ulong a, ulong b, ref uint flags);

    public static IEnumerable<object[]> Both => [[new Single()], [new Double()]];

    internal static readonly RoundingMode[] RoundingModes = Enum.GetValues<RoundingMode>();

    internal abstract Oracle Oracle { get; }

    internal abstract Binary Add { get; }

    internal abstract Binary Sub { get; }

    internal abstract Binary Mul { get; }

    internal abstract Binary Div { get; }

    internal abstract Unary Sqrt { get; }

    internal abstract Ternary MulAdd { get; }

    internal abstract Selection Min { get; }

    internal abstract Selection Max { get; }

    internal abstract Comparison Equal { get; }

    internal abstract Comparison LessThan { get; }

    internal abstract Comparison LessOrEqual { get; }

    internal abstract Func<ulong, ulong> Classify { get; }

    internal abstract (string Name, Unary Convert, long Min, ulong Max)[] ToInteger { get; }

    internal abstract (string Name, Unary Convert, bool Signed, int WidthBits)[] FromInteger { get; }

    /// <summary>The conversion to the other format.</summary>
    internal abstract Unary ToOther { get; }

    internal abstract Oracle OtherOracle { get; }

    /// <summary>The integer-only reference, without the host's help.</summary>
    internal abstract (string Name, Binary Fast, Binary Reference)[] BinaryPairs { get; }

    internal abstract (Unary Fast, Unary Reference) SqrtPair { get; }

    internal abstract (Ternary Fast, Ternary Reference) MulAddPair { get; }

    private sealed class Double : Subject
    {
        public override string ToString() => "binary64";

        internal override Oracle Oracle => Oracle.Binary64;
        internal override Oracle OtherOracle => Oracle.Binary32;
        internal override Binary Add => Float64.Add;
        internal override Binary Sub => Float64.Sub;
        internal override Binary Mul => Float64.Mul;
        internal override Binary Div => Float64.Div;
        internal override Unary Sqrt => Float64.Sqrt;
        internal override Ternary MulAdd => Float64.MulAdd;
        internal override Selection Min => Float64.Min;
        internal override Selection Max => Float64.Max;
        internal override Comparison Equal => Float64.Equal;
        internal override Comparison LessThan => Float64.LessThan;
        internal override Comparison LessOrEqual => Float64.LessOrEqual;
        internal override Func<ulong, ulong> Classify => Float64.Classify;

        internal override (string Name, Unary Convert, long Min, ulong Max)[] ToInteger =>
        [
            ("FCVT.W.D", Float64.ToInt32, int.MinValue, int.MaxValue), ("FCVT.WU.D", Float64.ToUInt32, 0, uint.MaxValue),
            ("FCVT.L.D", Float64.ToInt64, long.MinValue, long.MaxValue), ("FCVT.LU.D", Float64.ToUInt64, 0, ulong.MaxValue),
        ];

        internal override (string Name, Unary Convert, bool Signed, int WidthBits)[] FromInteger =>
        [
            ("FCVT.D.W", Float64.FromInt32, true, 32), ("FCVT.D.WU", Float64.FromUInt32, false, 32),
            ("FCVT.D.L", Float64.FromInt64, true, 64), ("FCVT.D.LU", Float64.FromUInt64, false, 64),
        ];

        internal override Unary ToOther => (ulong a, RoundingMode rm, ref uint flags) => Float64.ToFloat32(a, rm, ref flags);

        internal override (string Name, Binary Fast, Binary Reference)[] BinaryPairs =>
        [
            ("add", Float64.Add, SoftFloat<Binary64>.Add), ("mul", Float64.Mul, SoftFloat<Binary64>.Multiply),
            ("div", Float64.Div, SoftFloat<Binary64>.Divide),
        ];

        internal override (Unary Fast, Unary Reference) SqrtPair => (Float64.Sqrt, SoftFloat<Binary64>.SquareRoot);
        internal override (Ternary Fast, Ternary Reference) MulAddPair => (Float64.MulAdd, SoftFloat<Binary64>.MultiplyAdd);
    }

    private sealed class Single : Subject
    {
        private delegate uint NarrowUnary(uint a, RoundingMode rm, ref uint flags);

        private delegate uint NarrowBinary(uint a, uint b, RoundingMode rm, ref uint flags);

        private delegate ulong NarrowToInteger(uint a, RoundingMode rm, ref uint flags);

        private delegate uint NarrowFromInteger(ulong register, RoundingMode rm, ref uint flags);

        public override string ToString() => "binary32";

        private static Binary Widen(NarrowBinary narrow) =>
            (ulong a, ulong b, RoundingMode rm, ref uint flags) => narrow((uint)a, (uint)b, rm, ref flags);

        private static Unary Widen(NarrowUnary narrow) => (ulong a, RoundingMode rm, ref uint flags) => narrow((uint)a, rm, ref flags);

        private static Unary WidenTo(NarrowToInteger narrow) => (ulong a, RoundingMode rm, ref uint flags) => narrow((uint)a, rm, ref flags);

        private static Unary WidenFrom(NarrowFromInteger narrow) => (ulong a, RoundingMode rm, ref uint flags) => narrow(a, rm, ref flags);

        internal override Oracle Oracle => Oracle.Binary32;
        internal override Oracle OtherOracle => Oracle.Binary64;
        internal override Binary Add => Widen(Float32.Add);
        internal override Binary Sub => Widen(Float32.Sub);
        internal override Binary Mul => Widen(Float32.Mul);
        internal override Binary Div => Widen(Float32.Div);
        internal override Unary Sqrt => Widen(Float32.Sqrt);

        internal override Ternary MulAdd => (ulong a, ulong b, ulong c, RoundingMode rm, ref uint flags) =>
            Float32.MulAdd((uint)a, (uint)b, (uint)c, rm, ref flags);

        internal override Selection Min => (ulong a, ulong b, ref uint flags) => Float32.Min((uint)a, (uint)b, ref flags);
        internal override Selection Max => (ulong a, ulong b, ref uint flags) => Float32.Max((uint)a, (uint)b, ref flags);
        internal override Comparison Equal => (ulong a, ulong b, ref uint flags) => Float32.Equal((uint)a, (uint)b, ref flags);
        internal override Comparison LessThan => (ulong a, ulong b, ref uint flags) => Float32.LessThan((uint)a, (uint)b, ref flags);
        internal override Comparison LessOrEqual => (ulong a, ulong b, ref uint flags) => Float32.LessOrEqual((uint)a, (uint)b, ref flags);
        internal override Func<ulong, ulong> Classify => a => Float32.Classify((uint)a);

        internal override (string Name, Unary Convert, long Min, ulong Max)[] ToInteger =>
        [
            ("FCVT.W.S", WidenTo(Float32.ToInt32), int.MinValue, int.MaxValue), ("FCVT.WU.S", WidenTo(Float32.ToUInt32), 0, uint.MaxValue),
            ("FCVT.L.S", WidenTo(Float32.ToInt64), long.MinValue, long.MaxValue), ("FCVT.LU.S", WidenTo(Float32.ToUInt64), 0, ulong.MaxValue),
        ];

        internal override (string Name, Unary Convert, bool Signed, int WidthBits)[] FromInteger =>
        [
            ("FCVT.S.W", WidenFrom(Float32.FromInt32), true, 32), ("FCVT.S.WU", WidenFrom(Float32.FromUInt32), false, 32),
            ("FCVT.S.L", WidenFrom(Float32.FromInt64), true, 64), ("FCVT.S.LU", WidenFrom(Float32.FromUInt64), false, 64),
        ];

        internal override Unary ToOther => (ulong a, RoundingMode rm, ref uint flags) => Float32.ToFloat64((uint)a, ref flags);

        internal override (string Name, Binary Fast, Binary Reference)[] BinaryPairs =>
        [
            ("add", Add, SoftFloat<Binary32>.Add), ("mul", Mul, SoftFloat<Binary32>.Multiply), ("div", Div, SoftFloat<Binary32>.Divide),
        ];

        internal override (Unary Fast, Unary Reference) SqrtPair => (Sqrt, SoftFloat<Binary32>.SquareRoot);
        internal override (Ternary Fast, Ternary Reference) MulAddPair => (MulAdd, SoftFloat<Binary32>.MultiplyAdd);
    }
}
