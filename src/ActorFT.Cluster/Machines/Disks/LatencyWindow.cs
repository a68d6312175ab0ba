using System.Numerics;
using ActorFT.Cluster.Status;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>
/// How long requests of one kind took lately: counted in buckets, 16 to each doubling of the time. A percentile is exact up to 31 us, and beyond at most a
/// sixteenth too long. Two halves, of which the older one is forgotten as a whole: so "lately" is the last half minute to minute.
/// <code>
///          older half          younger half
///   ├────────────────────┼─────────────── now     half a minute is over: the younger becomes the older
/// </code>
/// Pure, one caller at a time; allocates nothing after it was made, but what it tells.
/// </summary>
public sealed class LatencyWindow
{
    /// <summary>How long a half is.</summary>
    public const long HalfMs = 30_000;

    private const int StepBits = 4, Steps = 1 << StepBits; // buckets to a doubling
    private const int LongestBits = 26; // beyond 67 s nothing is told apart: the deadline ends a request long before
    private const long LongestUs = (1L << LongestBits) - 1;

    private int[] _older = new int[BucketOf(LongestUs) + 1], _younger = new int[BucketOf(LongestUs) + 1];
    private long _youngerSinceMs;

    /// <summary>A request took so long.</summary>
    /// <param name="latencyMs">How long, in milliseconds.</param>
    /// <param name="nowMs">Now, on a clock that never goes back.</param>
    public void Note(double latencyMs, long nowMs)
    {
        TurnTo(nowMs);
        _younger[BucketOf((long)Math.Clamp(latencyMs * 1e3, 0, LongestUs))]++;
    }

    /// <summary>What was noted lately; null for nothing.</summary>
    /// <param name="nowMs">Now, on the same clock.</param>
    public LatencyStatus? At(long nowMs)
    {
        TurnTo(nowMs);
        long requests = 0;
        for (int bucket = 0; bucket < _younger.Length; bucket++) requests += _older[bucket] + _younger[bucket];
        return requests == 0 ? null : new LatencyStatus(requests, Percentile(requests, 50), Percentile(requests, 99));
    }

    private void TurnTo(long nowMs)
    {
        long halves = (nowMs - _youngerSinceMs) / HalfMs;
        if (halves <= 0) return;
        _youngerSinceMs += halves * HalfMs;
        (_older, _younger) = (_younger, _older);
        Array.Clear(_younger);
        if (halves > 1) Array.Clear(_older);
    }

    // The longest time that may be meant by the bucket of the request that so many percent are not slower than.
    private long Percentile(long requests, int percent)
    {
        long left = (requests * percent + 99) / 100;
        int bucket = 0;
        while ((left -= _older[bucket] + _younger[bucket]) > 0) bucket++;
        return LongestOf(bucket);
    }

    private static int BucketOf(long us)
    {
        if (us < Steps) return (int)us;
        int shift = BitOperations.Log2((ulong)us) - StepBits;
        return shift * Steps + (int)(us >> shift);
    }

    private static long LongestOf(int bucket)
    {
        if (bucket < Steps) return bucket;
        int shift = bucket / Steps - 1;
        return ((Steps + bucket % Steps + 1L) << shift) - 1;
    }
}
