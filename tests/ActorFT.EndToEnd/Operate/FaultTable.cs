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
            Event = "link-down", Problem = _ => "FT link ft0", Metric = _ => Link(2), Tile = _ => ("", "FT link ft0", "Failed"),
        },
        new("an FT link is isolated", (pair, _) => pair.Do("link", "isolate", "ft0"), (pair, _) => pair.Do("link", "repair", "ft0"))
        {
            Event = "link-down", Problem = _ => "Isolated, taken out of service by an operator", Metric = _ => Link(3), Tile = _ => ("", "FT link ft0", "Isolated"),
        },
        new("the follower's NIC fails", (pair, leader) => pair.Do("fault", "inject", "nic-lan", "--server", Other(leader)), (pair, leader) => pair.Do("fault", "clear", "nic-lan", "--server", Other(leader)))
        {
            Event = "nic-down", Problem = leader => $"NIC lan of guest on {Other(leader)}: Failed", Metric = leader => Nic(Other(leader), 2), Tile = leader => (Other(leader), "NIC lan", "Failed"),
        },
        new("the leader's NIC fails", (pair, leader) => pair.Do("fault", "inject", "nic-lan", "--server", leader), (pair, leader) => pair.Do("fault", "clear", "nic-lan", "--server", leader))
        {
            Event = "nic-rerouted", Problem = leader => $"NIC lan of guest on {leader}: Failed", Metric = leader => Nic(leader, 2), Tile = leader => (leader, "NIC lan", "Failed"),
        },
        new("the leader's NIC is isolated", (pair, leader) => pair.Do("nic", "isolate", "lan", "--server", leader), (pair, leader) => pair.Do("nic", "repair", "lan", "--server", leader))
        {
            Event = "nic-down", Problem = leader => $"NIC lan of guest on {leader}: Isolated", Metric = leader => Nic(leader, 3), Tile = leader => (leader, "NIC lan", "Isolated"),
        },
        new("the arbiter is killed", (pair, _) => pair.Kill(Arbiter), (pair, _) => pair.Start(Arbiter))
        {
            Event = "arbiter-lost", Problem = _ => "rbiter", Metric = leader => (leader, $$"""actorft_arbiter_reachable{server="{{leader}}"}""", "0"), GoodValue = "1",
            Tile = _ => ("", "arbiter", "Offline"), Observer = leader => leader,
        },
        new("a replica is isolated", (pair, leader) => pair.Do("server", "isolate", Other(leader)), (pair, _) => pair.Do("protect", "guest"))
        {
            Event = "exposed", Problem = leader => $"{Other(leader)} stays out until an operator allows it", Metric = Protected, GoodValue = "1", Tile = leader => (Other(leader), "replica", "Isolated"),
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
            Event = "taken-over", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Server {leader}: not heard from", (leader, "replica", "not known")),
        },
        new("a vCPU of the leader stalls", (pair, leader) => pair.Do("fault", "inject", "vcpu-0", "--set", "kind=stall", "--server", leader), (pair, leader) => pair.Do("fault", "clear", "vcpu-0", "--server", leader))
        {
            Event = "taken-over", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Replica of guest on {leader}: Failed", (leader, "replica", "Failed")),
        },
        new("a vCPU of the follower fails", (pair, leader) =>
        {
            pair.Do("fault", "inject", "vcpu-1", "--set", "kind=fail", "--server", Other(leader));
            Assert.Equal(4, pair.WaitForEnd(Other(leader))); // fail stop
        }, (pair, leader) => pair.Start(Other(leader)))
        {
            Event = "component-failed", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (leader, "replica", "Degraded"),
            Later = leader => ($"Server {Other(leader)}: not heard from", (Other(leader), "replica", "not known")),
            EventEnds = false, // the server that reported it is gone; its entry says that
        },
        new("a vCPU of the leader fails", (pair, leader) =>
        {
            pair.Do("fault", "inject", "vcpu-1", "--set", "kind=fail", "--server", leader);
            Assert.Equal(4, pair.WaitForEnd(leader)); // fail stop
        }, (pair, leader) => pair.Start(leader))
        {
            Event = "component-failed", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (Other(leader), "replica", "Degraded"),
            Later = leader => ($"Server {leader}: not heard from", (leader, "replica", "not known")),
            EventEnds = false, // as above
        },
        new("a bit of the follower's memory flips", (pair, leader) => pair.Do("fault", "inject", "memory", "--server", Other(leader)), (_, _) => { })
        {
            Event = "divergence", Problem = _ => "", Metric = leader => (leader, $$"""actorft_divergences_total{machine="guest",server="{{leader}}"}""", "1"), GoodValue = "1", IsBrief = true,
            Tile = leader => (leader, "replica", ""),
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
            Event = "arbiter-unreachable", Problem = _ => "rbiter", Metric = leader => (leader, $$"""actorft_arbiter_reachable{server="{{leader}}"}""", "0"), GoodValue = "1",
            Tile = _ => ("", "arbiter", "Offline"), Observer = leader => leader, Health = "Failed", ExitCode = 2,
        },
        new("the follower leaves for maintenance", (pair, leader) => pair.Do("server", "leave", Other(leader)), (pair, leader) => pair.Do("server", "return", Other(leader)))
        {
            Event = "exposed", Problem = _ => "exposed", Metric = Protected, GoodValue = "1", Tile = leader => (Other(leader), "replica", "Transitioning"),
        },
        new("a server leaves for maintenance", (pair, leader) => pair.Do("server", "leave", leader), (pair, leader) => pair.Do("server", "return", leader))
        {
            Event = "exposed", Problem = _ => "exposed", Metric = leader => Protected(Other(leader)), GoodValue = "1", Tile = leader => (leader, "replica", "Transitioning"),
        },
        .. DiskFaults.All,
    ];

    /// <summary>The part of the default suite: one of each kind of component; servers and arbiter are also killed by DashboardTests and ReadmeTasksTests.</summary>
    public static FaultCase[] Short { get; } =
        [.. All.Where(one => one.Name is "an FT link fails" or "the leader's NIC is isolated" or "a replica is isolated" or "the follower is killed")];
}
