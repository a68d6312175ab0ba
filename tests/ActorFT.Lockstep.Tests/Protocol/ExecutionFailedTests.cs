using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>
/// A follower whose disk gave an error where the leader had data: it has not come to what clients saw, and never will (design.md §3 rules 3 and 4).
/// </summary>
public class ExecutionFailedTests
{
    private static readonly Record s_record = new() { FirstRound = 0, Rounds = [new Round(1_000)] };

    private static ScriptedReplica FollowerWithARecord()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Follow();
        replica.Hear(replica.Beat(probe: 1));
        replica.Hear(new RecordSent(new StreamId(1, 1), s_record, 0));
        Assert.Single(replica.Effects.OfType<ExecuteRecord>());
        replica.Effects.Clear();
        return replica;
    }

    private static void Fail(ScriptedReplica replica) => replica.Step(new ExecutionFailed(replica.Now, "request 7 of disk data failed on server-a"));

    [Fact]
    public void Follower_ThatCannotExecute_SaysThatItIsTheFaultyOne_AndWhy()
    {
        ScriptedReplica replica = FollowerWithARecord();
        Fail(replica);
        Assert.False(Assert.Single(replica.Sent.OfType<FollowerDiverged>()).IsSound);
        Assert.Contains("request 7 of disk data failed on server-a", Assert.Single(replica.Faults).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Follower_ThatCannotExecute_AndLosesItsLeader_StopsInsteadOfClaimingToLead()
    {
        ScriptedReplica replica = FollowerWithARecord();
        Fail(replica);
        replica.Pass(2_000);
        Assert.Contains("request 7", Assert.Single(replica.Effects.OfType<Fence>()).Reason, StringComparison.Ordinal);
        Assert.DoesNotContain(replica.Effects.OfType<AskArbiter>(), ask => ask.Request is ArbiterClaim);
        Assert.Equal(ReplicaRoleName.Joining, replica.Status.Role);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Follower_ThatTheArbiterMadeTheLeader_AndCannotExecuteWhatItStored_StopsInsteadOfLeading(bool failsBefore)
    {
        ScriptedReplica replica = FollowerWithARecord();
        if (failsBefore) Fail(replica);
        replica.Answer(new Configuration(3, replica.Self, null));
        if (!failsBefore) Fail(replica);
        Assert.Single(replica.Effects.OfType<Fence>());
        Assert.Empty(replica.Effects.OfType<Lead>());
    }
}
