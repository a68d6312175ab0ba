using ActorFT.Lockstep.Messages;
using ActorFT.Machine.IO;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// Writes whose end the guest has been told and this server's disk has yet to say: as in a drive with a volatile cache, such a write promises nothing before a
/// flush. So a flush ends after the writes before it, and fails if one of them did. Bounded: a guest gets no further ahead of its disk. One caller at a time.
/// </summary>
public sealed class WritesBehind
{
    /// <summary>So many requests, at most, and so many bytes of them, are behind.</summary>
    public const int MaxRequests = 64, MaxBytes = 8 << 20;

    private readonly Dictionary<(int Disk, ulong Request), int> _behind = []; // bytes
    private readonly HashSet<int> _lost = [];
    private readonly List<FlushId> _flushes = [];
    private int _bytes;

    /// <summary>Whether the guest may be told now that a write ended; then it is behind.</summary>
    public bool TryAdd(int disk, ulong request, int bytes)
    {
        if (_behind.Count >= MaxRequests || _bytes + bytes > MaxBytes) return false;
        _behind.Add((disk, request), bytes);
        _bytes += bytes;
        return true;
    }

    /// <summary>The disk ended a request; false: it was not behind. Flushes that waited for it and wait for no other are added to <paramref name="ended"/>.</summary>
    public bool End(BlockCompleted completion, List<FlushId> ended)
    {
        if (!_behind.Remove((completion.DiskIndex, completion.RequestId), out int bytes)) return false;
        _bytes -= bytes;
        if (completion.Status != BlockStatus.Ok) _lost.Add(completion.DiskIndex);
        for (int i = 0; i < _flushes.Count; i++)
        {
            if (_flushes[i].DiskIndex != completion.DiskIndex || HasBefore(_flushes[i])) continue;
            ended.Add(_flushes[i]);
            _flushes.RemoveAt(i--);
        }

        return true;
    }

    /// <summary>Whether the flush, which both copies have done, must wait for writes before it; if so it is kept until <see cref="End"/> gives it back.</summary>
    public bool MustWait(FlushId flush)
    {
        if (!HasBefore(flush)) return false;
        _flushes.Add(flush);
        return true;
    }

    /// <summary>Whether a write that the guest takes for done was lost since the disk's last flush; asking forgets it, for that flush says so.</summary>
    public bool TakeLost(int disk) => _lost.Remove(disk);

    /// <summary>Another server leads: it ends the flushes.</summary>
    public void ForgetFlushes() => _flushes.Clear();

    /// <summary>The machine is no more.</summary>
    public void Clear()
    {
        _behind.Clear();
        _lost.Clear();
        _flushes.Clear();
        _bytes = 0;
    }

    private bool HasBefore(FlushId flush)
    {
        foreach ((int disk, ulong request) in _behind.Keys)
            if (disk == flush.DiskIndex && request < flush.RequestId) return true;
        return false;
    }
}
