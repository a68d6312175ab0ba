using System.Collections.Immutable;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Messages;

/// <summary>Which of a path's two flows a message travels in: bulk state must never delay the log.</summary>
public enum LinkChannel : byte
{
    /// <summary>Records, acknowledgements, decisions: small and urgent, on every path that is up.</summary>
    Log = 0,
    /// <summary>State transfer: large, in order, on one path.</summary>
    Bulk = 1,
}

/// <summary>A message with its sender's run and position. The copies on two paths are equal; receiving one twice is harmless.</summary>
/// <param name="Incarnation">The sender's run.</param>
/// <param name="Sequence">Rises with every message of the run; 0 for bulk state, which counts for itself.</param>
/// <param name="Message">The message.</param>
public sealed record LinkEnvelope(ulong Incarnation, ulong Sequence, LinkMessage Message);

/// <summary>What the two servers say to each other. Every message may come late, twice, or not at all.</summary>
public abstract record LinkMessage;

/// <summary>Who I am and what I have. First on every connection, and again and again while there is no stream.</summary>
public sealed record Hello : LinkMessage
{
    /// <summary>The protocol this build speaks; another one is refused.</summary>
    public const ushort ProtocolVersion = 4;

    /// <summary>The version of the protocol.</summary>
    public ushort Version { get; init; } = ProtocolVersion;
    /// <summary>The sender's server name.</summary>
    public required string Server { get; init; }
    /// <summary>The machine's name.</summary>
    public required string Machine { get; init; }
    /// <summary>How its build executes a machine; must be the same on both.</summary>
    public ushort ExecutionRevision { get; init; } = ActorFT.Machine.ExecutionRevision.Current;
    /// <summary><see cref="MachineIdentity.Of"/> of its definition, with kernel and initrd.</summary>
    public required Digest DefinitionHash { get; init; }
    /// <summary>How outputs commit; must be the same on both.</summary>
    public CommitMode Commit { get; init; }
    /// <summary>Whether the sender leads.</summary>
    public bool IsLeader { get; init; }
    /// <summary>Whether the sender has the machine's state in memory.</summary>
    public bool HasState { get; init; }
    /// <summary>Whether the sender may be taken in: not leaving, its disks usable.</summary>
    public bool IsAvailable { get; init; }
    /// <summary>Whether its disk copies lack nothing: whether it could go on without the other server.</summary>
    public bool AreDisksCurrent { get; init; } = true;
    /// <summary>The stream the sender is in.</summary>
    public StreamId? Stream { get; init; }
    /// <summary>The term its disks are marked with; 0 when they are stale or new.</summary>
    public ulong DiskTerm { get; init; }
    /// <summary>The latest configuration the sender knows.</summary>
    public Configuration? Configuration { get; init; }
}

/// <summary>The receiver's hello does not fit; why, in a sentence.</summary>
/// <param name="Reason">One sentence.</param>
public sealed record PeerRefused(string Reason) : LinkMessage;

/// <summary>Leader to a server without state: be rebuilt.</summary>
/// <param name="Stream">The new stream.</param>
/// <param name="Configuration">The leader's configuration.</param>
public sealed record JoinBegin(StreamId Stream, Configuration Configuration) : LinkMessage;

/// <summary>The joiner is blank, its disks marked stale: state may come.</summary>
/// <param name="Stream">The stream.</param>
public sealed record JoinReady(StreamId Stream) : LinkMessage;

/// <summary>What a batch of state holds.</summary>
public enum StateKind : byte
{
    /// <summary>Pages of memory: u32 index and the page's bytes, repeated.</summary>
    Pages = 0,
    /// <summary>Everything of the machine but memory, in one batch, in the final pass.</summary>
    Devices = 1,
    /// <summary>Disk content, in the storage's own encoding.</summary>
    Disk = 2,
}

/// <summary>A piece of state, on the bulk channel. The leader's shell makes and numbers them.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Sequence">From 0 on, without gaps, over all passes of the stream.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Content">At most <see cref="MaxContentBytes"/>; the shells' business.</param>
public sealed record StateBatch(StreamId Stream, ulong Sequence, StateKind Kind, ReadOnlyMemory<byte> Content) : LinkMessage
{
    /// <summary>The most bytes of one batch. Devices' state must fit, pages come in small batches so that throttling is smooth.</summary>
    public const int MaxContentBytes = 32 << 20;
}

/// <summary>A pass of state is sent, bulk channel.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Pass">The pass, from 0.</param>
/// <param name="NextSequence">How many batches were sent up to here.</param>
public sealed record PassEnd(StreamId Stream, int Pass, ulong NextSequence) : LinkMessage;

/// <summary>A pass of state is loaded.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Pass">The pass.</param>
public sealed record PassLoaded(StreamId Stream, int Pass) : LinkMessage;

/// <summary>The last piece of state is sent, bulk channel: what the joiner has now is the machine after a round.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="NextSequence">How many batches were sent in all.</param>
/// <param name="Round">Rounds completed.</param>
/// <param name="TimeNs">The last round's time.</param>
/// <param name="Digest">The machine's digest.</param>
public sealed record StateEnd(StreamId Stream, ulong NextSequence, ulong Round, ulong TimeNs, Digest Digest) : LinkMessage;

/// <summary>The joiner has the state, its digest agrees, its disks are marked with the coming term: it follows.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Term">The term its disks are marked with.</param>
public sealed record StateAccepted(StreamId Stream, ulong Term) : LinkMessage;

/// <summary>Either side: this stream is over. The state that the follower or joiner has is worth nothing any more.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record StreamEnded(StreamId Stream, string Reason) : LinkMessage;

/// <summary>A record.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Record">The record, block data by hash.</param>
/// <param name="ReleasedRound">Outputs of all rounds before this one have left.</param>
public sealed record RecordSent(StreamId Stream, Record Record, ulong ReleasedRound) : LinkMessage;

/// <summary>What a follower has: after each record stored or executed, and as its heartbeat.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="StoredRound">It has stored all rounds before this one.</param>
/// <param name="ExecutedRound">It has executed all rounds before this one.</param>
/// <param name="DigestRound">Where it last took a digest.</param>
/// <param name="Digest">That digest.</param>
/// <param name="HasOpenClaim">It has asked the arbiter for the next term and does not know the outcome.</param>
/// <param name="Probe">The latest <see cref="LeaderBeat.Probe"/> that it heard; it follows still.</param>
public sealed record FollowerProgress(
    StreamId Stream, ulong StoredRound, ulong ExecutedRound, ulong DigestRound, Digest Digest, bool HasOpenClaim, ulong Probe = 0) : LinkMessage;

/// <summary>The leader's heartbeat, and its announcement of a new configuration.</summary>
/// <param name="Stream">The stream, if any.</param>
/// <param name="Configuration">The configuration.</param>
/// <param name="ClosedRound">Where its open record begins.</param>
/// <param name="ReleasedRound">Outputs of all rounds before this one have left.</param>
/// <param name="Probe">Rises with every beat: asks the follower to say at once that it follows.</param>
public sealed record LeaderBeat(StreamId? Stream, Configuration Configuration, ulong ClosedRound, ulong ReleasedRound, ulong Probe = 0) : LinkMessage;

/// <summary>A flush.</summary>
/// <param name="DiskIndex">The disk.</param>
/// <param name="RequestId">The request.</param>
public readonly record struct FlushId(int DiskIndex, ulong RequestId);

/// <summary>The follower's copy has made these flushes stable. Repeated until the leader's records say that they ended.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Flushes">At most <see cref="MaxFlushes"/>.</param>
public sealed record FlushesStored(StreamId Stream, ImmutableArray<FlushId> Flushes) : LinkMessage
{
    /// <summary>The most flushes in one message and in flight; a machine's queues hold fewer.</summary>
    public const int MaxFlushes = 4096;
}

/// <summary>The follower's execution of a record gave something else than the leader's.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Round">The end of the record.</param>
/// <param name="IsSound">Whether the follower's self-check found nothing wrong with itself.</param>
/// <param name="Components">The follower's digest by component.</param>
public sealed record FollowerDiverged(StreamId Stream, ulong Round, bool IsSound, ImmutableArray<ComponentDigest> Components) : LinkMessage;

/// <summary>The digest of one component of the machine.</summary>
/// <param name="Component">Its name, such as "vcpu-0" or "memory".</param>
/// <param name="Digest">Its digest.</param>
public sealed record ComponentDigest(string Component, Digest Digest)
{
    /// <summary>Pages that a self-check names, at most: a memory module that fails has thousands.</summary>
    public const int MaxCorruptedPages = 16;

    private const string PagePrefix = "memory-page-";

    /// <summary>A page that does not hold what was written, with the digest of what it holds.</summary>
    public static ComponentDigest OfCorruptedPage(int page, Digest digest) => new($"{PagePrefix}{page}", digest);

    /// <summary>Whether it is of a page that does not hold what was written.</summary>
    public bool IsOfCorruptedPage => Component.StartsWith(PagePrefix, StringComparison.Ordinal);

    /// <summary>The corrupted pages among components, for people: ", memory page 7 …"; empty for none.</summary>
    internal static string DescribePages(ImmutableArray<ComponentDigest> components)
    {
        string[] pages = [.. components.Where(part => part.IsOfCorruptedPage).Select(part => part.Component[PagePrefix.Length..])];
        return pages.Length == 0 ? "" : $"memory page{(pages.Length == 1 ? "" : "s")} {string.Join(", ", pages)}{(pages.Length == MaxCorruptedPages ? " and perhaps more" : "")}";
    }
}

/// <summary>Leader: I have stopped; you have all; will you lead?</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Proposed">The configuration to be claimed.</param>
/// <param name="Round">Rounds completed.</param>
public sealed record HandOverPrepare(StreamId Stream, Configuration Proposed, ulong Round) : LinkMessage;

/// <summary>Follower: I have executed all; my disks are marked with the coming term.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Term">The coming term.</param>
public sealed record HandOverReady(StreamId Stream, ulong Term) : LinkMessage;

/// <summary>Follower: take me out, I am going away for maintenance.</summary>
/// <param name="Stream">The stream.</param>
public sealed record LeaveAsked(StreamId Stream) : LinkMessage;

/// <summary>Carries other parts' bytes between the servers (a frame through the peer's NIC, a block from its disk). Passed through.</summary>
/// <param name="Kind">Whose it is; the shells agree.</param>
/// <param name="Content">At most <see cref="StateBatch.MaxContentBytes"/>.</param>
public sealed record Parcel(byte Kind, ReadOnlyMemory<byte> Content) : LinkMessage;
