namespace ActorFT.Network.Tap;

/// <summary>A NIC with no wire: every frame sent is counted and gone, none ever arrives.</summary>
public sealed class NullNic : INicBackEnd
{
    private readonly NicCounterSet _counters = new();
    private readonly Lock _gate = new();
    private NicLinkState _state = NicLinkState.Good;
    private bool _isOpen;

    /// <inheritdoc/>
    public event Action<NicLinkState>? StateChanged;

    /// <inheritdoc/>
    public string Name => "null";

    /// <inheritdoc/>
    public NicLinkState State => Volatile.Read(ref _state);

    /// <inheritdoc/>
    public bool IsOpen => Volatile.Read(ref _isOpen);

    /// <inheritdoc/>
    public NicCounters Counters => _counters.Snapshot();

    /// <inheritdoc/>
    public void Start(NicFrameReceiver receive) => ArgumentNullException.ThrowIfNull(receive);

    /// <inheritdoc/>
    public void SetOpen(bool open)
    {
        lock (_gate) Volatile.Write(ref _isOpen, open);
    }

    /// <inheritdoc/>
    public void SetListening(bool on)
    {
    }

    /// <inheritdoc/>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        lock (_gate)
        {
            if (!_isOpen)
            {
                _counters.SendDroppedClosed();
                return false;
            }

            _counters.Sent(frame.Length);
            return true;
        }
    }

    /// <inheritdoc/>
    public void SetCarrier(bool on)
    {
        NicLinkState state = on ? NicLinkState.Good : NicLinkState.NoCarrier("The carrier is set off.");
        if (Interlocked.Exchange(ref _state, state) != state) StateChanged?.Invoke(state);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
