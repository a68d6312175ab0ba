using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Node.Replaying;
using ActorFT.Node.Running;
using ActorFT.Node.Tests.Support;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Node.Tests.Running;

public sealed class RunRecorderTests
{
    private static void RunRound(FakeMachine machine, RunRecorder recorder, ulong timeNs, ulong retired, params MachineInput[] inputs)
    {
        machine.BeginRound(timeNs, inputs);
        machine.EndRound();
        recorder.Append([.. inputs], [new ConsoleWritten(0, "x"u8.ToArray())], retired);
    }

    private static (List<Record> Records, RecordLogEnd? End) Read(MemoryStream stream)
    {
        using RecordLogFile log = RecordLogFile.Open(new MemoryStream(stream.ToArray()));
        var records = new List<Record>();
        RecordLogEnd? end = null;
        while (log.Read() is { } entry)
        {
            if (entry.Record is { } record) records.Add(record);
            else end = entry.End;
        }
        Assert.Null(log.Problem);
        return (records, end);
    }

    [Fact]
    public void What_was_run_is_what_the_log_holds()
    {
        using var machine = new FakeMachine();
        var stream = new MemoryStream();
        var recorder = new RunRecorder(stream, machine, RecordLogHeader.Of(machine.Definition, BlockDataMode.Carried));
        RunRound(machine, recorder, 5, 10, new BlockCompleted(0, 1, BlockStatus.Ok, new byte[512]));
        RunRound(machine, recorder, 5, 10);
        RunRound(machine, recorder, 9, 10, new ConsoleTyped(0, "ab"u8.ToArray()), new EntropyArrived(2, new byte[3]));
        recorder.End();
        (List<Record> records, RecordLogEnd? end) = Read(stream);
        Record record = Assert.Single(records);
        Assert.Equal([5UL, 5UL, 9UL], record.Rounds.Select(r => r.TimeNs));
        Assert.Equal([1, 0, 2], record.Rounds.Select(r => r.Inputs.Length));
        Assert.Equal(512, Assert.IsType<BlockCompleted>(record.Rounds[0].Inputs[0]).Data.Length);
        Assert.Equal(3, record.OutputCount);
        Assert.Equal(machine.ComputeDigest(), record.DigestAtEnd);
        Assert.Equal((3UL, machine.ComputeDigest(), MachinePower.Running), (end!.Rounds, end.Digest, end.Power));
    }

    [Fact]
    public void A_record_closes_after_its_time_and_when_the_machine_goes_idle()
    {
        using var machine = new FakeMachine();
        var stream = new MemoryStream();
        var recorder = new RunRecorder(stream, machine, RecordLogHeader.Of(machine.Definition, BlockDataMode.Carried));
        for (ulong i = 0; i < 30; i++) RunRound(machine, recorder, i * 1_000_000, 10);
        recorder.Idle();
        RunRound(machine, recorder, 31_000_000, 10);
        recorder.Idle();
        recorder.Idle();
        recorder.End();
        (List<Record> records, _) = Read(stream);
        Assert.Equal([11, 11, 8, 1], records.Select(r => r.Rounds.Length));
        Assert.Equal(1, records.Count(r => r.FirstRound == 30));
    }

    [Fact]
    public void A_digest_is_taken_after_enough_instructions_but_not_more_than_once_a_second()
    {
        using var machine = new FakeMachine();
        var stream = new MemoryStream();
        var recorder = new RunRecorder(stream, machine, RecordLogHeader.Of(machine.Definition, BlockDataMode.Carried));
        for (ulong i = 1; i <= 50; i++) RunRound(machine, recorder, i * 100_000_000, RunRecorder.DigestInstructions / 5);
        recorder.Idle();
        (List<Record> records, _) = ReadTorn(stream);
        Assert.Equal([10UL, 20UL, 30UL, 40UL, 50UL], records.Where(r => r.DigestAtEnd is not null).Select(r => r.EndRound));
    }

    private static (List<Record> Records, RecordLogProblem? Problem) ReadTorn(MemoryStream stream)
    {
        using RecordLogFile log = RecordLogFile.Open(new MemoryStream(stream.ToArray()));
        var records = new List<Record>();
        while (log.Read() is { } entry) records.Add(entry.Record!);
        return (records, log.Problem);
    }
}
