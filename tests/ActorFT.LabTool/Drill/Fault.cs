namespace ActorFT.LabTool.Drill;

/// <summary>What a fault takes away. Two that take the same part never overlap, and two servers are never lost at once.</summary>
internal enum FaultyPart
{
    Server,
    Disk,
    Link0,
    Link1,
    LeadersNic,
    FollowersNic,
    Arbiter,
}

/// <summary>One way to break the pair, and how it is repaired.</summary>
/// <param name="Name">What the report calls it.</param>
/// <param name="Part">What it takes away.</param>
/// <param name="Strike">Breaks it; given who leads (a or b) at that moment.</param>
/// <param name="Repair">Repairs it; given who led when it was broken.</param>
internal sealed record Fault(string Name, FaultyPart Part, Action<LabHand, string> Strike, Action<LabHand, string> Repair)
{
    /// <summary>Whether the pair promises to survive both at once. A server and the other one's disk are both copies of the disk.</summary>
    internal bool MayOverlap(Fault other) =>
        Part != other.Part && !(Part is (FaultyPart.Server or FaultyPart.Disk) && other.Part is (FaultyPart.Server or FaultyPart.Disk));

    /// <summary>Every kind there is. docs/failure-model.md says what each may cost.</summary>
    internal static readonly Fault[] Kinds =
    [
        new("leader killed", FaultyPart.Server, (lab, leader) => lab.Do("kill", leader), (lab, leader) => lab.Do("start", leader)),
        new("leader frozen", FaultyPart.Server, (lab, leader) => lab.Do("freeze", leader), (lab, leader) => lab.Do("thaw", leader)),
        new("leader cut off", FaultyPart.Server, (lab, leader) => lab.Do("cut", leader), (lab, leader) => lab.Do("heal", leader)),
        new("leader serviced", FaultyPart.Server, (lab, leader) => lab.Do("stop", leader), (lab, leader) => lab.Do("start", leader)),
        new("follower killed", FaultyPart.Server, (lab, leader) => lab.Do("kill", LabHand.Other(leader)), (lab, leader) => lab.Do("start", LabHand.Other(leader))),
        new("follower frozen", FaultyPart.Server, (lab, leader) => lab.Do("freeze", LabHand.Other(leader)), (lab, leader) => lab.Do("thaw", LabHand.Other(leader))),
        new("follower serviced", FaultyPart.Server, (lab, leader) => lab.Do("stop", LabHand.Other(leader)), (lab, leader) => lab.Do("start", LabHand.Other(leader))),
        new("handed over", FaultyPart.Server, (lab, leader) => lab.HandOver(leader), (_, _) => { }),
        new("leader's disk failed", FaultyPart.Disk, (lab, leader) => lab.Ask("inject", leader, "kind=eio"), (lab, leader) => lab.Ask("clear", leader)),
        new("follower's disk failed", FaultyPart.Disk, (lab, leader) => lab.Ask("inject", LabHand.Other(leader), "kind=eio"), (lab, leader) => lab.Ask("clear", LabHand.Other(leader))),
        new("follower's disk stalls", FaultyPart.Disk, (lab, leader) => lab.Ask("inject", LabHand.Other(leader), "kind=stall"), (lab, leader) => lab.Ask("clear", LabHand.Other(leader))),
        new("link 0 cut", FaultyPart.Link0, (lab, _) => lab.Do("cut", "ft0"), (lab, _) => lab.Do("heal", "ft0")),
        new("link 1 cut", FaultyPart.Link1, (lab, _) => lab.Do("cut", "--silent", "ft1"), (lab, _) => lab.Do("heal", "ft1")),
        new("leader's NIC cut", FaultyPart.LeadersNic, (lab, leader) => lab.Do("cut", leader + ".lan"), (lab, leader) => lab.Do("heal", leader + ".lan")),
        new("follower's NIC cut", FaultyPart.FollowersNic, (lab, leader) => lab.Do("cut", LabHand.Other(leader) + ".lan"), (lab, leader) => lab.Do("heal", LabHand.Other(leader) + ".lan")),
        new("arbiter killed", FaultyPart.Arbiter, (lab, _) => lab.Do("kill", "arbiter"), (lab, _) => lab.Do("start", "arbiter")),
    ];

    /// <summary>Faults by name, such as "link 0 cut, leader serviced + arbiter killed": each a kind, or two that overlap.</summary>
    /// <exception cref="ArgumentException">A name is none, or two must not overlap.</exception>
    internal static Fault[][] Parse(string list) =>
        [.. list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(one => Overlapping(one, [.. one.Split('+', StringSplitOptions.TrimEntries).Select(Named)]))];

    private static Fault Named(string name) => Kinds.FirstOrDefault(kind => kind.Name == name)
        ?? throw new ArgumentException($"'{name}' is no fault; allowed are {string.Join(", ", Kinds.Select(kind => kind.Name))}, and two of them joined by +");

    private static Fault[] Overlapping(string text, Fault[] faults) => faults is [_] || faults is [var first, var second] && first.MayOverlap(second)
        ? faults
        : throw new ArgumentException($"'{text}' is not allowed: two faults at most, and of parts that the pair may lack at once");
}
