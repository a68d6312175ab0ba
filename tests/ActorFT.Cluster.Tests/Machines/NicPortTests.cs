using ActorFT.Cluster.Machines;
using ActorFT.Network.Tap;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>Two servers' ports of one NIC with a link between them: where frames go, and that a closed gate is closed.</summary>
public sealed class NicPortTests
{
    private const ulong Term = 4;

    private static readonly byte[] s_mac = [0x52, 0x54, 0, 1, 2, 3];
    private static readonly byte[] s_frame = [.. Enumerable.Range(0, 60).Select(i => (byte)i)];

    private sealed class BackEnd : INicBackEnd
    {
        public List<string> Did { get; } = [];
        public List<byte[]> Sent { get; } = [];
        public string Name => "fake";
        public NicLinkState State { get; private set; } = NicLinkState.Good;
        public bool IsOpen { get; private set; }
        public NicCounters Counters => default;
        public event Action<NicLinkState>? StateChanged;

        public void Break(bool isBroken)
        {
            State = isBroken ? new NicLinkState(NicCondition.NoCarrier, "broken") : NicLinkState.Good;
            StateChanged?.Invoke(State);
        }

        public void Start(NicFrameReceiver receive) { }

        public void SetOpen(bool open)
        {
            if (open != IsOpen) Did.Add(open ? "open" : "close");
            IsOpen = open;
        }

        public bool IsListening { get; private set; }

        public void SetListening(bool on) => IsListening = on;

        public bool TrySend(ReadOnlySpan<byte> frame)
        {
            if (!IsOpen) return false;
            Sent.Add(frame.ToArray());
            return true;
        }

        public void SetCarrier(bool on) => Did.Add(on ? "carrier on" : "carrier off");

        public void Dispose() => Did.Add("dispose");
    }

    /// <summary>A link that keeps messages until they are carried over.</summary>
    private sealed class Wire : INicPeerLink
    {
        public Queue<byte[]> Messages { get; } = [];
        public bool IsCut { get; set; }

        public bool TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath)
        {
            if (IsCut) return false;
            Messages.Enqueue([.. head, .. body]);
            return true;
        }
    }

    private sealed class Side
    {
        public BackEnd BackEnd { get; } = new();
        public Wire Out { get; } = new();
        public List<byte[]> Delivered { get; } = [];
        public NicPort Port { get; }

        public Side(ulong doubtAfterNs, ulong leaseNs)
        {
            Port = new NicPort(0, s_mac, BackEnd, new NicRoutingSettings { ReturnAfterNs = 0, DoubtAfterNs = doubtAfterNs, LeaseNs = leaseNs }, Out);
            Port.Deliver = frame => Delivered.Add(frame.ToArray());
        }
    }

    // Doubt, and the end of a permission, by the clock only where a test wants it: the others may run on a host that stands still for a while.
    private const ulong DoubtAfterNs = 50_000_000, ShortLeaseNs = 2_000_000_000, LongLeaseNs = 3_600_000_000_000;

    private Side _leader = null!, _follower = null!;

    public NicPortTests() => Begin(LongLeaseNs);

    private void Begin(ulong leaseNs)
    {
        (_leader, _follower) = (new Side(ulong.MaxValue, leaseNs), new Side(ulong.MaxValue, leaseNs));
        _leader.Port.SetRole(NicRole.Leading, Term);
        _follower.Port.SetRole(NicRole.Following, Term);
        Carry();
        _leader.BackEnd.Sent.Clear(); // the announcement
    }

    private void Carry()
    {
        for (int i = 0; i < 4; i++)
        {
            _leader.Port.Tick();
            _follower.Port.Tick();
            Deliver();
        }
    }

    private void Deliver()
    {
        while (_leader.Out.Messages.Count + _follower.Out.Messages.Count > 0)
        {
            if (_leader.Out.Messages.TryDequeue(out byte[]? toFollower)) _follower.Port.OnPeerMessage(toFollower);
            if (_follower.Out.Messages.TryDequeue(out byte[]? toLeader)) _leader.Port.OnPeerMessage(toLeader);
        }
    }

    private void BreakLeadersNic()
    {
        _leader.BackEnd.Break(true);
        _leader.Port.NoteBackEnd();
        Carry();
        Assert.NotEmpty(_follower.BackEnd.Sent); // the announcement went the new way
        _follower.BackEnd.Sent.Clear();
    }

    [Fact]
    public void GoodNic_FramesPassHere_AndNothingGoesToThePeer()
    {
        _leader.Port.Send(s_frame);
        Assert.Equal(s_frame, Assert.Single(_leader.BackEnd.Sent));
        Assert.True(_leader.Port.Receive(s_frame));
        Assert.Equal(s_frame, Assert.Single(_leader.Delivered));
        Assert.Empty(_leader.Out.Messages);
        Assert.False(_follower.BackEnd.IsOpen);
        Assert.False(_follower.Port.Receive(s_frame));
    }

    [Fact]
    public void BrokenNic_FramesLeaveAndEnterByTheFollowers()
    {
        BreakLeadersNic();
        Assert.False(_leader.BackEnd.IsOpen);
        Assert.True(_follower.BackEnd.IsOpen);

        _leader.Port.Send(s_frame);
        Deliver();
        Assert.Empty(_leader.BackEnd.Sent);
        Assert.Equal(s_frame, Assert.Single(_follower.BackEnd.Sent));

        Assert.True(_follower.Port.Receive(s_frame));
        Deliver();
        Assert.Equal(s_frame, Assert.Single(_leader.Delivered));
        Assert.Empty(_follower.Delivered);
        Assert.Equal((1, 0), (_leader.Port.Counters.Received, _leader.Port.Counters.Dropped));
    }

    [Fact]
    public void RepairedNic_FramesPassHereAgain_AfterTheFollowersGateIsClosed()
    {
        BreakLeadersNic();
        _leader.BackEnd.Break(false);
        _leader.Port.NoteBackEnd();
        Assert.False(_leader.BackEnd.IsOpen); // the follower has not said yet that it has shut
        Carry();
        Assert.True(_leader.BackEnd.IsOpen);
        Assert.False(_follower.BackEnd.IsOpen);
        _leader.Port.Send(s_frame);
        Assert.Equal(s_frame, _leader.BackEnd.Sent[^1]);
    }

    [Fact]
    public void FramesOfAnotherTerm_AreDropped()
    {
        BreakLeadersNic();
        _leader.Port.Send(s_frame); // under way
        _follower.Port.SetRole(NicRole.Leading, Term + 1);
        int before = _follower.BackEnd.Sent.Count; // its own announcement
        Deliver();
        Assert.Equal(before, _follower.BackEnd.Sent.Count);
        Assert.Equal(1, _follower.Port.Counters.Dropped);
    }

    [Fact]
    public void FrameForTheProxy_ThatWasNotAsked_IsDropped()
    {
        byte[] message = new byte[NicWire.HeaderBytes + s_frame.Length];
        NicWire.WriteHeader(message, NicWire.Kind.FrameOut, 0, Term);
        s_frame.CopyTo(message, NicWire.HeaderBytes);
        _follower.Port.OnPeerMessage(message);
        Assert.Empty(_follower.BackEnd.Sent);
    }

    [Fact]
    public void Fence_ClosesTheGate_ThenTheCarrier()
    {
        _leader.BackEnd.Did.Clear();
        _leader.Port.SetRole(NicRole.None, 0);
        Assert.Equal(["close", "carrier off"], _leader.BackEnd.Did);
        _leader.Port.Send(s_frame);
        Assert.Empty(_leader.BackEnd.Sent);
    }

    [Fact]
    public void ProxyThatIsFenced_ShutsAtOnce()
    {
        BreakLeadersNic();
        _follower.Port.SetRole(NicRole.None, 0);
        Assert.False(_follower.BackEnd.IsOpen);
    }

    [Fact]
    public void CoordinatorThatTakesNothing_GetsABoundedNumberOfFrames()
    {
        for (int i = 0; i < 5_000; i++) _leader.Port.Receive(s_frame);
        Assert.Equal(1024, _leader.Delivered.Count);
        Assert.Equal(5_000 - 1024, _leader.Port.Counters.Dropped);
        _leader.Port.NoteTaken();
        Assert.True(_leader.Port.Receive(s_frame));
    }

    [Fact]
    public void LostBackEnd_IsReplaced_WithTheGateAsItMustBe()
    {
        BackEnd anew = new();
        _leader.Port.Replace(anew);
        Assert.True(anew.IsOpen);
        Assert.Contains("dispose", _leader.BackEnd.Did);
        _leader.Port.Send(s_frame);
        Assert.Single(anew.Sent);
    }

    [Fact]
    public void Announcement_GoesTheWayOfTheFrames()
    {
        Assert.True(_leader.Port.Announce());
        Assert.NotEmpty(_leader.BackEnd.Sent);
        Assert.False(_follower.Port.Announce());
        BreakLeadersNic();
        Assert.True(_leader.Port.Announce());
        Deliver();
        Assert.NotEmpty(_follower.BackEnd.Sent);
    }

    [Fact]
    public void LeaderThatWasCutOff_IsSilentOnItsOwnNic_UntilItIsKnownWhoLeads()
    {
        Begin(ShortLeaseNs);
        _leader.Out.IsCut = _follower.Out.IsCut = true;
        _leader.BackEnd.Break(true);
        _leader.Port.NoteBackEnd();
        _follower.Port.SetRole(NicRole.Leading, Term + 1);
        _leader.BackEnd.Break(false);
        Assert.True(SpinWait.SpinUntil(() =>
        {
            _leader.Port.Tick();
            return _leader.Port.View.Route == NicRoute.Own;
        }, TimeSpan.FromSeconds(30)), "the permission to the peer ends by itself");
        Assert.Empty(_leader.BackEnd.Sent);
        Assert.False(_leader.Port.Announce());

        _leader.Out.IsCut = _follower.Out.IsCut = false;
        Carry();
        Assert.False(_leader.BackEnd.IsOpen); // it heard of its successor
        Assert.Empty(_leader.BackEnd.Sent);

        _leader.Port.SetRole(NicRole.Leading, Term + 2); // a claim won
        Assert.NotEmpty(_leader.BackEnd.Sent);
    }

    // A leader whose follower is silent for longer than the doubt takes, and a frame that it sends then.
    private static (Side Leader, Side Follower) InDoubt()
    {
        (Side leader, Side follower) = (new Side(DoubtAfterNs, LongLeaseNs), new Side(DoubtAfterNs, LongLeaseNs));
        leader.Port.SetRole(NicRole.Leading, Term);
        follower.Port.SetRole(NicRole.Following, Term);
        for (int i = 0; i < 2; i++) Talk(leader, follower);
        leader.BackEnd.Sent.Clear();
        ulong begun = MonotonicClock.NowNs;
        SpinWait.SpinUntil(() => MonotonicClock.NowNs - begun > DoubtAfterNs);
        leader.Port.Send(s_frame);
        Assert.Empty(leader.BackEnd.Sent);
        return (leader, follower);
    }

    [Fact]
    public void FrameOfALeaderInDoubt_Leaves_WhenTheFollowerAnswers()
    {
        (Side leader, Side follower) = InDoubt();
        Assert.NotEmpty(leader.Out.Messages); // it asked by itself
        // A host that stands still makes answers old: then the next one does it.
        Assert.True(SpinWait.SpinUntil(() =>
        {
            Talk(leader, follower);
            return leader.BackEnd.Sent.Any(sent => sent.AsSpan().SequenceEqual(s_frame));
        }, TimeSpan.FromSeconds(30)));
    }

    // The leader beats, the follower answers at once.
    private static void Talk(Side leader, Side follower)
    {
        leader.Port.Tick();
        while (leader.Out.Messages.TryDequeue(out byte[]? toFollower)) follower.Port.OnPeerMessage(toFollower);
        while (follower.Out.Messages.TryDequeue(out byte[]? toLeader)) leader.Port.OnPeerMessage(toLeader);
    }

    [Fact]
    public void FrameOfALeaderInDoubt_Leaves_WhenAClaimIsWon()
    {
        (Side leader, _) = InDoubt();
        leader.Port.SetRole(NicRole.Leading, Term + 1);
        Assert.Contains(s_frame, leader.BackEnd.Sent);
    }

    [Fact]
    public void FrameOfALeaderInDoubt_NeverLeaves_WhenTheOtherServerLeads()
    {
        (Side leader, Side follower) = InDoubt();
        follower.Port.SetRole(NicRole.Leading, Term + 1);
        follower.Port.Tick();
        while (follower.Out.Messages.TryDequeue(out byte[]? toLeader)) leader.Port.OnPeerMessage(toLeader);
        leader.Port.SetRole(NicRole.None, 0);
        Assert.Empty(leader.BackEnd.Sent);
        Assert.Equal(1, leader.Port.Counters.Dropped);
    }

    [Fact]
    public void LeaderThatWasCutOff_AnnouncesItself_WhenItsFollowerStillFollows()
    {
        _leader.Out.IsCut = _follower.Out.IsCut = true;
        _leader.BackEnd.Break(true);
        _leader.Port.NoteBackEnd();
        _leader.BackEnd.Break(false);
        _leader.Port.NoteBackEnd();
        _leader.Out.IsCut = _follower.Out.IsCut = false;
        Assert.Empty(_leader.BackEnd.Sent);
        Carry();
        Assert.True(_leader.BackEnd.IsOpen);
        Assert.NotEmpty(_leader.BackEnd.Sent);
    }

    private static readonly byte[] s_toMachine = [.. s_mac, .. s_frame];

    private void HandOver()
    {
        _leader.Port.SetRole(NicRole.Following, Term + 1);
        Assert.False(_leader.BackEnd.IsOpen);
        Assert.True(_leader.BackEnd.IsListening);
    }

    [Fact]
    public void FramesThatNoRoundTook_ReachTheNewLeader_InOrder_AlsoBeforeItKnowsThatItLeads()
    {
        HandOver();
        byte[][] frames = [.. Enumerable.Range(0, 5).Select(i => s_frame.Prepend((byte)i).ToArray())];
        foreach (byte[] frame in frames[..3]) _leader.Port.PassOn(frame);
        Deliver();
        Assert.Empty(_follower.Delivered);
        _follower.Port.SetRole(NicRole.Leading, Term + 1);
        foreach (byte[] frame in frames[3..]) _leader.Port.PassOn(frame);
        Deliver();
        Assert.Equal(frames, _follower.Delivered);
        Assert.Equal(frames.Length, _follower.Port.Counters.Received);
        Assert.Equal(0, _leader.Port.Counters.Dropped + _follower.Port.Counters.Dropped);
    }

    [Fact]
    public void FramesThatTheNetworkStillBringsToTheFormerLeader_ArePassedOn_AndWhatIsForAllOnlyUntilTheNewOneLeads()
    {
        HandOver();
        Assert.True(_leader.Port.Receive(s_frame));
        Assert.True(_leader.Port.Receive(s_toMachine));
        Assert.Equal([s_frame, s_toMachine], _leader.Delivered); // to its coordinator, which passes on in order
        _follower.Port.SetRole(NicRole.Leading, Term + 1);
        Deliver();
        Assert.True(_leader.Port.Receive(s_toMachine));
        Assert.False(_leader.Port.Receive(s_frame)); // came in there too
        _leader.Port.SetRole(NicRole.None, 0);
        Assert.False(_leader.BackEnd.IsListening);
        Assert.False(_leader.Port.Receive(s_toMachine));
    }

    [Fact]
    public void FollowerThatNeverLed_PassesNothingOn()
    {
        _follower.Port.PassOn(s_frame);
        Assert.False(_follower.Port.Receive(s_toMachine));
        Assert.Equal(1, _follower.Port.Counters.Dropped);
        Deliver();
        Assert.Empty(_leader.Delivered);
    }

    [Fact]
    public void FramesPassedOn_ForATermThatNeverCame_AndMoreThanABound_AreDropped_AndCounted()
    {
        HandOver();
        for (int i = 0; i < 1_030; i++) _leader.Port.PassOn(s_frame);
        Deliver();
        Assert.Equal(6, _follower.Port.Counters.Dropped);
        _follower.Port.SetRole(NicRole.Leading, Term + 2);
        Assert.Empty(_follower.Delivered);
        Assert.Equal(1_030, _follower.Port.Counters.Dropped);
    }

    [Fact]
    public void RouteThatChanged_BeforeItsActorIsThere_IsToldToTheActor_TheLatestOne()
    {
        NicPort port = new(0, s_mac, new BackEnd(), new NicRoutingSettings(), new Wire());
        port.SetRole(NicRole.Following, Term);
        port.SetRole(NicRole.Leading, Term + 1);
        List<NicRoute> told = [];
        port.RouteChanged = told.Add;
        Assert.Equal([NicRoute.Own], told);
        port.SetRole(NicRole.None, 0);
        Assert.Equal([NicRoute.Own, NicRoute.Closed], told);
    }

    [Fact]
    public void FramesThatComeIn_BeforeAnybodyTakesThem_AreDropped_AndTakeNoRoom()
    {
        NicPort port = new(0, s_mac, new BackEnd(), new NicRoutingSettings(), new Wire());
        port.SetRole(NicRole.Leading, Term);
        for (int i = 0; i < 2_000; i++) Assert.False(port.Receive(s_frame));
        Assert.Equal(2_000, port.Counters.Dropped);
        port.Deliver = _ => { };
        Assert.True(port.Receive(s_frame));
    }

    [Fact]
    public void CutLink_FramesAreDroppedAndCounted()
    {
        BreakLeadersNic();
        _leader.Out.IsCut = true;
        _leader.Port.Send(s_frame);
        Assert.Equal(1, _leader.Port.Counters.Dropped);
    }
}
