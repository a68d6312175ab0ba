using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorFT.Network.Links;
using ActorFT.Network.Tests.Support;

namespace ActorFT.Network.Tests.Links;

public sealed class LinkTlsTests
{
    private static readonly X509Certificate2 CertificateA = Make("a"), CertificateB = Make("b"), Stranger = Make("stranger");

    [Fact]
    public void Tls_EachKnowsTheOther_CarriesEveryClass()
    {
        using LinkPair pair = TlsPair(CertificateA, CertificateB, CertificateA, CertificateB);
        pair.StartBoth().WaitUp();
        foreach (LinkClass linkClass in Enum.GetValues<LinkClass>())
        {
            foreach (int size in (int[])[0, 1, 100_000, 1 << 20])
            {
                LinkEndpointTests.SendWithPatience(pair.A, 0, linkClass, LinkEndpointTests.Pattern(size, 1));
                LinkEndpointTests.SendWithPatience(pair.B, 0, linkClass, LinkEndpointTests.Pattern(size, 1));
            }
        }

        Eventually.Holds(() => pair.SinkA.Frames.Count == 12 && pair.SinkB.Frames.Count == 12, "all messages arrive");
        Assert.All(pair.SinkA.Frames.Concat(pair.SinkB.Frames), f => Assert.Equal(LinkEndpointTests.Pattern(f.Payload.Length, 1), f.Payload));
    }

    [Fact]
    public void Tls_DiallerUnknownToListener_IsRefusedOnBothSides()
    {
        using LinkPair pair = TlsPair(Stranger, CertificateB, CertificateA, CertificateB);
        pair.StartBoth();
        const string Expected = "server 'b' does not know its peer's certificate (CN=stranger)";
        Eventually.Holds(() => pair.SinkA.Refusals.Any(r => r.Contains("it refused: " + Expected, StringComparison.Ordinal)), "a is told why");
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.Contains("was turned away: " + Expected, StringComparison.Ordinal)), "b is told why");
        Assert.Equal(0, pair.B.Snapshot()[0].Classes[0].Connections);
    }

    [Fact]
    public void Tls_ListenerUnknownToDialler_IsRefusedOnBothSides()
    {
        using LinkPair pair = TlsPair(CertificateA, Stranger, CertificateA, CertificateB);
        pair.StartBoth();
        const string Expected = "server 'a' does not know its peer's certificate (CN=stranger)";
        Eventually.Holds(() => pair.SinkA.Refusals.Any(r => r.Contains(Expected, StringComparison.Ordinal)), "a is told why");
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.Contains("it refused: " + Expected, StringComparison.Ordinal)), "b is told why");
        Assert.Equal(0, pair.A.Snapshot()[0].Classes[0].Connections);
    }

    [Fact]
    public void Tls_DiallerWithout_IsRefusedOnBothSides()
    {
        using LinkPair pair = new(changeB: o => o with { Tls = new(CertificateB, [CertificateA]) });
        pair.StartBoth();
        const string Expected = "server 'b' has TLS on its FT link, but its peer came without: set TLS on both servers or on neither.";
        Eventually.Holds(() => pair.SinkA.Refusals.Any(r => r.EndsWith(Expected, StringComparison.Ordinal)), "a is told why");
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.EndsWith(Expected, StringComparison.Ordinal)), "b is told why");
    }

    [Fact]
    public void Tls_ListenerWithout_IsRefusedOnBothSides()
    {
        using LinkPair pair = new(changeA: o => o with { Tls = new(CertificateA, [CertificateB]) });
        pair.StartBoth();
        Eventually.Holds(
            () => pair.SinkA.Refusals.Any(r => r.EndsWith("it has an FT link without TLS, but this side's has TLS: set TLS on both servers or on neither.", StringComparison.Ordinal)),
            "a is told why");
        Eventually.Holds(
            () => pair.SinkB.Refusals.Any(r => r.EndsWith("it speaks TLS, but this side's FT link is configured without: set TLS on both servers or on neither.", StringComparison.Ordinal)),
            "b is told why");
    }

    [Fact]
    public void Tls_ForeignProtocol_IsTurnedAway()
    {
        using LinkPair pair = TlsPair(CertificateA, CertificateB, CertificateA, CertificateB);
        pair.B.Start();
        using System.Net.Sockets.TcpClient client = new();
        client.Connect(pair.OptionsB.Paths[0].Local);
        client.GetStream().Write("SSH-2.0-OpenSSH\r\n"u8);
        Eventually.Holds(() => pair.SinkB.Refusals.Any(r => r.Contains("'SSH-2.0-'", StringComparison.Ordinal)), "b is told");
    }

    [Fact]
    public void Load_PemFiles_GiveAWorkingPairAndBadOnesASentence()
    {
        string folder = Directory.CreateTempSubdirectory("actorft-tls-").FullName;
        try
        {
            foreach ((string name, X509Certificate2 certificate) in ((string, X509Certificate2)[])[("a", CertificateA), ("b", CertificateB)])
            {
                File.WriteAllText(Path.Combine(folder, name + ".pem"), certificate.ExportCertificatePem());
                File.WriteAllText(Path.Combine(folder, name + ".key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
            }

            string At(string name) => Path.Combine(folder, name);
            using LinkPair pair = new(
                changeA: o => o with { Tls = LinkTlsOptions.Load(At("a.pem"), At("a.key"), At("b.pem")) },
                changeB: o => o with { Tls = LinkTlsOptions.Load(At("b.pem"), At("b.key"), At("a.pem")) });
            pair.StartBoth().WaitUp();

            Assert.Contains("missing.pem' cannot be used", Refusal(At("a.pem"), At("a.key"), At("missing.pem")), StringComparison.Ordinal);
            Assert.Contains("a.pem' with key '" + At("b.key") + "' cannot be used", Refusal(At("a.pem"), At("b.key"), At("b.pem")), StringComparison.Ordinal);
            Assert.Contains("no certificate of the peer is named", Refusal(At("a.pem"), At("a.key"), At("a.key")), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Refusal(string certificate, string key, string peers) =>
        Assert.Throws<NetworkConfigurationException>(() => LinkTlsOptions.Load(certificate, key, peers)).Message;

    private static LinkPair TlsPair(X509Certificate2 ofA, X509Certificate2 ofB, X509Certificate2 knownToB, X509Certificate2 knownToA) => new(
        changeA: o => o with { Tls = new(ofA, [knownToA]) },
        changeB: o => o with { Tls = new(ofB, [knownToB]) });

    private static X509Certificate2 Make(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(10));
    }
}
