using ActorFT.Storage.Copies;

namespace ActorFT.Storage.Mirror;

/// <summary>Something wrong with a block.</summary>
/// <param name="Block">The block, counted from the disk's start.</param>
/// <param name="Verdict">What is wrong.</param>
public readonly record struct ScrubFinding(long Block, BlockVerdict Verdict);

/// <summary>What a scrub has counted.</summary>
public sealed record ScrubCounts(long BlocksCompared, long FirstWrong, long SecondWrong, long BothWrong, long Differ, long RegionsUnsettled);

/// <summary>
/// Walks both copies region by region and judges what it sees. Pure. A copy that is wrong by its own checksum is wrong whatever
/// happens meanwhile; two copies that differ though each is right by its own say something only if no write came between:
/// such a region is looked at again.
/// </summary>
public sealed class ScrubPlan
{
    private const int LooksAtARegion = 4;

    private readonly DiskGeometry _geometry;
    private readonly long[] _counts = new long[Enum.GetValues<BlockVerdict>().Length];
    private readonly Queue<(long AtMs, long Bytes)> _recent = new();
    private int _next;
    private int _looks;
    private bool _isDisturbed;
    private long _compared, _unsettled;

    /// <summary>Plans a walk over the whole disk.</summary>
    /// <param name="geometry">How the disk is cut up.</param>
    /// <param name="startRegion">Where an earlier walk stopped.</param>
    public ScrubPlan(DiskGeometry geometry, int startRegion = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)startRegion, (uint)geometry.RegionCount, nameof(startRegion));
        _geometry = geometry;
        _next = startRegion;
    }

    /// <summary>The region to look at on both copies now; null when the walk is complete.</summary>
    public int? Current => _next < _geometry.RegionCount ? _next : null;

    /// <summary>What was counted.</summary>
    public ScrubCounts Counts => new(_compared, _counts[(int)BlockVerdict.FirstWrong], _counts[(int)BlockVerdict.SecondWrong],
        _counts[(int)BlockVerdict.BothWrong], _counts[(int)BlockVerdict.Differ], _unsettled);

    /// <summary>Either copy was written, or a write is on its way to one.</summary>
    public void Wrote(long offsetBytes, long lengthBytes)
    {
        if (Current is not { } region || lengthBytes <= 0) return;
        long start = _geometry.RegionOffset(region);
        if (offsetBytes < start + _geometry.RegionLength(region) && offsetBytes + lengthBytes > start) _isDisturbed = true;
    }

    /// <summary>Starts a look: writes from here on disturb it.</summary>
    public void BeginLook() => _isDisturbed = false;

    /// <summary>Takes what was seen on both copies of the current region and returns what is wrong; each thing once.</summary>
    public List<ScrubFinding> Report(ReadOnlySpan<BlockCheck> first, ReadOnlySpan<BlockCheck> second, long nowMs)
    {
        int region = Current ?? throw new InvalidOperationException("The walk is complete.");
        if (first.Length != _geometry.RegionBlockCount(region) || second.Length != first.Length)
            throw new ArgumentException($"Region {region} has {_geometry.RegionBlockCount(region)} blocks; {first.Length} and {second.Length} were reported.", nameof(second));
        var findings = new List<ScrubFinding>();
        bool isDifferent = false;
        for (int i = 0; i < first.Length; i++)
        {
            BlockVerdict verdict = RegionCompare.Judge(first[i], second[i]);
            isDifferent |= verdict == BlockVerdict.Differ;
            if (verdict != BlockVerdict.Equal && !(verdict == BlockVerdict.Differ && _isDisturbed))
                findings.Add(new ScrubFinding(_geometry.RegionOffset(region) / DiskGeometry.BlockBytes + i, verdict));
        }
        bool isLastLook = ++_looks >= LooksAtARegion;
        if (isDifferent && _isDisturbed && !isLastLook)
        {
            findings.Clear(); // the next look, on which all is judged, finds what is wrong again
            return findings;
        }
        if (isDifferent && _isDisturbed) _unsettled++;
        foreach (ScrubFinding finding in findings) _counts[(int)finding.Verdict]++;
        _compared += first.Length;
        _recent.Enqueue((nowMs, _geometry.RegionLength(region)));
        if (_recent.Count > 64) _recent.Dequeue();
        _next++;
        _looks = 0;
        return findings;
    }

    /// <summary>How far it is.</summary>
    public MirrorProgress Progress(long nowMs)
    {
        long done = Math.Min(_geometry.CapacityBytes, (long)_next * _geometry.RegionBytes), left = _geometry.CapacityBytes - done;
        long rate = _recent.Count == 0 ? 0 : _recent.Sum(r => r.Bytes) * 1000 / Math.Max(1000, nowMs - _recent.Peek().AtMs);
        return new MirrorProgress(done, _geometry.CapacityBytes, rate, left == 0 ? 0 : rate == 0 ? null : left * 1000 / rate);
    }
}
