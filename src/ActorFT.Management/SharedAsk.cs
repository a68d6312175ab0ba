namespace ActorFT.Management;

/// <summary>One question for all who ask it: those who come while it is open, or within <see cref="NodeGateway.RefreshMs"/> of its beginning, share its answer. Thread-safe.</summary>
/// <param name="ask">Asks; never throws.</param>
internal sealed class SharedAsk<T>(Func<Task<T>> ask)
{
    private readonly Lock _lock = new();
    private Task<T>? _asked;
    private long _askedAtMs;

    public Task<T> GetAsync()
    {
        lock (_lock)
        {
            if (_asked is { } asked && !(asked.IsCompleted && Environment.TickCount64 - _askedAtMs >= NodeGateway.RefreshMs)) return asked;
            _askedAtMs = Environment.TickCount64;
            return _asked = Task.Run(ask); // not under the lock
        }
    }
}
