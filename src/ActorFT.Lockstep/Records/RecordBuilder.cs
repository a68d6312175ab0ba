using System.Collections.Immutable;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// The open record: rounds are appended as they run, <see cref="Close"/> gives the record and opens the next one; <see cref="CloseAhead"/> does
/// with a round that is about to run.
/// Not here: when to close, which is the leader's business (<see cref="MustClose"/> is only the size limit).
/// </summary>
public sealed class RecordBuilder
{
    private readonly ImmutableArray<Round>.Builder _rounds = ImmutableArray.CreateBuilder<Round>();
    private readonly OutputHasher _outputs = new();
    private ulong _lastTimeNs;
    private long _inputBytes;

    /// <summary>Opens the first record.</summary>
    /// <param name="firstRound">The rounds the machine has completed.</param>
    /// <param name="lastTimeNs">The time of the last of them.</param>
    public RecordBuilder(ulong firstRound, ulong lastTimeNs)
    {
        FirstRound = firstRound;
        _lastTimeNs = lastTimeNs;
    }

    /// <summary>The number of the open record's first round.</summary>
    public ulong FirstRound { get; private set; }

    /// <summary>The number of the next round.</summary>
    public ulong NextRound => FirstRound + (ulong)_rounds.Count;

    /// <summary>Rounds appended since the last <see cref="Close"/>.</summary>
    public int RoundCount => _rounds.Count;

    /// <summary>Outputs added since the last <see cref="Close"/>.</summary>
    public int OutputCount => _outputs.Count;

    /// <summary>Whether a limit of <see cref="RecordLimits"/> leaves no room for another round.</summary>
    public bool MustClose => _rounds.Count == RecordLimits.MaxRounds || _inputBytes >= RecordLimits.CloseAtBytes;

    /// <summary>Appends a round that was run, and the outputs it made.</summary>
    public void Append(Round round, IReadOnlyList<MachineOutput> outputs)
    {
        Append(round);
        AddOutputs(outputs);
    }

    private void Append(Round round)
    {
        InvariantViolatedException.Require(!MustClose, "A record that is full takes no round.");
        InvariantViolatedException.Require(round.TimeNs >= _lastTimeNs, "A round's time never falls.");
        long bytes = InputBytes(round.Inputs);
        InvariantViolatedException.Require(bytes <= RecordLimits.MaxRoundInputBytes, "A round's inputs hold at most 32 MiB.");
        _rounds.Add(round);
        _lastTimeNs = round.TimeNs;
        _inputBytes += bytes;
    }

    /// <summary>Adds the outputs of a round that <see cref="CloseAhead"/> was given, when it has been run; before any other round is appended.</summary>
    public void AddOutputs(IReadOnlyList<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs) _outputs.Add(output);
    }

    /// <summary>A round was run that no record needs: nobody follows. Only while the open record is empty.</summary>
    public void Skip(Round round)
    {
        InvariantViolatedException.Require(_rounds.Count == 0, "A round is left out of the log only before a record begins.");
        InvariantViolatedException.Require(round.TimeNs >= _lastTimeNs, "A round's time never falls.");
        _lastTimeNs = round.TimeNs;
        FirstRound++;
    }

    /// <summary>Gives the record, which must hold a round, and opens the next.</summary>
    /// <param name="digest">The machine's digest now, if taken.</param>
    public Record Close(Digest? digest) => Make(digest, isLastRoundAhead: false);

    /// <summary>Appends a round that is about to run, gives the record and opens the next.</summary>
    public Record CloseAhead(Round round)
    {
        Append(round);
        return Make(null, isLastRoundAhead: true);
    }

    private Record Make(Digest? digest, bool isLastRoundAhead)
    {
        InvariantViolatedException.Require(_rounds.Count != 0, "A record without rounds is never closed.");
        var record = new Record
        {
            FirstRound = FirstRound,
            Rounds = _rounds.DrainToImmutable(),
            OutputCount = _outputs.Count,
            OutputHash = _outputs.Hash,
            DigestAtEnd = digest,
            IsLastRoundAhead = isLastRoundAhead,
        };
        FirstRound = record.EndRound;
        _inputBytes = 0;
        _outputs.Reset();
        return record;
    }

    /// <summary>The bytes of data that inputs hold.</summary>
    public static long InputBytes(ImmutableArray<MachineInput> inputs)
    {
        long bytes = 0;
        foreach (MachineInput input in inputs)
        {
            bytes += input switch
            {
                FrameReceived frame => frame.Frame.Length,
                ConsoleTyped typed => typed.Bytes.Length,
                BlockCompleted block => block.Data.Length,
                EntropyArrived entropy => entropy.Bytes.Length,
                _ => 0,
            };
        }
        return bytes;
    }
}
