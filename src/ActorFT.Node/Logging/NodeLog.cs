using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using Microsoft.Extensions.Logging;

namespace ActorFT.Node.Logging;

/// <summary>A node's log (Microsoft.Extensions.Logging): what an operator reads. Levels mean what docs/operations.md says they mean.</summary>
internal sealed partial class NodeLog : IDisposable
{
    private readonly ILoggerFactory _factory;
    private readonly ILogger _log;

    /// <summary>Makes it.</summary>
    /// <param name="node">The node's name.</param>
    /// <param name="settings">Level and format.</param>
    /// <param name="write">Takes a line; must not wait.</param>
    public NodeLog(string node, LogSettings settings, Action<string> write)
    {
        // systemd sets it for services whose standard error is the journal (systemd.exec(5)).
        bool isJournal = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is { Length: > 0 } && Console.IsErrorRedirected;
        LogFormat format = settings.Format != LogFormat.Auto ? settings.Format : isJournal ? LogFormat.Journal : LogFormat.Text;
        _factory = LoggerFactory.Create(logging => logging.SetMinimumLevel(LevelOf(settings.Level)).AddProvider(new LineLoggerProvider(format, write)));
        _log = _factory.CreateLogger(node);
    }

    private static LogLevel LevelOf(LogLevelSetting level) => level switch
    {
        LogLevelSetting.Debug => LogLevel.Debug, LogLevelSetting.Info => LogLevel.Information, LogLevelSetting.Warning => LogLevel.Warning,
        LogLevelSetting.Error => LogLevel.Error, _ => LogLevel.Critical,
    };

    /// <summary>A fault, an action, a recovery.</summary>
    public void Write(FaultProtocol.Entry entry)
    {
        LogLevel level = entry.Report.Severity switch
        {
            FaultSeverity.Info => LogLevel.Information, FaultSeverity.Warning => LogLevel.Warning, FaultSeverity.Error => LogLevel.Error, _ => LogLevel.Critical,
        };
        if (!_log.IsEnabled(level)) return;
        // More by name than the sentence says: LoggerMessage takes only what the sentence has.
        KeyValuePair<string, object?>[] named =
        [
            new("kind", entry.Report.Kind), new("message", entry.Report.Message), new("action", entry.Report.Action), new("id", entry.Id),
            new("machine", entry.Report.Machine), new("component", entry.Report.Component), new("diagnosis", entry.Diagnosis),
        ];
        _log.Log(level, new EventId(1, "fault"), named, null, (_, _) => $"[{entry.Report.Kind}] {entry.Report.Message}{(entry.Report.Action.Length == 0 ? "" : $" -> {entry.Report.Action}")}");
    }

    [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "{Sentence}")]
    public partial void Debug(string sentence);

    [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "{Sentence}")]
    public partial void Info(string sentence);

    [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "{Sentence}")]
    public partial void Warning(string sentence);

    [LoggerMessage(EventId = 5, Level = LogLevel.Error, Message = "{Sentence}")]
    public partial void Error(string sentence);

    [LoggerMessage(EventId = 6, Level = LogLevel.Critical, Message = "{Sentence}")]
    public partial void Critical(string sentence);

    public void Dispose() => _factory.Dispose();
}
