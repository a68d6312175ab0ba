using System.Collections.Immutable;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;

namespace ActorFT.Simulation.World;

/// <summary>Runs rounds when leading, records when following. A round takes time; what arrives meanwhile is stepped meanwhile.</summary>
internal sealed partial class SimProcess
{
    private const int MaxInputsPerRound = 8;

    private readonly List<MachineInput> _inputs = [];
    private readonly SortedDictionary<ulong, BlockCompleted> _completions = []; // of this server's disk, for records to come
    private int _pace, _roundGeneration;
    private bool _isRoundRunning, _isWakeSet;
    private Record? _record;

    /// <summary>The request that kept it from executing a record: its own disk gave an error.</summary>
    public BlockRequested? NotExecutable { get; private set; }

    private int _recordRound;
    private readonly HashSet<ulong> _recordWrites = []; // asked for in the record that runs: its disk gets them at the record's end
    private bool _isRecordRoundRunning;

    private void ChangePace(int percent)
    {
        _pace = percent;
        if (percent == 0 && !_isRoundRunning) Feed(new RoundsPaused(LocalNow));
        PumpRounds();
    }

    public void AddInput(MachineInput input)
    {
        if (!IsLeading || _inputs.Count > 64 && input is FrameReceived) return; // a real NIC drops, too
        _inputs.Add(input);
        PumpRounds();
    }

    private void PumpRounds()
    {
        if (IsDead || IsHung || !IsLeading || _isRoundRunning || _pace == 0) return;
        ulong time = Protocol.StampRound(LocalNow);
        if (_inputs.Count == 0 && time < Machine!.NextTimerNs)
        {
            if (_isWakeSet) return;
            _isWakeSet = true;
            World.After(Machine.NextTimerNs - time + 1000, () =>
            {
                _isWakeSet = false;
                PumpRounds();
            });
            return;
        }
        ImmutableArray<MachineInput> inputs = [.. _inputs.Take(MaxInputsPerRound)];
        _inputs.RemoveRange(0, inputs.Length);
        _isRoundRunning = true;
        int generation = _roundGeneration;
        ulong cost = World.Random.Between(100_000, 500_000) * Server.SlowFactor * 100 / (ulong)_pace;
        Round round = new(time, inputs);
        World.After(cost, () => EndRound(round, generation));
        Feed(new RoundBegun(LocalNow, round));
    }

    private void EndRound(Round round, int generation)
    {
        if (IsDead || generation != _roundGeneration) return;
        if (IsHung)
        {
            World.After(1_000_000, () => EndRound(round, generation));
            return;
        }
        List<MachineOutput> outputs = RunRound(round.TimeNs, round.Inputs);
        foreach (Checkers.Checker checker in World.Checkers) checker.OnLeaderRound(this, round, outputs);
        EndWritesEarly(outputs);
        _isRoundRunning = false;
        Feed(new RoundExecuted(LocalNow, round, outputs));
        if (!IsLeading) return;
        if (_finalState is { } final) SendFinalState(final);
        if (_pace == 0) Feed(new RoundsPaused(LocalNow));
        PumpRounds();
    }

    // A leader may tell its machine of a write's end before the disk has it, or the follower the record.
    private void EndWritesEarly(List<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
            if (output is BlockRequested { Operation: BlockOperation.Write } write && Disks.EndsEarly(write)) _inputs.Add(new BlockCompleted(write.DiskIndex, write.RequestId, BlockStatus.Ok, default));
    }

    private List<MachineOutput> RunRound(ulong timeNs, IReadOnlyList<MachineInput> inputs)
    {
        List<MachineOutput> outputs = Machine!.RunRound(timeNs, inputs);
        Times[Machine.Round - 1] = timeNs;
        Registers[Machine.Round] = Machine.Accumulator;
        foreach (ToyEnd end in Machine.TakeEnded())
            foreach (Checkers.Checker checker in World.Checkers) checker.OnRequestEnded(this, end);
        foreach (MachineOutput output in outputs)
        {
            if (ToyMachine.IdOf(output) is not { } id) continue;
            Executed[id] = ToyMachine.HashOf(output);
            if (output is BlockRequested) _diskWrites.Add(id);
        }
        return outputs;
    }

    // What a follower owes its machine when it begins to lead: completions that no record brought, entropy.
    private void TakeOverInputs()
    {
        var flushes = Machine!.PendingRequests.Where(request => request.Operation == BlockOperation.Flush).Select(request => request.RequestId).ToHashSet();
        foreach (BlockCompleted completion in _completions.Values.Where(completion => !flushes.Contains(completion.RequestId)).ToArray())
        {
            _completions.Remove(completion.RequestId);
            _inputs.Add(completion);
        }
        if (Machine.PendingEntropy != 0) SupplyEntropy(Machine.PendingEntropy);
    }

    private void KeepCompletions()
    {
        foreach (MachineInput input in _inputs) if (input is BlockCompleted completed) _completions[completed.RequestId] = completed;
        _inputs.Clear();
    }

    private void SupplyEntropy(ulong request)
    {
        byte[] bytes = BitConverter.GetBytes(World.Random.Next());
        World.After(World.Random.Between(10_000, 300_000), () =>
        {
            if (!IsDead && IsLeading) AddInput(new EntropyArrived(request, bytes));
        });
    }

    private void BeginRecord(Record record)
    {
        (_record, _recordRound) = (record, 0);
        _recordWrites.Clear();
        PumpRecord();
    }

    private void PumpRecord()
    {
        if (IsDead || IsHung || _record is null || _isRecordRoundRunning) return;
        _isRecordRoundRunning = true;
        int generation = _roundGeneration;
        World.After(World.Random.Between(50_000, 300_000) * Server.SlowFactor, () => ExecuteRecordRound(generation));
    }

    private void ExecuteRecordRound(int generation)
    {
        _isRecordRoundRunning = false;
        if (IsDead || generation != _roundGeneration || _record is not { } record)
        {
            PumpRecord();
            return;
        }
        if (IsHung) return; // Wake pumps
        Round round = record.Rounds[_recordRound];
        if (!TryResolve(round.Inputs, out List<MachineInput> inputs))
        {
            PumpRecord(); // its own disk is not done yet
            return;
        }
        List<MachineOutput> outputs = RunRound(round.TimeNs, inputs);
        if (record.IsLastRoundAhead && World.Servers[1 - Server.Index].Process is { IsLeading: true } leader && leader.Machine!.Round < Machine!.Round) World.Count("round run by the follower before the leader");
        foreach (MachineOutput output in outputs) if (output is BlockRequested { Operation: BlockOperation.Write } write) _recordWrites.Add(write.RequestId);
        _recordRound++;
        Feed(new RecordRoundExecuted(LocalNow, outputs));
        if (_record != record) return;
        if (_recordRound == record.Rounds.Length)
        {
            _record = null;
            Feed(new RecordExecuted(LocalNow, record.EndRound, record.DigestAtEnd.HasValue ? Machine!.ComputeDigest() : null));
        }
        PumpRecord();
    }

    private bool TryResolve(ImmutableArray<MachineInput> recorded, out List<MachineInput> inputs)
    {
        inputs = [];
        foreach (MachineInput input in recorded)
        {
            if (input is not BlockCompletionReference reference)
            {
                inputs.Add(input);
                continue;
            }
            if (Machine!.PendingRequests.FirstOrDefault(request => request.RequestId == reference.RequestId) is not { } made) continue; // never made here
            if (!_completions.TryGetValue(reference.RequestId, out BlockCompleted? own))
            {
                if (made.Operation != BlockOperation.Write || !Disks.TakesLeadersWord(made, reference, _recordWrites.Contains(made.RequestId))) return false;
                if (_recordWrites.Contains(made.RequestId)) World.Count("write that ended within its record");
                _completions[made.RequestId] = own = new BlockCompleted(made.DiskIndex, made.RequestId, BlockStatus.Ok, default);
            }

            if (Disks.OwnAs(reference, own) is not { } asRecorded)
            {
                (_record, NotExecutable) = (null, made); // the round never runs
                World.Truth!.ErrorOfOneReplica(this, made);
                Feed(new ExecutionFailed(LocalNow, $"{made.Operation} {made.RequestId} of disk {made.DiskIndex} failed here"));
                return false;
            }

            inputs.Add(asRecorded);
        }
        foreach (MachineInput input in inputs) if (input is BlockCompleted completed) _completions.Remove(completed.RequestId);
        return true;
    }
}
