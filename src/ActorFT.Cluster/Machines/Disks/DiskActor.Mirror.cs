using System.Runtime.ExceptionServices;
using ActorFT.Cluster.Messages;
using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Machines.Disks;

// What the mirror asks for.
public sealed partial class DiskActor : IMirrorHost
{
    private bool _isStale;

    void IMirrorHost.Submit(BlockRequested request, Action<BlockOutcome> ended)
    {
        if (_worker is { } worker && worker.TrySubmit(request, out Task<BlockOutcome> completion)) TellEnd(request.RequestId, completion, ended);
        else Later(() => ended(Refused(request.RequestId, "the copy takes no requests")));
    }

    void IMirrorHost.SubmitWrites(ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended)
    {
        if (_worker is { } worker && worker.TrySubmitWrites(_options.Index, requestId, writes, out Task<BlockOutcome> completion)) TellEnd(requestId, completion, ended);
        else Later(() => ended(Refused(requestId, "the copy takes no requests")));
    }

    private void TellEnd(ulong requestId, Task<BlockOutcome> completion, Action<BlockOutcome> ended) =>
        completion.ContinueWith(done => Later(() => ended(done.IsCompletedSuccessfully ? done.Result
            : Refused(requestId, done.Exception?.GetBaseException().Message ?? "cancelled"))), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private BlockOutcome Refused(ulong requestId, string why) =>
        new(new BlockCompleted(_options.Index, requestId, BlockStatus.IoError, default), CopyFaultKind.Failed, why, [], null, 0);

    void IMirrorHost.Check(int region, Action<BlockCheck[]?> ended)
    {
        DiskCopy? copy = _worker?.Copy;
        Task.Run(() =>
        {
            BlockCheck[]? checks = null;
            try
            {
                checks = copy?.CheckRegion(region);
            }
            catch (Exception e) when (e is BlockIoException or ObjectDisposedException)
            {
                // Null says it.
            }
            catch (Exception e)
            {
                Break(e);
                return;
            }

            Later(() => ended(checks));
        });
    }

    // One after the other, on a thread that may wait for the device.
    void IMirrorHost.Record(Action<DiskCopy> change, Action<bool> ended)
    {
        DiskCopy? copy = _worker?.Copy;
        PendingRecord pending = new(ended);
        _pendingRecords.Add(pending);
        _records = _records.ContinueWith(_ =>
        {
            bool isRecorded = false;
            try
            {
                if (copy is not null)
                {
                    change(copy);
                    isRecorded = true;
                }
            }
            catch (Exception e) when (e is BlockIoException or InvalidOperationException or ObjectDisposedException)
            {
                // Said by false: the copy failed or was closed meanwhile.
            }
            catch (Exception e)
            {
                Break(e);
                return;
            }

            Later(() => EndRecord(pending, isRecorded));
        }, TaskScheduler.Default);
    }

    // A broken invariant on another thread is this actor's failure: kept there, nobody would hear of it, and what was asked for would never end.
    private void Break(Exception error) => Later(ExceptionDispatchInfo.Capture(error).Throw);

    private sealed class PendingRecord(Action<bool> ended)
    {
        internal Action<bool> Ended { get; } = ended;
    }

    private readonly List<PendingRecord> _pendingRecords = [];

    private void EndRecord(PendingRecord pending, bool isRecorded)
    {
        if (_pendingRecords.Remove(pending)) pending.Ended(isRecorded);
    }

    // The copy is given up. Its device may never answer: nobody waits for it.
    private void GiveUpCopy(string reason)
    {
        DiskCopyWorker? worker = _worker;
        (_worker, _opened, _records) = (null, null, Task.CompletedTask);
        worker?.Abandon(CopyFaultKind.Failed, reason);
        if (worker is not null) _closing = Task.WhenAll(_closing, worker.Closed);
        foreach (PendingRecord pending in _pendingRecords.ToArray()) Later(() => EndRecord(pending, false));
    }

    void IMirrorHost.Send(ReadOnlySpan<byte> message, bool isRegion)
    {
        if (isRegion || message.Length > MirrorParcels.SmallBytes) _outbox.Send(message, isRegion);
        else _coordinator.Tell(new DiskProtocol.MirrorBytes(_options.Index, message.ToArray()), _self);
    }

    void IMirrorHost.Complete(BlockCompleted completion, BlockOperation operation) =>
        _coordinator.Tell(new MachineProtocol.DiskCompleted(completion with { DiskIndex = _options.Index }, operation), _self);

    void IMirrorHost.MarkStale(Action ended)
    {
        _isStale = true;
        _marking[++_marks] = ended;
        _coordinator.Tell(new DiskProtocol.MarkStale(_options.Index, _marks), _self);
    }

    void IMirrorHost.MarkCurrent(Action<bool> ended)
    {
        ulong term = _term;
        int prepared = _prepared;
        ((IMirrorHost)this).Record(copy => MarkGood(copy, term), isRecorded =>
        {
            if (!isRecorded || prepared != _prepared)
            {
                ended(false);
                return;
            }

            _marking[++_marks] = () =>
            {
                bool isSame = prepared == _prepared; // else the replica was made anew meanwhile, and the copy is stale
                if (isSame)
                {
                    _isStale = false;
                    _health.Resynchronised();
                }

                ended(isSame);
            };
            _coordinator.Tell(new DiskProtocol.MarkCurrent(_options.Index, _marks), _self);
        });
    }

    void IMirrorHost.OnCopyFailed(CopyFaultKind kind, string detail)
    {
        // Nothing waits for the device: what it still answers is dropped, its threads end when it lets go.
        GiveUpCopy(detail);
        Decide(_health.CopyFailed(NowMs, kind, detail));
    }

    private void Decide(CopyDecision decision)
    {
        if (decision.Action == CopyAction.Restart)
        {
            Report("disk-failed", FaultSeverity.Error, $"the copy failed: {decision.Reason.TrimEnd('.')}", $"opened again in {decision.DelayMs} ms");
            Timers.StartSingleTimer("reopen", Reopen.Instance, TimeSpan.FromMilliseconds(Math.Max(1, decision.DelayMs)));
        }
        else if (decision.Action == CopyAction.Isolate)
        {
            _isIsolated = true;
            _mirror.CopyOut(decision.Reason);
            GiveUpCopy("the copy was taken out of service");
            Report("disk-isolated", FaultSeverity.Error, $"the copy is left out: {decision.Reason.TrimEnd('.')}", "until it is repaired by command");
        }
    }

    bool IMirrorHost.OnBadBlocks(int count)
    {
        if (count == 0) return true; // known, and being fetched
        CopyDecision decision = _health.BadBlocksFound(NowMs, count);
        if (decision.Action == CopyAction.RepairBlocks) return true;
        Later(() => Decide(decision));
        return false;
    }

    void IMirrorHost.OnForeign(string reason)
    {
        _isIsolated = true;
        _mirror.CopyOut(reason);
        GiveUpCopy("the copy was taken out of service");
        Report("disk-foreign", FaultSeverity.Error, $"the copy cannot be used: {reason}");
    }

    void IMirrorHost.OnChanged() =>
        _coordinator.Tell(new DiskProtocol.Changed(_options.Index, _mirror.Use, _mirror.Reason, _mirror.PeerUse, Progress), _self);

    void IMirrorHost.Tell(MirrorNote note, string sentence)
    {
        (string kind, FaultSeverity severity) = note switch
        {
            MirrorNote.ServedByPeer => ("disk-served-by-peer", FaultSeverity.Warning),
            MirrorNote.ResyncBegan => ("disk-resync", FaultSeverity.Info),
            MirrorNote.ResyncEnded => ("disk-mirrored", FaultSeverity.Info),
            MirrorNote.BadBlocks => ("disk-bad-blocks", FaultSeverity.Warning),
            MirrorNote.Repaired => ("disk-repaired", FaultSeverity.Info),
            MirrorNote.DataLost => ("disk-data-lost", FaultSeverity.Critical),
            MirrorNote.Differ => ("disk-differs", FaultSeverity.Error),
            _ => ("disk-scrubbed", FaultSeverity.Info),
        };
        if (note == MirrorNote.BadBlocks && IsOfTheSameEpisode()) severity = FaultSeverity.Info; // one fault counts once
        Report(kind, severity, sentence);
    }

    // Bad blocks that are found one after the other are one fault of the device.
    private const long EpisodeMs = 30_000;

    private long _badBlocksAtMs = long.MinValue / 2;

    private bool IsOfTheSameEpisode()
    {
        bool isSame = NowMs - _badBlocksAtMs < EpisodeMs;
        _badBlocksAtMs = NowMs;
        return isSame;
    }

    private void Report(string kind, FaultSeverity severity, string sentence, string action = "")
    {
        string clears = kind == "disk-mirrored" ? "disk-failed" : "";
        _options.Faults.Tell(new FaultProtocol.Report(kind, severity, _options.Settings.Name.Machine, NamePrefix + _options.Settings.Name.Disk,
            $"Disk {_options.Settings.Name} on {_options.Server}: {sentence.TrimEnd('.')}.", action, null, clears), _self);
    }
}
