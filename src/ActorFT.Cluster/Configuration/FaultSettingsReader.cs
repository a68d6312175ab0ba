using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Configuration;

/// <summary>Reads <c>actorft.faults</c>: policies of components and ways of alerts.</summary>
internal static class FaultSettingsReader
{
    private static readonly (string Key, FaultClass Class)[] s_classes =
        [("replica", FaultClass.Replica), ("disk", FaultClass.Disk), ("nic", FaultClass.Nic), ("link", FaultClass.Link), ("arbiter", FaultClass.Arbiter)];

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1), s_month = TimeSpan.FromDays(30);

    /// <param name="node">The section actorft.</param>
    /// <param name="absolute">Makes a path absolute that is meant from the configuration's folder.</param>
    public static FaultSettings Read(HoconSection node, Func<string, string> absolute)
    {
        FaultSettings defaults = new();
        if (node.GetSection("faults") is not { } faults) return defaults;
        faults.AllowOnly("policies", "alerts");
        return defaults with
        {
            Policies = faults.GetSection("policies") is { } policies ? ReadPolicies(policies, defaults.Policies) : defaults.Policies,
            Alerts = faults.GetSection("alerts") is { } alerts ? ReadAlerts(alerts, absolute) : defaults.Alerts,
        };
    }

    private static Dictionary<FaultClass, FaultPolicy> ReadPolicies(HoconSection section, IReadOnlyDictionary<FaultClass, FaultPolicy> defaults)
    {
        section.AllowOnly([.. s_classes.Select(one => one.Key)]);
        Dictionary<FaultClass, FaultPolicy> policies = [];
        foreach ((string key, FaultClass kind) in s_classes)
            policies[kind] = section.GetSection(key) is { } one ? ReadPolicy(one, kind, defaults[kind]) : defaults[kind];
        return policies;
    }

    private static FaultPolicy ReadPolicy(HoconSection section, FaultClass kind, FaultPolicy defaults)
    {
        section.AllowOnly("max-faults", "window", "min-time-between", "action");
        List<KeyValuePair<string, PolicyAction>> actions = [new("alert", PolicyAction.Alert)];
        if (kind is FaultClass.Disk or FaultClass.Nic or FaultClass.Link) actions.Add(new("isolate", PolicyAction.Isolate));
        if (kind is FaultClass.Replica or FaultClass.Disk or FaultClass.Nic) actions.Add(new("failover", PolicyAction.FailOver));
        return new FaultPolicy
        {
            MaxFaults = section.GetInt("max-faults", 0, 1_000, defaults.MaxFaults),
            Window = section.GetDuration("window", s_second, s_month, defaults.Window),
            MinTimeBetween = section.GetDuration("min-time-between", TimeSpan.Zero, s_month, defaults.MinTimeBetween),
            Action = section.GetWord("action", actions, defaults.Action),
        };
    }

    private static AlertSettings ReadAlerts(HoconSection section, Func<string, string> absolute)
    {
        section.AllowOnly("min-severity", "repeat-after", "timeout", "command", "webhook", "webhook-ca", "syslog");
        AlertSettings defaults = new();
        string[] command = [.. section.GetStrings("command", mayBeEmpty: true)];
        if (command.Length != 0 && !Path.IsPathRooted(command[0])) throw section.Error("command", command[0], "a list of texts that begins with the absolute path of a program");
        string webhook = section.GetString("webhook", "");
        Uri? url = null;
        if (webhook.Length != 0 && !(Uri.TryCreate(webhook, UriKind.Absolute, out url) && url.Scheme is "http" or "https"))
            throw section.Error("webhook", webhook, "an http or https address, or empty");
        string authority = section.GetString("webhook-ca", "");
        if (authority.Length != 0 && url?.Scheme != "https") throw section.Error("webhook-ca", authority, "empty where webhook is no https address");
        if (authority.Length != 0) _ = AlertSender.ReadAuthority(authority = absolute(authority)); // what cannot be used is told at start
        return new AlertSettings
        {
            MinSeverity = section.GetWord("min-severity", [new("warning", FaultSeverity.Warning), new("error", FaultSeverity.Error), new("critical", FaultSeverity.Critical)], defaults.MinSeverity),
            RepeatAfter = section.GetDuration("repeat-after", TimeSpan.Zero, s_month, defaults.RepeatAfter),
            Timeout = section.GetDuration("timeout", s_second, TimeSpan.FromMinutes(5), defaults.Timeout),
            Command = command,
            Webhook = url,
            WebhookAuthority = authority,
            Syslog = ReadSyslog(section),
        };
    }

    private static string ReadSyslog(HoconSection section)
    {
        string text = section.GetString("syslog", "off");
        if (text is "off" or "") return "";
        if (text is "local" or "on") return "local";
        int colon = text.LastIndexOf(':');
        return colon > 0 && Uri.CheckHostName(text[..colon].Trim('[', ']')) != UriHostNameType.Unknown && ushort.TryParse(text[(colon + 1)..], out ushort port) && port != 0
            ? text : throw section.Error("syslog", text, "off, local (this host's /dev/log), or HOST:PORT (UDP)");
    }
}
