namespace ActorFT.Network.Links;

/// <summary>Round trips of one path: smoothed as TCP does it (RFC 6298: 1/8), and the last 128 for percentiles.</summary>
internal sealed class RoundTripMeter
{
    private const int WindowCount = 128;

    private readonly Lock _gate = new();
    private readonly double[] _window = new double[WindowCount];
    private long _count;
    private double _smoothedMs = -1;

    internal void Add(double roundTripMs)
    {
        lock (_gate)
        {
            _window[_count++ % WindowCount] = roundTripMs;
            _smoothedMs = _smoothedMs < 0 ? roundTripMs : _smoothedMs + ((roundTripMs - _smoothedMs) / 8);
        }
    }

    internal double SmoothedMs
    {
        get
        {
            lock (_gate) return _smoothedMs;
        }
    }

    internal (double SmoothedMs, double P50Ms, double MaxMs) Read()
    {
        lock (_gate)
        {
            int count = (int)Math.Min(_count, WindowCount);
            if (count == 0) return (-1, -1, -1);
            double[] sorted = _window[..count];
            Array.Sort(sorted);
            return (_smoothedMs, sorted[count / 2], sorted[^1]);
        }
    }
}
