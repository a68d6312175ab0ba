namespace ActorFT.Storage.Mirror.Live;

/// <summary>What a mirror has counted.</summary>
/// <param name="Requests">Requests ended.</param>
/// <param name="Errors">Of those: with an I/O error to the guest.</param>
/// <param name="FromPeer">Of those: answered by the peer's copy.</param>
/// <param name="BadBlocks">Bad blocks found on this copy.</param>
/// <param name="Repaired">Of those: replaced from the peer's.</param>
/// <param name="ResyncedBytes">Bytes copied from the peer.</param>
public sealed record MirrorCounts(long Requests, long Errors, long FromPeer, long BadBlocks, long Repaired, long ResyncedBytes);
