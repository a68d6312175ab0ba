namespace ActorFT.Machine.State;

/// <summary>
/// Saved state or a record that cannot be read: torn, foreign, from another version, or hostile.
/// The message is one sentence that names the part, the value found and what is allowed.
/// </summary>
public sealed class StateFormatException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public StateFormatException(string message) : base(message) { }
}
