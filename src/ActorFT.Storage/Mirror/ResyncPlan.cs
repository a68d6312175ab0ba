namespace ActorFT.Storage.Mirror;

/// <summary>How far a resync or scrub is.</summary>
/// <param name="DoneBytes">Bytes that are equal on both copies, of those that were not known to be.</param>
/// <param name="TotalBytes">Bytes to do in all; grows when regions are written again.</param>
/// <param name="BytesPerSecond">Rate over the last seconds.</param>
/// <param name="TimeLeftMs">At that rate; null while there is none.</param>
public sealed record MirrorProgress(long DoneBytes, long TotalBytes, long BytesPerSecond, long? TimeLeftMs)
{
    /// <summary>0 to 1.</summary>
    public double Fraction => TotalBytes == 0 ? 1 : (double)DoneBytes / TotalBytes;
}

/// <summary>A region to be read on the source.</summary>
/// <param name="Region">Which.</param>
/// <param name="NotBefore">The source must have applied this guest request (and all before it) before it reads.</param>
public readonly record struct RegionRequest(int Region, ulong NotBefore);

/// <summary>
/// Which regions go from the current copy (source) to the other (target), and when each is done, while the guest keeps writing.
/// Pure: no I/O, no clock. Positions are ids of guest requests: they rise and are the same on both replicas.
/// </summary>
/// <remarks>
/// Two situations, both held here:
/// the target's replica runs in lockstep and writes to its copy too (<see cref="TargetWrote"/>), or it does not and only the
/// source is written (<see cref="SourceWroteAlone"/>).
/// In lockstep the replicas are never at the same place. A snapshot read on a source that is behind would undo writes that the
/// target has made: so it is asked for "not before" the target's last write there, and refused if the target wrote past it
/// meanwhile. A snapshot from a source that is ahead holds writes the target will repeat, which does no harm, but must not be
/// read before the target has come to that place: <see cref="IsReadable"/>.
/// <code>
///  Pending ──TakeNext──► Copying ──TryApply──► Applying ──Applied──► Done
///     ▲                     │ snapshot too old, Abandon   │ source wrote alone   │ source wrote alone
///     └─────────────────────┴─────────────────────────────┴──────────────────────┘
/// </code>
/// </remarks>
public sealed class ResyncPlan
{
    private enum Step : byte { Untouched, Pending, Copying, Applying, Done }

    private const long RateWindowMs = 10_000;

    private readonly DiskGeometry _geometry;
    private readonly Step[] _steps;
    private readonly bool[] _isDirtyAgain;
    private readonly ulong[] _lastTargetWrite;
    private readonly ulong[] _readableFrom;
    private readonly List<int> _newlyDone = [];
    private readonly Queue<(long AtMs, long Bytes)> _recent = new();
    private long _pendingBytes, _busyBytes, _recentBytes;
    private int _cursor;
    private int _busy;
    private int _pending;

    /// <summary>Plans the regions.</summary>
    /// <param name="geometry">How the disk is cut up.</param>
    /// <param name="dirtyRegions">Regions dirty on either copy; all of them for a replacement or a full compare.</param>
    /// <param name="targetAppliedThrough">The last guest request that the target's replica wrote to its copy before this plan began, perhaps
    /// under an earlier plan that was interrupted; 0 if the target is not written but by resync.</param>
    public ResyncPlan(DiskGeometry geometry, IEnumerable<int> dirtyRegions, ulong targetAppliedThrough = 0)
    {
        _geometry = geometry;
        _steps = new Step[geometry.RegionCount];
        _isDirtyAgain = new bool[geometry.RegionCount];
        _lastTargetWrite = new ulong[geometry.RegionCount];
        Array.Fill(_lastTargetWrite, targetAppliedThrough);
        _readableFrom = new ulong[geometry.RegionCount];
        foreach (int region in dirtyRegions) MakePending(region);
    }

    /// <summary>Whether every region is equal on both copies.</summary>
    public bool IsComplete => _pending == 0 && _busy == 0;

    /// <summary>Regions still to be taken.</summary>
    public int PendingRegions => _pending;

    /// <summary>Regions under way.</summary>
    public int BusyRegions => _busy;

    /// <summary>Bytes of those.</summary>
    public long BusyBytes => _busyBytes;

    /// <summary>Bytes done so far.</summary>
    public long DoneBytes { get; private set; }

    /// <summary>Takes the next region, in rising order round the disk so that a region written all the time delays no other; null if none is pending.</summary>
    public RegionRequest? TakeNext()
    {
        if (_pending == 0) return null;
        while (_steps[_cursor] != Step.Pending) _cursor = (_cursor + 1) % _steps.Length;
        int region = _cursor;
        _cursor = (_cursor + 1) % _steps.Length;
        _steps[region] = Step.Copying;
        _isDirtyAgain[region] = false;
        _pending--;
        _pendingBytes -= _geometry.RegionLength(region);
        _busy++;
        _busyBytes += _geometry.RegionLength(region);
        return new RegionRequest(region, _lastTargetWrite[region]);
    }

    /// <summary>
    /// A snapshot has arrived at the target. True: apply it now, ordered against the target's own writes as one of them. False: it is too old; the
    /// region is pending again.
    /// </summary>
    /// <param name="region">The region.</param>
    /// <param name="asOf">The last guest request that the source had surely applied when it began to read.</param>
    /// <param name="through">The last that it may have applied when it was done, if the guest's writes went on beside the reading.</param>
    public bool TryApply(int region, ulong asOf, ulong? through = null)
    {
        Expect(region, Step.Copying);
        if (_isDirtyAgain[region] || _lastTargetWrite[region] > asOf)
        {
            Abandon(region);
            return false;
        }
        _steps[region] = Step.Applying;
        _readableFrom[region] = Math.Max(asOf, through ?? asOf);
        return true;
    }

    /// <summary>The snapshot is stable on the target (or nothing had to be written). True if the region is done; false if it was written again.</summary>
    public bool Applied(int region, long nowMs)
    {
        Expect(region, Step.Applying);
        if (_isDirtyAgain[region])
        {
            Abandon(region);
            return false;
        }
        _steps[region] = Step.Done;
        Release(region);
        DoneBytes += _geometry.RegionLength(region);
        _newlyDone.Add(region);
        _recent.Enqueue((nowMs, _geometry.RegionLength(region)));
        _recentBytes += _geometry.RegionLength(region);
        ForgetRecent(nowMs);
        return true;
    }

    /// <summary>The region could not be copied this time: a link broke, a snapshot was too old.</summary>
    public void Abandon(int region)
    {
        if (_steps[region] is not (Step.Copying or Step.Applying)) throw new InvalidOperationException($"Region {region} is not under way.");
        Release(region);
        MakePending(region);
    }

    /// <summary>The target's replica wrote to its own copy.</summary>
    public void TargetWrote(ulong requestId, long offsetBytes, long lengthBytes)
    {
        foreach (int region in RegionsOf(offsetBytes, lengthBytes)) _lastTargetWrite[region] = Math.Max(_lastTargetWrite[region], requestId);
    }

    /// <summary>A snapshot of a region is of use from a place on only.</summary>
    public void NotBefore(int region, ulong position) => _lastTargetWrite[region] = Math.Max(_lastTargetWrite[region], position);

    /// <summary>The source was written and the target was not: the region must go (again).</summary>
    public void SourceWroteAlone(long offsetBytes, long lengthBytes)
    {
        foreach (int region in RegionsOf(offsetBytes, lengthBytes))
        {
            if (_steps[region] is Step.Copying or Step.Applying) _isDirtyAgain[region] = true;
            else if (_steps[region] != Step.Pending)
            {
                if (_steps[region] == Step.Done) DoneBytes -= _geometry.RegionLength(region);
                MakePending(region);
            }
        }
    }

    /// <summary>Whether a region is to be copied, or is being copied.</summary>
    public bool IsWanted(int region) => _steps[region] is not (Step.Untouched or Step.Done);

    /// <summary>Whether the target may serve a guest's read itself, having applied the guest's requests up to a position.</summary>
    public bool IsReadable(long offsetBytes, long lengthBytes, ulong appliedThrough)
    {
        foreach (int region in RegionsOf(offsetBytes, lengthBytes))
            if (_steps[region] is not (Step.Untouched or Step.Done) || appliedThrough < _readableFrom[region]) return false;
        return true;
    }

    /// <summary>Whether nothing there was read on the source at a place that the target's replica has not come to.</summary>
    public bool IsReached(long offsetBytes, long lengthBytes, ulong appliedThrough)
    {
        foreach (int region in RegionsOf(offsetBytes, lengthBytes))
            if (_steps[region] == Step.Applying || appliedThrough < _readableFrom[region]) return false;
        return true;
    }

    /// <summary>Regions that hold, or soon will, what the source had written at a place that the target's replica has not come to; with that place.</summary>
    public IEnumerable<(int Region, ulong From)> Ahead(ulong appliedThrough)
    {
        for (int region = 0; region < _readableFrom.Length; region++)
            if (_readableFrom[region] > appliedThrough) yield return (region, _readableFrom[region]);
    }

    /// <summary>Regions done since the last call and not dirty again: to be recorded as clean, so that a resync goes on from here after a crash.</summary>
    public List<int> TakeNewlyDone()
    {
        var done = _newlyDone.Where(region => _steps[region] == Step.Done).Distinct().Order().ToList();
        _newlyDone.Clear();
        return done;
    }

    /// <summary>How far it is.</summary>
    public MirrorProgress Progress(long nowMs)
    {
        ForgetRecent(nowMs);
        long left = _pendingBytes + _busyBytes, rate = 0;
        if (_recent.Count > 0) rate = _recentBytes * 1000 / Math.Max(1000, nowMs - _recent.Peek().AtMs);
        return new MirrorProgress(DoneBytes, DoneBytes + left, rate, left == 0 ? 0 : rate == 0 ? null : left * 1000 / rate);
    }

    private void ForgetRecent(long nowMs)
    {
        while (_recent.TryPeek(out (long AtMs, long Bytes) oldest) && oldest.AtMs <= nowMs - RateWindowMs)
        {
            _recentBytes -= oldest.Bytes;
            _recent.Dequeue();
        }
    }

    private void Release(int region)
    {
        _busy--;
        _busyBytes -= _geometry.RegionLength(region);
    }

    private void MakePending(int region)
    {
        if (_steps[region] == Step.Pending) return;
        _steps[region] = Step.Pending;
        _pending++;
        _pendingBytes += _geometry.RegionLength(region);
    }

    private void Expect(int region, Step step)
    {
        if (_steps[region] != step) throw new InvalidOperationException($"Region {region} is {_steps[region]}, not {step}.");
    }

    private IEnumerable<int> RegionsOf(long offsetBytes, long lengthBytes)
    {
        if (lengthBytes <= 0) yield break;
        (int first, int last) = _geometry.RegionsOf(offsetBytes, lengthBytes);
        for (int region = first; region <= last; region++) yield return region;
    }
}
