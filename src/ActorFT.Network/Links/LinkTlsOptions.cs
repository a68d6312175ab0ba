using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ActorFT.Network.Links;

/// <summary>
/// Mutual TLS 1.3 between the servers, with pinned certificates: each side accepts exactly the peer's certificates named
/// here, whoever signed them. Dates are not looked at: a pair must not fall apart at midnight; take a pin out to end it.
/// </summary>
public sealed class LinkTlsOptions
{
    private readonly ImmutableArray<byte[]> _pinnedSha256;

    /// <summary>Makes options from certificates in memory.</summary>
    /// <param name="certificate">This server's, with its private key.</param>
    /// <param name="peerCertificates">The peer's: one, or two while it is being changed.</param>
    public LinkTlsOptions(X509Certificate2 certificate, IEnumerable<X509Certificate2> peerCertificates)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        ArgumentNullException.ThrowIfNull(peerCertificates);
        if (!certificate.HasPrivateKey) throw new NetworkConfigurationException("FT link TLS: this server's certificate has no private key beside it.");
        Certificate = certificate;
        _pinnedSha256 = [.. peerCertificates.Select(peer => SHA256.HashData(peer.RawData))];
        if (_pinnedSha256.Length == 0) throw new NetworkConfigurationException("FT link TLS: no certificate of the peer is named; at least one is needed.");
    }

    /// <summary>This server's certificate with its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Reads PEM files.</summary>
    /// <param name="certificateFile">This server's certificate.</param>
    /// <param name="keyFile">Its private key, not encrypted.</param>
    /// <param name="peerCertificatesFile">The peer's certificate, or several in one file.</param>
    /// <exception cref="NetworkConfigurationException">A file cannot be read or does not hold what it should.</exception>
    public static LinkTlsOptions Load(string certificateFile, string keyFile, string peerCertificatesFile)
    {
        X509Certificate2 certificate = Read(
            $"certificate '{certificateFile}' with key '{keyFile}'", () => X509Certificate2.CreateFromPemFile(certificateFile, keyFile));
        X509Certificate2Collection peers = Read($"peer certificate '{peerCertificatesFile}'", () =>
        {
            X509Certificate2Collection collection = [];
            collection.ImportFromPemFile(peerCertificatesFile);
            return collection;
        });
        return new LinkTlsOptions(certificate, peers);
    }

    /// <summary>Whether a certificate is one of the pinned.</summary>
    internal bool IsPinned(X509Certificate? certificate)
    {
        if (certificate is null) return false;
        byte[] hash = SHA256.HashData(certificate.GetRawCertData());
        return _pinnedSha256.Any(pinned => CryptographicOperations.FixedTimeEquals(pinned, hash));
    }

    private static T Read<T>(string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new NetworkConfigurationException($"FT link TLS: {what} cannot be used: {exception.Message.TrimEnd('.')}.", exception);
        }
    }
}
