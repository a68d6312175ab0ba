using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// What <see cref="DiskMirror"/> needs of its surroundings. None of these calls blocks; every continuation comes later, on the mirror's own thread, and
/// each exactly once. The actor is one host, the simulation another.
/// </summary>
public interface IMirrorHost
{
    /// <summary>Gives a request to this server's copy, behind all given before. Its outcome comes even if the copy is given up.</summary>
    void Submit(BlockRequested request, Action<BlockOutcome> ended);

    /// <summary>Gives writes to this server's copy that are one request, behind all given before.</summary>
    /// <param name="requestId">The request's id.</param>
    /// <param name="writes">The writes, by rising offset.</param>
    /// <param name="ended">Gets the outcome of all of them, even if the copy is given up.</param>
    void SubmitWrites(ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended);

    /// <summary>Looks at a region of this server's copy; null when that failed.</summary>
    void Check(int region, Action<BlockCheck[]?> ended);

    /// <summary>Does something to the copy's metadata, in the order of these calls; whether it went well.</summary>
    void Record(Action<DiskCopy> change, Action<bool> ended);

    /// <summary>Sends bytes to the peer's mirror of this disk; they may be lost.</summary>
    /// <param name="message">The bytes; the mirror's again when this returns.</param>
    /// <param name="isRegion">They are of a resync: results that a machine waits for may pass them.</param>
    void Send(ReadOnlySpan<byte> message, bool isRegion);

    /// <summary>A request of the machine has ended.</summary>
    void Complete(BlockCompleted completion, BlockOperation operation);

    /// <summary>This server's copy took so long for a request of the machine, and ended it well. For who wants to know; nothing rests on it.</summary>
    void OnTook(BlockOperation operation, double latencyMs)
    {
    }

    /// <summary>This server's copy is not current any more: make that durable, so that this server never boots from it.</summary>
    void MarkStale(Action ended);

    /// <summary>This server's copy lacks nothing any more: make that durable.</summary>
    void MarkCurrent(Action<bool> ended);

    /// <summary>This server's copy failed while in use: it is given up, and tried again by policy.</summary>
    void OnCopyFailed(CopyFaultKind kind, string detail);

    /// <summary>Bad blocks were found; false: too many, the copy itself counts as failing.</summary>
    bool OnBadBlocks(int count);

    /// <summary>The copy cannot become this disk's: it is another disk. One sentence.</summary>
    void OnForeign(string reason);

    /// <summary>This server's or the peer's copy stands otherwise than before.</summary>
    void OnChanged();

    /// <summary>Something an operator should know.</summary>
    void Tell(MirrorNote note, string sentence);
}

/// <summary>What a sentence of the mirror is about.</summary>
public enum MirrorNote : byte
{
    /// <summary>This server's replica is served through the peer's copy.</summary>
    ServedByPeer = 0,
    /// <summary>The copy is being brought up to date.</summary>
    ResyncBegan = 1,
    /// <summary>The copy is up to date.</summary>
    ResyncEnded = 2,
    /// <summary>Bad blocks were found.</summary>
    BadBlocks = 3,
    /// <summary>Bad blocks were replaced.</summary>
    Repaired = 4,
    /// <summary>Data are bad on both copies, or no copy is left: the guest got an error.</summary>
    DataLost = 5,
    /// <summary>Two copies differ though each is right by its own checksums.</summary>
    Differ = 6,
    /// <summary>A scrub has ended.</summary>
    ScrubEnded = 7,
}

/// <summary>How a mirror works.</summary>
public sealed record MirrorSettings
{
    /// <summary>Bytes per second that resync and scrub may take; 0 for no limit.</summary>
    public long ResyncBytesPerSecond { get; init; }

    /// <summary>Bytes per second that a scrub reads; 0 for no limit.</summary>
    public long ScrubBytesPerSecond { get; init; } = 32 << 20;

    /// <summary>Time between two flushes of the mirror's own, on both copies at one place.</summary>
    public long SyncIntervalMs { get; init; } = 3_000;

    /// <summary>A question to the peer that got no answer is asked again after this.</summary>
    public long AskAgainMs { get; init; } = 500;

    /// <summary>A request that a follower's copy has not ended so long after the leader's did takes the follower's copy out of service; 0: never.</summary>
    public long StallBehindMs { get; init; } = 2_000;

    /// <summary>Regions under way at a time: at most in a scrub's comparison, at least in a resync.</summary>
    public int RegionsAtOnce { get; init; } = 4;

    /// <summary>Bytes of regions under way at a time in a resync, at most (never less than <see cref="RegionsAtOnce"/> regions).</summary>
    public long ResyncWindowBytes { get; init; } = 32 << 20;

    /// <summary>Bytes of results kept for the replica that is behind; one that is further ahead waits.</summary>
    public long KeptBytes { get; init; } = 32 << 20;

    /// <summary>Results kept for it.</summary>
    public int KeptResults { get; init; } = 8192;

    /// <summary>A planted bug, for the simulation to find.</summary>
    internal MirrorBug Bug { get; init; }
}

/// <summary>Planted bugs: each breaks one rule of <see cref="DiskMirror"/>, and the simulation must notice.</summary>
internal enum MirrorBug : byte
{
    None = 0,
    /// <summary>Reads its own copy where that lacks what the peer's has.</summary>
    ReadsWhatIsMissing = 1,
    /// <summary>Fetches only what it knows itself to be different.</summary>
    ForgetsPeersDirtyRegions = 2,
    /// <summary>Takes a region as of a place before its own last write there.</summary>
    TakesOldRegions = 3,
    /// <summary>Ends requests through the peer before it is durable that its own copy is stale.</summary>
    ServedWithoutMark = 4,
    /// <summary>Calls regions clean that were not flushed at one place.</summary>
    CleansWithoutMeeting = 5,
    /// <summary>Forgets results that the other replica has not come to, instead of waiting for it.</summary>
    ForgetsWhatIsAwaited = 6,
    /// <summary>A server's mark says what the last disk said, whatever the others lack.</summary>
    LastMarkCounts = 7,
    /// <summary>A server counts as whole when its first disk is.</summary>
    OneDiskSpeaksForAll = 8,
    /// <summary>A copy counts as complete though it lacks a block that is bad on the other.</summary>
    TakesWhatNobodyHas = 9,
    /// <summary>A read that the machine made and holds back counts as one that ended.</summary>
    TakesHeldReadsForEnded = 10,
    /// <summary>Becomes current, once that is durable, whatever it has come to lack meanwhile.</summary>
    CurrentWhateverCame = 11,
    /// <summary>Decides whether the other copy is complete by what that one said last.</summary>
    DecidesByOldNews = 12,
    /// <summary>Reads, once the other is gone, where it fetched what that had written beyond this replica's place.</summary>
    ForgetsWhatIsAhead = 13,
    /// <summary>Gives a region to the other copy before that one's replica has made, and would make again, changes that failed here.</summary>
    ForgetsWhatItLacks = 14,
    /// <summary>Becomes current on a server that is no member yet.</summary>
    CurrentBeforeEnrolled = 15,
    /// <summary>What failed on the only copy counts as there as soon as the other is complete.</summary>
    ForgetsWhatTheOtherHas = 16,
    /// <summary>Says that it is stable at a place before it is on record what it lacks of it.</summary>
    StableBeforeRecorded = 17,
    /// <summary>Takes a change that met a bad block here for one that the other copy made.</summary>
    TakesChangesForMade = 18,
}
