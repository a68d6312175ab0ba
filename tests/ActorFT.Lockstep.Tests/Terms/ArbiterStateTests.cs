using ActorFT.Lockstep.Terms;
using Xunit;

namespace ActorFT.Lockstep.Tests.Terms;

public class ArbiterStateTests
{
    private const string Machine = "web";
    private static readonly Member A = new("server-a", 1), B = new("server-b", 2), RestartedA = new("server-a", 9), Stranger = new("server-c", 3);
    private static readonly Configuration Duplex = new(5, A, B), Simplex = new(5, A, null);

    [Fact]
    public void Claim_Allowed_IsAnsweredOnlyOnceStored()
    {
        var arbiter = new ArbiterState([new(Machine, Duplex)]);
        var wanted = new Configuration(6, B, null);
        IReadOnlyList<ArbiterEffect> effects = arbiter.Step(Claim(B, 5, wanted));
        Assert.Equal(new StoreConfiguration(Machine, wanted), Assert.Single(effects));
        Assert.Equal(Duplex, arbiter.Configurations[Machine]);
        Assert.Empty(arbiter.Step(new ArbiterRequestReceived("asker", new ArbiterQuery(Machine))));
        effects = arbiter.Step(new ConfigurationStored(Machine, 6));
        Assert.Equal([new ReplyToServer("b", new ArbiterReply(Machine, wanted)), new ReplyToServer("asker", new ArbiterReply(Machine, wanted))], effects);
    }

    [Fact]
    public void TwoClaims_ForOneTerm_GrantTheFirstAndTellTheSecond()
    {
        var arbiter = new ArbiterState([new(Machine, Duplex)]);
        var first = new Configuration(6, A, null);
        arbiter.Step(Claim(A, 5, first));
        Assert.Empty(arbiter.Step(Claim(B, 5, new Configuration(6, B, null))));
        IReadOnlyList<ArbiterEffect> effects = arbiter.Step(new ConfigurationStored(Machine, 6));
        Assert.All(effects, effect => Assert.Equal(first, ((ReplyToServer)effect).Reply.Current));
        Assert.Equal(2, effects.Count);
    }

    [Fact]
    public void Claim_AskedAgainAfterALostReply_IsAnsweredTheSameAndStoresNothing()
    {
        var arbiter = new ArbiterState([new(Machine, Duplex)]);
        Assert.Equal(new ReplyToServer("a", new ArbiterReply(Machine, Duplex)), Assert.Single(arbiter.Step(Claim(A, 4, Duplex))));
    }

    public static TheoryData<string, bool, bool> Cases => new()
    {
        { "leader drops follower", true, true }, { "follower takes over", true, true }, { "leader hands over", true, true }, { "leader yields", true, true },
        { "leader takes a server in", false, true }, { "restarted member boots", true, true }, { "restarted leader claims warm", true, false },
        { "stranger boots", true, false }, { "stranger boots simplex", false, false }, { "follower keeps itself and leader", true, false },
        { "term is old", true, false }, { "term skips", true, false }, { "dropped follower takes over", false, false }, { "leader makes a stranger lead", true, false },
        { "leader follows itself", true, false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Claim_IsGrantedOnlyInTheWaysAMemberMayChangeTheConfiguration(string what, bool isDuplex, bool isGranted)
    {
        ArbiterRequestReceived claim = what switch
        {
            "leader drops follower" => Claim(A, 5, new Configuration(6, A, null)),
            "follower takes over" => Claim(B, 5, new Configuration(6, B, null)),
            "leader hands over" => Claim(A, 5, new Configuration(6, B, A)),
            "leader yields" => Claim(A, 5, new Configuration(6, B, null)),
            "leader takes a server in" => Claim(A, 5, new Configuration(6, A, B)),
            "restarted member boots" => Claim(RestartedA, 5, new Configuration(6, RestartedA, null), isColdStart: true),
            "restarted leader claims warm" => Claim(RestartedA, 5, new Configuration(6, RestartedA, null)),
            "stranger boots" or "stranger boots simplex" => Claim(Stranger, 5, new Configuration(6, Stranger, null), isColdStart: true),
            "follower keeps itself and leader" => Claim(B, 5, new Configuration(6, B, A)),
            "term is old" => Claim(A, 4, new Configuration(5, A, null)),
            "term skips" => Claim(A, 5, new Configuration(7, A, null)),
            "dropped follower takes over" => Claim(B, 5, new Configuration(6, B, null)),
            "leader makes a stranger lead" => Claim(A, 5, new Configuration(6, Stranger, null)),
            "leader follows itself" => Claim(A, 5, new Configuration(6, A, RestartedA)),
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        };
        var arbiter = new ArbiterState([new(Machine, isDuplex ? Duplex : Simplex)]);
        ArbiterEffect effect = Assert.Single(arbiter.Step(claim));
        Assert.Equal(isGranted, effect is StoreConfiguration);
    }

    [Fact]
    public void NewMachine_IsStartedColdAndOnlyAlone()
    {
        Assert.IsType<ReplyToServer>(Assert.Single(new ArbiterState([]).Step(Claim(A, 0, new Configuration(1, A, null)))));
        Assert.IsType<ReplyToServer>(Assert.Single(new ArbiterState([]).Step(Claim(A, 0, new Configuration(1, A, B), isColdStart: true))));
        Assert.IsType<StoreConfiguration>(Assert.Single(new ArbiterState([]).Step(Claim(A, 0, new Configuration(1, A, null), isColdStart: true))));
    }

    [Fact]
    public void Requests_BeyondWhatMayWait_AreDroppedNotKept()
    {
        var arbiter = new ArbiterState([new(Machine, Duplex)]);
        arbiter.Step(Claim(A, 5, new Configuration(6, A, null)));
        for (int i = 0; i < 10_000; i++) arbiter.Step(new ArbiterRequestReceived(i, new ArbiterQuery(Machine)));
        Assert.Equal(1 + ArbiterState.MaxWaiting, arbiter.Step(new ConfigurationStored(Machine, 6)).Count);
    }

    private static ArbiterRequestReceived Claim(Member claimant, ulong expectedTerm, Configuration wanted, bool isColdStart = false) =>
        new(claimant.Server[^1..], new ArbiterClaim(Machine, claimant, expectedTerm, wanted, isColdStart));
}
