namespace ActorFT.EndToEnd.Operate;

/// <summary>One line of the table: a fault, and what each surface must say of it.</summary>
/// <param name="Name">The fault, for people.</param>
/// <param name="Strike">Makes it; gets the server that leads.</param>
/// <param name="Repair">Takes it away.</param>
internal sealed record FaultCase(string Name, Action<OperatedPair, string> Strike, Action<OperatedPair, string> Repair)
{
    /// <summary>Kind of the event that must be in the history.</summary>
    public required string Event { get; init; }

    /// <summary>Who must have told it; gets the leader. Null: whoever did.</summary>
    public Func<string, string>? EventBy { get; init; }

    /// <summary>Kinds of what it leads to, which must be in the history too once the pair is whole.</summary>
    public string[] Also { get; init; } = [];

    /// <summary>Whether that event has an outcome after the repair.</summary>
    public bool EventEnds { get; init; } = true;

    /// <summary>
    /// Those of "problem", "event", "metric" and "tile" that are about what the fault led to, and so end in the repair's last step, with the pair whole: a NIC that is good again
    /// is not used before it has been so for a while, a replica that is let back is made equal first. The others end together in an earlier step.
    /// </summary>
    public string[] EndsLast { get; init; } = [];

    /// <summary>What is injected, of <see cref="FaultTable.Injectable"/>; empty when the fault is made in another way.</summary>
    public string Injects { get; init; } = "";

    /// <summary>The problem's sentence in status has this word, besides the pair being degraded; gets the leader.</summary>
    public required Func<string, string> Problem { get; init; }

    /// <summary>Metric (name and labels as /metrics writes them), at which node, and its value (of what is brief: it rises); gets the leader.</summary>
    public required Func<string, (string Node, string Metric, string Value)> Metric { get; init; }

    /// <summary>The verdict on the pair.</summary>
    public string Health { get; init; } = "Degraded";

    /// <summary>The value of the metric when all is good.</summary>
    public string GoodValue { get; init; } = "0";

    /// <summary>Card and tile of the dashboard, and the word that must be in it; gets the leader. An empty card: between the servers.</summary>
    public required Func<string, (string Card, string Tile, string Word)> Tile { get; init; }

    /// <summary>What status and a tile say besides, once silence has lasted long enough to be believed; gets the leader.</summary>
    public Func<string, (string Problem, (string Card, string Tile, string Word) Tile)>? Later { get; init; }

    /// <summary>Whose dashboard and status are looked at: a node that the fault leaves alone; gets the leader.</summary>
    public Func<string, string> Observer { get; init; } = _ => OperatedPair.Arbiter;

    /// <summary>Exit code of status.</summary>
    public int ExitCode { get; init; } = 1;

    /// <summary>The pair repairs it so fast that only history and metrics tell.</summary>
    public bool IsBrief { get; init; }
}
