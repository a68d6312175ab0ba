using System.Text.Json;
using ActorFT.Machine;
using ActorFT.Node.Replaying;
using Xunit;
using Xunit.Abstractions;
using TheMachine = ActorFT.Machine.Machine;

namespace ActorFT.EndToEnd.Machines;

/// <summary>
/// The same digest, always (design.md §2): recorded runs of the real guest, more than 10^9 instructions each, executed again
/// in other ways. Every digest of the record is compared, and every output.
/// </summary>
[Collection(RecordedBoots.Collection)]
public sealed class DeterminismTests(RecordedBoots boots, ITestOutputHelper output)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Category", Collections.Compute)]
    public void A_replay_in_another_process_is_equal(int vcpus)
    {
        RecordedBoot boot = boots[vcpus];
        JsonElement json = Replay(boot.Path);
        Assert.Equal((boot.Digest, boot.Rounds, boot.Retired), (json.GetProperty("digest").GetString(), json.GetProperty("endRound").GetUInt64(), json.GetProperty("retiredTotal").GetUInt64()));
        // All that the record has; how many digests that are depends on the seconds that the recording host took.
        (int digests, long outputs) = CountOf(boot.Path);
        Assert.Equal((digests, outputs), (json.GetProperty("digestsCompared").GetInt32(), json.GetProperty("outputsCompared").GetInt64()));
        Assert.True(digests >= 2 && outputs >= 20, $"only {digests} digests and {outputs} outputs");
    }

    private static (int Digests, long Outputs) CountOf(string path)
    {
        using RecordLogFile log = RecordLogFile.Open(File.OpenRead(path));
        (int digests, long outputs) = (0, 0);
        while (log.Read() is { } entry)
        {
            if (entry.Record?.DigestAtEnd is not null || entry.End is not null) digests++;
            outputs += entry.Record?.OutputCount ?? 0;
        }

        return (digests, outputs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Category", Collections.Compute)]
    public void A_machine_saved_half_way_and_restored_in_another_process_ends_the_same(int vcpus)
    {
        RecordedBoot boot = boots[vcpus];
        string save = boots[$"half-{vcpus}.aftsave"];
        JsonElement half = Replay(boot.Path, "--until-round", $"{boot.Rounds / 2}", "--save", save);
        Assert.Equal(boot.Rounds / 2, half.GetProperty("endRound").GetUInt64());
        JsonElement rest = Replay(boot.Path, "--restore", save);
        Assert.Equal((boot.Digest, boot.Rounds), (rest.GetProperty("digest").GetString(), rest.GetProperty("endRound").GetUInt64()));
        Assert.Equal(boot.Retired, half.GetProperty("retiredTotal").GetUInt64() + rest.GetProperty("retiredTotal").GetUInt64());
    }

    [Fact]
    public void A_replay_on_a_loaded_host_is_equal() => ReplayUnderLoad(4);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Trait("Category", "Drill")]
    public void A_replay_on_a_loaded_host_is_equal_with_fewer_vcpus(int vcpus) => ReplayUnderLoad(vcpus);

    // One round in so many: thrashing makes a round a hundred times as long. Which rounds it hits differs from run to run of the
    // tests, since rounds are as many as the recording host was fast.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Category", Collections.Compute)]
    public void A_whole_run_with_caches_thrashed_and_quanta_split_on_the_way_is_equal(int vcpus) =>
        ReplayDisturbed(vcpus, new MachineOptions { ThrashCaches = true, SplitQuanta = true, EveryRounds = 61 });

    [Theory]
    [InlineData(1, true, false)]
    [InlineData(2, true, false)]
    [InlineData(4, true, false)]
    [InlineData(1, false, true)]
    [InlineData(2, false, true)]
    [InlineData(4, false, true)]
    [Trait("Category", "Drill")]
    public void A_whole_run_with_caches_thrashed_or_quanta_split_in_every_round_is_equal(int vcpus, bool thrash, bool split) =>
        ReplayDisturbed(vcpus, new MachineOptions { ThrashCaches = thrash, SplitQuanta = split });

    // Every digest of the record is compared by the replayer, every output too; the end's digest here.
    private void ReplayDisturbed(int vcpus, MachineOptions options)
    {
        RecordedBoot boot = boots[vcpus];
        using RecordLogFile log = RecordLogFile.Open(File.OpenRead(boot.Path));
        using var machine = new TheMachine(DefinitionOf(log), options);
        var replayer = new Replayer(machine, ulong.MaxValue, _ => { });
        while (log.Read() is { Record: { } record }) Assert.Null(replayer.Execute(record));
        Assert.Equal((boot.Digest, boot.Rounds, boot.Retired), (machine.ComputeDigest().ToString(), machine.RoundNumber, replayer.Statistics.RetiredTotal));
        output.WriteLine($"{vcpus} vCPUs, {boot.Retired} instructions, {boot.Rounds} rounds, {replayer.DigestsCompared} digests on the way, digest {boot.Digest}: {options}");
    }

    private void ReplayUnderLoad(int vcpus)
    {
        RecordedBoot boot = boots[vcpus];
        using var stop = new CancellationTokenSource();
        Thread[] load = [.. Enumerable.Range(0, Environment.ProcessorCount + 1).Select(_ => new Thread(() =>
        {
            byte[] memory = new byte[1 << 22];
            while (!stop.IsCancellationRequested) memory.AsSpan().Reverse();
        }))];
        foreach (Thread thread in load) thread.Start();
        try
        {
            // The whole run: where in it its digests lie depends on the recording host, that its end has one does not.
            JsonElement json = Replay(boot.Path);
            Assert.Equal((boot.Digest, boot.Rounds), (json.GetProperty("digest").GetString(), json.GetProperty("endRound").GetUInt64()));
        }
        finally
        {
            stop.Cancel();
            foreach (Thread thread in load) thread.Join();
        }
    }

    private static MachineDefinition DefinitionOf(RecordLogFile log) => log.Header.Complete(File.ReadAllBytes(Guest.Kernel), File.ReadAllBytes(Guest.Initrd));

    private JsonElement Replay(string record, params string[] more)
    {
        (int code, string output, string errors) = boots.RunToEnd(["replay", record, "--output", "json", .. more]);
        Assert.True(code == 0, $"exit code {code}: {errors}");
        return JsonDocument.Parse(output).RootElement;
    }
}
