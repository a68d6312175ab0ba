namespace ActorFT.Node.Logging;

/// <summary>Lets one of many like each other through in a period, and counts the others. Any thread.</summary>
/// <param name="periodMs">The period.</param>
internal sealed class Seldom(long periodMs)
{
    private readonly Lock _gate = new();
    private long? _lastMs;
    private int _left;

    /// <summary>Whether it is said now.</summary>
    /// <param name="nowMs">A clock that never falls.</param>
    /// <param name="left">How many were not, since the last one.</param>
    public bool IsDue(long nowMs, out int left)
    {
        lock (_gate)
        {
            if (_lastMs is { } last && nowMs - last < periodMs)
            {
                _left++;
                left = 0;
                return false;
            }

            (left, _left, _lastMs) = (_left, 0, nowMs);
            return true;
        }
    }
}
