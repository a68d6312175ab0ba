using System.Buffers;

namespace ActorFT.Network.Links;

/// <summary>
/// One message that arrived. Whoever gets it disposes it when it is done with it: until then its bytes count against
/// the connection's credit, and a connection without credit is not read (so the sender feels it).
/// The payload of a <see cref="LinkClass.Bulk"/> frame is valid only until then; that of the other classes for ever.
/// </summary>
public sealed class LinkFrame : IDisposable
{
    private readonly Action<int>? _returnCredit;
    private readonly byte[] _buffer;
    private readonly bool _isPooled;
    private int _isDisposed, _isCreditReturned;

    internal LinkFrame(
        int pathIndex, LinkClass linkClass, ushort channel, byte[] buffer, ReadOnlyMemory<byte> payload, bool isPooled, Action<int>? returnCredit)
    {
        PathIndex = pathIndex;
        LinkClass = linkClass;
        Channel = channel;
        Payload = payload;
        _buffer = buffer;
        _isPooled = isPooled;
        _returnCredit = returnCredit;
    }

    /// <summary>The path on which it came.</summary>
    public int PathIndex { get; }

    /// <summary>The class in which it was sent.</summary>
    public LinkClass LinkClass { get; }

    /// <summary>The sender's number for whom it is meant, e.g. the machine's.</summary>
    public ushort Channel { get; }

    /// <summary>The bytes as they were sent.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        if (_isPooled) ArrayPool<byte>.Shared.Return(_buffer);
        ReturnCredit();
    }

    /// <summary>Its bytes count against the connection's credit no more, before it is disposed: for whoever bounds by itself what it is sent.</summary>
    public void ReturnCredit()
    {
        if (Interlocked.Exchange(ref _isCreditReturned, 1) == 0) _returnCredit?.Invoke(Payload.Length);
    }
}
