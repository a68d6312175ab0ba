using System.Globalization;
using Akka.Actor;
using Akka.Event;

namespace ActorFT.Cluster;

/// <summary>
/// Writes what Akka reports for an operator: one line on standard error each. What remoting says over and over while another node is
/// not there is left out: links, arbiter and peer have faults of their own that say it once, with a sentence.
/// </summary>
public sealed class OperatorLogger : UntypedActor
{
    /// <summary>Where lines go; must not wait. Akka makes loggers itself, so this is the process's.</summary>
    public static Action<string> Sink { get; set; } = Console.Error.WriteLine;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case InitializeLogger: Sender.Tell(new LoggerInitialized()); break;
            case LogEvent one when !IsAboutAnAbsentNode(one): Sink(Line(one)); break;
        }
    }

    /// <summary>Whether an event only says that another node cannot be reached.</summary>
    internal static bool IsAboutAnAbsentNode(LogEvent one) =>
        one.LogSource.Contains("/system/endpointManager", StringComparison.Ordinal) || one.LogSource.StartsWith("remoting", StringComparison.Ordinal)
        || one.LogSource.Contains("/system/cluster", StringComparison.Ordinal);

    /// <summary>An event as one line.</summary>
    internal static string Line(LogEvent one)
    {
        string cause = one.Cause is { } exception ? $" ({exception.GetType().Name}: {exception.Message})" : "";
        string text = $"{one.Message}{cause}".ReplaceLineEndings(" ");
        return string.Create(CultureInfo.InvariantCulture, $"{one.Timestamp.ToUniversalTime():yyyy-MM-ddTHH:mm:ss.fffZ} akka {one.LogLevel().ToString().Replace("Level", "", StringComparison.Ordinal).ToLowerInvariant()}: {text}");
    }
}
