using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using Microsoft.Extensions.Logging;

namespace ActorFT.Node.Logging;

/// <summary>
/// Writes each event as one line on standard error: for a person, as JSON, or for journald (sd-daemon(3): the level in angle brackets). What came
/// with the event by name is in the JSON by name.
/// </summary>
internal sealed class LineLoggerProvider(LogFormat format, Action<string> write) : ILoggerProvider
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public ILogger CreateLogger(string categoryName) => new LineLogger(categoryName, format, write);

    public void Dispose() { }

    private sealed class LineLogger(string node, LogFormat format, Action<string> write) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string sentence = formatter(state, exception).ReplaceLineEndings(" ");
            string at = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
            write(format switch
            {
                LogFormat.Json => Json(at, logLevel, sentence, state as IEnumerable<KeyValuePair<string, object?>>),
                LogFormat.Journal => $"<{Priority(logLevel)}>{sentence}",
                _ => $"{at} {node} {Word(logLevel)}: {sentence}",
            });
        }

        private string Json(string at, LogLevel level, string sentence, IEnumerable<KeyValuePair<string, object?>>? named)
        {
            Dictionary<string, object?> line = new() { ["at"] = at, ["node"] = node, ["level"] = Word(level), ["sentence"] = sentence };
            foreach ((string name, object? value) in named ?? [])
                if (!name.StartsWith('{') && value is not (null or "")) line.TryAdd(char.ToLowerInvariant(name[0]) + name[1..], value);
            return JsonSerializer.Serialize(line, s_json);
        }
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => "debug", LogLevel.Information => "info", LogLevel.Warning => "warning", LogLevel.Error => "error", _ => "critical",
    };

    private static int Priority(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => 7, LogLevel.Information => 6, LogLevel.Warning => 4, LogLevel.Error => 3, _ => 2,
    };
}
