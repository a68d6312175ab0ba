using System.Collections.Immutable;
using System.Net;
using ActorFT.Lockstep.Protocol;

namespace ActorFT.Cluster.Configuration;

/// <summary>
/// Reads a node's file (<c>config/server-a.conf</c>, <c>config/arbiter.conf</c>): the object <c>actorft</c>, every key of which is documented in
/// reference.conf and in config/server-a.conf, and <c>akka</c>, which goes to the actor system. Relative paths are relative to the file.
/// </summary>
public static class NodeConfigReader
{
    private const string AddressAllowed = "\"IP:PORT\", such as \"10.0.0.1:4551\"; names are not allowed because Akka compares addresses as text";

    private static readonly TimeSpan s_ms = TimeSpan.FromMilliseconds(1);

    /// <summary>Reads a node's file.</summary>
    /// <exception cref="OperatorException">One sentence with file, key, value and what is allowed.</exception>
    public static NodeConfig ReadFile(string path) => Parse(HostFile.ReadText(path, "the configuration file"), path);

    /// <summary>Reads a node's text; <paramref name="path"/> names it in messages and is where relative paths start.</summary>
    public static NodeConfig Parse(string text, string path)
    {
        HoconSection root = HoconSection.Parse(text, path).AllowOnly("actorft", "akka");
        HoconSection node = root.GetSection("actorft") ?? throw new OperatorException($"{path}: actorft is missing; it must be an object {{ … }}.");
        bool isArbiter = node.GetWord("role", [new("server", false), new("arbiter", true)], false);
        NodeConfig common = new()
        {
            FileName = path,
            Text = text,
            Pair = Name(node, "pair"),
            Name = Name(node, "name"),
            IsArbiter = isArbiter,
            Address = ToNodeAddress(Address(node, "address")),
            DataDirectory = Absolute(path, node.GetRequiredString("data", "the path of a folder")),
            StatusInterval = node.GetDuration("status-interval", 50 * s_ms, TimeSpan.FromSeconds(10), 500 * s_ms),
            Log = ReadLog(node),
            Faults = FaultSettingsReader.Read(node, file => Absolute(path, file)),
            Management = ReadManagement(root),
            ManagementTokenFile = ManagementText(root, "token-file") is { Length: > 0 } token ? Absolute(path, token) : null,
        };
        return isArbiter ? ReadArbiter(node, common) : ReadServer(node, common, path);
    }

    private static LogSettings ReadLog(HoconSection node)
    {
        LogSettings defaults = new();
        if (node.GetSection("log") is not { } log) return defaults;
        log.AllowOnly("level", "format");
        return new LogSettings(
            log.GetWord("level", [new("debug", LogLevelSetting.Debug), new("info", LogLevelSetting.Info), new("warning", LogLevelSetting.Warning), new("error", LogLevelSetting.Error), new("critical", LogLevelSetting.Critical)], defaults.Level),
            log.GetWord("format", [new("auto", LogFormat.Auto), new("text", LogFormat.Text), new("json", LogFormat.Json), new("journal", LogFormat.Journal)], defaults.Format));
    }

    private static NodeConfig ReadArbiter(HoconSection node, NodeConfig common)
    {
        node.AllowOnly("role", "pair", "name", "address", "data", "servers", "status-interval", "log", "faults");
        string[] servers = [.. node.GetStrings("servers")];
        if (servers.Length != 2) throw node.Error("servers", $"a list of {servers.Length}", $"a list of the two servers' addresses, each {AddressAllowed}");
        ImmutableArray<NodeAddress> addresses = [.. servers.Select(server => ToNodeAddress(ParseAddress(node, "servers", server)))];
        RefuseEqual(node, [("actorft.address", Text(common.Address)), .. addresses.Select((server, i) => ($"actorft.servers[{i}]", Text(server)))]);
        return common with { ServerAddresses = addresses };
    }

    private static NodeConfig ReadServer(HoconSection node, NodeConfig common, string path)
    {
        node.AllowOnly("role", "pair", "name", "address", "data", "peer", "arbiter", "links", "link-tls", "lockstep", "disks", "machines", "fault-injection",
            "status-interval", "log", "faults", "machine-dispatcher", "disk-dispatcher");
        HoconSection peer = node.GetSection("peer") ?? throw new OperatorException($"{path}: actorft.peer is missing; a pair has two servers: give the other one's name and address.");
        peer.AllowOnly("name", "address");
        string peerName = Name(peer, "name");
        if (peerName == common.Name) throw peer.Error("name", peerName, "another name than this server's own");
        NodeAddress peerAddress = ToNodeAddress(Address(peer, "address")), arbiter = ToNodeAddress(Address(node, "arbiter"));
        ImmutableArray<LinkPathConfig> links = ReadLinks(node);
        RefuseEqualAddresses(node, common, peerAddress, arbiter, links);
        HoconSection? lockstep = node.GetSection("lockstep");
        return common with
        {
            PeerName = peerName,
            PeerAddress = peerAddress,
            ArbiterAddress = arbiter,
            Links = links,
            LinkTls = ReadTls(node, path),
            Lockstep = lockstep is null ? new LockstepSettings() : ReadLockstep(lockstep, common.Name, peerName),
            ResyncBytesPerSecond = lockstep?.GetBytes("resync-rate", 0, 1UL << 40, 1, 0) ?? 0,
            MemoryScrubBytesPerSecond = lockstep?.GetBytes("memory-scrub-rate", 0, 1UL << 30, 1, NodeConfig.DefaultMemoryScrubBytesPerSecond) ?? NodeConfig.DefaultMemoryScrubBytesPerSecond,
            Disks = DiskSettings.Read(node.GetSection("disks")),
            Machines = ReadMachines(node, path),
            AllowsFaultInjection = node.GetBool("fault-injection", false),
        };
    }

    private static ImmutableArray<LinkPathConfig> ReadLinks(HoconSection node)
    {
        ImmutableArray<LinkPathConfig>.Builder links = ImmutableArray.CreateBuilder<LinkPathConfig>();
        foreach (HoconSection link in node.GetSections("links"))
        {
            link.AllowOnly("name", "local", "peer");
            links.Add(new LinkPathConfig(link.GetString("name", $"ft{links.Count}"), Address(link, "local"), Address(link, "peer")));
        }

        if (links.Count is < 1 or > 2) throw node.Error("links", $"a list of {links.Count}", "a list of one or two paths { name, local, peer }");
        return links.ToImmutable();
    }

    // Everything that this node, the other server and the arbiter listen at, as this file says it.
    private static void RefuseEqualAddresses(HoconSection node, NodeConfig common, NodeAddress peer, NodeAddress arbiter, ImmutableArray<LinkPathConfig> links)
    {
        List<(string Key, string Address)> used = [("actorft.address", Text(common.Address))];
        if (common.Management is { } management) used.Add(("akka.management.http", management.ToString()));
        used.AddRange(links.Select((link, i) => ($"actorft.links[{i}].local", link.Local.ToString())));
        used.AddRange([("actorft.peer.address", Text(peer)), ("actorft.arbiter", Text(arbiter))]);
        used.AddRange(links.Select((link, i) => ($"actorft.links[{i}].peer", link.Peer.ToString())));
        RefuseEqual(node, used);
    }

    private static void RefuseEqual(HoconSection node, IReadOnlyList<(string Key, string Address)> used)
    {
        for (int i = 0; i < used.Count; i++)
            for (int j = 0; j < i; j++)
                if (used[i].Address == used[j].Address)
                    throw new OperatorException($"{node.FileName}: {used[j].Key} and {used[i].Key} are both {used[i].Address}; each must be an address of its own.");
    }

    private static (string, string, string)? ReadTls(HoconSection node, string path)
    {
        if (node.GetSection("link-tls") is not { } tls) return null;
        tls.AllowOnly("certificate", "key", "peer-certificate");
        return (Absolute(path, tls.GetRequiredString("certificate", "a PEM file")), Absolute(path, tls.GetRequiredString("key", "a PEM file")),
            Absolute(path, tls.GetRequiredString("peer-certificate", "a PEM file")));
    }

    private static LockstepSettings ReadLockstep(HoconSection section, string ownName, string peerName)
    {
        section.AllowOnly("commit", "flush", "on-divergence", "on-no-arbiter", "max-record", "digest-interval", "heartbeat", "silence", "link-down-grace", "lag-limit",
            "slow-follower", "max-isolations", "isolation-window", "reprotect-delay", "first-boot-wait", "resync-rate", "memory-scrub-rate");
        LockstepSettings defaults = new();
        string noArbiter = section.GetString("on-no-arbiter", "safe");
        if (noArbiter != "safe" && noArbiter != "prefer-" + ownName && noArbiter != "prefer-" + peerName)
            throw section.Error("on-no-arbiter", noArbiter, $"safe, prefer-{ownName} or prefer-{peerName}");
        LockstepSettings settings = defaults with
        {
            Commit = section.GetWord("commit", [new("received", CommitMode.Received), new("verified", CommitMode.Verified)], defaults.Commit),
            Flush = section.GetWord("flush", [new("both", FlushMode.Both), new("leader", FlushMode.Leader)], defaults.Flush),
            OnDivergence = section.GetWord("on-divergence",
                [new("follower", DivergencePolicy.IsolateFollower), new("leader", DivergencePolicy.IsolateLeader), new("hold", DivergencePolicy.Hold)], defaults.OnDivergence),
            PreferredWithoutArbiter = noArbiter == "safe" ? null : noArbiter["prefer-".Length..],
            MaxRecordNs = Ns(section, "max-record", 0.1, 100, defaults.MaxRecordNs),
            DigestIntervalNs = Ns(section, "digest-interval", 1, 10_000, defaults.DigestIntervalNs),
            HeartbeatNs = Ns(section, "heartbeat", 5, 5_000, defaults.HeartbeatNs),
            SilenceNs = Ns(section, "silence", 50, 60_000, defaults.SilenceNs),
            LinkDownGraceNs = Ns(section, "link-down-grace", 0, 10_000, defaults.LinkDownGraceNs),
            LagLimitNs = Ns(section, "lag-limit", 10, 60_000, defaults.LagLimitNs),
            SlowFollowerNs = Ns(section, "slow-follower", 100, 3_600_000, defaults.SlowFollowerNs),
            MaxIsolations = section.GetInt("max-isolations", 1, 1_000, defaults.MaxIsolations),
            IsolationWindowNs = Ns(section, "isolation-window", 1_000, 86_400_000, defaults.IsolationWindowNs),
            ReprotectDelayNs = Ns(section, "reprotect-delay", 0, 3_600_000, defaults.ReprotectDelayNs),
            FirstBootWaitNs = Ns(section, "first-boot-wait", 0, 600_000, defaults.FirstBootWaitNs),
        };
        if (settings.SilenceNs < 3 * settings.HeartbeatNs)
            throw section.Error("silence", $"{settings.SilenceNs / 1_000_000} ms", $"at least three heartbeats ({3 * settings.HeartbeatNs / 1_000_000} ms)");
        return settings;
    }

    private static ImmutableArray<MachineConfig> ReadMachines(HoconSection node, string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        ImmutableArray<MachineConfig>.Builder machines = ImmutableArray.CreateBuilder<MachineConfig>();
        foreach (HoconSection section in node.GetSections("machines")) machines.Add(MachineConfigReader.Read(section, directory, $"machine-{machines.Count}"));
        if (machines.Select(machine => machine.Name).Distinct().Count() != machines.Count)
            throw node.Error("machines", "a list in which two have one name", "a list of machines, each with a name of its own");
        return machines.ToImmutable();
    }

    private static IPEndPoint? ReadManagement(HoconSection root)
    {
        HoconSection? http = root.GetSection("akka")?.GetSection("management")?.GetSection("http");
        if (http is null) return null;
        string host = http.GetString("bind-hostname", http.GetString("hostname", "127.0.0.1"));
        int port = http.GetInt("bind-port", 0, 65_535, http.GetInt("port", 0, 65_535, 8558));
        if (port == 0) return null;
        return IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, port) : throw http.Error("hostname", host, "an IP address");
    }

    private static string ManagementText(HoconSection root, string key) =>
        root.GetSection("akka")?.GetSection("management")?.GetSection("http")?.GetString(key, "") ?? "";

    private static ulong Ns(HoconSection section, string key, double minMs, double maxMs, ulong absentNs) =>
        (ulong)section.GetDuration(key, TimeSpan.FromMilliseconds(minMs), TimeSpan.FromMilliseconds(maxMs), TimeSpan.FromTicks((long)absentNs / 100)).Ticks * 100;

    private static string Name(HoconSection section, string key)
    {
        string name = section.GetRequiredString(key, MachineConfigReader.AllowedName);
        return MachineConfigReader.IsName(name) ? name : throw section.Error(key, name, MachineConfigReader.AllowedName);
    }

    private static IPEndPoint Address(HoconSection section, string key) => ParseAddress(section, key, section.GetRequiredString(key, AddressAllowed));

    private static IPEndPoint ParseAddress(HoconSection section, string key, string text) =>
        text.Contains(':') && IPEndPoint.TryParse(text, out IPEndPoint? address) && address.Port != 0 ? address : throw section.Error(key, text, AddressAllowed);

    private static NodeAddress ToNodeAddress(IPEndPoint address) => new(address.Address.ToString(), address.Port);

    private static string Text(NodeAddress address) => $"{address.Host}:{address.Port}";

    private static string Absolute(string file, string path) => Path.GetFullPath(path, Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/");
}
