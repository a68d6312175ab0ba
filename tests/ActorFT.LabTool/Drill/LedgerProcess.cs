using System.Diagnostics;
using System.Globalization;

namespace ActorFT.LabTool.Drill;

/// <summary>The drill's client of the database (<see cref="Ledger.LedgerClient"/>), a process of its own that keeps one connection.</summary>
internal sealed class LedgerProcess : IDisposable
{
    private readonly Process _process;
    private readonly string _status;
    private readonly List<string> _contradictions = [];

    internal LedgerProcess(string address, string folder, int paceMs)
    {
        _status = Path.Combine(folder, "status");
        string[] arguments = ["exec", Path.Combine(AppContext.BaseDirectory, "ActorFT.LabTool.dll"), "ledger", "--address", address, "--ledger", Path.Combine(folder, "ledger"), "--status", _status,
            "--pace-ms", paceMs.ToString(CultureInfo.InvariantCulture), "--connect-seconds", "300", "--stall-seconds", "600"];
        _process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Next("connected");
    }

    /// <summary>Transactions acknowledged so far.</summary>
    /// <exception cref="IOException">The client has ended: its connection broke.</exception>
    internal int Acknowledged
    {
        get
        {
            if (_process.HasExited) throw new IOException($"the client has ended: {_process.StandardOutput.ReadToEnd().Trim()}");
            return File.Exists(_status) ? int.Parse(File.ReadAllText(_status).Split(' ')[0], CultureInfo.InvariantCulture) : 0;
        }
    }

    /// <summary>Ends the episode and begins another; gives the longest wait of the one that ended, in ms.</summary>
    internal int Begin(string episode)
    {
        _process.StandardInput.WriteLine("episode " + episode);
        string ended = Next("episode");
        return int.Parse(ended[(ended.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    /// <summary>Ends the run: everything is read back. Gives the client's verdict line and what it found contradictory.</summary>
    internal (string Verdict, IReadOnlyList<string> Contradictions) End()
    {
        _process.StandardInput.WriteLine("end");
        return (Next("verdict"), _contradictions);
    }

    private string Next(string kind)
    {
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith(kind + " ", StringComparison.Ordinal)) return line;
            if (line.StartsWith("contradiction ", StringComparison.Ordinal)) _contradictions.Add(line);
            if (line.StartsWith("broken ", StringComparison.Ordinal)) throw new IOException($"the connection broke: {line}");
        }

        throw new IOException("the client has ended without a verdict");
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
