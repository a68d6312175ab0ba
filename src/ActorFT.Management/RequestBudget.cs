namespace ActorFT.Management;

/// <summary>
/// How many requests a node answers in a second, all clients together: what it does for whoever asks must not be felt by the machine that it runs.
/// A bucket of permissions that fills evenly. Thread-safe.
/// </summary>
internal sealed class RequestBudget(int perSecond, int burst, Func<long> nowMs)
{
    private readonly Lock _lock = new();
    private double _left = burst;
    private long _atMs = nowMs();

    /// <summary>Takes a permission; false: none is left now.</summary>
    public bool TryTake()
    {
        lock (_lock)
        {
            long now = nowMs();
            _left = Math.Min(burst, _left + Math.Max(0, now - _atMs) * perSecond / 1_000.0);
            _atMs = now;
            if (_left < 1) return false;
            _left--;
            return true;
        }
    }
}
