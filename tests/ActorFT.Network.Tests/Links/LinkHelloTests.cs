using System.Text;
using ActorFT.Network.Links;

namespace ActorFT.Network.Tests.Links;

public sealed class LinkHelloTests
{
    private static readonly LinkIdentity A = new("pair", "a", "b", 1, LinkClass.Log, 0x0123_4567_89AB_CDEF);
    private static readonly LinkIdentity B = new("pair", "b", "a", 1, LinkClass.Log, 5);

    [Fact]
    public void Hello_Encoded_ReadsBack()
    {
        byte[] bytes = LinkHello.Encode(LinkHelloKind.Hello, A);
        LinkHelloMessage message = Read([.. bytes, 99], out int consumed);
        Assert.Equal(new LinkHelloMessage(LinkHello.Version, LinkHelloKind.Hello, A, ""), message);
        Assert.Equal(bytes.Length, consumed);
    }

    [Fact]
    public void Refusal_OfAnotherVersion_IsStillReadable()
    {
        byte[] bytes = LinkHello.Encode(LinkHelloKind.Refusal, 77, "too old"u8);
        Assert.Equal(new LinkHelloMessage(77, LinkHelloKind.Refusal, null, "too old"), Read(bytes, out _));
    }

    [Fact]
    public void Hello_OfAnotherVersion_ShowsItsVersionOnly() =>
        Assert.Equal(new LinkHelloMessage(2, LinkHelloKind.Hello, null, ""), Read(LinkHello.Encode(LinkHelloKind.Hello, 2, new byte[3]), out _));

    [Fact]
    public void Hello_TruncatedAtEveryOffset_EndsInOneException()
    {
        byte[] bytes = LinkHello.Encode(LinkHelloKind.Hello, A);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Throws<EndOfStreamException>(() => Read(bytes[..length], out _));
        }
    }

    [Fact]
    public void Hello_AnySingleBitFlipped_IsFound()
    {
        byte[] bytes = LinkHello.Encode(LinkHelloKind.Hello, A);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] damaged = [.. bytes];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Exception exception = Assert.ThrowsAny<Exception>(() => Read(damaged, out _));
            Assert.True(exception is LinkProtocolException or EndOfStreamException, exception.ToString());
        }
    }

    [Fact]
    public void Hello_RandomBodies_NeverThrowAnythingElse()
    {
        Random random = new(2);
        int accepted = 0;
        for (int i = 0; i < 100_000; i++)
        {
            byte[] body = new byte[random.Next(0, 60)];
            random.NextBytes(body);
            for (int at = 0; at < body.Length; at++)
            {
                if (random.Next(2) == 0) body[at] = (byte)random.Next(0, 4);
            }

            try
            {
                Read(LinkHello.Encode((LinkHelloKind)random.Next(0, 5), LinkHello.Version, body), out _);
                accepted++;
            }
            catch (LinkProtocolException)
            {
                // Refused, as it should be.
            }
        }

        Assert.True(accepted > 100, $"{accepted} accepted");
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n", "another protocol than ActorFT's FT link (its first bytes: 'GET / HT')")]
    [InlineData("SSH-2.0-OpenSSH_9", "(its first bytes: 'SSH-2.0-')")]
    [InlineData("\u0016\u0003\u0001\u0001\u0001\u0001\u0001\u0001", "it speaks TLS, but this side's FT link is configured without")]
    [InlineData("\u0001\u0002\n\u001b[2J\u0007", "(its first bytes: '....[2J.')")]
    public void ForeignFirstBytes_AreNamedWithoutHarmToATerminal(string bytes, string expected)
    {
        LinkProtocolException exception = Assert.Throws<LinkProtocolException>(() => Read(Encoding.Latin1.GetBytes(bytes), out _));
        Assert.Equal(LinkDownCause.Refused, exception.Cause);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mismatch_EachKind_HasASentenceWithBothSidesValues()
    {
        Assert.Null(Mismatch(B));
        Assert.Equal(
            "server 'a' belongs to pair 'pair', server 'b' to pair 'other': wrong address, or unequal configuration",
            Mismatch(B with { PairName = "other" }));
        Assert.Equal("server 'a' expects 'b', server 'c' expects 'a': the two must name each other", Mismatch(B with { ServerName = "c" }));
        Assert.Equal("server 'a' expects 'b', server 'b' expects 'd': the two must name each other", Mismatch(B with { PeerName = "d" }));
        Assert.Equal(
            "path 1 of server 'a' meets path 0 of server 'b': name the paths' addresses in the same order",
            Mismatch(B with { PathIndex = 0 }));
        Assert.Equal("class Bulk came where Log was due", Mismatch(B with { LinkClass = LinkClass.Bulk }));
        Assert.Equal(
            "server 'a' speaks version 1 of the FT link protocol, its peer version 9: run the same ActorFT on both",
            LinkHandshake.FindMismatch(new LinkHelloMessage(9, LinkHelloKind.Hello, null, ""), LinkHelloKind.Hello, A));
        Assert.NotNull(LinkHandshake.FindMismatch(new LinkHelloMessage(LinkHello.Version, LinkHelloKind.Welcome, B, ""), LinkHelloKind.Hello, A));
    }

    private static string? Mismatch(LinkIdentity peer) =>
        LinkHandshake.FindMismatch(new LinkHelloMessage(LinkHello.Version, LinkHelloKind.Hello, peer, ""), LinkHelloKind.Hello, A);

    private static LinkHelloMessage Read(byte[] bytes, out int consumed)
    {
        using MemoryStream stream = new(bytes);
        LinkHelloMessage message = LinkHello.Read(stream.ReadExactly);
        consumed = (int)stream.Position;
        return message;
    }
}
