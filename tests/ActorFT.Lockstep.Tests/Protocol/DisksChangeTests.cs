using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using Xunit;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>Disks that fail, or come to lack something, between the decision to act alone and the arbiter's answer (seeds 1696 and 1871 of scripts/simulate --disks).</summary>
public class DisksChangeTests
{
    [Fact]
    public void Booter_WhoseDisksFailWhileTheyAreMarked_DoesNotClaim_UntilTheyAreWholeAgain()
    {
        var replica = new ScriptedReplica(new LockstepSettings()) { MarksDisks = false };
        replica.Answer(null);
        Assert.Single(replica.Effects.OfType<PersistTerm>());
        Disks(replica, areCurrent: false);
        replica.Step(new TermPersisted(replica.Now, 1));
        replica.Pass(500);
        Assert.Empty(Claims(replica));
        Disks(replica, areCurrent: true);
        Assert.Single(Claims(replica));
    }

    [Fact]
    public void Booter_WhoseDisksFailBeforeTheAnswer_DoesNotBootInThatTerm_ButInALaterOne()
    {
        var replica = new ScriptedReplica(new LockstepSettings());
        replica.Answer(null);
        Assert.Single(Claims(replica));
        Disks(replica, areCurrent: false);
        replica.Answer(new Configuration(1, replica.Self, null));
        Assert.Empty(replica.Effects.OfType<BootMachine>());
        Disks(replica, areCurrent: true);
        replica.Answer(new Configuration(2, replica.Self, null));
        Assert.Single(replica.Effects.OfType<BootMachine>());
    }

    [Fact]
    public void Follower_MadeTheOnlyOneWhileItsDisksLackSomething_StopsInsteadOfLeading()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Follow();
        Disks(replica, areCurrent: false, areStale: true);
        replica.Answer(new Configuration(3, replica.Self, null));
        Assert.Contains("server-b has the only complete disks", Assert.Single(replica.Effects.OfType<Fence>()).Reason, StringComparison.Ordinal);
        Assert.Empty(replica.Effects.OfType<Lead>());
    }

    [Fact]
    public void Follower_MadeTheOnlyOneWhileItsDisksOnlyFail_Leads()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Follow();
        Disks(replica, areCurrent: false);
        replica.Answer(new Configuration(3, replica.Self, null));
        Assert.Single(replica.Effects.OfType<Lead>());
    }

    [Fact]
    public void Follower_MadeTheLeaderOfAPairWhileItsDisksLackSomething_Leads()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Follow();
        Disks(replica, areCurrent: false, areStale: true);
        replica.Answer(new Configuration(3, replica.Self, ScriptedReplica.Peer));
        Assert.Single(replica.Effects.OfType<Lead>()); // the other's copies serve it
    }

    // Its copies of disks count from then on, not before (seed 1875).
    [Fact]
    public void ReplicaMadeFromTheLeader_IsNoMember_UntilTheArbiterSaysSo()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Load();
        Assert.Equal(ReplicaRoleName.Following, replica.Status.Role);
        Assert.False(replica.IsMember);
        replica.Answer(new Configuration(2, ScriptedReplica.Peer, replica.Self));
        Assert.True(replica.IsMember);
    }

    private static void Disks(ScriptedReplica replica, bool areCurrent, bool areStale = false) => replica.Step(new DisksChanged(replica.Now, areCurrent, areStale));

    private static IEnumerable<ArbiterClaim> Claims(ScriptedReplica replica) => replica.Effects.OfType<AskArbiter>().Select(ask => ask.Request).OfType<ArbiterClaim>();
}
