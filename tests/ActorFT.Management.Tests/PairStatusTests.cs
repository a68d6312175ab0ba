using ActorFT.Cluster.Status;
using ActorFT.Management.Pair;
using ActorFT.Management.Tests.Support;
using Xunit;

namespace ActorFT.Management.Tests;

/// <summary>The verdict: whatever is wrong is seen, is not called worse or better than it is, and comes with advice.</summary>
public sealed class PairStatusTests
{
    private static PairStatus Build(params (NodeStatus, long)[] known) => PairStatusBuilder.Build(Statuses.ServerA, known, Statuses.NowMs);

    [Fact]
    public void A_pair_in_lockstep_is_good_and_needs_nothing()
    {
        PairStatus status = Build(Statuses.Pair());
        Assert.Equal(PairHealth.Good, status.Health);
        Assert.Empty(status.Problems);
        Assert.Equal(["Nothing needs doing."], status.NextSteps);
        Assert.Equal(["server-a", "server-b", "arbiter"], status.Nodes.Select(node => node.Name));
        MachineView machine = Assert.Single(status.Machines);
        Assert.True(machine is { IsRunning: true, Protected: true, Leader: "server-a", Follower: "server-b", State: ComponentState.Good, Term: 3 });
    }

    public static TheoryData<string, PairHealth, string, string> Faults => new()
    {
        { "link", PairHealth.Degraded, "FT link ft0 on server-a: Failed, the cable is out.", "Check the cable, port and switch of FT link ft0." },
        { "disk", PairHealth.Degraded, "Disk root of debian on server-b: Failed, input/output error.", "Check or replace what stands behind disk root on server-b." },
        { "only-disk", PairHealth.Degraded, "Machine debian: disk root of server-b is out of service.", "Until then do not stop server-a: only its copy of disk root is whole." },
        { "nic", PairHealth.Degraded, "NIC lan of debian on server-a: Failed, no carrier.", "Check cable and port of NIC lan on server-a." },
        { "vcpu", PairHealth.Degraded, "vCPU 0 of debian on server-b: Failed, it threw.", "restart actorft on server-b" },
        { "replica-fails", PairHealth.Degraded, "Replica of debian on server-b: Failed, a part of it does not answer.", "restart actorft on server-b" },
        { "exposed", PairHealth.Degraded, "Machine debian: exposed: server-b was left out.", "actorft protect debian" },
        { "resync", PairHealth.Degraded, "Machine debian: exposed while the other server is made equal", "50 %" },
        { "guest-off", PairHealth.Degraded, "Machine debian: the guest switched itself off.", "actorft console debian" },
        { "guest-failed", PairHealth.Failed, "Machine debian: the guest reported a failure", "actorft console debian" },
        { "peer-gone", PairHealth.Degraded, "Server server-b: not heard from for 9 s", "Check server-b: power" },
        { "arbiter-gone", PairHealth.Degraded, "Arbiter arbiter: not heard from for 9 s", "second fault is not survivable" },
        { "leader-gone", PairHealth.Failed, "Machine debian: its leader is not heard from by server-a; server-a is in lockstep and takes over", "Check server-b" },
        { "all-alone", PairHealth.Failed, "Machine debian: server-a waits for the arbiter's answer.", "Bring server-b or arbiter back" },
        { "own-actors-hang", PairHealth.Failed, "Server server-a: its actors have not answered for 9 s.", "Restart actorft on server-a" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Every_fault_is_told_with_its_reason_and_what_to_do(string fault, PairHealth health, string problem, string step)
    {
        PairStatus status = Build(Break(fault));
        Assert.Equal(health, status.Health);
        Assert.Contains(status.Problems, one => one.StartsWith(problem, StringComparison.Ordinal));
        Assert.Contains(status.NextSteps, one => one.Contains(step, StringComparison.Ordinal));
        Assert.Contains(status.Problems, one => status.Summary.Contains(one, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nic", "NIC lan: Failed, no carrier (on server-a)")]
    [InlineData("disk", "disk root: Failed, input/output error (on server-b)")]
    public void A_machine_with_a_failed_part_is_degraded_and_still_protected(string fault, string reason)
    {
        PairStatus status = Build(Break(fault));
        MachineView machine = Assert.Single(status.Machines);
        Assert.Equal((ComponentState.Degraded, reason, true), (machine.State, machine.Reason, machine.Protected));
        Assert.Single(status.Problems); // told once
    }

    private static (NodeStatus, long)[] Break(string fault)
    {
        MachineStatus leading = Statuses.Replica("Leading"), following = Statuses.Replica("Following");
        MachineStatus exposed = leading with { Protected = false, State = ComponentState.Degraded, Reason = "exposed: server-b was left out" };
        NodeStatus a = Statuses.Server("server-a", leading), b = Statuses.Server("server-b", following);
        switch (fault)
        {
            case "link":
                return Statuses.Pair(a with { Links = [a.Links[0] with { State = ComponentState.Failed, Reason = "the cable is out" }, a.Links[1]] });
            case "disk":
                return Statuses.Pair(a, Statuses.Server("server-b", following with { Disks = [following.Disks[0] with { State = ComponentState.Failed, Reason = "input/output error" }] }));
            case "only-disk":
                MachineStatus lacking = leading with { Protected = false, State = ComponentState.Degraded, Reason = "disk root of server-b is out of service" };
                return Statuses.Pair(Statuses.Server("server-a", lacking), Statuses.Server("server-b", following with { Disks = [following.Disks[0] with { State = ComponentState.Failed, Reason = "input/output error" }] }));
            case "nic":
                return Statuses.Pair(Statuses.Server("server-a", leading with { Nics = [leading.Nics[0] with { State = ComponentState.Failed, Reason = "no carrier" }] }));
            case "vcpu":
                return Statuses.Pair(a, Statuses.Server("server-b", following with { Vcpus = [new VcpuStatus(0, ComponentState.Failed, "it threw", 0, "")] }));
            case "replica-fails":
                return Statuses.Pair(Statuses.Server("server-a", exposed), Statuses.Server("server-b", following with { State = ComponentState.Failed, Reason = "a part of it does not answer" }));
            case "exposed":
                return Statuses.Pair(Statuses.Server("server-a", exposed), Statuses.Server("server-b", following with { Role = "Joining", State = ComponentState.Transitioning }));
            case "resync":
                return Statuses.Pair(Statuses.Server("server-a", exposed with { Resync = new ResyncStatus(0, 50, 100, 1e6, 3) }),
                    Statuses.Server("server-b", following with { Role = "Joining", State = ComponentState.Rebuilding, Reason = "receives memory" }));
            case "guest-off": return Statuses.Pair(Statuses.Server("server-a", leading with { Power = "Off", State = ComponentState.Offline }));
            case "guest-failed": return Statuses.Pair(Statuses.Server("server-a", leading with { Power = "Failed", State = ComponentState.Offline }));
            case "peer-gone": return Statuses.Pair(Statuses.Server("server-a", exposed), bAgeMs: 9_000);
            case "arbiter-gone": return Statuses.Pair(arbiterAgeMs: 9_000);
            case "leader-gone": return Statuses.Pair(Statuses.Server("server-a", following), Statuses.Server("server-b", leading), bAgeMs: 9_000);
            case "all-alone":
                return Statuses.Pair(Statuses.Server("server-a", following with { Role = "Joining", State = ComponentState.Transitioning, Detail = "waits for the arbiter's answer" }),
                    bAgeMs: 9_000, arbiterAgeMs: 9_000);
            case "own-actors-hang": return [(a, 9_000), (b, 100), (Statuses.ArbiterNode(), 100)];
            default: throw new ArgumentOutOfRangeException(nameof(fault), fault, null);
        }
    }

    [Fact]
    public void Links_to_a_server_that_is_gone_are_no_work_of_their_own()
    {
        NodeStatus a = Statuses.Server("server-a", Statuses.Replica("Leading"));
        LinkStatus[] down = [.. a.Links.Select(link => link with { State = ComponentState.Failed, Reason = "nobody listens there." })];
        PairStatus status = Build(Statuses.Pair(a with { Links = down }, bAgeMs: 9_000));
        Assert.Contains("FT link ft0 on server-a: Failed, nobody listens there.", status.Problems);
        Assert.DoesNotContain(status.NextSteps, step => step.Contains("FT link", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_old_is_never_the_present()
    {
        PairStatus status = Build(Statuses.Pair(Statuses.Server("server-a", Statuses.Replica("Following")), Statuses.Server("server-b", Statuses.Replica("Leading")), bAgeMs: (long)Statuses.ReportLifetime.TotalMilliseconds + 1));
        NodeView peer = status.Nodes.Single(node => node.Name == "server-b");
        Assert.True(peer is { IsCurrent: false, State: ComponentState.Offline } && peer.AgeMs == (long)Statuses.ReportLifetime.TotalMilliseconds + 1);
        Assert.Equal("", status.Machines[0].Leader);
        Assert.False(status.Machines[0].IsRunning);
        Assert.False(status.Machines[0].Replicas.Single(replica => replica.Server == "server-b").IsCurrent);
    }

    [Fact]
    public void Of_two_that_say_they_lead_the_higher_term_is_right()
    {
        PairStatus status = Build(Statuses.Pair(b: Statuses.Server("server-b", Statuses.Replica("Leading") with { Term = 4 })));
        Assert.Equal(("server-b", 4UL), (status.Machines[0].Leader, status.Machines[0].Term));
    }

    [Fact]
    public void A_node_that_has_heard_of_nobody_says_so()
    {
        PairStatus status = PairStatusBuilder.Build(Statuses.ServerA, [], Statuses.NowMs);
        Assert.Equal(PairHealth.Failed, status.Health);
        Assert.All(status.Nodes, node => Assert.True(node is { AgeMs: -1, IsCurrent: false, State: ComponentState.Offline }));
        Assert.Equal("no server in reach of server-a has told of it", status.Machines[0].Reason);
    }

    [Fact]
    public void The_arbiter_alone_tells_the_term_it_keeps_and_that_it_knows_no_more()
    {
        PairStatus status = PairStatusBuilder.Build(Statuses.Arbiter, [(Statuses.ArbiterNode(), 0)], Statuses.NowMs);
        Assert.Equal(PairHealth.Failed, status.Health);
        Assert.Equal(["10.0.0.1:4551", "10.0.0.2:4551", "arbiter"], status.Nodes.Select(node => node.Name));
        Assert.Equal((3UL, ""), (status.Machines[0].Term, status.Machines[0].Leader));
    }
}
