using System.Threading.Channels;

namespace ActorFT.Network.Tap;

/// <summary>
/// Frames between a NIC's thread and whoever sequences them, bounded in frames and in bytes. Full means the newest is
/// dropped, as a real NIC drops what finds no descriptor; the queue never makes the NIC's thread wait.
/// </summary>
public sealed class FrameQueue
{
    private readonly Channel<ReadOnlyMemory<byte>> _frames;
    private readonly long _capacityBytes;
    private readonly Action? _frameArrived;
    private long _queuedBytes;
    private long _dropped;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="capacityFrames">Most frames that wait.</param>
    /// <param name="capacityBytes">Most bytes that wait.</param>
    /// <param name="frameArrived">Told after each frame that was taken in, on the producer's thread.</param>
    public FrameQueue(int capacityFrames = 1024, long capacityBytes = 4 << 20, Action? frameArrived = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacityFrames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacityBytes);
        _frames = Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(capacityFrames)
        {
            // With Wait, TryWrite answers false when full: we count, nobody waits.
            FullMode = BoundedChannelFullMode.Wait,
            SingleReader = true,
        });
        _capacityBytes = capacityBytes;
        _frameArrived = frameArrived;
    }

    /// <summary>Frames that found no room.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Takes a frame in; fits <see cref="NicFrameReceiver"/>.</summary>
    public bool TryEnqueue(ReadOnlyMemory<byte> frame)
    {
        bool fits = Interlocked.Add(ref _queuedBytes, frame.Length) <= _capacityBytes;
        if (!fits || !_frames.Writer.TryWrite(frame))
        {
            Interlocked.Add(ref _queuedBytes, -frame.Length);
            Interlocked.Increment(ref _dropped);
            return false;
        }

        _frameArrived?.Invoke();
        return true;
    }

    /// <summary>Takes the oldest frame out; false when there is none. One consumer.</summary>
    public bool TryDequeue(out ReadOnlyMemory<byte> frame)
    {
        if (!_frames.Reader.TryRead(out frame)) return false;
        Interlocked.Add(ref _queuedBytes, -frame.Length);
        return true;
    }

    /// <summary>Completes when a frame waits.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellation = default) => _frames.Reader.WaitToReadAsync(cancellation);
}
