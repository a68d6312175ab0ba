using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Leading;

/// <summary>What a digest comparison gave.</summary>
internal enum DigestCheck
{
    Unknown,
    Equal,
    Different,
}

/// <summary>
/// Records the follower does not have for sure, and digests it has not confirmed.
/// Invariant: stored and executed only rise, and executed never passes stored, stored never what was sent.
/// </summary>
internal sealed class SendWindow
{
    // A quantum of every vCPU takes a millisecond or so; a longer step of time is sleep.
    private const ulong MaxRoundSpanNs = 4_000_000;
    private const int RecordOverheadBytes = 64, RoundBytes = 16, MaxResent = 64;

    private readonly Queue<(Record Record, long Bytes)> _unstored = new();
    private readonly Queue<KeptDigest> _digests = new();
    private readonly Queue<(ulong EndRound, ulong SpanNs)> _unexecuted = new();
    private ulong _lastTimeNs;
    private ulong _sentAtNs;

    private readonly record struct KeptDigest(ulong Round, Digest Digest, ImmutableArray<ComponentDigest> Components);

    public SendWindow(ulong round, ulong timeNs)
    {
        SentRound = StoredRound = ExecutedRound = VerifiedRound = round;
        _lastTimeNs = timeNs;
    }

    public ulong SentRound { get; private set; }
    public ulong StoredRound { get; private set; }
    public ulong ExecutedRound { get; private set; }
    public ulong VerifiedRound { get; private set; }
    public long UnstoredBytes { get; private set; }
    public int UnstoredRecords => _unstored.Count;

    /// <summary>
    /// Machine time of the rounds sent and not executed: what the follower has to do yet. Time in which the machine slept or was
    /// held back is none, or a pause would count as lag and prolong itself.
    /// </summary>
    public ulong UnexecutedNs { get; private set; }

    /// <summary>A record is about to be sent.</summary>
    public void Add(Record record, ulong nowNs, ImmutableArray<ComponentDigest> components = default)
    {
        InvariantViolatedException.Require(record.FirstRound == SentRound, "The records of a stream continue one another.");
        if (_unstored.Count == 0) _sentAtNs = nowNs;
        long bytes = RecordOverheadBytes + (long)record.Rounds.Length * RoundBytes;
        foreach (Round round in record.Rounds) if (!round.Inputs.IsEmpty) bytes += RecordBuilder.InputBytes(round.Inputs);
        _unstored.Enqueue((record, bytes));
        UnstoredBytes += bytes;
        SentRound = record.EndRound;
        ulong span = 0;
        foreach (Round round in record.Rounds)
        {
            span += Math.Min(round.TimeNs - _lastTimeNs, MaxRoundSpanNs);
            _lastTimeNs = round.TimeNs;
        }
        _unexecuted.Enqueue((record.EndRound, span));
        UnexecutedNs += span;
        if (record.DigestAtEnd is { } digest) _digests.Enqueue(new KeptDigest(record.EndRound, digest, components));
    }

    /// <summary>The follower says how far it is. False: it says what cannot be, for instance to have what was not sent.</summary>
    public bool Acknowledge(ulong storedRound, ulong executedRound, ulong nowNs)
    {
        if (storedRound > SentRound || executedRound > storedRound) return false;
        while (_unstored.TryPeek(out (Record Record, long Bytes) oldest) && oldest.Record.EndRound <= storedRound)
        {
            _unstored.Dequeue();
            UnstoredBytes -= oldest.Bytes;
            _sentAtNs = nowNs;
        }
        StoredRound = Math.Max(StoredRound, storedRound);
        ExecutedRound = Math.Max(ExecutedRound, executedRound);
        while (_unexecuted.TryPeek(out (ulong EndRound, ulong SpanNs) executed) && executed.EndRound <= ExecutedRound)
        {
            _unexecuted.Dequeue();
            UnexecutedNs -= executed.SpanNs;
        }
        return true;
    }

    /// <summary>Compares a digest of the follower's with the leader's at the same round; forgets older ones.</summary>
    public DigestCheck Check(ulong round, Digest digest)
    {
        while (_digests.TryPeek(out KeptDigest own) && own.Round < round) _digests.Dequeue();
        if (!_digests.TryPeek(out KeptDigest same) || same.Round != round) return DigestCheck.Unknown;
        if (same.Digest != digest) return DigestCheck.Different;
        _digests.Dequeue();
        VerifiedRound = Math.Max(VerifiedRound, round);
        return DigestCheck.Equal;
    }

    /// <summary>The leader's digest by component at a round that the follower has not agreed to; empty if it was not taken there.</summary>
    public ImmutableArray<ComponentDigest> ComponentsAt(ulong round)
    {
        foreach (KeptDigest kept in _digests) if (kept.Round == round && !kept.Components.IsDefault) return kept.Components;
        return [];
    }

    /// <summary>Takes a digest for equal (a planted bug).</summary>
    internal void Ignore(ulong round) => VerifiedRound = Math.Max(VerifiedRound, round);

    /// <summary>The records to send again, oldest first, when the oldest was sent too long ago.</summary>
    public IReadOnlyList<Record> TakeOverdue(ulong nowNs, ulong resendNs)
    {
        if (_unstored.Count == 0 || nowNs - _sentAtNs < resendNs) return [];
        _sentAtNs = nowNs;
        return [.. _unstored.Take(MaxResent).Select(entry => entry.Record)];
    }
}
