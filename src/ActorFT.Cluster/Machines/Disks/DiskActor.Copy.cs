using ActorFT.Cluster.Messages;
using ActorFT.Machine.IO;
using ActorFT.Storage;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;

namespace ActorFT.Cluster.Machines.Disks;

// What the copy's life asks for: its files, its worker, its metadata's thread, marks.
public sealed partial class DiskActor : ICopyHost
{
    long ICopyHost.NowMs => NowMs;

    bool ICopyHost.AreFilesFree => _closing.IsCompleted;

    void ICopyHost.Later(Action action) => Later(action);

    // Continuations come from the worker's threads; they run here, on the actor's.
    private void Later(Action run) => _self.Tell(new Then(run), ActorRefs.NoSender);

    void ICopyHost.OpenWhenFree()
    {
        IActorRef self = _self;
        _closing.ContinueWith(_ => self.Tell(Reopen.Instance, ActorRefs.NoSender), TaskScheduler.Default);
    }

    void ICopyHost.OpenAfter(long delayMs) => Timers.StartSingleTimer("reopen", Reopen.Instance, TimeSpan.FromMilliseconds(delayMs));

    void ICopyHost.Open()
    {
        DiskCopySettings settings = _options.Settings;
        Task.Run(() =>
        {
            try
            {
                return new Reopened(DiskCopyFiles.Open(settings), default, "");
            }
            catch (Exception e) when (e is StorageConfigurationException or MetadataDamagedException)
            {
                return new Reopened(null, CopyFaultKind.Vanished, e.Message);
            }
            catch (BlockIoException e)
            {
                return new Reopened(null, e.Kind, e.Message);
            }
        }).PipeTo(_self, failure: error => new Reopened(null, CopyFaultKind.IoError, error.Message));
    }

    void ICopyHost.Close(OpenedCopy copy) => _closing = Task.WhenAll(_closing, Task.Run(copy.Copy.Dispose));

    void ICopyHost.Use(OpenedCopy copy)
    {
        _opened = copy;
        DiskCopyWorker? worker = null;
        worker = new DiskCopyWorker(copy.Copy, _options.Worker, report => _self.Tell(new Stalled(worker!, report), ActorRefs.NoSender));
        _worker = worker;
        foreach (InjectedFault fault in _injected) Apply(fault, copy);
    }

    void ICopyHost.GiveUp(string reason)
    {
        DiskCopyWorker? worker = _worker;
        (_worker, _opened, _records) = (null, null, Task.CompletedTask);
        worker?.Abandon(CopyFaultKind.Failed, reason);
        if (worker is not null) _closing = Task.WhenAll(_closing, worker.Closed);
    }

    void ICopyHost.Flush(Action<BlockOutcome> ended) => ((IMirrorHost)this).Submit(new BlockRequested(0, ulong.MaxValue, BlockOperation.Flush, 0, 0, default), ended);

    // One after the other, on a thread that may wait for the device.
    void ICopyHost.Change(Action<DiskCopy> change, Action<bool> ended)
    {
        DiskCopy? copy = _worker?.Copy;
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

            Later(() => ended(isRecorded));
        }, TaskScheduler.Default);
    }

    void ICopyHost.Mark(bool isStale, int number) =>
        _coordinator.Tell(isStale ? new DiskProtocol.MarkStale(_options.Index, number) : new DiskProtocol.MarkCurrent(_options.Index, number), _self);

    void ICopyHost.Tell(CopyNote note, string sentence, string next)
    {
        (string kind, FaultSeverity severity) = note switch
        {
            CopyNote.Failed => ("disk-failed", FaultSeverity.Error),
            CopyNote.LeftOut => ("disk-isolated", FaultSeverity.Error),
            CopyNote.TakenOut => ("disk-isolated", FaultSeverity.Warning),
            CopyNote.Foreign => ("disk-foreign", FaultSeverity.Error),
            _ => ("disk-opened", FaultSeverity.Info),
        };
        Report(kind, severity, sentence, next);
    }
}
