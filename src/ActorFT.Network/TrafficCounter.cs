namespace ActorFT.Network;

/// <summary>Frames and their bytes, one way. Any thread adds and reads.</summary>
internal struct TrafficCounter
{
    private long _frames, _bytes;

    internal void Add(int lengthBytes)
    {
        Interlocked.Increment(ref _frames);
        Interlocked.Add(ref _bytes, lengthBytes);
    }

    internal long Frames => Interlocked.Read(ref _frames);

    internal long Bytes => Interlocked.Read(ref _bytes);
}
