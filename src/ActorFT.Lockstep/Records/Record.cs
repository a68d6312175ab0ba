using System.Collections.Immutable;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// A batch of consecutive rounds as the leader ran them: all that a follower, or a replay, needs to do the same.
/// Invariant: at least one round; times never fall.
/// </summary>
public sealed record Record
{
    /// <summary>The number of the first round: how many rounds the machine had completed before it.</summary>
    public required ulong FirstRound { get; init; }

    /// <summary>The rounds, 1 to <see cref="RecordLimits.MaxRounds"/>.</summary>
    public required ImmutableArray<Round> Rounds { get; init; }

    /// <summary>
    /// Whether the last round was still to be run when the leader told it: its outputs are counted and hashed with the next record's. So the
    /// follower runs it beside the leader. Never with a digest, and never in a log file.
    /// </summary>
    public bool IsLastRoundAhead { get; init; }

    /// <summary>How many outputs the machine made in these rounds, but a last one that is ahead, and in one ahead of the record before.</summary>
    public int OutputCount { get; init; }

    /// <summary>The hash of those outputs in their order (<see cref="OutputHasher"/>); 0 when there were none.</summary>
    public ulong OutputHash { get; init; }

    /// <summary>The machine's digest after the last round, where the leader took one.</summary>
    public Digest? DigestAtEnd { get; init; }

    /// <summary>How many rounds the machine has completed after this record: where the next one begins.</summary>
    public ulong EndRound => FirstRound + (ulong)Rounds.Length;

    /// <summary>The last round's time.</summary>
    public ulong EndTimeNs => Rounds[^1].TimeNs;

    /// <summary>Equal content, rounds and inputs included.</summary>
    public bool Equals(Record? other) =>
        other is not null && FirstRound == other.FirstRound && OutputCount == other.OutputCount && OutputHash == other.OutputHash
        && DigestAtEnd == other.DigestAtEnd && RecordCodec.HaveEqualEncoding(this, other);

    /// <summary>A hash for host-side tables.</summary>
    public override int GetHashCode() => HashCode.Combine(FirstRound, Rounds.Length, OutputHash);
}
