namespace ActorFT.Cluster.Status;

/// <summary>The state of a component: the same words in code, HOCON, HTTP and on screen (design.md §1).</summary>
public enum ComponentState
{
    /// <summary>Works.</summary>
    Good = 0,
    /// <summary>Works, with less than its full redundancy or quality.</summary>
    Degraded = 1,
    /// <summary>Does not work.</summary>
    Failed = 2,
    /// <summary>Taken out of service by policy or by an operator.</summary>
    Isolated = 3,
    /// <summary>Being made equal to the good copy.</summary>
    Rebuilding = 4,
    /// <summary>Not there: its server is down, or it was switched off.</summary>
    Offline = 5,
    /// <summary>On its way to another state.</summary>
    Transitioning = 6,
}
