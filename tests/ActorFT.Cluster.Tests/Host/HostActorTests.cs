using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Status;
using ActorFT.Cluster.Tests.Support;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Host;

/// <summary>When a node tells those who watch that something stands otherwise, and collects its own status.</summary>
public sealed class HostActorTests : ActorSpec
{
    private static readonly NodeStatus s_server = new()
    {
        Node = "server-a", Role = "server", State = ComponentState.Good, Links = [new LinkStatus { Name = "ft0", State = ComponentState.Good, RoundTripMs = 1 }],
        Machines = [new MachineStatus { Name = "m", State = ComponentState.Good, Disks = [new DiskStatus { Name = "data", State = ComponentState.Good }], Nics = [new NicStatus { Name = "lan", State = ComponentState.Good }] }],
    };

    // Its turns are far apart: what comes sooner comes for a reason.
    private IActorRef Start(TimeSpan interval, IActorRef? arbiter = null) => Sys.ActorOf(HostActor.Props(new NodeConfig
    {
        FileName = "none", Text = "", Pair = "pair", Name = "arbiter", IsArbiter = true, Address = new("127.0.0.1", 1), PeerName = "",
        ServerAddresses = [new("127.0.0.1", 2), new("127.0.0.1", 3)], DataDirectory = "/none", StatusInterval = interval,
    }, null, [], arbiter, sentence => throw new InvalidOperationException(sentence)), HostActor.Name);

    private static NodeStatus With(Func<MachineStatus, MachineStatus> change) => s_server with { Machines = [change(s_server.Machines[0])] };

    public static TheoryData<string> Changes => [.. s_changes.Keys];

    private static readonly Dictionary<string, NodeStatus> s_changes = new()
    {
        ["node"] = s_server with { State = ComponentState.Degraded },
        ["arbiter"] = s_server with { ArbiterReachable = true },
        ["link"] = s_server with { Links = [s_server.Links[0] with { State = ComponentState.Failed }] },
        ["replica"] = With(machine => machine with { State = ComponentState.Transitioning }),
        ["role"] = With(machine => machine with { Role = "Leading" }),
        ["protected"] = With(machine => machine with { Protected = true }),
        ["left out"] = With(machine => machine with { PeerLeftOut = true }),
        ["power"] = With(machine => machine with { Power = "Off" }),
        ["vcpu"] = With(machine => machine with { Vcpus = [new VcpuStatus(0, ComponentState.Failed, "", 0, "")] }),
        ["disk"] = With(machine => machine with { Disks = [machine.Disks[0] with { State = ComponentState.Isolated }] }),
        ["NIC"] = With(machine => machine with { Nics = [machine.Nics[0] with { InUse = true }] }),
        ["nothing in it"] = s_server with { Links = [null!], Machines = [null!] }, // other nodes' messages may hold anything
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void A_change_of_what_a_status_says_in_words_differs_and_other_figures_do_not(string change)
    {
        Assert.True(NodeStanding.Differs(s_server, s_changes[change]));
        Assert.False(NodeStanding.Differs(s_changes[change], s_changes[change] with { AtUnixMs = 1 }));
        Assert.False(NodeStanding.Differs(s_server, With(machine => machine with { Round = 9, LagNs = 9, Disks = [machine.Disks[0] with { Requests = 9, Progress = 0.5 }], Nics = [machine.Nics[0] with { FramesIn = 9 }] })));
    }

    [Fact]
    public void Whoever_watches_hears_that_a_node_stands_otherwise_and_of_nothing_else()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(HostActor.StandingChanged));
        IActorRef host = Start(TimeSpan.FromHours(1));
        ExpectMsg<HostActor.StandingChanged>(Bound); // it stands itself
        host.Tell(s_server);
        ExpectMsg<HostActor.StandingChanged>(Bound);
        host.Tell(s_server with { AtUnixMs = 1 });
        host.Tell(s_changes["disk"]);
        host.Tell(s_changes["nothing in it"]);
        ExpectMsg<HostActor.StandingChanged>(Bound);
        ExpectMsg<HostActor.StandingChanged>(Bound);
        host.Tell(new HostActor.GetView(), TestActor); // answered behind all of it
        ExpectMsg<HostActor.PairView>(Bound);
    }

    [Fact]
    public void Whoever_watches_hears_that_a_node_is_silent_now()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(HostActor.StandingChanged));
        IActorRef host = Start(TimeSpan.FromMilliseconds(500));
        ExpectMsg<HostActor.StandingChanged>(Bound); // it stands itself
        host.Tell(s_server);
        ExpectMsg<HostActor.StandingChanged>(Bound); // it is heard
        ExpectMsg<HostActor.StandingChanged>(Bound); // and is not any more
    }

    [Fact]
    public void What_happened_is_collected_at_once_and_changes_that_come_fast_are_collected_together()
    {
        IActorRef host = Start(TimeSpan.FromHours(1), TestActor);
        int collected = 0;
        ExpectMsg<Cluster.Arbiter.ArbiterActor.GetTerms>(Bound);
        LastSender.Tell(Array.Empty<TermStatus>());
        for (int i = 0; i < 100; i++) host.Tell(new HostActor.StatusChanged());
        while (ReceiveOne(collected == 0 ? Bound : TimeSpan.FromMilliseconds(500)) is Cluster.Arbiter.ArbiterActor.GetTerms)
        {
            collected++;
            LastSender.Tell(Array.Empty<TermStatus>());
        }

        Assert.InRange(collected, 1, 10);
    }
}
