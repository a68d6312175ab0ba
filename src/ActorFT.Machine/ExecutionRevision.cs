namespace ActorFT.Machine;

/// <summary>
/// Which function of state, round times and inputs this build's machine is. Two builds of one revision run one machine in lockstep, replay each
/// other's records and restore each other's saves; builds of different ones refuse each other (docs/operations.md, "Upgrade").
/// </summary>
public static class ExecutionRevision
{
    /// <summary>
    /// Raised by every change after which the same definition, round times and inputs may lead to another state, other outputs or another
    /// digest of the same state; never by a change of speed. A test of the machine's histories tells when one was forgotten.
    /// </summary>
    // DETERMINISM: without it, servers of unlike builds would diverge instead of saying so.
    public const ushort Current = 2;
}
