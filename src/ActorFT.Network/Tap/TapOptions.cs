using System.Net;
using System.Net.Sockets;

namespace ActorFT.Network.Tap;

/// <summary>What a TAP shall be like. Checked by <see cref="Validate"/>.</summary>
public sealed record TapOptions
{
    /// <summary>Longest interface name that Linux takes (IFNAMSIZ less its end).</summary>
    public const int MaxNameLength = 15;

    /// <summary>Smallest and largest MTU of a TAP.</summary>
    public const int MinMtuBytes = 68, MaxMtuBytes = 65_521;

    /// <summary>The interface's name, e.g. "aft0", or a pattern with one "%d" for which the kernel finds a number, e.g. "aft%d".</summary>
    public string Name { get; init; } = "aft%d";

    /// <summary>A bridge that the TAP joins; null: none, or by hand.</summary>
    public string? Bridge { get; init; }

    /// <summary>An interface whose carrier counts as this NIC's own, e.g. the bridge's "eth0"; null: none.</summary>
    public string? Uplink { get; init; }

    /// <summary>An IPv4 address that must answer ARP through this TAP for the NIC to count as good, e.g. the gateway's; null: none.</summary>
    public IPAddress? ProbeTarget { get; init; }

    /// <summary>Time between two questions to <see cref="ProbeTarget"/>, in ms: 10 to 60,000.</summary>
    public int ProbeIntervalMs { get; init; } = 500;

    /// <summary>How many questions in a row may stay without an answer: 1 to 100.</summary>
    public int ProbeMissesAllowed { get; init; } = 3;

    /// <summary>The MTU to set; null: left as it is.</summary>
    public int? MtuBytes { get; init; }

    /// <summary>Whether the interface outlives this process. A transient one vanishes when it is closed.</summary>
    public bool IsPersistent { get; init; }

    /// <summary>Throws when a value is not allowed.</summary>
    /// <exception cref="NetworkConfigurationException">With the sentence.</exception>
    public void Validate()
    {
        CheckName("tap", Name, isPatternAllowed: true);
        if (Bridge is not null) CheckName("bridge", Bridge, isPatternAllowed: false);
        if (Uplink is not null) CheckName("uplink", Uplink, isPatternAllowed: false);
        if (MtuBytes is < MinMtuBytes or > MaxMtuBytes)
        {
            throw new NetworkConfigurationException($"mtu = {MtuBytes} is not allowed: {MinMtuBytes} to {MaxMtuBytes} bytes for a TAP.");
        }

        if (ProbeTarget is not null && ProbeTarget.AddressFamily != AddressFamily.InterNetwork)
        {
            throw new NetworkConfigurationException($"probe-target = '{ProbeTarget}' is not allowed: an IPv4 address of the machine's network.");
        }

        CheckRange("probe-interval", ProbeIntervalMs, 10, 60_000);
        CheckRange("probe-misses-allowed", ProbeMissesAllowed, 1, 100);
    }

    private static void CheckRange(string key, int value, int min, int max)
    {
        if (value < min || value > max) throw new NetworkConfigurationException($"{key} = {value} is not allowed: {min} to {max}.");
    }

    private static void CheckName(string key, string name, bool isPatternAllowed)
    {
        string allowed = $"1 to {MaxNameLength} letters, digits, '-', '_' and '.'"
            + (isPatternAllowed ? ", with one '%d' at most for a number" : "") + ".";
        string plain = isPatternAllowed && name.IndexOf("%d", StringComparison.Ordinal) is var at and >= 0 ? name.Remove(at, 2) : name;
        bool isValid = name.Length is >= 1 and <= MaxNameLength && plain is not ("." or "..")
            && plain.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        if (!isValid) throw new NetworkConfigurationException($"{key} = '{name}' is not an interface's name: {allowed}");
    }
}
