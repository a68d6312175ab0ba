using System.Diagnostics;
using System.Globalization;
using System.Text;
using ActorFT.Node.Running;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Commands;

/// <summary>Says how far a long replay is: on a terminal a line that renews itself every half second, elsewhere a line every ten seconds.</summary>
internal sealed class ReplayProgress(string path)
{
    private static readonly TimeSpan s_onTerminal = TimeSpan.FromSeconds(0.5), s_elsewhere = TimeSpan.FromSeconds(10);

    private readonly bool _isTerminal = RawTerminal.IsTerminal(StandardStream.Error);
    private long _last = Stopwatch.GetTimestamp();
    private bool _shown;

    /// <summary>Shows the progress, if it is time to.</summary>
    public void Show(double done, RunStatistics statistics)
    {
        if (Stopwatch.GetElapsedTime(_last) < (_isTerminal ? s_onTerminal : s_elsewhere)) return;
        _last = Stopwatch.GetTimestamp();
        string text = string.Create(CultureInfo.InvariantCulture, $"{path}: {done:P0} replayed, {statistics.Rounds} rounds, {statistics.Mips:F0} MIPS");
        if (!_isTerminal) Notices.Say(text);
        else StandardStream.Write(StandardStream.Error, Encoding.UTF8.GetBytes($"\r\u001b[K{text}"));
        _shown = true;
    }

    /// <summary>Clears the line.</summary>
    public void End()
    {
        if (_shown && _isTerminal) StandardStream.Write(StandardStream.Error, "\r\u001b[K"u8);
    }
}
