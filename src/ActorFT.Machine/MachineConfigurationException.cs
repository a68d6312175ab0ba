namespace ActorFT.Machine;

/// <summary>
/// The operator's mistake in a machine's definition, kernel or initial RAM disk. The message is one sentence that says
/// what is wrong, the value found, and what is allowed.
/// </summary>
public sealed class MachineConfigurationException : Exception
{
    /// <summary>Creates the exception from its sentence.</summary>
    public MachineConfigurationException(string message) : base(message) { }
}
