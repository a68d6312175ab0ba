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
    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case InitializeLogger: Sender.Tell(new LoggerInitialized()); break;
            case LogEvent one: Write(one, IsAboutAnAbsentNode(one)); break;
        }
    }

    /// <summary>Where events go; must not wait. Akka makes loggers itself, so this is the process's. Second: whether it is about an absent node.</summary>
    public static Action<LogEvent, bool> Write { get; set; } = (one, isAboutAnAbsentNode) =>
    {
        if (!isAboutAnAbsentNode) Console.Error.WriteLine(Line(one));
    };

    /// <summary>An event's sentence.</summary>
    public static string Sentence(LogEvent one)
    {
        string cause = one.Cause is { } exception ? $" ({exception.GetType().Name}: {exception.Message})" : "";
        return $"{one.Message}{cause}".ReplaceLineEndings(" ");
    }

    /// <summary>Whether an event only says that another node cannot be reached.</summary>
    internal static bool IsAboutAnAbsentNode(LogEvent one) =>
        one.LogSource.Contains("/system/endpointManager", StringComparison.Ordinal) || one.LogSource.StartsWith("remoting", StringComparison.Ordinal)
        || one.LogSource.Contains("/system/cluster", StringComparison.Ordinal);

    /// <summary>An event as one line.</summary>
    internal static string Line(LogEvent one)
    {
        return string.Create(CultureInfo.InvariantCulture, $"{one.Timestamp.ToUniversalTime():yyyy-MM-ddTHH:mm:ss.fffZ} akka {one.LogLevel().ToString().Replace("Level", "", StringComparison.Ordinal).ToLowerInvariant()}: {Sentence(one)}");
    }
}
