using System.Text;
using System.Text.RegularExpressions;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>
/// Watches a guest that prints "counter N", from whichever server leads: the counter must never skip and never contradict itself, and
/// repeats only what may be repeated (outputs that may not have left before a failover).
/// </summary>
/// <param name="console">What a server has written on the machine's console.</param>
/// <param name="describe">What is known of all nodes, for the message of a test that fails.</param>
internal sealed partial class CounterObserver(Func<string, byte[]> console, Func<string> describe)
{
    private readonly Dictionary<string, int> _read = [];

    public CounterObserver(Pair pair) : this(pair.Console, pair.Describe)
    {
    }

    /// <summary>The highest number seen.</summary>
    public long Last { get; private set; }

    /// <summary>Numbers seen twice.</summary>
    public long Repeated { get; private set; }

    [GeneratedRegex(@"counter (\d+)\r?\n")]
    private static partial Regex Line();

    /// <summary>Takes what a server has written since the last time.</summary>
    public void Read(string server)
    {
        byte[] written = console(server);
        string text = Encoding.Latin1.GetString(written, _read.GetValueOrDefault(server), written.Length - _read.GetValueOrDefault(server));
        int complete = text.LastIndexOf('\n') + 1;
        _read[server] = _read.GetValueOrDefault(server) + complete;
        string lines = text[..complete];
        // A line may begin on the server that died and end on the one that goes on.
        if (_lastServer is { } former && former != server && !lines.StartsWith("counter ", StringComparison.Ordinal)) lines = Tail(former) + lines;
        if (complete != 0) _lastServer = server;
        bool isFirst = true;
        foreach (Match match in Line().Matches(lines))
        {
            long number = long.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(number <= Last + 1, $"The counter jumped from {Last} to {number} on {server}: {number - Last - 1} lines are lost.");
            Assert.True(isFirst || number == Last + 1 || Repeated > 0, $"The counter fell from {Last} to {number} on {server}.");
            if (number <= Last) Repeated++;
            Last = Math.Max(Last, number);
            isFirst = false;
        }
    }

    private string? _lastServer;

    // What a server wrote behind its last whole line.
    private string Tail(string server)
    {
        byte[] written = console(server);
        return Encoding.Latin1.GetString(written, _read.GetValueOrDefault(server), written.Length - _read.GetValueOrDefault(server));
    }

    /// <summary>Waits until the counter has risen on a server; gives how long that took, in seconds.</summary>
    public double WaitUntilItRises(string server, double seconds = 120)
    {
        long before = Last;
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        Wait.Until(() =>
        {
            Read(server);
            return Last > before;
        }, () => $"the counter to rise above {before} on {server}; {describe()}", seconds);
        return System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
