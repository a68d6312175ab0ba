using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>Rounds of which the follower is told as they begin: it runs them beside its leader, whose outputs are stored by the time they are made.</summary>
public sealed class RoundsAheadTests
{
    private static readonly BlockRequested s_flush = new(0, 1, BlockOperation.Flush, 0, 0, default);
    private static readonly FrameReceived s_question = new(0, new byte[60]);
    private static readonly FrameTransmitted s_answer = new(0, new byte[61]);

    private static Record[] Records(ScriptedReplica replica) => [.. replica.Sent.OfType<RecordSent>().Select(sent => sent.Record)];

    private static ScriptedReplica Leader(CommitMode commit = CommitMode.Received) => new ScriptedReplica(new LockstepSettings { Commit = commit }).BootDuplex(commit);

    [Fact]
    public void Round_WithAQuestion_IsToldAsItBegins_AndItsAnswerLeavesAtItsEnd()
    {
        ScriptedReplica replica = Leader();
        Round round = replica.Begin(s_question);
        Record record = Assert.Single(Records(replica));
        Assert.True(record.IsLastRoundAhead);
        Assert.Equal(round.TimeNs, Assert.Single(record.Rounds).TimeNs);
        Assert.Same(s_question, Assert.Single(record.Rounds[0].Inputs));

        replica.Hear(replica.Progress(record.EndRound, executed: 0));
        replica.End(round, s_answer);
        Assert.Equal([s_answer], replica.Performed);
        Assert.Single(Records(replica)); // nothing waits for what it made to be compared
    }

    [Fact]
    public void Answer_OfARoundThatIsNotStored_IsHeld()
    {
        ScriptedReplica replica = Leader();
        Round round = replica.Begin(s_question);
        replica.End(round, s_answer);
        Assert.Empty(replica.Performed);
        replica.Hear(replica.Progress(Records(replica)[0].EndRound, executed: 0));
        Assert.Equal([s_answer], replica.Performed);
    }

    // Else the follower would forget what its leader has yet to say.
    [Fact]
    public void Round_ThatRuns_HasNotLeft_AlthoughItIsStored()
    {
        ScriptedReplica replica = Leader();
        ulong begun = replica.Status.Round;
        replica.Begin(s_question);
        replica.Hear(replica.Progress(begun + 1, executed: begun + 1)); // a follower that was faster
        replica.Pass(100);
        Assert.Equal(begun, replica.Status.Round);
        Assert.Equal(begun, replica.Sent.OfType<LeaderBeat>().Last().ReleasedRound);
    }

    [Fact]
    public void Outputs_OfARoundToldAhead_AreCountedAndHashedByTheNextRecord()
    {
        ScriptedReplica replica = Leader();
        replica.End(replica.Begin(s_question), s_answer);
        replica.End(replica.Begin(s_question), s_answer, s_answer);
        for (int i = 0; i < 9; i++) replica.Run(); // 5 ms later no answer is expected any more
        Record[] records = Records(replica);
        Assert.Equal([(true, 0), (true, 1), (true, 2), (true, 0), (true, 0), (true, 0), (false, 0)], records.Take(7).Select(record => (record.IsLastRoundAhead, record.OutputCount)));
        var hasher = new OutputHasher();
        hasher.Add(s_answer);
        Assert.Equal(hasher.Hash, records[1].OutputHash);
    }

    [Fact]
    public void Rounds_AfterAFlush_AreToldAhead_AndFromTheDigestOnNot()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { DigestIntervalNs = 4 * ScriptedReplica.Ms }).BootDuplex();
        for (int i = 0; i < 5; i++) replica.Run(s_flush with { RequestId = (ulong)i });
        Assert.Equal([false, true, true, false, true], Records(replica).Select(record => record.IsLastRoundAhead));
        Assert.NotNull(Records(replica)[3].DigestAtEnd); // of a round's end
    }

    [Fact]
    public void Rounds_ThatNobodyWaitsFor_AreToldTogether()
    {
        ScriptedReplica replica = Leader();
        replica.Begin();
        Assert.Empty(Records(replica));
    }

    [Fact]
    public void InVerified_NoRoundIsToldAhead()
    {
        ScriptedReplica replica = Leader(CommitMode.Verified);
        replica.End(replica.Begin(s_question), s_answer);
        Assert.False(Assert.Single(Records(replica)).IsLastRoundAhead);
    }

    // The follower may have run it, and the arbiter may let either lead: what is told is run, and is the same round whoever runs it.
    [Fact]
    public void Round_WhoseStreamEndsMeanwhile_IsRunAsTold_AndCountsOnce()
    {
        ScriptedReplica replica = Leader();
        ulong begun = replica.Status.Round;
        Round round = replica.Begin(s_question);
        replica.Hear(new StreamEnded(replica.Stream, "it leaves"));
        replica.Answer(new ActorFT.Lockstep.Terms.Configuration(3, replica.Self, null));
        Assert.Equal(begun, replica.Status.Round);
        replica.End(round, s_answer);
        Assert.Equal([s_answer], replica.Performed);
        Assert.Equal(begun + 1, replica.Status.Round);
        replica.Run();
        Assert.Equal(begun + 2, replica.Status.Round);
    }

    // --- The follower ---

    private static readonly StreamId s_stream = new(1, 1);
    private static readonly Record s_ahead = new() { FirstRound = 0, Rounds = [new Round(1_000)], IsLastRoundAhead = true };

    private static ScriptedReplica Follower(params Record[] records)
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Follow();
        replica.Hear(replica.Beat(probe: 1));
        replica.Effects.Clear();
        foreach (Record record in records) replica.Hear(new RecordSent(s_stream, record, 0));
        return replica;
    }

    private static void Execute(ScriptedReplica replica, Record record, params MachineOutput[] outputs)
    {
        replica.Step(new RecordRoundExecuted(replica.Now, outputs));
        replica.Step(new RecordExecuted(replica.Now, record.EndRound, null));
    }

    private static Record Next(params MachineOutput[] made)
    {
        var hasher = new OutputHasher();
        foreach (MachineOutput output in made) hasher.Add(output);
        return new Record { FirstRound = 1, Rounds = [new Round(2_000)], OutputCount = hasher.Count, OutputHash = hasher.Hash };
    }

    [Fact]
    public void Follower_SaysAtOnceThatARoundAheadIsStored() =>
        Assert.Equal(1UL, Assert.Single(Follower(s_ahead).Sent.OfType<FollowerProgress>()).StoredRound);

    [Fact]
    public void Follower_ActsOnARoundAhead_AndComparesItWithTheNextRecord()
    {
        Record next = Next(s_flush, s_answer);
        ScriptedReplica replica = Follower(s_ahead, next);
        Execute(replica, s_ahead, s_flush);
        Assert.Equal([s_flush], replica.Performed);
        Execute(replica, next, s_answer);
        Assert.Empty(replica.Faults);
    }

    [Fact]
    public void Follower_WhoseRoundAheadMadeSomethingElse_FindsItAtTheNextRecord()
    {
        Record next = Next(s_answer);
        ScriptedReplica replica = Follower(s_ahead, next);
        Execute(replica, s_ahead, new FrameTransmitted(0, new byte[7]));
        Assert.Empty(replica.Faults);
        Execute(replica, next);
        Assert.Equal(ProtocolFaultKind.Divergence, Assert.Single(replica.Faults).Kind);
    }

    [Fact]
    public void Follower_OfARecordOfTwoRounds_ComparesTheFirst_WhenTheSecondIsAhead()
    {
        var hasher = new OutputHasher();
        hasher.Add(s_answer);
        Record both = new() { FirstRound = 0, Rounds = [new Round(1_000), new Round(1_500)], IsLastRoundAhead = true, OutputCount = 1, OutputHash = hasher.Hash };
        ScriptedReplica replica = Follower(both);
        replica.Step(new RecordRoundExecuted(replica.Now, [s_answer]));
        Execute(replica, both, s_flush);
        Assert.Empty(replica.Faults);
        Assert.Equal([s_flush], replica.Performed);
    }
}
