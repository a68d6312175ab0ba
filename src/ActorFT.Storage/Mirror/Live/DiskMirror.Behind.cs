using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// A follower's copy that stalls while the leader's does not: found by comparing, long before the deadline for any request.
/// <code>
///   leader's copy                 follower's copy
///   ends request n ── RequestsEnded(.. n ..) ──►  has n under way: for so long behind, and far longer than it took lately: out of service
/// </code>
/// Nothing is lost by it: the leader's copy is current and answers, and this one is made equal afterwards. Rules:
/// (1) only a follower does it: never both sides at once, and the copy that serves stays;
/// (2) only when the other copy is current, and this one lacks nothing: one that is being filled is slow for its own reasons;
/// (3) time counts from when both have the request and the other has ended it: a replica that executes late is not its disk's fault;
/// (4) time counts only while this side runs: a host that gives it no processor is not its disk's fault either.
/// </summary>
public sealed partial class DiskMirror
{
    // Of the time between two ticks so much counts: more was spent waiting for the processor.
    private const long MaxTickMs = 60;

    // So many times as long as the longest lately is much longer.
    private const int MuchLonger = 4;
    private const long LatelyMs = 600_000;

    private long _ranMs; // how long this side ran, not counting what it waited for the processor
    private double _longestMs, _longestBeforeMs;
    private long _longestSinceMs = long.MinValue / 2;

    // Of the requests that the own copy ended well.
    private void NoteLatency(BlockOperation operation, BlockOutcome outcome)
    {
        _longestMs = Math.Max(_longestMs, outcome.LatencyMs);
        if (outcome.Fault is null) _host.OnTook(operation, outcome.LatencyMs);
    }

    private void ForgetLatencies() => (_longestMs, _longestBeforeMs) = (0, 0);

    private void NoteEndedThere(ulong requestId)
    {
        if (_entries.TryGetValue(requestId, out Entry? entry)) entry.BehindSinceMs = Math.Min(entry.BehindSinceMs, _ranMs);
    }

    private void TickBehind(long elapsedMs)
    {
        _ranMs += Math.Clamp(elapsedMs, 0, MaxTickMs);
        if (_nowMs - _longestSinceMs >= LatelyMs) (_longestBeforeMs, _longestMs, _longestSinceMs) = (_longestMs, 0, _nowMs);
        if (_settings.StallBehindMs == 0 || _leads || Use != CopyUse.Current || !CanPeerServe) return;
        double limitMs = Math.Max(_settings.StallBehindMs, MuchLonger * Math.Max(_longestMs, _longestBeforeMs));
        foreach (Entry entry in _entries.Values)
        {
            if (entry.Own is not null || entry.IsOwnBad || entry.BehindSinceMs == long.MaxValue || _ranMs - entry.BehindSinceMs < limitMs) continue;
            Fail(CopyFaultKind.Stalled, $"a {entry.Request.Operation} has not ended for {(_ranMs - entry.BehindSinceMs) / 1000.0:F1} s that the other server's copy has ended");
            return;
        }
    }
}
