using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>
/// Watches a guest that prints "counter N", from whichever server leads. What the servers wrote is one stream of bytes: whoever leads next
/// goes on where the other one ended, or repeats the end of what was seen, byte by byte; in the stream the counter never skips and never falls.
/// </summary>
/// <param name="console">What a server has written on the machine's console.</param>
/// <param name="describe">What is known of all nodes, for the message of a test that fails.</param>
internal sealed partial class CounterObserver(Func<string, byte[]> console, Func<string> describe)
{
    private readonly Dictionary<string, int> _read = [];
    private readonly StringBuilder _stream = new(); // all that was ever seen, once
    private string? _server;                        // who speaks
    private int _at, _parsed;                       // where in the stream it goes on; how much of the stream was looked at

    public CounterObserver(Pair pair) : this(pair.Console, pair.Describe)
    {
    }

    /// <summary>The highest number seen.</summary>
    public long Last { get; private set; }

    /// <summary>Numbers seen twice.</summary>
    public long Repeated { get; private set; }

    [GeneratedRegex(@"(?<=^|\n)counter (\d+)\r?\n")]
    private static partial Regex Line();

    /// <summary>Takes what a server has written since the last time.</summary>
    public void Read(string server)
    {
        byte[] written = console(server);
        int from = _read.GetValueOrDefault(server);
        string text = Encoding.Latin1.GetString(written, from, written.Length - from);
        if (text.Length == 0 || server != _server && !Join(server, text)) return;
        _read[server] = written.Length;
        int repeated = Math.Min(text.Length, _stream.Length - _at);
        string before = _stream.ToString(_at, repeated);
        if (before != text[..repeated]) Fail($"{server} says \"{text[..repeated]}\", where \"{before}\" was said before");
        Repeated += before.Count(c => c == '\n');
        _stream.Append(text, repeated, text.Length - repeated);
        _at += text.Length;
        Parse(server);
    }

    // A new one goes on within a line, or repeats from within a line: its first whole line tells where in the stream it is.
    private bool Join(string server, string text)
    {
        if (_server is not null)
        {
            Match first = Line().Match(text, Math.Max(0, text.IndexOf('\n')));
            if (text.StartsWith("counter ", StringComparison.Ordinal)) first = Line().Match(text);
            if (!first.Success) return false; // later
            string seen = _stream.ToString();
            long number = Number(first);
            int line = seen.LastIndexOf(first.Value, StringComparison.Ordinal);
            if (number > Last)
            {
                // Not seen yet: where it would be, behind what is missing of those before it.
                line = seen.LastIndexOf('\n') + 1;
                string end = first.Value.EndsWith("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
                for (long between = Last + 1; between < number && line <= seen.Length; between++) line += $"counter {between}{end}".Length;
            }
            _at = line - first.Index;
            if (_at < 0 || _at > seen.Length) Fail($"{server} begins with {number}, which does not follow {Last}: {number - Last - 1} lines are lost");
        }

        _server = server;
        return true;
    }

    private void Parse(string server)
    {
        int end = _stream.ToString(_parsed, _stream.Length - _parsed).LastIndexOf('\n') + 1;
        foreach (Match match in Line().Matches(_stream.ToString(_parsed, end)))
        {
            long number = Number(match);
            if (number != Last + 1) Fail($"the counter went from {Last} to {number} on {server}");
            Last = number;
        }

        _parsed += end;
    }

    private static long Number(Match line) => long.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture);

    private void Fail(string what) => Assert.Fail($"{what}; the last that was seen is \"{_stream.ToString(Math.Max(0, _stream.Length - 200), Math.Min(200, _stream.Length))}\"; {describe()}");

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
