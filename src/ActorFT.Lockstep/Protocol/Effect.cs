using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Protocol;

/// <summary>What the shell must do: in the order given, before it feeds the next event.</summary>
public abstract record Effect;

/// <summary>Send a message: on every path that is up, or on one. Never blocks; a path that cannot take it is reset.</summary>
/// <param name="Channel">The flow.</param>
/// <param name="Envelope">The message.</param>
/// <param name="Path">Null: all paths.</param>
public sealed record SendLink(LinkChannel Channel, LinkEnvelope Envelope, int? Path = null) : Effect;

/// <summary>Ask the arbiter. No answer is an answer the protocol can live with.</summary>
/// <param name="Request">The request.</param>
public sealed record AskArbiter(ArbiterRequest Request) : Effect;

/// <summary>Mark this server's disks durably with a term (0: stale), then report <see cref="TermPersisted"/>.</summary>
/// <param name="Term">The term.</param>
public sealed record PersistTerm(ulong Term) : Effect;

/// <summary>Make the machine anew from its definition: power-on, with this server's disks. Followed by <see cref="Lead"/>.</summary>
public sealed record BootMachine : Effect;

/// <summary>
/// This replica leads from now on: open NICs and console, feed to the next rounds as inputs whatever completions and
/// entropy are owed, and run rounds.
/// </summary>
/// <param name="Configuration">The configuration.</param>
public sealed record Lead(Configuration Configuration) : Effect;

/// <summary>This replica follows from now on: NICs and console closed; rounds run only by <see cref="ExecuteRecord"/>.</summary>
/// <param name="Configuration">The configuration.</param>
public sealed record Follow(Configuration Configuration) : Effect;

/// <summary>
/// Stop at once: no vCPU runs on, NICs and console close, nothing that was held leaves, the machine's state is worth nothing.
/// </summary>
/// <param name="Reason">Why, in words.</param>
public sealed record Fence(string Reason) : Effect;

/// <summary>How fast the leader runs rounds: percent of its time, 0 stops (then report <see cref="RoundsPaused"/>), 100 is unbounded.</summary>
/// <param name="Percent">0 to 100.</param>
public sealed record SetPace(int Percent) : Effect;

/// <summary>Compute the machine's digest before any further round, and report <see cref="DigestComputed"/>.</summary>
/// <param name="Round">Rounds completed.</param>
public sealed record TakeDigest(ulong Round) : Effect;

/// <summary>
/// Act on outputs, in order: transmit, print, issue to this server's disks (a follower is given disk requests only). Requests
/// to one disk that overlap take effect in the order performed.
/// </summary>
/// <param name="Outputs">The outputs.</param>
/// <param name="ReturnIfLate">
/// The other server may take over while this one does not run: what the shell comes to only <see cref="LockstepSettings.PauseNs"/> or
/// more after the event must not leave (disk requests may) but goes back as <see cref="OutputsReturned"/>.
/// </param>
public sealed record Perform(IReadOnlyList<MachineOutput> Outputs, bool ReturnIfLate = false) : Effect;

/// <summary>
/// Execute a record: each round with <see cref="RecordRoundExecuted"/> after it, then <see cref="RecordExecuted"/>. A
/// <see cref="BlockCompletionReference"/> waits for this server's own completion; one of a request that was never made is left out.
/// </summary>
/// <param name="Record">The record.</param>
public sealed record ExecuteRecord(Record Record) : Effect;

/// <summary>Both copies are stable (or there is only one): feed the flush's completion to the next round as an input.</summary>
/// <param name="Flush">The flush.</param>
public sealed record CompleteFlush(FlushId Flush) : Effect;

/// <summary>Check this replica's own state (see <see cref="SelfChecked"/>) between rounds.</summary>
public sealed record CheckSelf : Effect;

/// <summary>
/// The self-check found this replica faulty and there is no other: take its memory as it is, so that digests are of what is
/// there and it can be copied. The fault has been raised.
/// </summary>
public sealed record AcceptMemory : Effect;

/// <summary>Joining: discard the machine, mark the disks stale, be ready for state; report <see cref="StatePrepared"/>.</summary>
/// <param name="Stream">The stream.</param>
public sealed record PrepareForState(StreamId Stream) : Effect;

/// <summary>Joining: load a batch. Batches come in order, each once.</summary>
/// <param name="Batch">The batch.</param>
public sealed record LoadBatch(StateBatch Batch) : Effect;

/// <summary>Joining: everything is there; make the machine whole, issue its pending requests, report <see cref="StateLoaded"/>.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Round">Rounds completed.</param>
/// <param name="TimeNs">The last round's time.</param>
public sealed record LoadState(StreamId Stream, ulong Round, ulong TimeNs) : Effect;

/// <summary>
/// Leading: send, while rounds run and throttled, all pages written since the pass before (all pages in pass 0) and the disk
/// regions that differ; report <see cref="StatePassSent"/>. A pass in progress ends at <see cref="StopStreaming"/>.
/// </summary>
/// <param name="Stream">The stream.</param>
/// <param name="Pass">The pass, from 0.</param>
/// <param name="FirstSequence">The number of the first batch.</param>
/// <param name="Path">The path to use.</param>
public sealed record StreamState(StreamId Stream, int Pass, ulong FirstSequence, int Path) : Effect;

/// <summary>
/// Leading: after the round in progress, and with no round after it, send the rest of memory and disks and the devices; report
/// <see cref="FinalStateSent"/>; then go on. Disk writes performed from then on are the follower's to repeat.
/// </summary>
/// <param name="Stream">The stream.</param>
/// <param name="FirstSequence">The number of the first batch.</param>
/// <param name="Path">The path to use.</param>
public sealed record StreamFinalState(StreamId Stream, ulong FirstSequence, int Path) : Effect;

/// <summary>The stream is over: stop sending state, or forget what was loaded.</summary>
/// <param name="Stream">The stream.</param>
public sealed record StopStreaming(StreamId Stream) : Effect;

/// <summary>The peer does not fit; it is told the same sentence. The shell may close the link; it will be refused again.</summary>
/// <param name="Reason">One sentence.</param>
public sealed record RefusePeer(string Reason) : Effect;

/// <summary>Tell the fault manager.</summary>
/// <param name="Fault">The fault.</param>
public sealed record RaiseFault(ProtocolFault Fault) : Effect;

/// <summary>The server has left in order and may stop.</summary>
public sealed record LeaveCompleted : Effect;

/// <summary>A parcel of other parts came in.</summary>
/// <param name="Parcel">The parcel.</param>
public sealed record DeliverParcel(Parcel Parcel) : Effect;

/// <summary>What the fault is about.</summary>
public enum ProtocolFaultKind : byte
{
    /// <summary>The peer was lost; this replica goes on alone.</summary>
    PeerLost = 0,
    /// <summary>This replica lost a claim and stopped.</summary>
    Fenced = 1,
    /// <summary>Digests or outputs differ.</summary>
    Divergence = 2,
    /// <summary>The arbiter does not answer while it is needed: outputs stay held.</summary>
    ArbiterUnreachable = 3,
    /// <summary>The follower was too slow for too long.</summary>
    SlowFollower = 4,
    /// <summary>A state transfer failed.</summary>
    TransferFailed = 5,
    /// <summary>The peer was isolated so often that an operator must allow it back.</summary>
    PeerLeftOut = 6,
    /// <summary>The machine cannot boot here; what it waits for.</summary>
    CannotBoot = 7,
    /// <summary>A request of an operator cannot be followed.</summary>
    RequestRefused = 8,
    /// <summary>Acting alone without the arbiter, as configured.</summary>
    ActingWithoutArbiter = 9,
    /// <summary>The peer's hello does not fit.</summary>
    PeerRefused = 10,
    /// <summary>The only copy of the machine has memory that changed without being written.</summary>
    MemoryCorrupt = 11,
    /// <summary>Memory of this replica changed without being written, and there is another one.</summary>
    MemoryChanged = 12,
}

/// <summary>A fault that the protocol noticed.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Term">The term known.</param>
/// <param name="Round">The round concerned, or 0.</param>
/// <param name="Own">For a divergence: this replica's digest by component.</param>
/// <param name="Peer">For a divergence: the peer's, where known.</param>
public sealed record ProtocolFault(
    ProtocolFaultKind Kind, string Message, ulong Term, ulong Round, ImmutableArray<ComponentDigest> Own, ImmutableArray<ComponentDigest> Peer);
