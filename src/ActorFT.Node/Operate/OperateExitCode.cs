namespace ActorFT.Node.Operate;

/// <summary>How the commands that ask a running pair end: the pair's health, so that scripts and monitors need no parsing.</summary>
internal static class OperateExitCode
{
    /// <summary>Healthy; for an action: done.</summary>
    public const int Healthy = 0;

    /// <summary>Runs, with less than it should have.</summary>
    public const int Degraded = 1;

    /// <summary>A machine does not run; for an action: refused or not done.</summary>
    public const int Failed = 2;

    /// <summary>A wrong option, name, file or token.</summary>
    public const int Usage = 3;

    /// <summary>No node answers.</summary>
    public const int Unreachable = 4;
}
