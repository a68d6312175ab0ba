using System.Text.Json;
using ActorFT.Machine;
using ActorFT.Node.Replaying;
using ActorFT.Node.SaveFiles;
using Xunit;
using TheMachine = ActorFT.Machine.Machine;

namespace ActorFT.EndToEnd.Machines;

/// <summary>
/// The same digest, always (design.md §2): recorded runs of the real guest, more than 10^9 instructions each, executed again
/// in other ways. Every digest of the record is compared, and every output.
/// </summary>
[Collection(RecordedBoots.Collection)]
public sealed class DeterminismTests(RecordedBoots boots)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_replay_in_another_process_is_equal(int vcpus)
    {
        RecordedBoot boot = boots[vcpus];
        JsonElement json = Replay(boot.Path);
        Assert.Equal((boot.Digest, boot.Rounds, boot.Retired), (json.GetProperty("digest").GetString(), json.GetProperty("endRound").GetUInt64(), json.GetProperty("retiredTotal").GetUInt64()));
        Assert.True(json.GetProperty("digestsCompared").GetInt32() >= 4, $"only {json.GetProperty("digestsCompared")} digests");
        Assert.True(json.GetProperty("outputsCompared").GetInt32() >= 20, $"only {json.GetProperty("outputsCompared")} outputs");
    }

    [Fact]
    public void A_machine_saved_half_way_and_restored_in_another_process_ends_the_same()
    {
        RecordedBoot boot = boots[2];
        string save = boots["half.aftsave"];
        JsonElement half = Replay(boot.Path, "--until-round", $"{boot.Rounds / 2}", "--save", save);
        Assert.Equal(boot.Rounds / 2, half.GetProperty("endRound").GetUInt64());
        JsonElement rest = Replay(boot.Path, "--restore", save);
        Assert.Equal((boot.Digest, boot.Rounds), (rest.GetProperty("digest").GetString(), rest.GetProperty("endRound").GetUInt64()));
        Assert.Equal(boot.Retired, half.GetProperty("retiredTotal").GetUInt64() + rest.GetProperty("retiredTotal").GetUInt64());
    }

    [Fact]
    public void A_replay_on_a_loaded_host_is_equal()
    {
        RecordedBoot boot = boots[4];
        using var stop = new CancellationTokenSource();
        Thread[] load = [.. Enumerable.Range(0, Environment.ProcessorCount * 2).Select(_ => new Thread(() =>
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

    [Theory]
    [InlineData(1, true, false, 80_000_000)]
    [InlineData(2, true, true, 80_000_000)]
    [InlineData(4, false, true, 300_000_000)]
    public void A_replay_with_caches_thrashed_or_quanta_split_is_equal(int vcpus, bool thrash, bool split, int instructions)
    {
        // The part of the run from the middle of its instructions on, where userland works: kernel, user code and devices are all busy.
        // Rounds are no measure: how many of them are empty depends on how fast the recording host was.
        RecordedBoot boot = boots[vcpus];
        ulong middle = RoundAfter(boot, boot.Retired / 2);
        ulong end = RoundAfter(boot, boot.Retired / 2 + (ulong)instructions);
        string save = boots[$"begin-{vcpus}.aftsave"];
        Replay(boot.Path, "--until-round", $"{middle}", "--save", save);
        JsonElement plain = Replay(boot.Path, "--restore", save, "--until-round", $"{end}");

        using RecordLogFile log = RecordLogFile.Open(File.OpenRead(boot.Path));
        using var machine = new TheMachine(DefinitionOf(log), new MachineOptions { ThrashCaches = thrash, SplitQuanta = split });
        using (SaveFileReader reader = SaveFileReader.Open(File.OpenRead(save))) reader.Restore(machine);
        var replayer = new Replayer(machine, end, _ => { });
        while (!replayer.IsDone && log.Read() is { Record: { } record }) Assert.Null(replayer.Execute(record));

        Assert.Equal((plain.GetProperty("endRound").GetUInt64(), plain.GetProperty("digest").GetString()), (machine.RoundNumber, machine.ComputeDigest().ToString()));
        Assert.Equal(plain.GetProperty("retired").EnumerateArray().Select(retired => retired.GetUInt64()), replayer.Statistics.Retired);
        Assert.True(replayer.Statistics.RetiredTotal >= (ulong)instructions * 9 / 10, $"only {replayer.Statistics.RetiredTotal} instructions");
    }

    // The end of the record by which so many instructions have retired, or of the last one.
    private static ulong RoundAfter(RecordedBoot boot, ulong retired)
    {
        using RecordLogFile log = RecordLogFile.Open(File.OpenRead(boot.Path));
        using var machine = new TheMachine(DefinitionOf(log));
        var replayer = new Replayer(machine, ulong.MaxValue, _ => { });
        while (replayer.Statistics.RetiredTotal < retired && log.Read() is { Record: { } record }) Assert.Null(replayer.Execute(record));
        return machine.RoundNumber;
    }

    private static MachineDefinition DefinitionOf(RecordLogFile log) => log.Header.Complete(File.ReadAllBytes(Guest.Kernel), File.ReadAllBytes(Guest.Initrd));

    private JsonElement Replay(string record, params string[] more)
    {
        (int code, string output, string errors) = boots.RunToEnd(["replay", record, "--output", "json", .. more]);
        Assert.True(code == 0, $"exit code {code}: {errors}");
        return JsonDocument.Parse(output).RootElement;
    }
}
