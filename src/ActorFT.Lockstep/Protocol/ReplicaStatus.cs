using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Protocol;

/// <summary>What a replica is at the moment.</summary>
public enum ReplicaRoleName : byte
{
    /// <summary>No state; waits, boots, or is being rebuilt.</summary>
    Joining = 0,
    /// <summary>In lockstep with the leader.</summary>
    Following = 1,
    /// <summary>Its outputs reach the world.</summary>
    Leading = 2,
}

/// <summary>A replica at a glance, for status pages and for tests.</summary>
/// <param name="Role">Its role.</param>
/// <param name="Detail">What it is doing or waiting for, in words.</param>
/// <param name="Configuration">The latest configuration known.</param>
/// <param name="IsDuplex">Whether both replicas are in lockstep as members.</param>
/// <param name="Round">Rounds executed.</param>
/// <param name="PeerRound">Rounds the peer is known to have executed.</param>
/// <param name="LagNs">Leading: how far the follower is behind in machine time.</param>
/// <param name="HeldBytes">Bytes of outputs: held when leading, kept until the leader says that they left when following.</param>
/// <param name="BufferedRecords">Records kept: unacknowledged when leading, unexecuted when following.</param>
/// <param name="PacePercent">Leading: how fast rounds may run.</param>
public sealed record ReplicaStatus(
    ReplicaRoleName Role, string Detail, Configuration? Configuration, bool IsDuplex, ulong Round, ulong PeerRound, ulong LagNs, long HeldBytes,
    int BufferedRecords, int PacePercent)
{
    /// <summary>Leading: outputs are held for as long as neither the peer nor the arbiter answers.</summary>
    public bool IsHeldUp { get; init; }
}
