using System.Globalization;

namespace ActorFT.EndToEnd.Lab;

/// <summary>
/// Through which server's port the machine may have spoken, as the servers' own logs tell it: the leader's, from the won claim on; the other
/// one's while frames go round by it. What the sniffer saw must be that, or less (a way that was not used shows no frame). So the MAC comes
/// from one port at a time in any term, and a fenced server is silent once the other one has begun to speak.
/// </summary>
internal static class PortHistory
{
    /// <summary>The ports that the logs allow, one after the other.</summary>
    /// <param name="logs">Each server's log, by its role in the lab (a, b).</param>
    public static IReadOnlyList<string> Allowed(IReadOnlyDictionary<string, string> logs)
    {
        List<(DateTime At, string Role, string Kind)> said = [.. logs.SelectMany(log => log.Value.Split('\n').Select(line => (log.Key, Line: line)))
            .Select(entry => (entry.Key, entry.Line, Kind: KindOf(entry.Line))).Where(entry => entry.Kind.Length != 0)
            .Select(entry => (DateTime.Parse(entry.Line[..entry.Line.IndexOf(' ', StringComparison.Ordinal)], CultureInfo.InvariantCulture), entry.Key, entry.Kind))];
        List<string> ports = [];
        string leader = "";
        foreach ((_, string role, string kind) in said.OrderBy(entry => entry.At))
        {
            if (kind == "leading") leader = role;
            // A former leader that does not know yet tells of ways that nothing takes any more.
            if (role != leader) continue;
            string port = "sw-" + (kind == "nic-rerouted" ? LabPair.Other(role) : role);
            if (ports.Count == 0 || ports[^1] != port) ports.Add(port);
        }

        return ports;
    }

    /// <summary>Ports that the sniffer saw (first column of its report) beyond what is allowed; empty when all is well.</summary>
    public static string Excess(IReadOnlyList<string> allowed, IEnumerable<string> seen)
    {
        int next = 0;
        foreach (string port in seen)
        {
            while (next < allowed.Count && allowed[next] != port) next++;
            if (next == allowed.Count) return port;
        }

        return "";
    }

    private static string KindOf(string line) =>
        new[] { "leading", "nic-rerouted", "nic-back" }.FirstOrDefault(kind => line.Contains($"[{kind}]", StringComparison.Ordinal)) ?? "";
}
