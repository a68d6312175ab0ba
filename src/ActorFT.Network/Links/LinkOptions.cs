using System.Collections.Immutable;
using System.Net;

namespace ActorFT.Network.Links;

/// <summary>One network path between the two servers. The listening server uses the first address, the dialling one the second.</summary>
public sealed record LinkPathOptions
{
    /// <summary>What an operator calls it, e.g. "ft0".</summary>
    public required string Name { get; init; }

    /// <summary>This server's address and port on the path. A listener binds it; a dialler binds its address, so that the path's own network is used.</summary>
    public required IPEndPoint Local { get; init; }

    /// <summary>The peer's address and port on the path: an <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>.</summary>
    public required EndPoint Peer { get; init; }
}

/// <summary>What an FT link between this server and its peer shall be like. Checked by <see cref="Validate"/>.</summary>
public sealed record LinkOptions
{
    /// <summary>Most paths.</summary>
    public const int MaxPaths = 4;

    /// <summary>Longest name in a hello, in UTF-8 bytes.</summary>
    public const int MaxNameBytes = 64;

    /// <summary>The pair's name: both servers must say the same.</summary>
    public required string PairName { get; init; }

    /// <summary>This server's name.</summary>
    public required string ServerName { get; init; }

    /// <summary>The peer's name.</summary>
    public required string PeerName { get; init; }

    /// <summary>The paths, in the same order on both servers.</summary>
    public required ImmutableArray<LinkPathOptions> Paths { get; init; }

    /// <summary>Mutual TLS; null: plain TCP.</summary>
    public LinkTlsOptions? Tls { get; init; }

    /// <summary>Time between heartbeats, in ms.</summary>
    public int HeartbeatMs { get; init; } = 50;

    /// <summary>A path on which nothing was heard for so long is silent, in ms.</summary>
    public int SilentAfterMs { get; init; } = 400;

    /// <summary>A path on which nothing was heard for so long is given up and connected anew, in ms.</summary>
    public int DeadAfterMs { get; init; } = 2_000;

    /// <summary>Bound on one attempt to connect, and on the hello after it, in ms.</summary>
    public int ConnectTimeoutMs { get; init; } = 2_000;

    /// <summary>First and longest pause between attempts to connect, in ms; it doubles in between.</summary>
    public int ReconnectMinMs { get; init; } = 50;

    /// <inheritdoc cref="ReconnectMinMs"/>
    public int ReconnectMaxMs { get; init; } = 1_000;

    /// <summary>Whether this server connects and the peer listens: the name that sorts first dials, so that the two always agree.</summary>
    public bool IsDialler => string.CompareOrdinal(ServerName, PeerName) < 0;

    /// <summary>Throws when a value is not allowed.</summary>
    /// <exception cref="NetworkConfigurationException">With the sentence.</exception>
    public void Validate()
    {
        CheckName("pair name", PairName);
        CheckName("server name", ServerName);
        CheckName("peer name", PeerName);
        if (ServerName == PeerName) throw Bad($"server and peer are both called '{ServerName}': the two servers need different names.");
        if (Paths.IsDefaultOrEmpty || Paths.Length > MaxPaths) throw Bad($"an FT link has 1 to {MaxPaths} paths, not {(Paths.IsDefault ? 0 : Paths.Length)}.");
        for (int i = 0; i < Paths.Length; i++) CheckPath(i);
        CheckRange("heartbeat", HeartbeatMs, 1, 10_000);
        CheckRange("silent-after", SilentAfterMs, 2 * HeartbeatMs, 600_000);
        CheckRange("dead-after", DeadAfterMs, SilentAfterMs, 600_000);
        CheckRange("connect-timeout", ConnectTimeoutMs, 10, 60_000);
        CheckRange("reconnect-min", ReconnectMinMs, 1, 60_000);
        CheckRange("reconnect-max", ReconnectMaxMs, ReconnectMinMs, 60_000);
    }

    private void CheckPath(int index)
    {
        LinkPathOptions path = Paths[index];
        CheckName("path name", path.Name);
        if (path.Local.Port == 0 && !IsDialler) throw Bad($"path '{path.Name}' has port 0: the listening server needs a port from 1 to 65535.");
        for (int other = 0; other < index; other++)
        {
            if (Paths[other].Name == path.Name) throw Bad($"two paths are called '{path.Name}': each needs a name of its own.");
            if (Paths[other].Local.Equals(path.Local) && path.Local.Port != 0)
            {
                throw Bad($"paths '{Paths[other].Name}' and '{path.Name}' share the address {path.Local}: each needs its own port or address.");
            }
        }
    }

    private static void CheckName(string key, string value)
    {
        bool isValid = value.Length > 0 && System.Text.Encoding.UTF8.GetByteCount(value) <= MaxNameBytes && !value.Any(char.IsControl);
        if (!isValid) throw Bad($"{key} '{value}' is not allowed: 1 to {MaxNameBytes} printable bytes.");
    }

    private static void CheckRange(string key, int valueMs, int minMs, int maxMs)
    {
        if (valueMs < minMs || valueMs > maxMs) throw Bad($"{key} = {valueMs} ms is not allowed: {minMs} to {maxMs} ms.");
    }

    private static NetworkConfigurationException Bad(string message) => new("FT link: " + message);
}
