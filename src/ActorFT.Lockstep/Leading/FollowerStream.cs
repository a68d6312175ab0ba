using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// How far a peer is on its way to being the follower.
/// <code>
/// Preparing -JoinReady-> Passing -sent-> PassWaiting -loaded-> (Passing | Final) -sent-> CatchingUp -StateAccepted-> Enrolling -granted-> Duplex
/// </code>
/// Records flow from CatchingUp on. Outputs are held from Enrolling on, for from then on a claim may make the peer a member.
/// </summary>
internal enum StreamPhase
{
    Preparing,
    Passing,
    PassWaiting,
    Final,
    CatchingUp,
    Enrolling,
    Duplex,
}

/// <summary>The leader's view of its peer in one stream.</summary>
internal sealed class FollowerStream(StreamId id, Member peer, StreamPhase phase, ulong nowNs)
{
    public StreamId Id { get; } = id;
    public Member Peer { get; } = peer;
    public StreamPhase Phase { get; set; } = phase;

    /// <summary>Records under way; set from CatchingUp on.</summary>
    public SendWindow? Window { get; set; }

    /// <summary>The pass of the state transfer, and the number of its next batch.</summary>
    public int Pass { get; set; }
    public ulong NextSequence { get; set; }

    /// <summary>The path that the state goes over.</summary>
    public int Path { get; set; }

    /// <summary>When the transfer last moved.</summary>
    public ulong MovedAtNs { get; set; } = nowNs;

    /// <summary>Outputs of rounds before this one left without waiting for the peer: it must have them before it may be a member.</summary>
    public ulong EnrollFloor { get; set; }

    /// <summary>The claim that makes it a member may have been granted.</summary>
    public bool IsClaimed { get; set; }

    /// <summary>The peer asked for the next term and does not know the outcome.</summary>
    public bool PeerHasOpenClaim { get; set; }

    public bool CarriesRecords => Phase >= StreamPhase.CatchingUp;

    /// <summary>Whether the arbiter may count the peer as a member: then only a claim ends the stream.</summary>
    public bool MayBeMember => Phase == StreamPhase.Duplex || IsClaimed;
}
