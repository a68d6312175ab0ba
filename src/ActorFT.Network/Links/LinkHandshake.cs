using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using ActorFT.Network.Native;

namespace ActorFT.Network.Links;

/// <summary>A connection whose two ends have agreed.</summary>
/// <param name="Transport">The TCP connection.</param>
/// <param name="Stream">What frames go through: the transport itself, or TLS over it.</param>
/// <param name="Peer">What the peer said of itself.</param>
internal sealed record LinkAgreed(LinkStream Transport, Stream Stream, LinkIdentity Peer);

/// <summary>
/// The first exchange on a connection: TLS when configured, then hello and welcome. Whoever finds that the two do not
/// fit says why in a refusal that the other can read, so that both operators see the same sentence.
/// </summary>
internal static class LinkHandshake
{
    // How long, and for how many bytes, a refused peer is listened to: closing with unread data would destroy the refusal on its way.
    private const int FarewellMs = 500, FarewellBytes = 64 * 1024;

    /// <summary>The dialling side. Disposes the socket when it fails.</summary>
    /// <exception cref="LinkProtocolException">With the sentence.</exception>
    internal static LinkAgreed Dial(Socket socket, LinkOptions options, LinkIdentity self)
    {
        return Guard(socket, options, transport =>
        {
            Stream stream = options.Tls is null ? transport : AuthenticateAsDialler(transport, options);
            CheckPin(stream, transport, options);
            stream.Write(LinkHello.Encode(LinkHelloKind.Hello, self));
            transport.FlushWithin(options.ConnectTimeoutMs);
            LinkHelloMessage answer = LinkHello.Read(stream.ReadExactly);
            LinkIdentity peer = CheckPeer(answer, LinkHelloKind.Welcome, self, stream, transport);
            return new LinkAgreed(transport, stream, peer);
        });
    }

    /// <summary>The listening side. Disposes the socket when it fails.</summary>
    /// <param name="socket">The accepted connection.</param>
    /// <param name="options">The link.</param>
    /// <param name="self">This side, with the class left open.</param>
    /// <exception cref="LinkProtocolException">With the sentence.</exception>
    internal static LinkAgreed Accept(Socket socket, LinkOptions options, LinkIdentity self)
    {
        return Guard(socket, options, transport =>
        {
            Stream stream = options.Tls is null ? transport : AuthenticateAsListener(transport, options, self);
            CheckPin(stream, transport, options);
            LinkHelloMessage hello = ReadOrRefuse(stream, transport);
            if (hello.Identity is not null) self = self with { LinkClass = hello.Identity.LinkClass };
            LinkIdentity peer = CheckPeer(hello, LinkHelloKind.Hello, self, stream, transport);
            stream.Write(LinkHello.Encode(LinkHelloKind.Welcome, self));
            transport.FlushWithin(options.ConnectTimeoutMs);
            return new LinkAgreed(transport, stream, peer);
        });
    }

    private static LinkAgreed Guard(Socket socket, LinkOptions options, Func<LinkStream, LinkAgreed> exchange)
    {
        LinkStream transport = new(socket)
        {
            ReadDeadline = Stopwatch.GetTimestamp() + (options.ConnectTimeoutMs * Stopwatch.Frequency / 1000),
        };
        try
        {
            LinkAgreed agreed = exchange(transport);
            transport.ReadDeadline = 0;
            return agreed;
        }
        catch (Exception exception)
        {
            transport.Dispose();
            if (exception is LinkProtocolException) throw;
            if (exception is EndOfStreamException) throw new LinkProtocolException(LinkDownCause.Reset, "it ended the connection before its hello", exception);
            // Whatever a stranger's bytes make of TLS or of us: it costs this connection only.
            throw new LinkProtocolException(LinkDownCause.Reset, $"the connection broke during the hello ({exception.Message.TrimEnd('.')})", exception);
        }
    }

    private static SslStream AuthenticateAsDialler(LinkStream transport, LinkOptions options)
    {
        return Authenticate(transport, stream => stream.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = options.PeerName,
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificates = [options.Tls!.Certificate],
            LocalCertificateSelectionCallback = (_, _, _, _, _) => options.Tls.Certificate,
            // Any certificate passes here, so that a refusal can say why; CheckPin decides before a byte is believed.
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        }));
    }

    private static SslStream AuthenticateAsListener(LinkStream transport, LinkOptions options, LinkIdentity self)
    {
        Span<byte> first = stackalloc byte[8];
        first = first[..transport.Peek(first)];
        if (first.IsEmpty) throw new EndOfStreamException();
        if (first.SequenceEqual(LinkHello.Magic))
        {
            throw Refuse(
                transport, transport,
                $"server '{self.ServerName}' has TLS on its FT link, but its peer came without: set TLS on both servers or on neither");
        }

        if (first[0] != 0x16)
        {
            throw Refuse(transport, transport, $"it speaks another protocol than ActorFT's FT link with TLS (its first bytes: '{LinkHello.Printable(first)}')");
        }

        return Authenticate(transport, stream => stream.AuthenticateAsServer(new SslServerAuthenticationOptions
        {
            ServerCertificate = options.Tls!.Certificate,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls13,
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        }));
    }

    private static SslStream Authenticate(LinkStream transport, Action<SslStream> authenticate)
    {
        SslStream stream = new(transport, leaveInnerStreamOpen: false);
        try
        {
            authenticate(stream);
            return stream;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
            if (exception.InnerException is LinkProtocolException inner) throw inner;
            throw new LinkProtocolException(
                LinkDownCause.Refused,
                transport.FirstBytes.StartsWith(LinkHello.Magic)
                    ? "it has an FT link without TLS, but this side's has TLS: set TLS on both servers or on neither"
                    : $"TLS could not be agreed ({exception.Message.TrimEnd('.')})",
                exception);
        }
    }

    private static void CheckPin(Stream stream, LinkStream transport, LinkOptions options)
    {
        if (stream is SslStream tls && !options.Tls!.IsPinned(tls.RemoteCertificate))
        {
            throw Refuse(
                stream, transport,
                $"server '{options.ServerName}' does not know its peer's certificate ({tls.RemoteCertificate?.Subject ?? "none"}): name it among the peer's certificates");
        }
    }

    private static LinkHelloMessage ReadOrRefuse(Stream stream, LinkStream transport)
    {
        try
        {
            return LinkHello.Read(stream.ReadExactly);
        }
        catch (LinkProtocolException exception) when (exception.Cause == LinkDownCause.Refused)
        {
            throw Refuse(stream, transport, exception.Message);
        }
    }

    private static LinkIdentity CheckPeer(LinkHelloMessage message, LinkHelloKind expected, LinkIdentity self, Stream stream, LinkStream transport)
    {
        if (message.Kind == LinkHelloKind.Refusal) throw new LinkProtocolException(LinkDownCause.Refused, $"it refused: {message.Refusal}");
        string? problem = FindMismatch(message, expected, self);
        return problem is null ? message.Identity! : throw Refuse(stream, transport, problem);
    }

    /// <summary>Why two sides do not fit, in words that are true on both; null when they do.</summary>
    internal static string? FindMismatch(LinkHelloMessage message, LinkHelloKind expected, LinkIdentity self)
    {
        if (message.Version != LinkHello.Version)
        {
            return $"server '{self.ServerName}' speaks version {LinkHello.Version} of the FT link protocol, its peer version {message.Version}: run the same ActorFT on both";
        }

        if (message.Kind != expected || message.Identity is not { } peer) return $"a hello of kind {(byte)message.Kind} came where {(byte)expected} was due";
        if (peer.PairName != self.PairName)
        {
            return $"server '{self.ServerName}' belongs to pair '{self.PairName}', server '{peer.ServerName}' to pair '{peer.PairName}': wrong address, or unequal configuration";
        }

        if (peer.ServerName != self.PeerName || peer.PeerName != self.ServerName)
        {
            return $"server '{self.ServerName}' expects '{self.PeerName}', server '{peer.ServerName}' expects '{peer.PeerName}': the two must name each other";
        }

        if (peer.PathIndex != self.PathIndex)
        {
            return $"path {self.PathIndex} of server '{self.ServerName}' meets path {peer.PathIndex} of server '{peer.ServerName}': name the paths' addresses in the same order";
        }

        return peer.LinkClass == self.LinkClass ? null : $"class {peer.LinkClass} came where {self.LinkClass} was due";
    }

    /// <summary>Tells the peer why, waits until it has read it, and returns what to throw.</summary>
    private static LinkProtocolException Refuse(Stream stream, LinkStream transport, string sentence)
    {
        try
        {
            stream.Write(LinkHello.EncodeRefusal(sentence));
            transport.FlushWithin(FarewellMs);
            transport.Socket.Shutdown(SocketShutdown.Send);
            Span<byte> ignored = stackalloc byte[1024];
            long start = Stopwatch.GetTimestamp();
            for (int total = 0; total < FarewellBytes;)
            {
                int leftMs = FarewellMs - (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (leftMs <= 0 || !TcpNative.WaitReadable(transport.Socket, leftMs)) break;
                int received = TcpNative.ReceiveSome(transport.Socket, ignored);
                if (received <= 0) break;
                total += received;
            }
        }
        catch (Exception exception) when (exception is LinkProtocolException or IOException or SocketException or ObjectDisposedException)
        {
            // The peer is gone already: it will not read why.
        }

        return new LinkProtocolException(LinkDownCause.Refused, sentence);
    }
}
