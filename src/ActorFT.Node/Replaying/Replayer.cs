using System.Diagnostics;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Node.Running;

namespace ActorFT.Node.Replaying;

/// <summary>Where a replay left its record.</summary>
/// <param name="Round">The round after which it showed.</param>
/// <param name="What">One sentence: what differs, what was recorded, what the replay found.</param>
internal sealed record Divergence(ulong Round, string What);

/// <summary>
/// Executes records on a machine, as fast as it can, and compares what the record says: outputs of every record, digests
/// where they were taken. Begins at the machine's round, so that a restored machine skips what lies before.
/// </summary>
internal sealed class Replayer
{
    private readonly IMachine _machine;
    private readonly Action<MachineOutput> _output;
    private readonly ulong _untilRound;
    private readonly List<MachineOutput> _outputs = [];
    private readonly OutputHasher _hasher = new();

    /// <summary>Creates the replayer.</summary>
    /// <param name="machine">A machine of the log's definition: new, or restored from a save of the recorded run.</param>
    /// <param name="untilRound">Rounds completed at which to stop, even within a record.</param>
    /// <param name="output">Takes outputs, to show them.</param>
    public Replayer(IMachine machine, ulong untilRound, Action<MachineOutput> output)
    {
        (_machine, _untilRound, _output) = (machine, untilRound, output);
        Statistics = new RunStatistics(machine.Definition.VcpuCount);
    }

    /// <summary>What it did so far.</summary>
    public RunStatistics Statistics { get; }

    /// <summary>Digests that were compared, and equal.</summary>
    public int DigestsCompared { get; private set; }

    /// <summary>Outputs that were compared, and equal.</summary>
    public long OutputsCompared { get; private set; }

    /// <summary>Whether the round to stop at is reached.</summary>
    public bool IsDone => _machine.RoundNumber >= _untilRound;

    /// <summary>Executes a record; the divergence, if it shows one.</summary>
    /// <exception cref="StateFormatException">The record does not continue the machine's history.</exception>
    public Divergence? Execute(Record record)
    {
        if (record.EndRound <= _machine.RoundNumber) return null;
        if (record.FirstRound > _machine.RoundNumber)
            throw new StateFormatException($"The record begins at round {record.FirstRound}, but the machine has completed "
                + $"{_machine.RoundNumber}; restore a save of that run at round {record.FirstRound} or later.");
        bool isWhole = record.FirstRound == _machine.RoundNumber;
        _hasher.Reset();
        long started = Stopwatch.GetTimestamp();
        int first = (int)(_machine.RoundNumber - record.FirstRound);
        for (int i = first; i < record.Rounds.Length && !IsDone; i++)
        {
            if (record.Rounds[i].TimeNs < _machine.TimeNs)
                throw new StateFormatException($"Round {_machine.RoundNumber} is recorded at {record.Rounds[i].TimeNs} ns, before the machine's {_machine.TimeNs} ns.");
            if (_machine.Power != MachinePower.Running) return new Divergence(_machine.RoundNumber, "the record goes on, but the replayed machine is off.");
            RunRound(record.Rounds[i]);
        }
        Statistics.BusySeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        return _machine.RoundNumber == record.EndRound ? Compare(record, isWhole) : null;
    }

    /// <summary>Compares the log's end; the divergence, if it shows one.</summary>
    public Divergence? Compare(RecordLogEnd end)
    {
        if (_machine.RoundNumber != end.Rounds) return null; // stopped before, as asked
        if (_machine.Power != end.Power) return new Divergence(end.Rounds, $"the recorded machine ended {end.Power}, the replayed one is {_machine.Power}.");
        return Compare(end.Digest);
    }

    private void RunRound(Round round)
    {
        _machine.BeginRound(round.TimeNs, round.Inputs);
        for (int vcpu = 0; vcpu < _machine.Definition.VcpuCount; vcpu++) Statistics.Add(vcpu, _machine.RunQuantum(vcpu));
        _machine.EndRound();
        Statistics.Rounds++;
        _outputs.Clear();
        _machine.TakeOutputs(_outputs);
        foreach (MachineOutput output in _outputs)
        {
            _hasher.Add(output);
            _output(output);
        }
    }

    private Divergence? Compare(Record record, bool isWhole)
    {
        if (isWhole && (_hasher.Count != record.OutputCount || _hasher.Hash != record.OutputHash))
        {
            return new Divergence(record.EndRound, $"rounds {record.FirstRound} to {record.EndRound - 1} made {record.OutputCount} outputs of hash "
                + $"{record.OutputHash:x16} when recorded, {_hasher.Count} of hash {_hasher.Hash:x16} in the replay.");
        }
        if (isWhole) OutputsCompared += _hasher.Count;
        return record.DigestAtEnd is { } digest ? Compare(digest) : null;
    }

    private Divergence? Compare(Digest recorded)
    {
        Digest found = _machine.ComputeDigest();
        if (found != recorded) return new Divergence(_machine.RoundNumber, $"the digest was {recorded} when recorded, and is {found} in the replay.");
        DigestsCompared++;
        return null;
    }
}
