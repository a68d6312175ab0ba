using ActorFT.Lockstep.Records;
using ActorFT.Machine.Devices;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Machine.Tests.Boot;
using Xunit;

namespace ActorFT.Machine.Tests.Determinism;

/// <summary>
/// The promise of docs/determinism.md, for a guest that does everything at random: with equal round times and inputs, every way
/// to execute gives the same digests after every round, and the same outputs.
/// </summary>
public sealed class MachineDeterminismTests
{
    private const int Rounds = 200, QuantumInstructions = 500;

    /// <summary>One execution: what it showed after each round.</summary>
    private sealed record History(IReadOnlyList<Digest> Digests, IReadOnlyList<ulong> OutputHashes, long Slots, long Exceptions, long Outputs);

    private sealed record RoundInput(ulong TimeNs, MachineInput[] Inputs);

    private static MachineDefinition Definition(int seed, int vcpus) => TestKernels.MachineWith(HostileGuest.Kernel(seed)) with
    {
        VcpuCount = vcpus,
        MemoryBytes = HostileGuest.MemoryBytes,
        QuantumInstructions = QuantumInstructions,
        Disks = [new("root", 1 << 20)],
        HasEntropy = true,
    };

    private static RoundInput[] Script(int seed)
    {
        var random = new Random(seed + 100);
        var script = new RoundInput[Rounds];
        ulong time = 0;
        for (int i = 0; i < Rounds; i++)
        {
            time += (ulong)random.Next(20_000);
            byte[] typed = new byte[random.Next(4) == 0 ? random.Next(1, 40) : 0];
            random.NextBytes(typed);
            script[i] = new RoundInput(time, typed.Length == 0 ? [] : [new ConsoleTyped(0, typed)]);
        }
        return script;
    }

    private static History Execute(Machine machine, RoundInput[] script, Action<Machine, int>? beforeRound = null, bool digestEachRound = true)
    {
        List<Digest> digests = [];
        List<ulong> outputHashes = [];
        var hasher = new OutputHasher();
        List<MachineOutput> outputs = [];
        long slots = 0, outputCount = 0;
        for (int i = (int)machine.RoundNumber; i < script.Length; i++)
        {
            beforeRound?.Invoke(machine, i);
            machine.BeginRound(script[i].TimeNs, script[i].Inputs);
            for (int vcpu = 0; vcpu < machine.Definition.VcpuCount; vcpu++) slots += machine.RunQuantum(vcpu).Retired;
            machine.EndRound();
            outputs.Clear();
            machine.TakeOutputs(outputs);
            hasher.Reset();
            foreach (MachineOutput output in outputs) hasher.Add(output);
            outputCount += outputs.Count;
            outputHashes.Add(hasher.Hash);
            if (digestEachRound || i == script.Length - 1) digests.Add(machine.ComputeDigest());
        }
        long retired = Enumerable.Range(0, machine.Definition.VcpuCount).Sum(vcpu => (long)machine.RetiredInstructions(vcpu));
        return new History(digests, outputHashes, slots, slots - retired, outputCount);
    }

    private static void AssertSame(History expected, History actual, string way)
    {
        int skipped = expected.Digests.Count - actual.Digests.Count; // a restored one begins later
        for (int i = 0; i < actual.Digests.Count; i++)
            Assert.True(expected.Digests[skipped + i] == actual.Digests[i], $"{way}: the state after round {skipped + i} differs.");
        skipped = expected.OutputHashes.Count - actual.OutputHashes.Count;
        Assert.Equal(expected.OutputHashes.Skip(skipped), actual.OutputHashes);
    }

    /// <summary>Moves a machine's state into a new one, as a save file and a state transfer do.</summary>
    private static void Transfer(Machine from, Machine to)
    {
        var writer = new StateWriter();
        from.SaveDevices(writer);
        for (int page = 0; page < from.Memory.PageCount; page++)
            if (from.Memory.IsTouched(page) || to.Memory.IsTouched(page)) to.Memory.WritePage(page, from.Memory.Page(page));
        to.RestoreDevices(writer.Written);
        Assert.Equal(from.ComputeComponentDigests(), to.ComputeComponentDigests());
    }

    [Theory]
    [InlineData(9, 1)]
    [InlineData(14, 1)]
    [InlineData(10, 2)]
    [InlineData(12, 2)]
    [InlineData(14, 4)]
    [InlineData(17, 8)]
    public void HostileGuest_EveryWayToExecute_GivesTheSameHistory(int seed, int vcpus)
    {
        MachineDefinition definition = Definition(seed, vcpus);
        RoundInput[] script = Script(seed);
        History expected;
        using (var machine = new Machine(definition)) expected = Execute(machine, script);
        Assert.Equal(Rounds, expected.Digests.Distinct().Count());
        // The guest must really run, not go from fault to fault, and reach the outside.
        Assert.True(expected.Slots > Rounds * vcpus * QuantumInstructions / 2, $"Only {expected.Slots} slots were used.");
        Assert.InRange(expected.Exceptions, 500 * vcpus, expected.Slots / 4);
        Assert.True(expected.Outputs > 2, $"Only {expected.Outputs} outputs.");

        using (var again = new Machine(definition)) AssertSame(expected, Execute(again, script), "A second run");
        using (var thrashed = new Machine(definition, new MachineOptions { ThrashCaches = true })) AssertSame(expected, Execute(thrashed, script), "Caches thrashed");
        using (var split = new Machine(definition, new MachineOptions { SplitQuanta = true })) AssertSame(expected, Execute(split, script), "Quanta in pieces");
        using (var marked = new Machine(definition)) AssertSame(expected, Execute(marked, script, TakeMarks), "Dirty pages taken for state transfer");
        using (var alone = new Machine(definition))
        {
            History last = Execute(alone, script, digestEachRound: false);
            Assert.True(expected.Digests[^1] == last.Digests.Single(), "Without digests on the way, the last state differs.");
        }
    }

    private static void TakeMarks(Machine machine, int round)
    {
        if (round % 3 == 0) machine.Memory.TakeDirtySinceMark([]);
    }

    [Theory]
    [InlineData(17, 1)]
    [InlineData(12, 4)]
    public void HostileGuest_RestoredElsewhereAtManyRounds_HasTheSameFuture(int seed, int vcpus)
    {
        MachineDefinition definition = Definition(seed, vcpus);
        RoundInput[] script = Script(seed);
        List<Machine> restored = [];
        try
        {
            using var machine = new Machine(definition);
            History expected = Execute(machine, script, (original, round) =>
            {
                if (round % 37 != 5) return;
                var copy = new Machine(definition);
                restored.Add(copy);
                Transfer(original, copy);
            });
            Assert.Equal(6, restored.Count);
            foreach (Machine copy in restored)
            {
                ulong round = copy.RoundNumber;
                AssertSame(expected, Execute(copy, script), $"Restored at round {round}");
            }
        }
        finally
        {
            foreach (Machine copy in restored) copy.Dispose();
        }
    }

    /// <summary>
    /// Histories of this revision, once and for all: builds that give others must not meet in a pair (docs/operations.md, "Upgrade").
    /// Whoever changes them on purpose raises <see cref="ExecutionRevision.Current"/> and writes the new digests here.
    /// </summary>
    [Theory]
    [InlineData(9, 1, "0a5bd067f1389b545885a8fdbbffbb89")]
    [InlineData(12, 2, "051ce5ddc49a691d15bcb9b803b8481e")]
    [InlineData(17, 8, "8f5378e3526e3bd770c0a9b9b82b5215")]
    public void ExecutionRevision_SameHistoryAsEveryBuildOfIt(int seed, int vcpus, string lastDigest)
    {
        Assert.Equal(2, ExecutionRevision.Current);
        using var machine = new Machine(Definition(seed, vcpus));
        History history = Execute(machine, Script(seed), digestEachRound: false);
        Assert.Equal(lastDigest, history.Digests.Single().ToString());
    }

    [Fact]
    public void OneBitOfMemoryFlipped_IsSeenByTheNextDigest()
    {
        // Shows that the comparisons above can fail.
        using var machine = new Machine(Definition(1, 2));
        using var broken = new Machine(Definition(1, 2));
        RoundInput[] script = Script(1);
        Execute(machine, script[..20]);
        Execute(broken, script[..20]);
        ulong address = MemoryMap.RamBase + 0x30_0008;
        Assert.True(broken.Memory.TryRead(address, out byte value));
        broken.Memory.TryWrite(address, (byte)(value ^ 0x10));
        Assert.NotEqual(machine.ComputeDigest(), broken.ComputeDigest());
        string[] differing = [.. machine.ComputeComponentDigests().Except(broken.ComputeComponentDigests()).Select(part => part.Key)];
        Assert.Equal(["memory"], differing);
    }
}
