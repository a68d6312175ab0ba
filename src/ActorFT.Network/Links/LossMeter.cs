namespace ActorFT.Network.Links;

/// <summary>The part of segments that had to be sent again, over the last ten samples. One writer, any readers.</summary>
internal sealed class LossMeter
{
    private const int WindowCount = 10;

    private readonly Lock _gate = new();
    private readonly (uint Sent, uint SentAgain)[] _window = new (uint, uint)[WindowCount];
    private int _next;

    internal double Ratio
    {
        get
        {
            lock (_gate)
            {
                double sent = 0, sentAgain = 0;
                foreach ((uint Sent, uint SentAgain) sample in _window)
                {
                    sent += sample.Sent;
                    sentAgain += sample.SentAgain;
                }

                return sent == 0 ? 0 : Math.Min(1, sentAgain / sent);
            }
        }
    }

    internal void Add(uint sent, uint sentAgain)
    {
        lock (_gate) _window[_next++ % WindowCount] = (sent, sentAgain);
    }
}
