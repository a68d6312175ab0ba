using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Leading;

/// <summary>How fast rounds run, and flushes, which end only when both copies of a disk are stable.</summary>
internal sealed partial class LeaderRole
{
    private const int PaceStep = 5, MinPace = 5, ConvergencePasses = 3;

    // Done on one copy and not known to be done on the other. Ordered, so that the bound drops the oldest.
    private readonly SortedSet<FlushId> _ownFlushes = new(FlushOrder), _peerFlushes = new(FlushOrder);
    private readonly SortedSet<FlushId> _endingFlushes = new(FlushOrder); // ended, and the guest has not heard of it
    private int _pace = -1;
    private ulong _slowSinceNs;

    internal static Comparer<FlushId> FlushOrder { get; } = Comparer<FlushId>.Create((a, b) =>
        a.RequestId != b.RequestId ? a.RequestId.CompareTo(b.RequestId) : a.DiskIndex.CompareTo(b.DiskIndex));

    /// <summary>How far the follower is behind: the machine time it has to execute yet.</summary>
    private ulong LagNs => _stream?.Window?.UnexecutedNs ?? 0;

    private void SetPace()
    {
        if (Context.Role != this) return;
        int pace = Pace();
        if (pace > 0) _isPaused = false;
        if (pace != _pace) Context.Emit(new SetPace(pace));
        _pace = pace;
        NoteSlowness();
    }

    private int Pace()
    {
        if (IsHandingOver || _divergence is not null || _yields) return 0;
        if (Settings.Bug == PlantedBug.NoFlowControl) return 100;
        if (_gate.HeldBytes >= Settings.MaxHeldBytes || _stream?.Window is { } window && window.UnstoredBytes >= Settings.MaxUnstoredBytes) return 0;
        if (_actsWithoutArbiter) return 100;
        int pace = Math.Min(PaceByLag(), PaceByTransfer());
        return pace == 0 ? 0 : Math.Max(MinPace, pace / PaceStep * PaceStep);
    }

    // Full speed up to half the limit, then down in a straight line to a stop at the limit: the lag settles where the
    // leader is as fast as the follower, without jerks.
    private int PaceByLag()
    {
        ulong half = Settings.LagLimitNs / 2, lag = LagNs;
        if (lag <= half) return 100;
        return lag >= Settings.LagLimitNs ? 0 : (int)(100 * (Settings.LagLimitNs - lag) / (Settings.LagLimitNs - half));
    }

    // A guest that writes memory faster than it is sent is slowed from the fourth pass on, so that transfers end.
    private int PaceByTransfer() =>
        _stream is { Phase: StreamPhase.Passing or StreamPhase.PassWaiting } stream && stream.Pass >= ConvergencePasses
            ? Math.Max(20, 100 - 15 * (stream.Pass - ConvergencePasses + 1)) : 100;

    private void NoteSlowness()
    {
        bool isSlow = _stream is { CarriesRecords: true } && _drop is null && !IsHandingOver && _divergence is null && _pace < 50;
        if (!isSlow) _slowSinceNs = Context.NowNs;
        else if (Context.NowNs - _slowSinceNs >= Settings.SlowFollowerNs)
        {
            Context.Fault(ProtocolFaultKind.SlowFollower, $"{_stream!.Peer.Server} kept machine {Context.Machine} below half speed for {Settings.SlowFollowerNs / 1_000_000} ms.");
            DropByPolicy("it is too slow");
        }
    }

    private void OnOwnFlush(FlushId flush)
    {
        if (!Holds || Settings.Flush == FlushMode.Leader || _peerFlushes.Remove(flush)) Complete(flush);
        else AddBounded(_ownFlushes, flush);
    }

    private void OnPeerFlushes(ImmutableArray<FlushId> flushes)
    {
        foreach (FlushId flush in flushes)
        {
            if (_ownFlushes.Remove(flush)) Complete(flush);
            else AddBounded(_peerFlushes, flush);
        }
    }

    // One copy is all there is.
    private void CompleteAllFlushes()
    {
        foreach (FlushId flush in _ownFlushes) Complete(flush);
        _ownFlushes.Clear();
        _peerFlushes.Clear();
    }

    // No round may follow that says it to the guest: then it is the next leader's to say, which waits for this server's word.
    private void Complete(FlushId flush)
    {
        if (Settings.Bug != PlantedBug.ForgetEndingFlushes) AddBounded(_endingFlushes, flush);
        Context.Emit(new CompleteFlush(flush));
    }

    // The guest has heard of them: what the peer still repeats is old.
    private void ForgetFlushes(ImmutableArray<MachineInput> inputs)
    {
        foreach (MachineInput input in inputs)
        {
            if (input is not BlockCompleted completed) continue;
            FlushId flush = new(completed.DiskIndex, completed.RequestId);
            _peerFlushes.Remove(flush);
            _endingFlushes.Remove(flush);
        }
    }

    private static void AddBounded(SortedSet<FlushId> set, FlushId flush)
    {
        set.Add(flush);
        if (set.Count > FlushesStored.MaxFlushes) set.Remove(set.Min);
    }
}
