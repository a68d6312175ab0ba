using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>What goes on only when an operator says so, and is told as that, once.</summary>
public sealed class OperatorsDecisionTests
{
    private static readonly ComponentDigest s_page = new("memory page 77", new Digest(7, 7));

    [Fact]
    public void PeerThatIsFaultyTooOften_StaysOut_UntilItIsAllowed()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { MaxIsolations = 1, ReprotectDelayNs = ScriptedReplica.Ms }).BootDuplex();
        replica.Hear(new FollowerDiverged(replica.Stream, 0, IsSound: false, [s_page]));
        replica.Step(new SelfChecked(replica.Now, IsSound: true, []));
        replica.Answer(new Configuration(3, replica.Self, null));
        Assert.Contains("was isolated 1 times; it stays out until an operator allows it", Assert.Single(replica.Faults, fault => fault.Kind == ProtocolFaultKind.PeerLeftOut).Message);
        int begun = replica.Sent.OfType<JoinBegin>().Count();
        replica.Hear(replica.PeerHello);
        replica.Pass(1_000);
        Assert.Equal(begun, replica.Sent.OfType<JoinBegin>().Count());
        replica.Step(new PeerAllowed(replica.Now));
        replica.Hear(replica.PeerHello);
        replica.Pass(1_000);
        Assert.True(replica.Sent.OfType<JoinBegin>().Count() > begun);
    }

    [Fact]
    public void ArbiterThatForgotTheMachine_BootsNothing_UntilItIsForced()
    {
        ScriptedReplica replica = new(new LockstepSettings(), diskTerm: 5);
        for (int i = 0; i < 3; i++)
        {
            replica.Answer(null);
            replica.Pass(5_000);
        }

        Assert.Contains("its disks are marked with term 5, but the arbiter never heard of the machine", Assert.Single(replica.Faults, fault => fault.Kind == ProtocolFaultKind.CannotBoot).Message);
        Assert.DoesNotContain(replica.Effects, effect => effect is AskArbiter { Request: ArbiterClaim });
        replica.Step(new ColdStartForced(replica.Now));
        Assert.Contains(replica.Effects, effect => effect is AskArbiter { Request: ArbiterClaim });
    }
}
