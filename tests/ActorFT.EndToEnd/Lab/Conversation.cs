using System.Diagnostics;
using System.Globalization;
using System.Text;
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
    private readonly Action<string> _tell;
    private readonly Process _process;
    private readonly string _file;
    private readonly List<long> _tookNs = [];
    private long _read;
    private readonly Task<string> _errors, _output;

    public Conversation(LabPair pair, string service, Action<string> tell)
    {
        _tell = tell;
        _pair = pair;
        _file = pair.PathOf("conversation.tsv");
        _process = pair.Run("client", "dotnet", LabPair.LabTool, "converse", service, "--output", _file, "--interval-ms", "5", "--patience-s", "170");
        _errors = _process.StandardError.ReadToEndAsync();
        _output = _process.StandardOutput.ReadToEndAsync();
    }

    /// <summary>Responses so far.</summary>
    public int Count
    {
        get
        {
            ReadOn();
            return _tookNs.Count;
        }
    }

    // Whole lines that came since the last look.
    private void ReadOn()
    {
        if (!File.Exists(_file)) return;
        using FileStream file = new(_file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = _read;
        using StreamReader reader = new(file, Encoding.ASCII);
        string text = reader.ReadToEnd();
        int end = text.LastIndexOf('\n') + 1;
        _read += end;
        _tookNs.AddRange(text[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => long.Parse(line.Split('\t')[1], CultureInfo.InvariantCulture)));
    }

    /// <summary>Waits for so many more responses: the connection works now.</summary>
    public void GoesOn(string what, int more = 20)
    {
        int before = Count;
        _pair.Until(() =>
        {
            Assert.False(_process.HasExited, $"{what}: the connection ended: {(_process.HasExited ? _errors.GetAwaiter().GetResult() : "")}");
            return Count >= before + more;
        }, $"{more} responses after {before} ({what})", _tell);
    }

    /// <summary>The longest time that one response took, in ms, from the response after <paramref name="from"/> on.</summary>
    public double LongestMs(int from) => _tookNs.Skip(from).DefaultIfEmpty(0).Max() / 1e6;

    /// <summary>Ends it; all that was asked must have been answered, once.</summary>
    public int End()
    {
        Signal.Send(_process.Id, Signal.Terminate);
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
