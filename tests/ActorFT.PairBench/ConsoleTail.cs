using System.Diagnostics;
using System.Globalization;
using System.Text;
using ActorFT.Node.Tests.Support;

namespace ActorFT.PairBench;

/// <summary>Follows the console file of a server's machine, and notes when it grows.</summary>
internal sealed class ConsoleTail(string path)
{
    private long _position;
    private string _rest = "";

    /// <summary>Complete lines written since the last call.</summary>
    public string[] ReadLines()
    {
        if (!File.Exists(path)) return [];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = _position;
        using MemoryStream bytes = new();
        file.CopyTo(bytes);
        _position += bytes.Length;
        string[] parts = (_rest + Encoding.Latin1.GetString(bytes.ToArray())).Split('\n');
        _rest = parts[^1];
        return [.. parts[..^1].Select(line => line.TrimEnd('\r'))];
    }

    /// <summary>The number of the last "counter N" among lines; <paramref name="otherwise"/> when there is none.</summary>
    public static long LastCounter(string[] lines, long otherwise)
    {
        for (int i = lines.Length - 1; i >= 0; i--)
            if (lines[i].StartsWith("counter ", StringComparison.Ordinal) && long.TryParse(lines[i].AsSpan(8), NumberStyles.None, CultureInfo.InvariantCulture, out long number)) return number;
        return otherwise;
    }

    /// <summary>Waits for the first growth since a moment, and for a counter beyond <paramref name="seen"/>; both in ms since then.</summary>
    /// <param name="since">The moment.</param>
    /// <param name="seen">The last number that was seen before.</param>
    /// <param name="seconds">How long it waits.</param>
    /// <param name="describe">What is known of the pair when it waited in vain.</param>
    public (double FirstMs, double NewMs) WaitForNew(long since, Func<long> seen, double seconds, Func<string> describe)
    {
        double? first = null;
        double fresh = 0;
        Wait.Until(() =>
        {
            string[] lines = ReadLines();
            if (lines.Length == 0) return false;
            first ??= Stopwatch.GetElapsedTime(since).TotalMilliseconds;
            fresh = Stopwatch.GetElapsedTime(since).TotalMilliseconds;
            return LastCounter(lines, 0) > seen();
        }, () => $"new lines in {path} ({new FileInfo(path).Length} bytes, read to {_position}); {describe()}", seconds);
        return (first!.Value, fresh);
    }
}
