namespace ActorFT.Network.Links;

/// <summary>A path's state.</summary>
public enum LinkPathState : byte
{
    /// <summary>Not connected, or not in all classes.</summary>
    Down,
    /// <summary>Connected, and the peer was heard lately.</summary>
    Up,
    /// <summary>Connected, but nothing was heard for a while.</summary>
    Silent,
}

/// <summary>Why a path is not up.</summary>
public enum LinkDownCause : byte
{
    /// <summary>It is up.</summary>
    None,
    /// <summary>Not connected yet since the start.</summary>
    NotYet,
    /// <summary>The peer's system ended or reset a connection: its process is most likely gone.</summary>
    Reset,
    /// <summary>Nothing was heard for too long.</summary>
    Silence,
    /// <summary>No connection could be made.</summary>
    ConnectFailed,
    /// <summary>The two sides do not fit together.</summary>
    Refused,
    /// <summary>What arrived was damaged or against the protocol.</summary>
    Corrupted,
    /// <summary>Taken out of service on purpose.</summary>
    OutOfService,
}

/// <summary>A path's state, its cause and its reason in words.</summary>
/// <param name="PathIndex">The path.</param>
/// <param name="State">The state.</param>
/// <param name="Cause">Why it is not up.</param>
/// <param name="Reason">A sentence that names path, class and peer; empty when up.</param>
/// <param name="PeerInstance">A number that the peer drew when its endpoint started, as of the last time the path was up; another number: it was restarted. 0: never up yet.</param>
public sealed record LinkPathStatus(int PathIndex, LinkPathState State, LinkDownCause Cause, string Reason, ulong PeerInstance);
