using ActorFT.Cluster.Machines.Disks;
using ActorFT.Lockstep.Messages;
using ActorFT.Machine.IO;

namespace ActorFT.Cluster.Machines;

// A leader's write ends for the guest when its round does: neither its commit nor its copy is waited for. It reaches the copy at its commit as ever. The end
// is an input like any other, so the follower, which waits for its own copy's, cannot tell the difference.
public sealed partial class LockstepCoordinatorActor
{
    private readonly WritesBehind _writesBehind = new();
    private readonly List<FlushId> _flushesToEnd = [];

    private void EndWritesEarly(List<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
            if (output is BlockRequested request && _writesBehind.TryAdd(request)) _inputs.Enqueue(new BlockCompleted(request.DiskIndex, request.RequestId, BlockStatus.Ok, default));
    }

    /// <summary>The disk ended a request; true: it is a write whose end the guest has, and nothing more comes of it.</summary>
    private bool EndWriteBehind(BlockCompleted completion)
    {
        if (!_writesBehind.End(completion, _flushesToEnd)) return false;
        // Handed over before a round took its end: it is still the new leader's to say.
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
        _inputs.Enqueue(new BlockCompleted(flush.DiskIndex, flush.RequestId, status, default));
        QueueRound();
    }
}
