using ActorFT.Machine.Cpu;
using ActorFT.Machine.Cpu.Instructions;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Machine.Tests.Determinism;

/// <summary>A pair of instructions that share one dispatch does what the two do one after the other, also when it is cut between them.</summary>
public sealed class FusedPairTests : IDisposable
{
    private const ulong Ram = 0x8000_0000, Code = Ram + 0x1000, Data = Ram + 0x2000;
    private const int VariantsOfPair = 80;

    private readonly GuestMemory _memory = new(Ram, 0x8000);
    private readonly DerivedState _derived;
    private readonly Hart _hart;
    private readonly byte[] _data = new byte[GuestMemory.PageBytes];

    public FusedPairTests()
    {
        _derived = new DerivedState(_memory);
        _hart = new Hart(0, _memory, _derived, new Nothing());
        _derived.Attach([_hart]);
        new Random(1).NextBytes(_data);
    }

    public void Dispose()
    {
        _hart.Dispose();
        _derived.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void Any_two_instructions_do_together_what_they_do_one_by_one()
    {
        InstructionDefinition[] instructions = [.. InstructionTable.All.Where(definition => definition.PairNumber != 0)];
        var random = new Random(20);
        int pairs = 0, accesses = 0;
        ulong[] registers = new ulong[32];
        foreach (InstructionDefinition first in instructions)
        {
            foreach (InstructionDefinition second in instructions)
            {
                if (!FusedPairs.Contains(first.PairNumber, second.PairNumber)) continue;
                pairs++;
                for (int variant = 0; variant < VariantsOfPair; variant++)
                {
                    uint[] words = [Encode(first, random), Encode(second, random)];
                    for (int i = 1; i < 32; i++) registers[i] = Value(random);
                    foreach (bool warm in (bool[])[false, true])
                    {
                        byte[] expected = Execute(words, registers, warm, 1, 1);
                        Assert.True(expected.AsSpan().SequenceEqual(Execute(words, registers, warm, 2)),
                            $"{first.Name} {words[0]:x8}, {second.Name} {words[1]:x8}, {(warm ? "warm" : "cold")}");
                        accesses += expected[^1];
                    }
                }
            }
        }

        Assert.True(pairs > 80, $"only {pairs} pairs");
        Assert.True(accesses > 500, $"memory changed only {accesses} times");
    }

    // Random operands; immediates of branches and jumps included.
    private static uint Encode(InstructionDefinition definition, Random random) => definition.Match | ((uint)random.NextInt64(1L << 32) & ~definition.Mask);

    // Mostly addresses of data, some misaligned or at the page's end; some of the code itself; some of nothing.
    private static ulong Value(Random random) => random.Next(10) switch
    {
        < 5 => Data + (ulong)random.Next(GuestMemory.PageBytes / 8) * 8,
        5 => Data + (ulong)random.Next(GuestMemory.PageBytes),
        6 => Code + (ulong)random.Next(16),
        7 => (ulong)random.Next(64),
        _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
    };

    // State of hart and memory after two slots, run in pieces; the last byte tells whether data changed. Warm: translations are there.
    private byte[] Execute(uint[] words, ulong[] registers, bool warm, params int[] pieces)
    {
        _hart.Reset(); // counters too, which a start keeps
        _hart.Start(Code, 0);
        if (warm)
        {
            Prepare(words, registers);
            _hart.Run(2);
        }

        Prepare(words, registers);
        foreach (int piece in pieces) _hart.Run(piece);
        var state = new StateWriter();
        _hart.Save(state);
        Digest digest = _memory.ComputeDigest();
        state.U64(digest.High);
        state.U64(digest.Low);
        state.Bool(!_memory.Page(2).SequenceEqual(_data));
        return state.Written.ToArray();
    }

    private void Prepare(uint[] words, ulong[] registers)
    {
        Assert.True(_memory.TryWrite(Ram, new byte[0x8000]));
        for (int i = 0; i < words.Length; i++) Assert.True(_memory.TryWrite(Code + 4 * (ulong)i, words[i]));
        Assert.True(_memory.TryWrite(Data, _data));
        for (uint i = 1; i < 32; i++) _hart.X(i) = registers[i];
        _hart.Pc = Code;
    }

    private sealed class Nothing : IHartEnvironment
    {
        public ulong TimeTicks => 0;

        public bool IsPoweringOff => false;

        public bool ExternalInterruptPending(int hartId) => false;

        public bool TryReadDevice(ulong address, int widthBytes, out ulong value)
        {
            value = 0;
            return false;
        }

        public bool TryWriteDevice(ulong address, int widthBytes, ulong value) => false;

        public void CallFirmware(Hart hart)
        {
        }
    }
}
