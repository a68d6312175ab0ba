using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace ActorFT.Network.Links;

/// <summary>What a hello message is for.</summary>
internal enum LinkHelloKind : byte
{
    /// <summary>The dialler's first word.</summary>
    Hello = 1,
    /// <summary>The listener's answer: come in.</summary>
    Welcome = 2,
    /// <summary>Either side's answer: no, and why.</summary>
    Refusal = 3,
}

/// <summary>Who speaks, and about which connection.</summary>
internal sealed record LinkIdentity(string PairName, string ServerName, string PeerName, byte PathIndex, LinkClass LinkClass, ulong Instance);

/// <summary>A hello message as it was read.</summary>
internal sealed record LinkHelloMessage(ushort Version, LinkHelloKind Kind, LinkIdentity? Identity, string Refusal);

/// <summary>
/// The first words on every connection (all integers little-endian):
/// <code>
/// offset  0         8         10     11      12       14         14 + length
///         +---------+---------+------+-------+--------+----------+----------+
///         |"ActorFTL"| version | kind | zero  | length | body ... | checksum |
///         +---------+---------+------+-------+--------+----------+----------+
/// </code>
/// Everything but a hello's and a welcome's body is the same in every version for ever, so that any two versions can
/// tell each other why they part. A refusal's body is a sentence in UTF-8. checksum: XxHash3-64 of all before it.
/// Body of hello and welcome, version 1: path, class, instance (8), then pair, server and peer name, each with a length byte.
/// </summary>
internal static class LinkHello
{
    /// <summary>Rises with every change that an older version would not understand: of this body or of <see cref="LinkFraming"/>.</summary>
    internal const ushort Version = 1;

    internal const int HeaderBytes = 14, ChecksumBytes = 8, MaxBodyBytes = 512;
    private const int MagicBytes = 8, FixedBodyBytes = 10;

    internal static ReadOnlySpan<byte> Magic => "ActorFTL"u8;

    internal static byte[] Encode(LinkHelloKind kind, LinkIdentity identity)
    {
        using MemoryStream body = new();
        body.WriteByte(identity.PathIndex);
        body.WriteByte((byte)identity.LinkClass);
        Span<byte> instance = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(instance, identity.Instance);
        body.Write(instance);
        foreach (string name in (string[])[identity.PairName, identity.ServerName, identity.PeerName])
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            body.WriteByte((byte)bytes.Length);
            body.Write(bytes);
        }

        return Encode(kind, Version, body.ToArray());
    }

    internal static byte[] EncodeRefusal(string sentence)
    {
        byte[] body = Encoding.UTF8.GetBytes(sentence);
        return Encode(LinkHelloKind.Refusal, Version, body.Length <= MaxBodyBytes ? body : body[..MaxBodyBytes]);
    }

    internal static byte[] Encode(LinkHelloKind kind, ushort version, ReadOnlySpan<byte> body)
    {
        byte[] message = new byte[HeaderBytes + body.Length + ChecksumBytes];
        Magic.CopyTo(message);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(8), version);
        message[10] = (byte)kind;
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(12), (ushort)body.Length);
        body.CopyTo(message.AsSpan(HeaderBytes));
        int end = HeaderBytes + body.Length;
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(end), XxHash3.HashToUInt64(message.AsSpan(0, end)));
        return message;
    }

    /// <summary>Reads one message from a connection and leaves what follows it.</summary>
    /// <param name="readExactly">Fills a buffer or throws.</param>
    /// <exception cref="LinkProtocolException">It is no hello, or damaged.</exception>
    internal static LinkHelloMessage Read(ReadExactly readExactly)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + MaxBodyBytes + ChecksumBytes];
        readExactly(message[..MagicBytes]);
        if (!message[..MagicBytes].SequenceEqual(Magic)) throw Foreign(message[..MagicBytes]);
        readExactly(message[MagicBytes..HeaderBytes]);
        int bodyBytes = BinaryPrimitives.ReadUInt16LittleEndian(message[12..]);
        if (bodyBytes > MaxBodyBytes || message[11] != 0) throw Damaged();
        int end = HeaderBytes + bodyBytes;
        readExactly(message[HeaderBytes..(end + ChecksumBytes)]);
        return Decode(message[..(end + ChecksumBytes)]);
    }

    /// <summary>Decodes one whole message.</summary>
    /// <exception cref="LinkProtocolException">It is damaged.</exception>
    internal static LinkHelloMessage Decode(ReadOnlySpan<byte> message)
    {
        int end = message.Length - ChecksumBytes;
        if (end < HeaderBytes || !message[..MagicBytes].SequenceEqual(Magic)) throw Damaged();
        if (XxHash3.HashToUInt64(message[..end]) != BinaryPrimitives.ReadUInt64LittleEndian(message[end..])) throw Damaged();
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(message[8..]);
        LinkHelloKind kind = (LinkHelloKind)message[10];
        ReadOnlySpan<byte> body = message[HeaderBytes..end];
        if (kind == LinkHelloKind.Refusal) return new LinkHelloMessage(version, kind, null, Printable(body));
        // Another version's body may look different: the version is all that is told of it.
        if (version != Version) return new LinkHelloMessage(version, kind, null, "");
        if (kind is not (LinkHelloKind.Hello or LinkHelloKind.Welcome)) throw Damaged();
        return new LinkHelloMessage(version, kind, DecodeIdentity(body), "");
    }

    /// <summary>Text from outside, fit for a log: without control characters.</summary>
    internal static string Printable(ReadOnlySpan<byte> bytes) =>
        string.Concat(Encoding.UTF8.GetString(bytes).Select(c => char.IsControl(c) || c == '\uFFFD' ? '.' : c));

    private static LinkIdentity DecodeIdentity(ReadOnlySpan<byte> body)
    {
        if (body.Length < FixedBodyBytes || body[1] >= LinkClasses.Count) throw Damaged();
        byte path = body[0];
        LinkClass linkClass = (LinkClass)body[1];
        ulong instance = BinaryPrimitives.ReadUInt64LittleEndian(body[2..]);
        ReadOnlySpan<byte> rest = body[FixedBodyBytes..];
        string pair = TakeName(ref rest), server = TakeName(ref rest), peer = TakeName(ref rest);
        if (!rest.IsEmpty) throw Damaged();
        return new LinkIdentity(pair, server, peer, path, linkClass, instance);
    }

    private static string TakeName(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty || rest[0] > LinkOptions.MaxNameBytes || rest.Length - 1 < rest[0]) throw Damaged();
        string name = Printable(rest.Slice(1, rest[0]));
        rest = rest[(1 + rest[0])..];
        return name;
    }

    private static LinkProtocolException Foreign(ReadOnlySpan<byte> first) => new(
        LinkDownCause.Refused, first[0] == 0x16
            ? "it speaks TLS, but this side's FT link is configured without: set TLS on both servers or on neither"
            : $"it speaks another protocol than ActorFT's FT link (its first bytes: '{Printable(first)}')");

    private static LinkProtocolException Damaged() => new(LinkDownCause.Corrupted, "its hello is damaged");
}

/// <summary>Fills a buffer or throws.</summary>
internal delegate void ReadExactly(Span<byte> buffer);
