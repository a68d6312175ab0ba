using System.Diagnostics;
using System.Net.Sockets;
using ActorFT.Network.Native;

namespace ActorFT.Network.Links;

/// <summary>
/// A connection as a stream, for TLS or for plain use: reads wait on the reader's own thread, writes never wait but go
/// to the <see cref="SendBuffer"/>, from which <see cref="TryFlush"/> gives the kernel what it takes.
/// One reader; frames are written under the connection's send lock. TLS may answer on its own from a read: hence the gate.
/// </summary>
internal sealed class LinkStream(Socket socket) : Stream
{
    private readonly SendBuffer _unsent = new();
    private readonly Lock _gate = new();
    private readonly byte[] _firstBytes = new byte[8];
    private int _firstCount;
    private bool _isDisposed;

    /// <summary>The first bytes that ever came: they tell a plain peer from one with TLS after a failed handshake.</summary>
    internal ReadOnlySpan<byte> FirstBytes => _firstBytes.AsSpan(0, _firstCount);

    /// <summary>When reads give up (Stopwatch ticks); 0: never. Bounds the handshake as a whole.</summary>
    internal long ReadDeadline { get; set; }

    internal Socket Socket => socket;

    internal int UnsentBytes => _unsent.Length;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Room at the end of what is to be sent: for plain frames, built in place. Not beside TLS.</summary>
    internal Span<byte> Append(int lengthBytes) => _unsent.Append(lengthBytes);

    /// <summary>Gives the kernel what it takes now. True: nothing is left.</summary>
    /// <exception cref="LinkProtocolException">The connection is broken.</exception>
    internal bool TryFlush()
    {
        lock (_gate)
        {
            if (_isDisposed) return true;
            while (_unsent.Length > 0)
            {
                int sent = TcpNative.SendNow(socket, _unsent.Waiting);
                if (sent == 0) return false;
                if (sent < 0) throw Broken(-sent);
                _unsent.Consume(sent);
            }

            return true;
        }
    }

    /// <summary>Flushes, waiting for room until the deadline: only for the handshake.</summary>
    internal void FlushWithin(int timeoutMs)
    {
        long start = Stopwatch.GetTimestamp();
        while (!TryFlush())
        {
            int leftMs = timeoutMs - (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (leftMs <= 0 || !TcpNative.WaitWritable(socket, leftMs)) throw new LinkProtocolException(LinkDownCause.Silence, "the peer does not take any data");
        }
    }

    /// <summary>The first bytes that wait, which stay; fewer than asked for when the peer ends or the deadline comes.</summary>
    internal int Peek(Span<byte> bytes)
    {
        while (true)
        {
            WaitForData();
            int received = TcpNative.ReceiveSome(socket, bytes, peek: true);
            if (received < 0) throw Broken(-received);
            // TLS or not shows in the first byte; a peer's eight come in one piece unless it means harm.
            if (received == bytes.Length || received == 0 || bytes[0] != LinkHello.Magic[0]) return received;
            Thread.Sleep(1);
        }
    }

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        WaitForData();
        int received = TcpNative.ReceiveSome(socket, buffer);
        if (received < 0) throw Broken(-received);
        if (_firstCount < _firstBytes.Length)
        {
            int kept = Math.Min(received, _firstBytes.Length - _firstCount);
            buffer[..kept].CopyTo(_firstBytes.AsSpan(_firstCount));
            _firstCount += kept;
        }

        return received;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    // Completes before it returns: the caller's thread is there to wait.
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_gate)
        {
            if (!_isDisposed) buffer.CopyTo(_unsent.Append(buffer.Length));
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <summary>Only the handshake flushes through the stream: it may wait.</summary>
    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (disposing && !_isDisposed)
            {
                _isDisposed = true;
                _unsent.Dispose();
                socket.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    private static LinkProtocolException Broken(int errno) =>
        new(LinkDownCause.Reset, $"the connection broke ({Libc.Describe(errno)})");

    private void WaitForData()
    {
        // A handshake's own words must be out before its answer can come.
        if (ReadDeadline == 0) return;
        TryFlush();
        double leftMs = (ReadDeadline - Stopwatch.GetTimestamp()) * 1000.0 / Stopwatch.Frequency;
        if (leftMs <= 0 || !TcpNative.WaitReadable(socket, (int)Math.Ceiling(leftMs)))
        {
            throw new LinkProtocolException(LinkDownCause.Silence, "it took the connection but says nothing");
        }
    }
}
