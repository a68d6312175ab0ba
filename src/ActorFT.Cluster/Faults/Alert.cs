using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Faults;

/// <summary>What leaves as an alert: JSON for a webhook and for a program's standard input; <see cref="Sentence"/> for people.</summary>
/// <param name="State">"raised", "over" or "test".</param>
/// <param name="Id">The entry's id.</param>
/// <param name="AtUnixMs">When, milliseconds since 1970 UTC.</param>
/// <param name="Pair">The pair's name.</param>
/// <param name="Server">Who saw it.</param>
/// <param name="Machine">The machine; empty for none.</param>
/// <param name="Component">The component.</param>
/// <param name="Kind">The kind.</param>
/// <param name="Severity">"info", "warning", "error" or "critical".</param>
/// <param name="Message">What was seen.</param>
/// <param name="Diagnosis">The likely cause.</param>
/// <param name="Action">What was done.</param>
/// <param name="Suppressed">How many more of the kind were kept back since the last alert of it.</param>
public sealed record Alert(string State, string Id, long AtUnixMs, string Pair, string Server, string Machine, string Component, string Kind, string Severity,
    string Message, string Diagnosis, string Action, int Suppressed)
{
    /// <summary>An entry as an alert.</summary>
    public static Alert Of(FaultProtocol.Entry entry, string pair, string state, int suppressed) => new(state, entry.Id, entry.AtUnixMs, pair, entry.Server, entry.Report.Machine,
        entry.Report.Component, entry.Report.Kind, entry.Report.Severity.ToString().ToLowerInvariant(), entry.Report.Message, entry.Diagnosis, entry.Report.Action, suppressed);

    /// <summary>One line.</summary>
    public string Sentence => $"{State switch { "over" => "over: ", "test" => "test: ", _ => "" }}{Message}{(Action.Length == 0 ? "" : $" -> {Action}")}{(Suppressed == 0 ? "" : $" ({Suppressed} more like it since the last alert)")}";
}
