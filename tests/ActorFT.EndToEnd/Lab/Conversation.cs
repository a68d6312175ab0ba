using System.Diagnostics;
using System.Globalization;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Lab;

/// <summary>
/// A client's one TCP connection to the machine's echo service, with requests and responses without end (labtool converse): it ends by
/// itself only when a response is lost, repeated or wrong, or the connection is reset.
/// </summary>
internal sealed class Conversation : IDisposable
{
    private readonly LabPair _pair;
    private readonly Process _process;
    private readonly string _file;
    private readonly Task<string> _errors, _output;

    public Conversation(LabPair pair, string service)
    {
        _pair = pair;
        _file = pair.PathOf("conversation.tsv");
        _process = pair.Run("client", "dotnet", LabPair.LabTool, "converse", service, "--output", _file, "--interval-ms", "5", "--patience-s", "120");
        _errors = _process.StandardError.ReadToEndAsync();
        _output = _process.StandardOutput.ReadToEndAsync();
    }

    /// <summary>Responses so far.</summary>
    public int Count => Lines.Length;

    private string[] Lines
    {
        get
        {
            if (!File.Exists(_file)) return [];
            using FileStream file = new(_file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using StreamReader reader = new(file);
            string text = reader.ReadToEnd();
            return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    /// <summary>Waits for so many more responses: the connection works now.</summary>
    public void GoesOn(string what, int more = 20)
    {
        int before = Count;
        Wait.Until(() =>
        {
            Assert.False(_process.HasExited, $"{what}: the connection ended: {(_process.HasExited ? _errors.GetAwaiter().GetResult() : "")}\n{_pair.AllLogs}");
            return Count >= before + more;
        }, $"{more} responses after {before} ({what}); the logs are:\n{_pair.AllLogs}", LabPair.BoundSeconds);
    }

    /// <summary>The longest time that one response took, in ms, from the response after <paramref name="from"/> on.</summary>
    public double LongestMs(int from) => Lines.Skip(from).Select(line => long.Parse(line.Split('\t')[1], CultureInfo.InvariantCulture) / 1e6).DefaultIfEmpty(0).Max();

    /// <summary>Ends it; all that was asked must have been answered, once.</summary>
    public int End()
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(LabPair.BoundSeconds)), "The conversation did not end.");
        Assert.True(_process.ExitCode == 0, _errors.GetAwaiter().GetResult());
        return Count;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}
