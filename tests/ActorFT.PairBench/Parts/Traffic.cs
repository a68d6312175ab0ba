using ActorFT.Cluster.Status;

namespace ActorFT.PairBench.Parts;

/// <summary>What a server sends over the FT links, by their own counters: frames whole, without TCP's and IP's headers.</summary>
internal static class Traffic
{
    /// <summary>Megabits per second between two statuses, on the link that carries most.</summary>
    public static double MegabitsPerSecond(NodeStatus before, NodeStatus after) =>
        after.Links.Zip(before.Links, (now, then) => now.SentBytes - then.SentBytes).Max() * 8e-3 / (after.AtUnixMs - before.AtUnixMs);
}
