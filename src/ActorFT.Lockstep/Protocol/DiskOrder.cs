using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// Says which outputs must wait for a record's commit (or its end, for a follower) and which may act at once. Frames, console
/// bytes, power changes and everything that changes a disk wait. A read acts at once unless a write that waits overlaps it:
/// it must see that write. A flush acts at once unless a write that waits is before it. Entropy acts at once: it shows the world nothing.
/// DETERMINISM: both replicas' disks see overlapping requests of one disk, and all that change it or flush it, in the order the machine
/// made them: so what a flush covers, and what "after request n" means, is the same on both.
/// </summary>
internal sealed class DiskOrder
{
    private readonly List<BlockRequested> _waiting = [];

    /// <summary>Whether the output waits. Call once for each output, in order.</summary>
    public bool MustWait(MachineOutput output)
    {
        switch (output)
        {
            case EntropyRequested: return false;
            case BlockRequested { Operation: BlockOperation.Flush } flush:
                if (!_waiting.Exists(write => write.DiskIndex == flush.DiskIndex && write.Operation != BlockOperation.Read)) return false;
                _waiting.Add(flush);
                return true;
            case BlockRequested { Operation: BlockOperation.Read } read:
                if (!_waiting.Exists(write => Overlaps(write, read))) return false;
                _waiting.Add(read);
                return true;
            case BlockRequested write:
                _waiting.Add(write);
                return true;
            default: return true;
        }
    }

    /// <summary>An output that waited has acted.</summary>
    public void Performed(MachineOutput output)
    {
        if (output is BlockRequested request) _waiting.Remove(request);
    }

    /// <summary>Nothing waits any more.</summary>
    public void Clear() => _waiting.Clear();

    private static bool Overlaps(BlockRequested a, BlockRequested b) =>
        a.DiskIndex == b.DiskIndex && a.OffsetBytes < b.OffsetBytes + b.LengthBytes && b.OffsetBytes < a.OffsetBytes + a.LengthBytes;
}
