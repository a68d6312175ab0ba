using System.Diagnostics.CodeAnalysis;

namespace ActorFT.Lockstep;

/// <summary>
/// A broken invariant of this replica or its shell (style.md, errors, fourth kind): the replica must stop at once, with a
/// dump. Never thrown because of what a guest, a peer's bytes or the network did.
/// </summary>
public sealed class InvariantViolatedException : Exception
{
    /// <summary>Creates the exception from a sentence that names the rule.</summary>
    public InvariantViolatedException(string message) : base(message) { }

    internal static void Require([DoesNotReturnIf(false)] bool condition, string rule)
    {
        if (!condition) throw new InvariantViolatedException(rule);
    }
}
