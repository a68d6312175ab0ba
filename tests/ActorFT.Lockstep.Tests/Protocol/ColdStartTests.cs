using ActorFT.Lockstep.Joining;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using Xunit;

namespace ActorFT.Lockstep.Tests.Protocol;

public class ColdStartTests
{
    private static readonly Member A = new("server-a", 11), OldA = new("server-a", 1), OldB = new("server-b", 2);
    private static readonly Configuration Duplex = new(5, OldA, OldB);

    [Fact]
    public void OnlyMember_WithCurrentDisks_Boots() => Assert.Null(Waits(new Configuration(5, OldA, null), diskTerm: 5, peer: null));

    [Fact]
    public void ServerThatMissedWrites_NeverBoots_AndNamesWhoHasTheDisks() =>
        Assert.Contains("server-b, which has the current disks", Waits(new Configuration(5, OldB, null), diskTerm: 5, peer: null, isForced: true));

    [Fact]
    public void MemberWithOlderDisks_WaitsForAnOperator() =>
        Assert.Contains("term 4", Waits(new Configuration(5, OldA, null), diskTerm: 4, peer: null));

    [Fact]
    public void MemberOfAPair_WaitsForThePeerThatMayHaveTheState() =>
        Assert.Contains("server-b, which may have the machine's state", Waits(Duplex, diskTerm: 5, peer: null));

    [Fact]
    public void MemberOfAPair_BootsOnTheOperatorsWord() => Assert.Null(Waits(Duplex, diskTerm: 5, peer: null, isForced: true));

    [Fact]
    public void MemberOfAPair_IsRebuiltByAPeerWithState() =>
        Assert.Contains("to rebuild it", Waits(Duplex, diskTerm: 5, Peer(hasState: true)));

    [Fact]
    public void BothWithoutState_BootsTheOneThatLedLast()
    {
        Assert.Null(Waits(Duplex, diskTerm: 5, Peer(hasState: false)));
        Assert.Contains("server-b, which led last", Waits(new Configuration(5, OldB, OldA), diskTerm: 5, Peer(hasState: false)));
    }

    [Fact]
    public void LastLeaderWithoutUsableDisks_LetsTheOtherBoot()
    {
        Assert.Null(Waits(new Configuration(5, OldB, OldA), diskTerm: 5, Peer(hasState: false) with { IsAvailable = false }));
        Assert.Null(Waits(new Configuration(5, OldB, OldA), diskTerm: 5, Peer(hasState: false) with { DiskTerm = 0 }));
    }

    [Fact]
    public void NewMachine_BootsOnTheFirstServerByName_OrOnTheOtherAfterAWait()
    {
        Assert.Null(Waits(null, diskTerm: 0, Peer(hasState: false) with { DiskTerm = 0 }));
        Assert.Contains("server-b to boot", Waits(null, 0, Peer(hasState: false) with { DiskTerm = 0, Server = "server-b" }, self: new Member("server-c", 1)));
        Assert.Null(Waits(null, 0, peer: null, self: new Member("server-c", 1), waitedMs: 3001));
    }

    [Fact]
    public void ArbiterThatForgot_IsNoReasonToBoot()
    {
        Assert.Contains("never heard", Waits(null, diskTerm: 5, peer: null));
        Assert.Contains("never heard", Waits(null, diskTerm: 0, Peer(hasState: false)));
    }

    [Fact]
    public void Nobody_BootsBeforeTheArbiterAnswersOrWithoutDisks()
    {
        Assert.Contains("arbiter's answer", Waits(null, 0, null, hasAnswered: false));
        Assert.Contains("disks to be usable", Waits(null, 0, null, isAvailable: false));
    }

    private static Hello Peer(bool hasState) =>
        new() { Server = "server-b", Machine = "m", DefinitionHash = default, HasState = hasState, IsAvailable = true, DiskTerm = 5 };

    private static string? Waits(Configuration? configuration, ulong diskTerm, Hello? peer, bool isForced = false, Member? self = null, ulong waitedMs = 0,
        bool hasAnswered = true, bool isAvailable = true) =>
        ColdStart.WaitsFor(new ColdStartFacts(self ?? A, "server-b", hasAnswered, configuration, diskTerm, peer, isAvailable, waitedMs * 1_000_000, isForced), new LockstepSettings());
}
