using ActorFT.Cluster.Host;
using ActorFT.Cluster.Status;
using Xunit;
using static ActorFT.Cluster.Messages.CommandProtocol;

namespace ActorFT.Cluster.Tests.Host;

/// <summary>Both ends of an FT link follow the latest word on it, also a server that was away when it was said.</summary>
public sealed class LinkOrdersTests
{
    private readonly LinkOrders _here = new(), _there = new();

    private static Command On(string link, string verb) => new(verb, "", "", "link-" + link, []);

    private static NodeStatus Status(ComponentState state, string reason = "") =>
        new() { Node = "b", Role = "server", Links = [new LinkStatus { Name = "ft0", State = state, Reason = reason }, new LinkStatus { Name = "ft1" }] };

    [Fact]
    public void PeerThatWasAway_IsToldUntilItsStatusSaysSo()
    {
        Assert.True(_here.TryTake(On("ft0", Verbs.Isolate), 100, out Command forPeer));
        Assert.Equal(forPeer, Assert.Single(_here.MissingOn(Status(ComponentState.Good))));
        Assert.Equal(forPeer, Assert.Single(_here.MissingOn(Status(ComponentState.Failed, "the connection was reset"))));
        Assert.True(_there.TryTake(forPeer, 999, out _));
        Assert.Empty(_here.MissingOn(Status(ComponentState.Isolated)));
    }

    [Fact]
    public void PeerThatWasStartedAnew_IsToldAgain_ByTheOneThatWasToldItself()
    {
        Assert.True(_here.TryTake(On("ft0", Verbs.Isolate), 100, out Command forPeer));
        Assert.True(_there.TryTake(forPeer, 100, out _));
        Assert.Equal(forPeer, Assert.Single(_there.MissingOn(Status(ComponentState.Good)))); // the operator's own server has forgotten it
    }

    [Fact]
    public void InjectedFault_IsOne_WhenTheStatusSaysSo()
    {
        Assert.True(_here.TryTake(On("ft0", Verbs.Inject), 100, out _));
        Assert.Single(_here.MissingOn(Status(ComponentState.Good)));
        Assert.Empty(_here.MissingOn(Status(ComponentState.Failed, LinkOrders.Injected)));
        Assert.True(_here.TryTake(On("ft0", Verbs.Clear), 101, out _));
        Assert.Single(_here.MissingOn(Status(ComponentState.Failed, LinkOrders.Injected)));
    }

    [Fact]
    public void TwoWords_SaidWhileTheServersDidNotHearEachOther_TheLaterOneStaysOnBoth()
    {
        Assert.True(_here.TryTake(On("ft0", Verbs.Isolate), 100, out Command isolate));
        Assert.True(_there.TryTake(On("ft0", Verbs.Repair), 200, out Command repair));
        Assert.False(_there.TryTake(isolate, 300, out _));
        Assert.True(_here.TryTake(repair, 300, out _));
        Assert.False(_here.TryTake(repair, 301, out _)); // repeated
        Assert.Empty(_here.MissingOn(Status(ComponentState.Good)));
        Assert.Single(_there.MissingOn(Status(ComponentState.Isolated)));
    }

    [Fact]
    public void OperatorsWord_IsTheLatest_WhateverTheOtherServersClockSays()
    {
        Assert.True(_here.TryTake(On("ft0", Verbs.Isolate), 1_000_000, out Command isolate)); // a clock that is ahead
        Assert.True(_there.TryTake(isolate, 100, out _));
        Assert.True(_there.TryTake(On("ft0", Verbs.Repair), 101, out Command repair));
        Assert.True(_here.TryTake(repair, 1_000_001, out _));
    }

    [Fact]
    public void LinkThatThePeerDoesNotHave_IsNotAskedFor()
    {
        Assert.True(_here.TryTake(On("other", Verbs.Isolate), 100, out _));
        Assert.Empty(_here.MissingOn(Status(ComponentState.Good)));
    }
}
