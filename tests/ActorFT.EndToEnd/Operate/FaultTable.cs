using ActorFT.Cluster.Machines.Disks;
using Xunit;
using static ActorFT.EndToEnd.Pairs.Pair;

namespace ActorFT.EndToEnd.Operate;

/// <summary>Every fault that the product knows, as the pair can have it without a network of its own (cables and TAPs: the lab's tests).</summary>
internal static class FaultTable
{
    private static (string, string, string) Protected(string server) => (server, $$"""actorft_machine_protected{machine="guest",server="{{server}}"}""", "0");

    private static (string, string, string) Nic(string server, int state) => (server, $$"""actorft_nic_state{machine="guest",nic="lan",server="{{server}}"}""", $"{state}");

    private static (string, string, string) Link(int state) => (ServerA, $$"""actorft_link_state{link="ft0",server="{{ServerA}}"}""", $"{state}");

    public static FaultCase[] All { get; } =
    [
        new("an FT link fails", (pair, _) => pair.Do("fault", "inject", "link-ft0"), (pair, _) => pair.Do("fault", "clear", "link-ft0"))
        {
            Event = "link-down", Problem = _ => "FT link ft0", Metric = _ => Link(2), Tile = _ => ("", "FT link ft0", "Failed"), Injects = "link",
        },
        new("an FT link is isolated", (pair, _) => pair.Do("link", "isolate", "ft0"), (pair, _) => pair.Do("link", "repair", "ft0"))
        {
            Event = "link-down", Problem = _ => "Isolated, taken out of service by an operator", Metric = _ => Link(3), Tile = _ => ("", "FT link ft0", "Isolated"),
        },
        new("both FT links fail", (pair, _) =>
        {
            pair.Do("fault", "inject", "link-ft0");
            pair.Do("fault", "inject", "link-ft1");
        }, (pair, _) =>
        {
            pair.Do("fault", "clear", "link-ft0");
            pair.Do("fault", "clear", "link-ft1");
        })
        {
            Event = "exposed", Also = ["link-down", "peer-lost"], Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"), Injects = "link",
        },
        new("the follower's NIC fails", (pair, leader) => pair.Do("fault", "inject", "nic-lan", "--server", Other(leader)), (pair, leader) => pair.Do("fault", "clear", "nic-lan", "--server", Other(leader)))
        {
            Event = "nic-down", Problem = leader => $"NIC lan of guest on {Other(leader)}: Failed", Metric = leader => Nic(Other(leader), 2), Tile = leader => (Other(leader), "NIC lan", "Failed"), Injects = "nic down",
        },
        new("the leader's NIC fails", (pair, leader) => pair.Do("fault", "inject", "nic-lan", "--server", leader), (pair, leader) => pair.Do("fault", "clear", "nic-lan", "--server", leader))
        {
            Event = "nic-rerouted", Problem = leader => $"NIC lan of guest on {leader}: Failed", Metric = leader => Nic(leader, 2), Tile = leader => (leader, "NIC lan", "Failed"),
            Also = ["nic-down"], EndsLast = ["event"], Injects = "nic down", // frames come back once it has been good for a while
        },
        new("the leader's NIC is isolated", (pair, leader) => pair.Do("nic", "isolate", "lan", "--server", leader), (pair, leader) => pair.Do("nic", "repair", "lan", "--server", leader))
        {
            Event = "nic-down", Also = ["nic-rerouted"], Problem = leader => $"NIC lan of guest on {leader}: Isolated", Metric = leader => Nic(leader, 3), Tile = leader => (leader, "NIC lan", "Isolated"),
        },
        new("the NICs of both servers fail", (pair, leader) =>
        {
            pair.Do("fault", "inject", "nic-lan", "--server", Other(leader));
            pair.Do("fault", "inject", "nic-lan", "--server", leader);
        }, (pair, leader) =>
        {
            pair.Do("fault", "clear", "nic-lan", "--server", Other(leader));
            pair.Do("fault", "clear", "nic-lan", "--server", leader);
        })
        {
            Event = "nic-down", EventBy = leader => leader, Problem = leader => $"NIC lan of guest on {leader}: Failed", Metric = leader => Nic(leader, 2), Tile = leader => (leader, "NIC lan", "Failed"),
            Injects = "nic down",
        },
        new("the arbiter is killed", (pair, _) => pair.Kill(Arbiter), (pair, _) => pair.Start(Arbiter))
        {
            Event = "arbiter-lost", Problem = _ => "rbiter", Metric = leader => (leader, $$"""actorft_arbiter_reachable{server="{{leader}}"}""", "0"), GoodValue = "1",
            Tile = _ => ("", "arbiter", "Offline"), Observer = leader => leader,
        },
        new("a replica is isolated", (pair, leader) => pair.Do("server", "isolate", Other(leader)), (pair, _) => pair.Do("protect", "guest"))
        {
            Event = "exposed", Problem = leader => $"{Other(leader)} stays out until an operator allows it", Metric = Protected, GoodValue = "1", Tile = leader => (Other(leader), "replica", "Isolated"),
            Also = ["peer-lost", "fenced"], EndsLast = ["event", "metric"], // it is let back, and made equal
        },
        new("the follower is killed", (pair, leader) => pair.Kill(Other(leader)), (pair, leader) => pair.Start(Other(leader)))
        {
            Event = "peer-lost", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"),
            Later = leader => ($"Server {Other(leader)}: not heard from", (Other(leader), "replica", "not known")),
        },
        new("the leader is killed", (pair, leader) => pair.Kill(leader), (pair, leader) => pair.Start(leader))
        {
            Event = "taken-over", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Server {leader}: not heard from", (leader, "replica", "not known")),
        },
        new("the leader hangs", (pair, leader) => pair.Freeze(leader), (pair, leader) => pair.Thaw(leader))
        {
            Event = "taken-over", Also = ["link-down", "exposed", "fenced"], Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Server {leader}: not heard from", (leader, "replica", "not known")),
        },
        new("a vCPU of the leader stalls", (pair, leader) => pair.Do("fault", "inject", "vcpu-0", "--set", "kind=stall", "--server", leader), (pair, leader) => pair.Do("fault", "clear", "vcpu-0", "--server", leader))
        {
            Injects = "vcpu stall",
            Event = "taken-over", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Replica of guest on {leader}: Failed", (leader, "replica", "Failed")),
        },
        new("a vCPU of the follower stalls", (pair, leader) => pair.Do("fault", "inject", "vcpu-0", "--set", "kind=stall", "--server", Other(leader)), (pair, leader) => pair.Do("fault", "clear", "vcpu-0", "--server", Other(leader)))
        {
            Injects = "vcpu stall",
            Event = "peer-lost", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"),
            Later = leader => ($"Replica of guest on {Other(leader)}: Failed", (Other(leader), "replica", "Failed")),
        },
        new("a vCPU of the follower fails", (pair, leader) =>
        {
            pair.Do("fault", "inject", "vcpu-1", "--set", "kind=fail", "--server", Other(leader));
            Assert.Equal(4, pair.WaitForEnd(Other(leader))); // fail stop
        }, (pair, leader) => pair.Start(Other(leader)))
        {
            Event = "component-failed", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"),
            Later = leader => ($"Server {Other(leader)}: not heard from", (Other(leader), "replica", "not known")),
            Also = ["vcpu-failed", "exposed", "stopped-itself"], EventEnds = false, Injects = "vcpu fail", // the server that reported it is gone; its entry says that
        },
        new("a vCPU of the leader fails", (pair, leader) =>
        {
            pair.Do("fault", "inject", "vcpu-1", "--set", "kind=fail", "--server", leader);
            Assert.Equal(4, pair.WaitForEnd(leader)); // fail stop
        }, (pair, leader) => pair.Start(leader))
        {
            Event = "component-failed", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Server {leader}: not heard from", (leader, "replica", "not known")),
            Also = ["vcpu-failed", "exposed", "stopped-itself", "taken-over"], EventEnds = false, Injects = "vcpu fail", // as above
        },
        new("a bit of the follower's memory flips", (pair, leader) => pair.Do("fault", "inject", "memory", "--server", Other(leader)), (_, _) => { })
        {
            Event = "divergence", Also = ["fenced", "peer-lost", "exposed"], Problem = _ => "", Metric = leader => (leader, $$"""actorft_divergences_total{machine="guest",server="{{leader}}"}""", ""), IsBrief = true,
            Tile = leader => (leader, "replica", ""), Injects = "memory",
        },
        new("a bit of the leader's memory flips", (pair, leader) => pair.Do("fault", "inject", "memory", "--server", leader), (_, _) => { })
        {
            Event = "divergence", Also = ["fenced", "peer-lost", "exposed"], Problem = _ => "", Metric = leader => (leader, $$"""actorft_divergences_total{machine="guest",server="{{leader}}"}""", ""), IsBrief = true,
            Tile = leader => (leader, "replica", ""), Injects = "memory",
        },
        new("the follower hangs", (pair, leader) => pair.Freeze(Other(leader)), (pair, leader) => pair.Thaw(Other(leader)))
        {
            Event = "peer-lost", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"),
            Later = leader => ($"Server {Other(leader)}: not heard from", (Other(leader), "replica", "not known")),
        },
        new("the follower and the arbiter are killed together", (pair, leader) =>
        {
            pair.Kill(Arbiter);
            pair.Kill(Other(leader));
        }, (pair, leader) =>
        {
            pair.Start(Arbiter);
            pair.Start(Other(leader));
        })
        {
            Event = "arbiter-unreachable", Also = ["arbiter-lost", "peer-lost", "exposed"], Problem = _ => "outputs are held", Metric = leader => (leader, $$"""actorft_machine_state{machine="guest",server="{{leader}}"}""", "2"),
            Tile = leader => (leader, "replica", "Failed"), Later = _ => ("Arbiter arbiter: not heard from", ("", "arbiter", "Offline")), Observer = leader => leader, Health = "Failed", ExitCode = 2,
        },
        new("the follower leaves for maintenance", (pair, leader) => pair.Do("server", "leave", Other(leader)), (pair, leader) => pair.Do("server", "return", Other(leader)))
        {
            Event = "exposed", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"),
            Later = leader => ("exposed", (Other(leader), "replica", "Transitioning")),
        },
        new("a server leaves for maintenance", (pair, leader) => pair.Do("server", "leave", leader), (pair, leader) => pair.Do("server", "return", leader))
        {
            Event = "exposed", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ("exposed", (leader, "replica", "Transitioning")),
        },
        .. DiskFaults.All,
    ];

    /// <summary>All that the program can be made to do wrong (actorft fault inject).</summary>
    public static string[] Injectable { get; } = ["link", "nic down", "vcpu fail", "vcpu stall", "memory", .. DiskActor.FaultWords.Select(word => "disk " + word)];

    /// <summary>
    /// Kinds of faults that the table does not make, because they need another configuration, another build, a guest of their own or a second fault: the test that makes each, and
    /// the word for it there. Empty: no test makes it happen in the program; docs/failure-model.md names these.
    /// </summary>
    public static Dictionary<string, (string File, string Word)> Elsewhere { get; } = new()
    {
        ["memory-changed"] = ("ActorFT.EndToEnd/Pairs/PolicyTests.cs", "memory-changed"),
        ["memory-corrupt"] = ("ActorFT.Lockstep.Tests/Protocol/ReplicaProtocolTests.cs", "MemoryCorrupt"),
        ["slow-follower"] = ("ActorFT.EndToEnd/Pairs/PolicyTests.cs", "slow-follower"),
        ["transfer-failed"] = ("ActorFT.Lockstep.Tests/Protocol/ReplicaProtocolTests.cs", "TransferFailed"),
        ["peer-refused"] = ("ActorFT.EndToEnd/Pairs/MistakeTests.cs", "peer-refused"),
        ["node-refused"] = ("ActorFT.Cluster.Tests/Host/ForeignBuildTests.cs", "node-refused"),
        ["acting-without-arbiter"] = ("ActorFT.Lockstep.Tests/Protocol/ReplicaProtocolTests.cs", "ActingWithoutArbiter"),
        ["waiting"] = ("ActorFT.EndToEnd/Pairs/StartTests.cs", "[waiting]"),
        ["request-refused"] = ("ActorFT.EndToEnd/Pairs/StartTests.cs", "[request-refused]"),
        ["console-failed"] = ("ActorFT.Cluster.Tests/Machines/ConsoleLogTests.cs", "console-failed"),
        ["alert-failed"] = ("ActorFT.Cluster.Tests/Faults/FaultManagerActorTests.cs", "alert-failed"),
        ["disk-foreign"] = ("ActorFT.Storage.Tests/Mirror/CopyLifeTests.cs", "CopyNote.Foreign"),
        ["peer-left-out"] = ("ActorFT.Lockstep.Tests/Protocol/OperatorsDecisionTests.cs", "PeerLeftOut"),
        ["cannot-boot"] = ("ActorFT.Lockstep.Tests/Protocol/OperatorsDecisionTests.cs", "CannotBoot"),
        ["disk-data-lost"] = ("ActorFT.Storage.Tests/Mirror/LoneCopyTests.cs", "MirrorNote.DataLost"),
        ["disk-differs"] = ("", ""),
        ["disk-mismatch"] = ("", ""),
    };

    /// <summary>The part of the default suite: one of each kind of component; servers and arbiter are also killed by DashboardTests and ReadmeTasksTests.</summary>
    public static FaultCase[] Short { get; } =
        [.. All.Where(one => one.Name is "an FT link fails" or "the leader's NIC is isolated" or "a replica is isolated" or "the follower is killed")];
}
