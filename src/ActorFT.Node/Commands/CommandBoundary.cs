using ActorFT.Cluster.Configuration;
using ActorFT.Machine;
using ActorFT.Machine.State;
using ActorFT.Node.Running;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Commands;

/// <summary>
/// The one place that turns errors into an exit code and a sentence on standard error (style.md, errors). Stacks are for
/// <c>--debug</c> and for dumps.
/// </summary>
internal static class CommandBoundary
{
    /// <summary>Runs a command's action.</summary>
    public static int Run(bool isDebug, Func<int> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) // every kind: this is the last one to hear of it
        {
            (int code, string sentence) = Explain(e);
            Notices.Say(sentence);
            if (isDebug) Notices.WriteLine(e.ToString());
            return code;
        }
    }

    private static (int Code, string Sentence) Explain(Exception error) => error switch
    {
        OperatorException or MachineConfigurationException or StateFormatException => (ExitCode.OperatorMistake, HostFile.OneLine(error.Message)),
        EnvironmentException => (ExitCode.EnvironmentFault, HostFile.OneLine(error.Message)),
        OutOfMemoryException => (ExitCode.EnvironmentFault, "The host has not enough memory for the machine."),
        IOException or UnauthorizedAccessException => (ExitCode.EnvironmentFault, HostFile.OneLine(error.Message)),
        BrokenInvariantException => (ExitCode.BrokenInvariant, error.Message),
        _ => (ExitCode.BrokenInvariant, new BrokenInvariantException(error, CrashDump.Write(error, machine: null)).Message),
    };
}
