namespace ActorFT.Machine;

/// <summary>
/// How a machine is executed, never what it computes: with any options, equal round times and inputs give equal digests.
/// Tests prove determinism with them.
/// </summary>
public sealed record MachineOptions
{
    /// <summary>Throw decoded blocks and translations away again and again while running.</summary>
    public bool ThrashCaches { get; init; }

    /// <summary>Run each quantum in pieces of varying length.</summary>
    public bool SplitQuanta { get; init; }

    /// <summary>Do so in one of so many rounds only, so that a long run can be covered from end to end. 1 or more.</summary>
    public int EveryRounds { get; init; } = 1;
}
