using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Protocol;

/// <summary>What happened. <see cref="NowNs"/> is the shell's monotonic clock: the protocol's only one; it never falls.</summary>
/// <param name="NowNs">Nanoseconds since any fixed moment.</param>
public abstract record ProtocolEvent(ulong NowNs);

/// <summary>The first event: what this server's disks are marked with.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="DiskTerm">The term last persisted, 0 for new or stale disks.</param>
public sealed record Started(ulong NowNs, ulong DiskTerm) : ProtocolEvent(NowNs);

/// <summary>Time passed. Due at least every <see cref="ReplicaProtocol.TickNs"/>.</summary>
/// <param name="NowNs">The clock.</param>
public sealed record TimerTick(ulong NowNs) : ProtocolEvent(NowNs);

/// <summary>A path to the peer is connected.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Path">0 or 1.</param>
public sealed record LinkUp(ulong NowNs, int Path) : ProtocolEvent(NowNs);

/// <summary>A path to the peer is gone; what it carried may be lost.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Path">0 or 1.</param>
public sealed record LinkDown(ulong NowNs, int Path) : ProtocolEvent(NowNs);

/// <summary>A message came in. Damaged frames never get here: the path that carried them is reset.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Path">The path it came on.</param>
/// <param name="Envelope">The message.</param>
public sealed record LinkMessageReceived(ulong NowNs, int Path, LinkEnvelope Envelope) : ProtocolEvent(NowNs);

/// <summary>Another failure detector (the cluster's) suspects the peer.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record PeerSuspected(ulong NowNs, string Reason) : ProtocolEvent(NowNs);

/// <summary>The arbiter answered.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Reply">Its answer.</param>
public sealed record ArbiterReplied(ulong NowNs, ArbiterReply Reply) : ProtocolEvent(NowNs);

/// <summary>The disks are durably marked, as <see cref="PersistTerm"/> asked.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Term">The term.</param>
public sealed record TermPersisted(ulong NowNs, ulong Term) : ProtocolEvent(NowNs);

/// <summary>
/// Leading: a round begins, stamped with <see cref="ReplicaProtocol.StampRound"/>. It is run as told here whatever comes of this event or after it, and
/// <see cref="RoundExecuted"/> tells its end before another begins; only a machine that is discarded ends without.
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Round">Its time and inputs.</param>
public sealed record RoundBegun(ulong NowNs, Round Round) : ProtocolEvent(NowNs);

/// <summary>Leading: the round that began last was run.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Round">Its time and inputs.</param>
/// <param name="Outputs">What <see cref="Machine.IMachine.TakeOutputs"/> gave after it.</param>
public sealed record RoundExecuted(ulong NowNs, Round Round, IReadOnlyList<MachineOutput> Outputs) : ProtocolEvent(NowNs);

/// <summary>
/// Leading: outputs that a <see cref="Perform"/> with <see cref="Perform.ReturnIfLate"/> permitted so long ago that the shell did not let
/// them leave. Fed before any other event.
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Outputs">The outputs, in order.</param>
public sealed record OutputsReturned(ulong NowNs, IReadOnlyList<MachineOutput> Outputs) : ProtocolEvent(NowNs);

/// <summary>Leading: as <see cref="SetPace"/> 0 asked, no round runs any more and all that ran are reported.</summary>
/// <param name="NowNs">The clock.</param>
public sealed record RoundsPaused(ulong NowNs) : ProtocolEvent(NowNs);

/// <summary>Leading: the digest that <see cref="TakeDigest"/> asked for. No round ran in between.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Round">Rounds completed.</param>
/// <param name="Digest">The digest.</param>
/// <param name="Components">The digest by component, kept until the follower agrees: what a divergence's dump compares. Empty if not known.</param>
public sealed record DigestComputed(ulong NowNs, ulong Round, Digest Digest, ImmutableArray<ComponentDigest> Components = default) : ProtocolEvent(NowNs);

/// <summary>Following: one more round of the record was executed.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Outputs">Its outputs.</param>
public sealed record RecordRoundExecuted(ulong NowNs, IReadOnlyList<MachineOutput> Outputs) : ProtocolEvent(NowNs);

/// <summary>Following: the record is executed.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="EndRound">Rounds completed.</param>
/// <param name="Digest">The machine's digest if the record holds one, else null.</param>
public sealed record RecordExecuted(ulong NowNs, ulong EndRound, Digest? Digest) : ProtocolEvent(NowNs);

/// <summary>
/// This server's own copy has ended a flush that <see cref="Perform"/> issued. In whatever role: the shell keeps the completion
/// until <see cref="CompleteFlush"/> or a record asks for it.
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Flush">The flush.</param>
public sealed record FlushDone(ulong NowNs, FlushId Flush) : ProtocolEvent(NowNs);

/// <summary>
/// A self-check is done: every page's hash against the one kept since it was last written, and whatever else the host knows
/// (machine checks). May come unasked, from the shell's slow look at all memory (<see cref="Machine.Memory.MemoryScrub"/>): then it is not sound, and
/// comes again, a second later or more, for as long as it is found.
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="IsSound">False: this replica is known to be faulty.</param>
/// <param name="Components">The digest by component, and pages that do not hold what was written (<see cref="ComponentDigest.OfCorruptedPage"/>).</param>
public sealed record SelfChecked(ulong NowNs, bool IsSound, ImmutableArray<ComponentDigest> Components) : ProtocolEvent(NowNs);

/// <summary>
/// Following: this server cannot give its machine what the record being executed says: a disk of its own gave an error where the leader had data. The round was
/// not run and never will be: the replica stands where it is, with a state that was the leader's.
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Reason">What could not be given, in words that follow "and".</param>
public sealed record ExecutionFailed(ulong NowNs, string Reason) : ProtocolEvent(NowNs);

/// <summary>
/// Leading: the transport took a little more of the state. Due while a pass or the rest is being sent, well within
/// <see cref="LockstepSettings.JoinStallNs"/>: a transfer whose bytes move does not stand still, however long it takes.
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Stream">The stream.</param>
public sealed record StateMoved(ulong NowNs, StreamId Stream) : ProtocolEvent(NowNs);

/// <summary>Leading: a pass of state is handed to the transport.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Stream">The stream.</param>
/// <param name="Pass">The pass.</param>
/// <param name="NextSequence">How many batches the stream has sent in all.</param>
/// <param name="DirtyPages">Pages (and disk regions, in pages' worth) written since their last copy was sent.</param>
public sealed record StatePassSent(ulong NowNs, StreamId Stream, int Pass, ulong NextSequence, long DirtyPages) : ProtocolEvent(NowNs);

/// <summary>Leading: the rest of the state is handed to the transport; no round ran since it was taken.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Stream">The stream.</param>
/// <param name="NextSequence">How many batches the stream has sent in all.</param>
/// <param name="Round">Rounds completed.</param>
/// <param name="TimeNs">The last round's time.</param>
/// <param name="Digest">The machine's digest.</param>
public sealed record FinalStateSent(ulong NowNs, StreamId Stream, ulong NextSequence, ulong Round, ulong TimeNs, Digest Digest) : ProtocolEvent(NowNs);

/// <summary>Joining: the machine is blank and the disks are durably marked stale.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Stream">The stream.</param>
public sealed record StatePrepared(ulong NowNs, StreamId Stream) : ProtocolEvent(NowNs);

/// <summary>Joining: the state is loaded, on disk too; null when what came is no state of this machine.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Stream">The stream.</param>
/// <param name="Digest">The machine's digest.</param>
public sealed record StateLoaded(ulong NowNs, StreamId Stream, Digest? Digest) : ProtocolEvent(NowNs);

/// <summary>The operator (or a policy) wants the other server to lead.</summary>
/// <param name="NowNs">The clock.</param>
public sealed record HandOverRequested(ulong NowNs) : ProtocolEvent(NowNs);

/// <summary>This server is to leave in order; <see cref="LeaveCompleted"/> says when it may stop.</summary>
/// <param name="NowNs">The clock.</param>
public sealed record LeaveRequested(ulong NowNs) : ProtocolEvent(NowNs);

/// <summary>Whether this server may be a replica: false while it has no usable disks or is in maintenance.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="IsAvailable">Whether it may.</param>
public sealed record AvailabilityChanged(ulong NowNs, bool IsAvailable) : ProtocolEvent(NowNs);

/// <summary>
/// Whether this server's disk copies lack nothing. While they do, it may follow and even lead in duplex, served by the other server's copies, but it never
/// goes on alone and never boots (design.md §3 rule 5).
/// </summary>
/// <param name="NowNs">The clock.</param>
/// <param name="AreCurrent">Whether they lack nothing, durably known.</param>
/// <param name="AreStale">Whether they lack what the other server's have, and not only fail: then no repair makes them whole without those.</param>
public sealed record DisksChanged(ulong NowNs, bool AreCurrent, bool AreStale = false) : ProtocolEvent(NowNs);

/// <summary>The operator knows that the other server is dead and its state lost: boot here, if the arbiter allows it.</summary>
/// <param name="NowNs">The clock.</param>
public sealed record ColdStartForced(ulong NowNs) : ProtocolEvent(NowNs);

/// <summary>The operator allows an isolated peer to come back.</summary>
/// <param name="NowNs">The clock.</param>
public sealed record PeerAllowed(ulong NowNs) : ProtocolEvent(NowNs);

/// <summary>The operator (or a policy) wants the machine to go on without the other server, until <see cref="PeerAllowed"/>.</summary>
/// <param name="NowNs">The clock.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record IsolatePeerRequested(ulong NowNs, string Reason) : ProtocolEvent(NowNs);
