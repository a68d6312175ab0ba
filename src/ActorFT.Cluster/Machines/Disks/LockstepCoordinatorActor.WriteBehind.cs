using ActorFT.Lockstep.Messages;
using ActorFT.Machine.IO;

namespace ActorFT.Cluster.Machines;

// A leader's write ends for the guest when its round does, as in a drive with a volatile cache: neither its commit nor its copy is waited for. It reaches the
// copy at its commit as ever, and promises what such a write does: nothing before a flush, which ends after it. The end is an input like any other, so the
// follower, which waits for its own copy's, cannot tell the difference.
public sealed partial class LockstepCoordinatorActor
{
    /// <summary>More than these are not ended early: a guest gets no further ahead of its disk.</summary>
    private const int MaxWritesBehind = 64, MaxBytesBehind = 8 << 20;

    private readonly Dictionary<(int Disk, ulong Request), int> _writesBehind = []; // ended for the guest, not by the disk; bytes
    private readonly HashSet<int> _disksWithLostWrites = [];                        // of those one failed; the guest's next flush says so
    private readonly List<FlushId> _flushesBehind = [];                             // would end, and wait for such a write before them
    private int _bytesBehind;

    private void EndWritesEarly(List<MachineOutput> outputs)
    {
        foreach (MachineOutput output in outputs)
        {
            if (output is not BlockRequested { Operation: BlockOperation.Write } write) continue;
            if (_writesBehind.Count >= MaxWritesBehind || _bytesBehind + write.Data.Length > MaxBytesBehind) return;
            _writesBehind.Add((write.DiskIndex, write.RequestId), write.Data.Length);
            _bytesBehind += write.Data.Length;
            _inputs.Enqueue(new BlockCompleted(write.DiskIndex, write.RequestId, BlockStatus.Ok, default));
        }
    }

    /// <summary>The disk ended a request; true: it is one whose end the guest has, and nothing more comes of it.</summary>
    private bool EndWriteBehind(BlockCompleted completion)
    {
        (int disk, ulong request) = (completion.DiskIndex, completion.RequestId);
        if (!_writesBehind.Remove((disk, request), out int bytes)) return false;
        _bytesBehind -= bytes;
        if (!_completions.ContainsKey((disk, request))) _issued.Remove((disk, request)); // handed over before a round took its end: the new leader says it
        if (completion.Status != BlockStatus.Ok) _disksWithLostWrites.Add(disk);
        foreach (FlushId flush in _flushesBehind.Where(flush => flush.DiskIndex == disk && !HasWriteBehind(flush)).ToArray())
        {
            _flushesBehind.Remove(flush);
            EndFlush(flush);
        }

        return true;
    }

    private bool HasWriteBehind(FlushId flush)
    {
        foreach ((int disk, ulong request) in _writesBehind.Keys)
            if (disk == flush.DiskIndex && request < flush.RequestId) return true;
        return false;
    }

    private void ForgetWritesBehind()
    {
        _writesBehind.Clear();
        _disksWithLostWrites.Clear();
        _flushesBehind.Clear();
        _bytesBehind = 0;
    }

    private void CompleteFlush(FlushId flush)
    {
        if (HasWriteBehind(flush)) _flushesBehind.Add(flush);
        else EndFlush(flush);
    }

    private void EndFlush(FlushId flush)
    {
        BlockStatus status = _completions.Remove((flush.DiskIndex, flush.RequestId), out BlockCompleted? own) ? own.Status : BlockStatus.Ok;
        if (_disksWithLostWrites.Remove(flush.DiskIndex)) status = BlockStatus.IoError;
        _issued.Remove((flush.DiskIndex, flush.RequestId));
        _inputs.Enqueue(new BlockCompleted(flush.DiskIndex, flush.RequestId, status, default));
        QueueRound();
    }
}
