using System.Collections.Immutable;
using System.Security.Cryptography;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

// Rounds: the leader's, with inputs as they come, and the follower's, record by record.
public sealed partial class LockstepCoordinatorActor
{
    private enum Mode
    {
        None,
        Leading,
        Following,
    }

    /// <summary>Inputs of one round, at most: more wait for the next one.</summary>
    private const int MaxInputsInRound = 256;

    /// <summary>Inputs from outside that wait, at most; frames beyond are dropped as a NIC would, typed bytes too.</summary>
    private const int MaxWaitingInputs = 4096;

    private readonly MachineProtocol.RoundToken _token = new();
    private readonly Queue<MachineInput> _inputs = new();
    private readonly Dictionary<(int Disk, ulong Request), BlockCompleted> _completions = []; // own copies' answers, not consumed yet
    private IMachine? _machine;
    private Mode _mode;
    private bool _isInRound, _isRoundQueued;
    private int _pace = 100;
    private ulong _roundBeganNs, _resumeAtNs, _droppedInputs;
    private ImmutableArray<MachineInput> _roundInputs = [];
    private Record? _executing;
    private int _executingRound;
    private long _retired;

    private void OnNextRound()
    {
        _isRoundQueued = false;
        TryRun();
    }

    /// <summary>Begins a round if there is one to run now.</summary>
    private void TryRun()
    {
        if (_isInRound || _machine is null || _effects.Count != 0) return;
        if (_mode == Mode.Leading) TryLeadRound(_machine);
        else if (_mode == Mode.Following && _executing is { } record) TryExecuteRound(_machine, record);
    }

    private void TryLeadRound(IMachine machine)
    {
        if (_pace == 0 || _isStreamFinal || machine.Power != MachinePower.Running) return;
        ulong now = Now;
        if (now < _resumeAtNs)
        {
            _timer?.WakeAt(_resumeAtNs);
            return;
        }

        ulong time = _protocol.StampRound(now);
        if (_inputs.Count == 0 && machine.IsIdle)
        {
            ulong due = machine.NextTimerNs;
            if (due > time)
            {
                // No round before an input comes or the timer is due: an idle machine costs next to nothing.
                _timer?.WakeAt(due == ulong.MaxValue ? ulong.MaxValue : now + (due - time));
                return;
            }
        }

        ImmutableArray<MachineInput> inputs = TakeInputs(machine);
        BeginRound(machine, time, inputs);
        // The round is with the vCPUs already, so that nothing that comes of this keeps it from being run; they have this thread when it is left.
        Feed(new RoundBegun(Now, new Round(time, inputs)));
    }

    private ImmutableArray<MachineInput> TakeInputs(IMachine machine)
    {
        if (_inputs.Count == 0) return [];
        ImmutableArray<MachineInput>.Builder taken = ImmutableArray.CreateBuilder<MachineInput>();
        Span<int> room = stackalloc int[_options.Definition.Nics.Length];
        for (int nic = 0; nic < room.Length; nic++) room[nic] = machine.ReceiveBuffersFree(nic);
        while (taken.Count < MaxInputsInRound && _inputs.TryDequeue(out MachineInput? input))
        {
            // A frame without a buffer would be dropped by the machine; dropping it here spares the log.
            if (input is FrameReceived frame && room[frame.NicIndex]-- <= 0) _droppedInputs++;
            else taken.Add(input);
        }

        return taken.DrainToImmutable();
    }

    private void TryExecuteRound(IMachine machine, Record record)
    {
        Round round = record.Rounds[_executingRound];
        if (ResolveInputs(round) is not { } inputs) return; // an own completion is not there yet; its arrival comes back here
        BeginRound(machine, round.TimeNs, inputs);
    }

    // References to completions become this server's own ones. Null: one is still to come, or never will.
    private ImmutableArray<MachineInput>? ResolveInputs(Round round)
    {
        if (round.Inputs.IsEmpty) return round.Inputs;
        foreach (MachineInput input in round.Inputs)
            if (input is BlockCompletionReference wanted && !IsHere(wanted)) return null;
        ImmutableArray<MachineInput>.Builder inputs = ImmutableArray.CreateBuilder<MachineInput>(round.Inputs.Length);
        foreach (MachineInput input in round.Inputs)
        {
            if (input is not BlockCompletionReference reference) inputs.Add(input);
            else if (_completions.Remove((reference.DiskIndex, reference.RequestId), out BlockCompleted? own))
            {
                _issued.Remove((reference.DiskIndex, reference.RequestId));
                if (OwnAs(reference, own) is not { } asRecorded)
                {
                    _executing = null; // the round never runs
                    Feed(new ExecutionFailed(Now, $"request {own.RequestId} of disk {_options.Definition.Disks[own.DiskIndex].Name} ended otherwise on {_options.Identity.Self.Server}"));
                    return null;
                }

                inputs.Add(asRecorded);
            }
        }

        return inputs.DrainToImmutable();
    }

    private void BeginRound(IMachine machine, ulong timeNs, ImmutableArray<MachineInput> inputs)
    {
        _isInRound = true;
        _roundBeganNs = Now;
        _roundInputs = inputs;
        machine.BeginRound(timeNs, inputs);
        _token.Machine = machine;
        _token.Retired = 0;
        _parts.FirstVcpu.Tell(_token, Self);
    }

    private void OnRoundDone(MachineProtocol.RoundToken token)
    {
        if (!_isInRound || _machine is not { } machine) return;
        machine.EndRound();
        _isInRound = false;
        _retired += token.Retired;
        List<MachineOutput> outputs = [];
        machine.TakeOutputs(outputs);
        // What had to wait for the round's end came before it: it is dealt with first.
        if (_mode == Mode.Leading)
        {
            NoteOutputs(outputs);
            EndWritesEarly(outputs);
            _events.Enqueue(new RoundExecuted(Now, new Round(machine.TimeNs, _roundInputs), outputs));
        }
        else if (_mode == Mode.Following && _executing is { } record)
        {
            ObserveFrames(outputs);
            NoteWrites(outputs);
            _events.Enqueue(new RecordRoundExecuted(Now, outputs));
            if (++_executingRound == record.Rounds.Length) FinishRecord(machine, record);
        }

        SlowDown();
        Drain();
        ContinueStream();
        if (_isScrubDue) ScrubMemory();
        QueueRound();
    }

    // A follower's disk gets a record's writes at the record's end; the leader may have ended them for the guest within it.
    private void NoteWrites(List<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
            if (output is BlockRequested { Operation: BlockOperation.Write } write) _issued[(write.DiskIndex, write.RequestId)] = write.Data.Length;
    }

    // A follower learns the machine's addresses, so that it can announce them all once it leads.
    private void ObserveFrames(List<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
            if (output is FrameTransmitted frame) _parts.NicPorts[frame.NicIndex].Observe(frame.Frame.Span);
    }

    private void FinishRecord(IMachine machine, Record record)
    {
        _executing = null;
        Digest? digest = record.DigestAtEnd is null ? null : machine.ComputeDigest();
        _events.Enqueue(new RecordExecuted(Now, machine.RoundNumber, digest));
    }

    // Below full pace a pause follows each round, as long as the pace says.
    private void SlowDown()
    {
        if (_mode != Mode.Leading || _pace is 0 or >= 100) return;
        ulong tookNs = Now - _roundBeganNs;
        _resumeAtNs = Now + tookNs * (ulong)(100 - _pace) / (ulong)_pace;
    }

    // The next round goes through the mailbox, so that whatever came in meanwhile is taken first.
    private void QueueRound()
    {
        if (_isRoundQueued || _isInRound) return;
        _isRoundQueued = true;
        Self.Tell(MachineProtocol.NextRound.Instance, ActorRefs.NoSender);
    }

    private void OnInput(MachineInput input)
    {
        if (input is FrameReceived arrived) _parts.NicPorts[arrived.NicIndex].NoteTaken();
        if (_mode == Mode.Following) PassOn(input); // came in while this server led, or where it led a moment ago
        if (_mode != Mode.Leading) return; // a follower's and a fenced server's NIC are silent
        if (_inputs.Count >= MaxWaitingInputs)
        {
            _droppedInputs++;
            return;
        }

        _inputs.Enqueue(input);
        TryRun();
    }

    private void OnDiskCompleted(MachineProtocol.DiskCompleted completed)
    {
        BlockCompleted completion = completed.Completion;
        if (EndWriteBehind(completion)) return;
        if (!_issued.ContainsKey((completion.DiskIndex, completion.RequestId))) return; // of a machine that is no more
        if (completed.Operation == BlockOperation.Flush)
        {
            _completions[(completion.DiskIndex, completion.RequestId)] = completion;
            Feed(new FlushDone(Now, new FlushId(completion.DiskIndex, completion.RequestId)));
        }
        else if (_mode == Mode.Leading)
        {
            _issued.Remove((completion.DiskIndex, completion.RequestId));
            _inputs.Enqueue(completion);
        }
        else
        {
            _completions[(completion.DiskIndex, completion.RequestId)] = completion;
        }

        TryRun();
    }

    private void SupplyEntropy(EntropyRequested request)
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(request.LengthBytes);
        _inputs.Enqueue(new EntropyArrived(request.RequestId, bytes));
    }
}
