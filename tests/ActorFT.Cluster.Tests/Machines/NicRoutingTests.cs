using ActorFT.Cluster.Machines;
using ActorFT.Lockstep.Terms;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>Two servers' routing objects with a link between them that delays and loses, and clocks of their own.</summary>
public sealed class NicRoutingTests
{
    private const ulong Ms = 1_000_000, Term = 7;

    private static readonly NicRoutingSettings s_settings = new() { ReturnAfterNs = 500 * Ms, LeaseNs = 1000 * Ms };

    private sealed class Side(ulong clockAheadNs)
    {
        public NicRouting Routing { get; } = new(s_settings);
        public ulong At(ulong nowNs) => nowNs + clockAheadNs;
        public NicRoute Route(ulong nowNs) => Routing.Route(At(nowNs));
        public NicBeat Beat(ulong nowNs) => Routing.MakeBeat(At(nowNs));
        public void Hear(NicBeat beat, ulong nowNs) => Routing.Hear(beat, At(nowNs));
    }

    private readonly Side _a = new(5_000 * Ms), _b = new(99_000 * Ms);
    private ulong _now = 10 * Ms;

    // Both beat and hear each other.
    private void Exchange(int times = 2)
    {
        for (int i = 0; i < times; i++)
        {
            _now += 10 * Ms;
            NicBeat ofA = _a.Beat(_now), ofB = _b.Beat(_now);
            _now += 1 * Ms;
            _b.Hear(ofA, _now);
            _a.Hear(ofB, _now);
        }
    }

    private void Lead(Side leader, Side follower, ulong term = Term)
    {
        follower.Routing.SetRole(NicRole.Following, term, follower.At(_now));
        leader.Routing.SetRole(NicRole.Leading, term, leader.At(_now));
        Exchange();
    }

    private bool MayAnnounce(Side side) => side.Routing.MayAnnounce(side.At(_now));

    // All of its cables, then the follower's claim, then the cables again: nobody has told it yet.
    private void CutOffAndHeal(Side leader)
    {
        Own(leader, false);
        _now += 3_000 * Ms;
        Own(leader, true); // on its way back: the permission, if any, has ended
        Assert.Equal(NicRoute.Own, leader.Route(_now));
    }

    private void Own(Side side, bool isGood) => side.Routing.SetOwn(isGood, side.At(_now));

    [Fact]
    public void Leader_WithGoodNic_UsesIt_AndFollowerIsClosed()
    {
        Lead(_a, _b);
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    [Fact]
    public void LeadersNicFails_FollowersGood_FramesPassThroughFollower_OnceItIsAsked()
    {
        Lead(_a, _b);
        Own(_a, false);
        Assert.Equal(NicRoute.Peer, _a.Route(_now));   // own gate closed at once
        Assert.Equal(NicRoute.Closed, _b.Route(_now)); // not asked yet
        Exchange(1);
        Assert.Equal(NicRoute.Proxy, _b.Route(_now));
    }

    [Fact]
    public void LeadersNicFails_FollowersBadToo_NothingMoves()
    {
        Lead(_a, _b);
        Own(_b, false);
        Exchange();
        Own(_a, false);
        Exchange();
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    [Fact]
    public void RepairedNic_IsUsedAgain_OnlyAfterItWasGoodForLongEnough_AndThePeerHasShut()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        Own(_a, true);
        Exchange(10); // 110 ms
        Assert.Equal(NicRoute.Peer, _a.Route(_now));
        _now += 400 * Ms;
        Assert.Equal(NicRoute.Returning, _a.Route(_now));
        Assert.Equal(NicRoute.Proxy, _b.Route(_now));
        Exchange(1); // the follower hears it
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
        Exchange(1); // and says so
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.True(MayAnnounce(_a));
    }

    [Fact]
    public void FlappingNic_MovesOnce()
    {
        Lead(_a, _b);
        for (int i = 0; i < 20; i++)
        {
            Own(_a, false);
            Exchange();
            Own(_a, true);
            Exchange();
            Assert.Equal(NicRoute.Peer, _a.Route(_now));
        }
    }

    [Fact]
    public void SilentLeader_LosesTheProxy_WhenTheLeaseEnds()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        _now += 900 * Ms;
        Assert.Equal(NicRoute.Proxy, _b.Route(_now));
        _now += 200 * Ms;
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    [Fact]
    public void FrozenProxy_DoesNotTakeAnOldPermissionForANewOne()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        NicBeat queued = _a.Beat(_now); // waits in the frozen server's socket
        _now += 3_000 * Ms;
        _b.Hear(queued, _now);
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    [Fact]
    public void ProxyThatIsNotHeard_IsWaitedFor_BeforeTheOwnGateOpens()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        ulong heard = _now;
        _now += 10 * Ms;
        _ = _a.Beat(_now); // renews the lease from what was heard
        Own(_a, true);
        _now = heard + 990 * Ms;
        Assert.NotEqual(NicRoute.Own, _a.Route(_now));
        _now = heard + 1_000 * Ms;
        _ = _a.Route(_now);
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    [Fact]
    public void LeaderThatWasCutOff_ComesBackToItsOwnNic_ButMustNotAnnounceItself()
    {
        Lead(_a, _b);
        Assert.True(MayAnnounce(_a));
        CutOffAndHeal(_a);
        Assert.False(MayAnnounce(_a));
        _b.Routing.SetRole(NicRole.Leading, Term + 1, _b.At(_now));
        Assert.True(MayAnnounce(_b));
        Exchange(1); // it hears of its successor before it is fenced
        Assert.Equal(NicRoute.Closed, _a.Route(_now));
        Assert.Equal(NicRoute.Own, _b.Route(_now));
        Assert.False(MayAnnounce(_a));
    }

    [Fact]
    public void LeaderThatWasCutOffAndStillLeads_AnnouncesItself_OnItsFollowersWord()
    {
        Lead(_a, _b);
        CutOffAndHeal(_a);
        Exchange();
        Assert.True(MayAnnounce(_a));
    }

    [Fact]
    public void LeaderThatWasCutOffAndWinsTheClaim_AnnouncesItself()
    {
        Lead(_a, _b);
        CutOffAndHeal(_a);
        _a.Routing.SetRole(NicRole.Leading, Term + 1, _a.At(_now));
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.True(MayAnnounce(_a));
    }

    [Fact]
    public void LeaderWhoseFollowerFellSilent_RepeatsNoAnnouncement()
    {
        Lead(_a, _b);
        _now += 380 * Ms;
        Assert.True(MayAnnounce(_a));
        _now += 20 * Ms;
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.False(MayAnnounce(_a)); // the follower may have claimed
    }

    [Fact]
    public void SilentFollower_PutsTheLeaderInDoubt_UntilItAnswersSomethingRecent_OrAClaimIsWon()
    {
        Lead(_a, _b);
        NicBeat old = _b.Beat(_now); // under way when the cable was cut
        _now += 380 * Ms;
        Assert.True(_a.Routing.ShouldAsk(_a.At(_now)));
        Assert.False(_a.Routing.IsInDoubt(_a.At(_now)));
        _now += 20 * Ms;
        Assert.True(_a.Routing.IsInDoubt(_a.At(_now)));
        _a.Hear(old, _now); // the healed cable brings it
        Assert.True(_a.Routing.IsInDoubt(_a.At(_now)));
        Exchange();
        Assert.False(_a.Routing.IsInDoubt(_a.At(_now)));

        _now += 500 * Ms;
        _a.Routing.SetRole(NicRole.Leading, Term + 1, _a.At(_now));
        Assert.False(_a.Routing.IsInDoubt(_a.At(_now)));
    }

    [Fact]
    public void LeaderWithoutNic_KnowsThatItsFollowerIsBetterOff_EvenWhenItIsNotHeardAnyMore()
    {
        Lead(_a, _b);
        Assert.False(_a.Routing.IsPeerBetter);
        Own(_a, false);
        _now += 5_000 * Ms;
        Assert.True(_a.Routing.IsPeerBetter);
        Own(_b, false);
        Exchange();
        Assert.False(_a.Routing.IsPeerBetter);
        Assert.False(_b.Routing.IsPeerBetter);
    }

    [Fact]
    public void TermChange_ClosesTheProxyAtOnce()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        _b.Routing.SetRole(NicRole.Following, Term + 1, _b.At(_now));
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
        _b.Hear(_a.Beat(_now), _now); // of the old term
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    [Fact]
    public void FollowerThatTakesOver_UsesItsOwn_AndTheOldLeaderIsClosed()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        _a.Routing.SetRole(NicRole.None, 0, _a.At(_now));
        _b.Routing.SetRole(NicRole.Leading, Term + 1, _b.At(_now));
        Assert.Equal(NicRoute.Closed, _a.Route(_now));
        Assert.Equal(NicRoute.Own, _b.Route(_now));
    }

    [Fact]
    public void LeaderThatGoesOnAlone_WaitsUntilItsFormerFollowerHasCertainlyShut()
    {
        Lead(_a, _b);
        Own(_a, false);
        Exchange();
        _ = _a.Beat(_now);
        _a.Routing.SetRole(NicRole.Leading, Term + 1, _a.At(_now));
        Assert.Equal(NicRoute.Returning, _a.Route(_now));
        _now += 1_100 * Ms;
        Assert.Equal(NicRoute.Own, _a.Route(_now));
        Assert.Equal(NicRoute.Closed, _b.Route(_now));
    }

    /// <summary>Whatever is lost, delayed and repaired: never two open gates in a term. 200 histories of 2,000 steps.</summary>
    [Fact]
    public void NeverTwoOpenGates_WhateverTheLinkAndTheNicsDo()
    {
        int proxied = 0, returned = 0;
        for (int seed = 0; seed < 200; seed++)
        {
            NicRoutingTests pair = new();
            (int proxiedSteps, int returns) = pair.RunHistory(new Random(seed), seed);
            proxied += proxiedSteps;
            returned += returns;
        }

        Assert.True(proxied > 10_000 && returned > 200, $"The histories exercised too little: {proxied} proxied steps, {returned} returns.");
    }

    private (int Proxied, int Returned) RunHistory(Random random, int seed)
    {
        Side[] sides = [_a, _b];
        PriorityQueue<(int To, NicBeat Beat), ulong> wire = new();
        int leader = 0, proxied = 0, returned = 0;
        ulong term = Term;
        Lead(_a, _b);
        NicRoute before = NicRoute.Own;
        for (int step = 0; step < 2_000; step++)
        {
            _now += (ulong)random.Next(1, 30) * Ms;
            int who = random.Next(2);
            int what = random.Next(100);
            if (what < 60) wire.Enqueue((1 - who, sides[who].Beat(_now)), random.Next(10) == 0 ? _now + (ulong)random.Next(2_500) * Ms : _now + (ulong)random.Next(5) * Ms);
            else if (what < 75) Own(sides[who], random.Next(3) != 0);
            else if (what == 75)
            {
                // A take-over: the former leader is fenced first, and follows later.
                (leader, term) = (1 - leader, term + 1);
                sides[1 - leader].Routing.SetRole(NicRole.None, 0, sides[1 - leader].At(_now));
                sides[leader].Routing.SetRole(NicRole.Leading, term, sides[leader].At(_now));
            }
            else if (what == 76) sides[1 - leader].Routing.SetRole(NicRole.Following, term, sides[1 - leader].At(_now));
            else if (what == 77) _now += (ulong)random.Next(1_500) * Ms;

            while (wire.TryPeek(out _, out ulong due) && due <= _now)
            {
                (int to, NicBeat beat) = wire.Dequeue();
                if (random.Next(10) != 0) sides[to].Hear(beat, _now);
            }

            bool isLeaderOpen = sides[leader].Route(_now) is NicRoute.Own, isOtherOpen = sides[1 - leader].Route(_now) is NicRoute.Own or NicRoute.Proxy;
            Assert.False(isLeaderOpen && isOtherOpen, $"seed {seed}, step {step}: {sides[leader].Route(_now)} and {sides[1 - leader].Route(_now)}");
            if (isOtherOpen) proxied++;
            if (before == NicRoute.Returning && isLeaderOpen) returned++;
            before = sides[leader].Route(_now);
        }

        return (proxied, returned);
    }

    [Fact]
    public void FollowerThatWasTakenInByANewTerm_HasThatTerm_AsItsLeaderHas()
    {
        Member a = new("a", 1), b = new("b", 2);
        Lockstep.Terms.Configuration taken = new(8, b, a);
        Assert.Equal(NicRole.Leading, NicRouting.RoleIn(taken, b));
        Assert.Equal(NicRole.Following, NicRouting.RoleIn(taken, a));
        Assert.Null(NicRouting.RoleIn(taken, new Member("a", 3))); // another run of that server
        Assert.Null(NicRouting.RoleIn(null, a));

        // It began to follow in the term in which its leader was alone.
        _a.Routing.SetRole(NicRole.Following, 7, _a.At(_now));
        _b.Routing.SetRole(NicRole.Leading, 7, _b.At(_now));
        Exchange();
        _b.Routing.SetRole(NicRole.Leading, 8, _b.At(_now));
        Own(_b, false);
        Exchange();
        Assert.Equal(NicRoute.Own, _b.Route(_now)); // of different terms: no permission
        _a.Routing.SetRole(NicRouting.RoleIn(taken, a)!.Value, 8, _a.At(_now));
        Exchange();
        Assert.Equal((NicRoute.Peer, NicRoute.Proxy), (_b.Route(_now), _a.Route(_now)));
    }

    [Fact]
    public void Beat_SurvivesTheWire_AndWhatIsMalformedIsRefused()
    {
        NicBeat beat = new(Term, NicRole.Leading, true, false, true, 123, 456);
        byte[] message = new byte[NicWire.BeatBytes];
        NicWire.WriteBeat(message, 3, beat);
        Assert.True(NicWire.TryReadHeader(message, out NicWire.Kind kind, out int index, out ulong term));
        Assert.Equal((NicWire.Kind.Beat, 3, Term), (kind, index, term));
        Assert.True(NicWire.TryReadBeat(message, term, out NicBeat read));
        Assert.Equal(beat, read);

        Assert.False(NicWire.TryReadHeader(message.AsSpan(0, 9), out _, out _, out _));
        Assert.False(NicWire.TryReadBeat(message.AsSpan(0, 27), term, out _));
        message[10] = 9;
        Assert.False(NicWire.TryReadBeat(message, term, out _));
        message[0] = 77;
        Assert.False(NicWire.TryReadHeader(message, out _, out _, out _));
    }
}
