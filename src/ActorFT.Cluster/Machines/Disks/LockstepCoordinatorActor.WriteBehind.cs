using ActorFT.Cluster.Machines.Disks;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;

namespace ActorFT.Cluster.Machines;

// A leader's write ends for the guest when its round does: neither its commit nor its copy is waited for. It reaches the copy at its commit as ever. A follower
// takes the leader's word for it in the same way: it would else be as slow as one write after the other.
public sealed partial class LockstepCoordinatorActor
{
    private readonly WritesBehind _writesBehind = new();
    private readonly List<FlushId> _flushesToEnd = [];

    private const int NoWrite = -1;

    private const int MaxFlushesBegan = 1024;

    private readonly Dictionary<FlushId, ulong> _flushesBegan = []; // when the machine, led here, made them

    private void EndWritesEarly(List<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
        {
            if (output is BlockRequested { Operation: BlockOperation.Flush } flush && _flushesBegan.Count < MaxFlushesBegan) _flushesBegan[new FlushId(flush.DiskIndex, flush.RequestId)] = Now;
            if (output is BlockRequested { Operation: BlockOperation.Write } write && _writesBehind.TryAdd(write.DiskIndex, write.RequestId, write.Data.Length))
                _inputs.Enqueue(new BlockCompleted(write.DiskIndex, write.RequestId, BlockStatus.Ok, default));
        }
    }

    // A follower: whether this server's own answer is there, is not owed, or need not be waited for. Of writes that are yet to reach its disk it is never waited for in vain:
    // one record has no more of them that the leader ended than may be behind, for the leader's disk gets them at the record's end, too.
    private bool IsHere(BlockCompletionReference wanted)
    {
        (int Disk, ulong Request) key = (wanted.DiskIndex, wanted.RequestId);
        if (_completions.ContainsKey(key) || !_issued.TryGetValue(key, out int bytes)) return true;
        if (bytes == NoWrite || wanted.Status != BlockStatus.Ok || !_writesBehind.TryAdd(key.Disk, key.Request, bytes)) return false;
        _completions[key] = new BlockCompleted(key.Disk, key.Request, BlockStatus.Ok, default);
        return true;
    }

    /// <summary>The disk ended a request; true: it is a write whose end the guest has, and nothing more comes of it.</summary>
    private bool EndWriteBehind(BlockCompleted completion)
    {
        if (!_writesBehind.End(completion, _flushesToEnd)) return false;
        // Else a round is still to take its end.
        if (!_completions.ContainsKey((completion.DiskIndex, completion.RequestId))) _issued.Remove((completion.DiskIndex, completion.RequestId));
        foreach (FlushId flush in _flushesToEnd) EndFlush(flush);
        _flushesToEnd.Clear();
        return true;
    }

    private void CompleteFlush(FlushId flush)
    {
        if (!_writesBehind.MustWait(flush)) EndFlush(flush);
    }

    private void EndFlush(FlushId flush)
    {
        BlockStatus status = _completions.Remove((flush.DiskIndex, flush.RequestId), out BlockCompleted? own) ? own.Status : BlockStatus.Ok;
        if (_writesBehind.TakeLost(flush.DiskIndex)) status = BlockStatus.IoError;
        _issued.Remove((flush.DiskIndex, flush.RequestId));
        if (_flushesBegan.Remove(flush, out ulong beganNs))
            ClusterMeters.MachineFlush.Record((Now - beganNs) / 1e9, new("server", _options.Identity.Self.Server), new("machine", _options.Identity.Machine), new("disk", _options.Definition.Disks[flush.DiskIndex].Name));
        _inputs.Enqueue(new BlockCompleted(flush.DiskIndex, flush.RequestId, status, default));
        QueueRound();
    }
}
