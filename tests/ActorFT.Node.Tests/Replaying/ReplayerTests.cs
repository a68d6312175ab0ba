using ActorFT.Cluster.Machines;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Node.Replaying;
using ActorFT.Node.Running;
using ActorFT.Node.SaveFiles;
using ActorFT.Node.Tests.Support;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;
using TheMachine = ActorFT.Machine.Machine;

namespace ActorFT.Node.Tests.Replaying;

/// <summary>Records of small guests on the real machine, replayed: equal when nothing changed, and divergence found when something did.</summary>
public sealed class ReplayerTests
{
    private static readonly MachineDefinition s_definition = TinyGuest.Define(TinyGuest.CountAndShutDown(400_000, "done\n"), vcpus: 2);

    private static byte[] Record(MachineDefinition definition)
    {
        using var machine = new TheMachine(definition);
        using var wake = new WakeEvent();
        var stream = new MemoryStream();
        var recorder = new RunRecorder(stream, machine, RecordLogHeader.Of(definition, BlockDataMode.Carried));
        var runner = new MachineRunner(machine, new InputQueue(wake, 0), wake, new NoHandler(), recorder, new RunnerOptions { MaxTimeNs = 30_000_000_000 });
        Assert.Equal(RunEnd.Shutdown, runner.Run());
        return stream.ToArray();
    }

    private static (Divergence? Divergence, Replayer Replayer, RecordLogProblem? Problem, Digest Digest) Replay(byte[] file, IMachine machine, ulong until = ulong.MaxValue, Func<Record, Record>? change = null)
    {
        using RecordLogFile log = RecordLogFile.Open(new MemoryStream(file));
        var replayer = new Replayer(machine, until, _ => { });
        Divergence? divergence = null;
        while (divergence is null && !replayer.IsDone && log.Read() is { } entry)
            divergence = entry.Record is { } record ? replayer.Execute(change is null ? record : change(record)) : replayer.Compare(entry.End!);
        return (divergence, replayer, log.Problem, machine.ComputeDigest());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_record_replays_equal_however_it_is_executed(bool thrash, bool split)
    {
        byte[] file = Record(s_definition);
        using var machine = new TheMachine(s_definition, new MachineOptions { ThrashCaches = thrash, SplitQuanta = split });
        (Divergence? divergence, Replayer replayer, RecordLogProblem? problem, _) = Replay(file, machine);
        Assert.Null(divergence);
        Assert.Null(problem);
        Assert.True(replayer.DigestsCompared >= 1 && replayer.OutputsCompared >= 2, $"{replayer.DigestsCompared} digests, {replayer.OutputsCompared} outputs");
        Assert.Equal(MachinePower.Off, machine.Power);
    }

    [Fact]
    public void A_replay_stopped_saved_and_restored_ends_with_the_same_digest()
    {
        byte[] file = Record(s_definition);
        using var whole = new TheMachine(s_definition);
        Digest end = Replay(file, whole).Digest;
        ulong half = whole.RoundNumber / 2;
        using var first = new TheMachine(s_definition);
        Replay(file, first, until: half);
        Assert.Equal(half, first.RoundNumber);
        using var folder = new TemporaryFolder();
        SaveFileWriter.Save(folder["half"], first, "", "");
        using var second = new TheMachine(s_definition);
        using (SaveFileReader save = SaveFileReader.Open(File.OpenRead(folder["half"]))) save.Restore(second);
        (Divergence? divergence, _, _, Digest digest) = Replay(file, second);
        Assert.Null(divergence);
        Assert.Equal(end, digest);
    }

    [Fact]
    public void A_round_time_that_was_changed_is_no_divergence_of_this_guest_but_a_changed_digest_or_output_is()
    {
        byte[] file = Record(s_definition);
        using var digests = new TheMachine(s_definition);
        Divergence? divergence = Replay(file, digests, change: r => r with { DigestAtEnd = (r.DigestAtEnd ?? default) with { Low = 1 } }).Divergence; // which records have one is the host's speed
        Assert.Contains("digest", divergence!.What, StringComparison.Ordinal);
        using var outputs = new TheMachine(s_definition);
        divergence = Replay(file, outputs, change: r => r.OutputCount != 0 ? r with { OutputHash = r.OutputHash + 1 } : r).Divergence;
        Assert.Contains("outputs", divergence!.What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_replay_on_another_guest_diverges()
    {
        byte[] file = Record(s_definition);
        using var other = new TheMachine(TinyGuest.Define(TinyGuest.CountAndShutDown(400_001, "done\n"), vcpus: 2));
        Assert.NotNull(Replay(file, other).Divergence);
    }

    [Fact]
    public void A_record_cut_anywhere_replays_its_whole_records_and_says_where_it_is_torn()
    {
        byte[] file = Record(s_definition);
        ulong last = 0;
        int torn = 0;
        // The last cut leaves every record: on a fast host that may be one.
        int step = Math.Max(1, file.Length / 60);
        foreach (int cut in Enumerable.Range(0, (file.Length + step - 1) / step).Select(i => i * step).Append(file.Length - 1))
        {
            using var machine = new TheMachine(s_definition);
            try
            {
                (Divergence? divergence, Replayer replayer, RecordLogProblem? problem, _) = Replay(file[..cut], machine);
                Assert.Null(divergence);
                Assert.True(problem is { IsTorn: true }, problem?.Message);
                Assert.True(replayer.Statistics.Rounds >= last);
                last = replayer.Statistics.Rounds;
                torn++;
            }
            catch (StateFormatException) { Assert.Equal(0UL, last); /* within the header: no log at all */ }
        }
        Assert.True(torn > 10 && last > 0, $"{torn} cuts left a log, of at most {last} rounds");
    }

    [Fact]
    public void A_hostile_records_inputs_for_what_the_machine_does_not_have_do_nothing()
    {
        using var plain = new TheMachine(s_definition);
        using var hostile = new TheMachine(s_definition);
        var times = Enumerable.Range(1, 20).Select(i => new Round((ulong)i * 1_000)).ToArray();
        MachineInput[] inputs =
        [
            new FrameReceived(63, new byte[1 << 16]), new FrameReceived(0, default), new BlockCompleted(63, ulong.MaxValue, BlockStatus.Ok, new byte[5]),
            new BlockCompleted(0, 0, (BlockStatus)2, default), new EntropyArrived(77, new byte[1]), new ConsoleTyped(1, new byte[100]),
        ];
        Assert.Null(new Replayer(plain, ulong.MaxValue, _ => { }).Execute(Of(times)));
        Assert.Null(new Replayer(hostile, ulong.MaxValue, _ => { }).Execute(Of([.. times.Select(round => round with { Inputs = [.. inputs] })])));
        Assert.Equal(plain.ComputeDigest(), hostile.ComputeDigest());

        // Times that fall, and a record that does not continue the machine, are refused in a sentence.
        Assert.Throws<StateFormatException>(() => new Replayer(hostile, ulong.MaxValue, _ => { }).Execute(Of([new Round(1)]) with { FirstRound = 20 }));
        Assert.Throws<StateFormatException>(() => new Replayer(hostile, ulong.MaxValue, _ => { }).Execute(Of(times) with { FirstRound = 99 }));

        static Record Of(Round[] rounds) => new() { FirstRound = 0, Rounds = [.. rounds] };
    }

    private sealed class NoHandler : IOutputHandler
    {
        public void Handle(MachineOutput output) { }
    }
}
