using ActorFT.Benchmarks.Guest;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;
using BenchmarkDotNet.Attributes;

namespace ActorFT.Benchmarks.State;

/// <summary>What the digest costs: it must cost what was written since the last one, not the size of memory.</summary>
public class DigestBenchmarks
{
    private const int Pages = 256;
    private GuestProgram? _program;
    private ulong _value;
    private Digest _last;

    [GlobalSetup]
    public void SetUp()
    {
        _program = new GuestProgram(a => a.Jal(0, a.Here));
        DigestOfWrittenPages();
    }

    [GlobalCleanup]
    public void Stop() => _program?.Dispose();

    /// <summary>One page written since the last digest.</summary>
    [Benchmark(OperationsPerInvoke = Pages)]
    public void DigestOfWrittenPages()
    {
        _value++;
        for (ulong page = 0; page < Pages; page++) _program!.Machine.Memory.TryWrite(GuestProgram.DataAddress + page * GuestMemory.PageBytes, _value);
        Digest digest = _program!.Machine.ComputeDigest();
        if (digest == _last) throw new InvalidOperationException("Memory changed and its digest did not.");
        _last = digest;
    }

    /// <summary>A digest of all state when no memory was written: registers and devices.</summary>
    [Benchmark]
    public Digest DigestOfNothingWritten() => _program!.Machine.ComputeDigest();
}
