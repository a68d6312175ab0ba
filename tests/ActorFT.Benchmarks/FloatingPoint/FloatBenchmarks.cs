using ActorFT.Machine.FloatingPoint;
using BenchmarkDotNet.Attributes;

namespace ActorFT.Benchmarks.FloatingPoint;

/// <summary>
/// What floating-point arithmetic costs, without the instruction around it: where the host's instructions serve, where it must
/// be found out whether the result is exact, and where only integers do. One operation on binary64 each, unless it says so.
/// </summary>
public class FloatBenchmarks
{
    private const int Operands = 1024;

    private readonly ulong[] _a = new ulong[Operands], _b = new ulong[Operands], _c = new ulong[Operands], _integers = new ulong[Operands];
    private readonly uint[] _single = new uint[Operands];

    [GlobalSetup]
    public void SetUp()
    {
        var random = new Random(1);
        for (int i = 0; i < Operands; i++)
        {
            _a[i] = BitConverter.DoubleToUInt64Bits(random.NextDouble() * 1000 - 300);
            _b[i] = BitConverter.DoubleToUInt64Bits(random.NextDouble() * 10 + 0.1);
            _c[i] = BitConverter.DoubleToUInt64Bits(random.NextDouble() * 100);
            _single[i] = BitConverter.SingleToUInt32Bits(random.NextSingle() * 100);
            _integers[i] = (ulong)random.NextInt64();
        }
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong Add()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Add(_a[i], _b[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong AddFlagsClear()
    {
        ulong all = 0;
        for (int i = 0; i < Operands; i++)
        {
            uint flags = 0;
            all ^= Float64.Add(_a[i], _b[i], RoundingMode.NearestEven, ref flags) + flags;
        }

        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong AddRoundingDown()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Add(_a[i], _b[i], RoundingMode.Down, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong AddSingle()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float32.Add(_single[i], _single[Operands - 1 - i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong Multiply()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Mul(_a[i], _b[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong MultiplyFlagsClear()
    {
        ulong all = 0;
        for (int i = 0; i < Operands; i++)
        {
            uint flags = 0;
            all ^= Float64.Mul(_a[i], _b[i], RoundingMode.NearestEven, ref flags) + flags;
        }

        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong MultiplySubnormal()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Mul(_a[i], 0x0008_0000_0000_0001, RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong Divide()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Div(_a[i], _b[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong SquareRoot()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Sqrt(_b[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong SquareRootRoundingDown()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.Sqrt(_b[i], RoundingMode.Down, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong MultiplyAdd()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.MulAdd(_a[i], _b[i], _c[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong MultiplyAddFlagsClear()
    {
        ulong all = 0;
        for (int i = 0; i < Operands; i++)
        {
            uint flags = 0;
            all ^= Float64.MulAdd(_a[i], _b[i], _c[i], RoundingMode.NearestEven, ref flags) + flags;
        }

        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong LessThan()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all += Float64.LessThan(_a[i], _b[i], ref flags) ? 1UL : 0;
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong ToIntegerTruncating()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.ToInt64(_a[i], RoundingMode.TowardZero, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong ToIntegerNearest()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.ToInt64(_a[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong FromInteger()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.FromInt64(_integers[i], RoundingMode.NearestEven, ref flags);
        return all;
    }

    [Benchmark(OperationsPerInvoke = Operands)]
    public ulong Narrow()
    {
        uint flags = FloatFlags.Inexact;
        ulong all = 0;
        for (int i = 0; i < Operands; i++) all ^= Float64.ToFloat32(_a[i], RoundingMode.NearestEven, ref flags);
        return all;
    }
}
