using System.Diagnostics;
using ActorFT.Node.Tests.Support;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>How a command ended, and what it said.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Errors);

/// <summary>Runs the repository's scripts, and other commands, as a user would.</summary>
internal static class Script
{
    /// <summary>The repository's folder.</summary>
    public static string Root => Repository.Root;

    /// <summary>Where scripts/fetch-guest keeps the guest.</summary>
    public static string GuestFolder { get; } = Environment.GetEnvironmentVariable("ACTORFT_GUEST_DIR") is { Length: > 0 } folder ? folder : Path.Combine(Root, ".guest");

    /// <summary>Runs a script of the folder scripts/ with variables set over this process's own; a null value unsets one.</summary>
    public static CommandResult Run(string name, string[] arguments, TimeSpan bound, params (string Name, string? Value)[] variables) =>
        RunCommand(Path.Combine(Root, "scripts", name), arguments, bound, variables);

    /// <summary>Runs a command; one that passes its bound is killed with its children and fails the test.</summary>
    public static CommandResult RunCommand(string command, string[] arguments, TimeSpan bound, params (string Name, string? Value)[] variables)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root };
        foreach ((string name, string? value) in variables) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(bound))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} {string.Join(' ', arguments)} did not end within {bound}.");
        }
        return new CommandResult(process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }
}
