namespace ActorFT.Lockstep.Terms;

/// <summary>What a server asks of the arbiter.</summary>
/// <param name="Machine">The machine's name.</param>
public abstract record ArbiterRequest(string Machine);

/// <summary>Asks for the current configuration.</summary>
/// <param name="Machine">The machine's name.</param>
public sealed record ArbiterQuery(string Machine) : ArbiterRequest(Machine);

/// <summary>
/// Asks to make <see cref="Wanted"/> the configuration if the current term is still <see cref="ExpectedTerm"/>: a durable
/// compare-and-set. Asking again for what was granted is answered the same way, so that a lost reply does no harm.
/// </summary>
/// <param name="Machine">The machine's name.</param>
/// <param name="Claimant">Who asks.</param>
/// <param name="ExpectedTerm">The term that the claimant believes current; 0 for a machine that never ran.</param>
/// <param name="Wanted">The configuration wanted, of term <see cref="ExpectedTerm"/> + 1.</param>
/// <param name="IsColdStart">The claimant has no state and will boot the machine from its disks.</param>
public sealed record ArbiterClaim(string Machine, Member Claimant, ulong ExpectedTerm, Configuration Wanted, bool IsColdStart)
    : ArbiterRequest(Machine);

/// <summary>The arbiter's only answer: the current, durable configuration. A claim was granted if it equals what was wanted.</summary>
/// <param name="Machine">The machine's name.</param>
/// <param name="Current">Null for a machine that never ran.</param>
public sealed record ArbiterReply(string Machine, Configuration? Current);
