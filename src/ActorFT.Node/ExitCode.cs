namespace ActorFT.Node;

/// <summary>How <c>actorft</c> ends. The same numbers in every command; documented in docs/running-a-machine.md.</summary>
internal static class ExitCode
{
    /// <summary>Done; for <c>run</c>: the guest shut down.</summary>
    public const int Success = 0;

    /// <summary>The guest shut down and reported a failure (SBI System Reset, reason 1).</summary>
    public const int GuestFailed = 1;

    /// <summary>The operator's mistake: a wrong option, key, value or file.</summary>
    public const int OperatorMistake = 2;

    /// <summary>The environment's fault: permission, space, memory, a device, a file cut off.</summary>
    public const int EnvironmentFault = 3;

    /// <summary>A broken invariant, a divergence included.</summary>
    public const int BrokenInvariant = 4;

    /// <summary><c>--max-time</c> passed.</summary>
    public const int TimeUp = 124;

    /// <summary>Ended by a signal: 128 and its number, as shells say it.</summary>
    public const int SignalBase = 128;
}
