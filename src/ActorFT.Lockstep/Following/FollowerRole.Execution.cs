using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Following;

/// <summary>
/// Executes stored records one by one and compares. Disk requests of a record act after it (in <c>verified</c>, after its digest
/// agreed); reads act at once, as they did for the leader. Frames and console bytes are kept until the leader says they left.
/// </summary>
internal sealed partial class FollowerRole
{
    private readonly DiskOrder _order = new();
    private readonly OutputHasher _hasher = new(); // of outputs that no record has counted yet
    private (int Count, ulong Hash) _made;         // outputs that the record being executed counts
    private int _roundsLeft;
    private readonly List<MachineOutput> _recordOutputs = [];
    private readonly List<MachineOutput> _doubtful = []; // disk requests of a record that differed
    private Record? _executing;
    private ulong _executedRound, _digestRound;
    private Digest _digest;
    private FollowerDiverged? _divergence;
    private bool _isChecking;
    private string? _failure; // why it can never come to where the leader is
    private ImmutableArray<ComponentDigest> _changedPages; // default: none known
    private ulong _checkingRound;

    private void ExecuteNext()
    {
        // After a divergence nothing more is executed, unless the arbiter made this replica the leader and it is sound: then the leader was wrong.
        if (_executing is not null || Context.Role != this || _isChecking || _divergence is not null && _promotion is null) return;
        if (!_window.TryTake(out _executing)) return;
        _recordOutputs.Clear();
        _order.Clear();
        _roundsLeft = _executing!.Rounds.Length;
        CountOutputs();
        Context.Emit(new ExecuteRecord(_executing));
    }

    // A record counts the outputs up to its end, or up to a last round that the leader had yet to run.
    private void CountOutputs()
    {
        if (_roundsLeft != (_executing!.IsLastRoundAhead ? 1 : 0)) return;
        _made = (_hasher.Count, _hasher.Hash);
        _hasher.Reset();
    }

    public override void OnShell(ProtocolEvent happened)
    {
        switch (happened)
        {
            case RecordRoundExecuted round: OnRound(round.Outputs); break;
            case RecordExecuted executed: OnExecuted(executed); break;
            case FlushDone done: OnFlush(done.Flush); break;
            case SelfChecked check: OnSelfChecked(check); break;
            case ExecutionFailed failed: OnExecutionFailed(failed.Reason); break;
            case LeaveRequested: Context.IsLeaving = true; break;
            case HandOverRequested:
                Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} does not lead machine {Context.Machine}; {_leader.Server} can hand it over.");
                break;
            case ColdStartForced:
                Context.Fault(ProtocolFaultKind.RequestRefused, $"{Context.Self.Server} has the state of machine {Context.Machine}; it needs no boot.");
                break;
        }
    }

    private void OnRound(IReadOnlyList<MachineOutput> outputs)
    {
        if (_executing is null) return;
        var immediate = new List<MachineOutput>();
        foreach (MachineOutput output in outputs)
        {
            _hasher.Add(output);
            if (_order.MustWait(output)) _recordOutputs.Add(output);
            else if (output is BlockRequested) immediate.Add(output); // entropy is the leader's to supply
        }
        _roundsLeft--;
        CountOutputs();
        if (immediate.Count != 0) Context.Emit(new Perform(immediate));
    }

    private void OnExecuted(RecordExecuted executed)
    {
        if (_executing is not { } record || record.EndRound != executed.EndRound) return;
        _executing = null;
        _executedRound = record.EndRound;
        Context.Clock.Executed(record.EndTimeNs);
        ForgetFlushes(record);
        string? difference = Settings.Bug == PlantedBug.IgnoreDivergence ? null : Difference(record, executed.Digest);
        if (executed.Digest is { } digest) (_digestRound, _digest) = (_executedRound, digest);
        foreach (MachineOutput output in _recordOutputs) if (output is not BlockRequested) _kept.Add(record.EndRound - 1, output);
        MachineOutput[] requests = [.. _recordOutputs.Where(output => output is BlockRequested)];

        if (difference is not null && (_promotion is null || !IsFoundSound))
        {
            _doubtful.AddRange(requests);
            NoteDivergence(difference);
            return;
        }
        if (requests.Length != 0) Context.Emit(new Perform(requests));
        Acknowledge(isUrgent: record.OutputCount != 0 && Settings.Commit == CommitMode.Verified);
        if (_promotion is not null) ContinuePromotion();
        else ExecuteNext();
    }

    private bool IsFoundSound => _divergence is { IsSound: true };

    private string? Difference(Record record, Digest? digest)
    {
        if (_made.Count != record.OutputCount) return $"{_made.Count} outputs, where the leader made {record.OutputCount}";
        if (_made.Hash != record.OutputHash) return "other outputs than the leader's";
        return record.DigestAtEnd is { } expected && digest != expected ? $"digest {digest}, where the leader has {expected}" : null;
    }

    private void NoteDivergence(string difference)
    {
        (_isChecking, _checkingRound) = (true, _executedRound);
        Context.Fault(ProtocolFaultKind.Divergence, $"{Context.Self.Server} executed machine {Context.Machine} up to round {_executedRound} with {difference}.", _executedRound);
        Context.Emit(new CheckSelf());
    }

    private void OnSelfChecked(SelfChecked check)
    {
        if (!_isChecking)
        {
            if (_divergence is null && !check.IsSound) OnOwnMemoryChanged(check);
            return;
        }

        _isChecking = false;
        _divergence = new FollowerDiverged(_stream, _checkingRound, check.IsSound, check.Components);
        if (!check.IsSound) Context.NoteChangedMemory(_checkingRound, check.Components);
        if (_promotion is { } promotion)
        {
            // It won meanwhile, or has found only now that it differs: nobody is there to compare with.
            if (!check.IsSound) _failure = "its own memory is not what was written";
            Promote(promotion);
            return;
        }

        if (check.IsSound) Claims.Persist(Claims.KnownTerm + 1); // the leader may give the lead to this replica
        SendDivergence();
    }

    // Its state is older than what clients saw, and stays so: it must never lead (design.md §3 rules 3 and 4). Going on with an error instead would be another history
    // than the one that the leader's disk holds writes of.
    private void OnExecutionFailed(string reason)
    {
        _failure = reason;
        if (_promotion is { } promotion)
        {
            Promote(promotion);
            return;
        }

        Context.Fault(ProtocolFaultKind.Divergence, $"{Context.Self.Server} cannot execute machine {Context.Machine} beyond round {_executedRound} as {_leader.Server} did: {reason}.", _executedRound);
        _divergence ??= new FollowerDiverged(_stream, _executedRound, IsSound: false, []);
        SendDivergence();
        Reconsider();
    }

    // Nothing differs so far, so there is no hurry: without an arbiter to let the leader go on alone, the machine would stand still.
    private void OnOwnMemoryChanged(SelfChecked check)
    {
        if (_promotion is not null) return; // found again when it leads
        // Pages only: digests of components would be compared with the leader's of another round.
        ImmutableArray<ComponentDigest> pages = [.. check.Components.Where(part => part.IsOfCorruptedPage)];
        if (_changedPages.IsDefault) Context.NoteChangedMemory(_executedRound, pages);
        _changedPages = pages;
        Claims.Query();
    }

    public override void OnArbiterAnswered(ArbiterReply reply)
    {
        if (_changedPages.IsDefault || _isChecking || _divergence is not null || _promotion is not null) return;
        _divergence = new FollowerDiverged(_stream, _executedRound, IsSound: false, _changedPages);
        SendDivergence();
    }

    private void SendDivergence()
    {
        if (_divergence is { } divergence && (!divergence.IsSound || Claims.PersistedTerm > Claims.KnownTerm)) Context.Send(divergence);
    }

    // This replica leads after all: what it held back is right.
    private void PerformDoubtful()
    {
        if (_doubtful.Count == 0) return;
        Context.Emit(new Perform([.. _doubtful]));
        _doubtful.Clear();
    }

    private void OnFlush(FlushId flush)
    {
        _flushes.Add(flush);
        if (_flushes.Count > FlushesStored.MaxFlushes) _flushes.Remove(_flushes.Min);
        Context.Send(new FlushesStored(_stream, [flush]));
    }

    private void SendFlushes()
    {
        if (_flushes.Count != 0) Context.Send(new FlushesStored(_stream, [.. _flushes]));
    }

    private void ForgetFlushes(Record record)
    {
        if (_flushes.Count == 0) return;
        foreach (Round round in record.Rounds)
        {
            foreach (MachineInput input in round.Inputs)
            {
                if (input is BlockCompletionReference reference) _flushes.Remove(new FlushId(reference.DiskIndex, reference.RequestId));
                else if (input is BlockCompleted completed) _flushes.Remove(new FlushId(completed.DiskIndex, completed.RequestId));
            }
        }
    }
}
