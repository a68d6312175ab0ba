using System.Globalization;
using System.Text;
using ActorFT.Cluster.Status;

namespace ActorFT.Node.Operate;

/// <summary>How values are written on screen.</summary>
internal static class Words
{
    /// <summary>A text of the pair made safe for a terminal: control characters do not reach it, markup is text.</summary>
    public static string Safe(string text)
    {
        StringBuilder safe = new(text.Length);
        foreach (char c in text) safe.Append(char.IsControl(c) ? '?' : c);
        return Spectre.Console.Markup.Escape(safe.ToString());
    }

    /// <summary>A state, coloured.</summary>
    public static string State(ComponentState state) => $"[{Colour(state)}]{state}[/]";

    public static string Colour(ComponentState state) => state switch
    {
        ComponentState.Good => "green",
        ComponentState.Failed => "red bold",
        ComponentState.Offline or ComponentState.Isolated => "red",
        _ => "yellow",
    };

    public static string Bytes(double bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        while (bytes >= 1024 && unit < units.Length - 1) (bytes, unit) = (bytes / 1024, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{bytes:0.#} {units[unit]}");
    }

    public static string Rate(double perSecond) => perSecond switch
    {
        >= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{perSecond / 1e9:0.##} G/s"),
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{perSecond / 1e6:0.#} M/s"),
        >= 1e3 => string.Create(CultureInfo.InvariantCulture, $"{perSecond / 1e3:0.#} k/s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{perSecond:0} /s"),
    };

    public static string Ms(double ms) => string.Create(CultureInfo.InvariantCulture, $"{ms:0.##} ms");

    /// <summary>How long requests took.</summary>
    public static string Latency(LatencyStatus latency) => $"{Us(latency.P50Us)} (p99 {Us(latency.P99Us)}, of {latency.Requests})";

    private static string Us(long us) => us < 1000 ? $"{us} us" : Ms(us / 1e3);

    /// <summary>A time, UTC; today's without the date.</summary>
    public static string Time(long unixMs)
    {
        DateTimeOffset at = DateTimeOffset.FromUnixTimeMilliseconds(unixMs);
        return at.ToString(at.UtcDateTime.Date == DateTime.UtcNow.Date ? "HH:mm:ss'Z'" : "yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }

    public static string Age(long ageMs, bool isCurrent) => isCurrent ? "now" : ageMs < 0 ? "never heard" : ageMs < 120_000 ? $"{ageMs / 1000} s ago" : $"{ageMs / 60_000} min ago";
}
