using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Joining;

/// <summary>What a server without state knows when it decides whether it may boot the machine from its disks.</summary>
internal readonly record struct ColdStartFacts(
    Member Self, string PeerServer, bool HasArbiterAnswered, Configuration? Configuration, ulong DiskTerm, Hello? Peer, bool IsAvailable, ulong WaitedNs, bool IsForced, bool AreDisksCurrent = true);

/// <summary>
/// Who may boot (design.md §3 rule 5): only a member of the arbiter's configuration whose disks are marked at least as new as
/// its term, and only when no replica of that configuration can still have the machine's state in memory.
/// </summary>
internal static class ColdStart
{
    /// <summary>Null: boot, by a claim. Otherwise what is waited for, in words.</summary>
    public static string? WaitsFor(ColdStartFacts facts, LockstepSettings settings)
    {
        if (!facts.IsAvailable) return "its own disks to be usable";
        if (!facts.AreDisksCurrent) return facts.Peer is { HasState: true } ? $"{facts.PeerServer}, which has the machine's state, to rebuild it"
            : $"{facts.PeerServer}: its own disks are not complete or not current";
        if (!facts.HasArbiterAnswered) return "the arbiter's answer";
        if (facts.Configuration is not { } configuration) return FirstBoot(facts, settings);
        if (settings.Bug == PlantedBug.ArbiterIgnoresMembership) return null;
        if (!configuration.ContainsServer(facts.Self.Server)) return $"{configuration.Leader.Server}, which has the current disks ({configuration})";
        if (facts.DiskTerm < configuration.Term && !facts.IsForced)
            return $"an operator: its disks are marked with term {facts.DiskTerm}, but the arbiter says {configuration}";
        if (configuration.Follower is null || facts.IsForced || settings.Bug == PlantedBug.BootDespiteLivePeer) return null;
        if (facts.Peer is not { } peer) return $"{facts.PeerServer}, which may have the machine's state ({configuration})";
        if (peer.HasState) return $"{facts.PeerServer}, which has the machine's state, to rebuild it";
        bool peerIsFit = peer.IsAvailable && peer.AreDisksCurrent && peer.DiskTerm >= configuration.Term;
        bool isFirst = configuration.Leader.Server == facts.Self.Server;
        return isFirst || !peerIsFit ? null : $"{facts.PeerServer}, which led last, to boot";
    }

    private static string? FirstBoot(ColdStartFacts facts, LockstepSettings settings)
    {
        // A mark of 1 is only a first boot's claim that was never granted; a higher one is an arbiter that forgot.
        if (facts.IsForced) return null;
        if (facts.DiskTerm > 1) return $"an operator: its disks are marked with term {facts.DiskTerm}, but the arbiter never heard of the machine";
        if (facts.Peer is { DiskTerm: > 1 } newer) return $"an operator: {facts.PeerServer}'s disks are marked with term {newer.DiskTerm}, but the arbiter never heard of the machine";
        if (facts.Peer is { HasState: true }) return $"{facts.PeerServer}, which has the machine's state, to rebuild it";
        bool isFirstByName = string.CompareOrdinal(facts.Self.Server, facts.PeerServer) < 0;
        bool isFirst = facts.Peer is not { IsAvailable: true, AreDisksCurrent: true } peer ? isFirstByName || facts.DiskTerm == 1 || facts.WaitedNs >= settings.FirstBootWaitNs
            : facts.DiskTerm != peer.DiskTerm ? facts.DiskTerm > peer.DiskTerm : isFirstByName;
        return isFirst ? null : $"{facts.PeerServer} to boot the machine for the first time";
    }
}
