using System.Runtime.ExceptionServices;
using ActorFT.Cluster.Messages;
using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Machines.Disks;

// What the mirror asks for.
public sealed partial class DiskActor : IMirrorHost
{
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

    // A broken invariant on another thread is this actor's failure: kept there, nobody would hear of it, and what was asked for would never end.
    private void Break(Exception error) => Later(ExceptionDispatchInfo.Capture(error).Throw);

    void IMirrorHost.Send(ReadOnlySpan<byte> message, bool isRegion)
    {
        if (isRegion || message.Length > MirrorParcels.SmallBytes) _outbox.Send(message, isRegion);
        else _coordinator.Tell(new DiskProtocol.MirrorBytes(_options.Index, message.ToArray()), _self);
    }

    void IMirrorHost.Complete(BlockCompleted completion, BlockOperation operation) =>
        _coordinator.Tell(new MachineProtocol.DiskCompleted(completion with { DiskIndex = _options.Index }, operation), _self);

    void IMirrorHost.OnTook(BlockOperation operation, double latencyMs) => _latencies.Note(operation, latencyMs, NowMs);

    void IMirrorHost.Record(Action<DiskCopy> change, Action<bool> ended) => _life.Record(change, ended);

    void IMirrorHost.MarkStale(Action ended) => _life.MarkStale(ended);

    void IMirrorHost.MarkCurrent(Action<bool> ended) => _life.MarkCurrent(ended);

    void IMirrorHost.OnCopyFailed(CopyFaultKind kind, string detail) => _life.CopyFailed(kind, detail);

    bool IMirrorHost.OnBadBlocks(int count) => _life.BadBlocksFound(count);

    void IMirrorHost.OnForeign(string reason) => _life.Foreign(reason);

    void IMirrorHost.OnChanged()
    {
        _life.StandingChanged();
        _coordinator.Tell(new DiskProtocol.Changed(_options.Index, _mirror.UseAlone, _mirror.Reason, _mirror.PeerUse, Progress), _self);
    }

    void IMirrorHost.Tell(MirrorNote note, string sentence) => _options.Faults.Tell(_reports.Of(note, InWords(sentence), NowMs), _self);

    private void Report(string kind, FaultSeverity severity, string sentence, string action = "") =>
        _options.Faults.Tell(new FaultProtocol.Report(kind, severity, _options.Settings.Name.Machine, NamePrefix + _options.Settings.Name.Disk, InWords(sentence), action), _self);

    private string InWords(string sentence) => $"Disk {_options.Settings.Name} on {_options.Server}: {sentence.TrimEnd('.')}.";
}
