using System.Diagnostics;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>scripts/demo and scripts/drill as a user runs them. Where this host gives no namespaces and TAPs, it shows the rest, and says so.</summary>
[Collection(Collections.Pairs)]
public sealed class DemoTests : IDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(9);
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Demo_Fast_LosesNothing_AndLeavesNothingBehind()
    {
        CommandResult result = Script.Run("demo", ["--fast"], s_bound, ("TMPDIR", _folder.FullPath));

        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        if (result.Errors.Contains("cannot show the database", StringComparison.Ordinal))
        {
            Assert.Contains("not a line is missing", result.Output, StringComparison.Ordinal);
        }
        else
        {
            Assert.Matches(@"transactions acknowledged +[1-9]\d+\n", result.Output);
            Assert.Matches(@"of them lost +0\n +duplicated +0\n.* 0\n +connections broken +0\n", result.Output);
            Assert.Matches(@"server-[ab] killed +[1-9]\d* +\d+\n", result.Output);
        }

        AssertNothingIsLeft();
    }

    [Fact]
    public void Demo_OfTheConsole_CountsOnWithoutAGap()
    {
        CommandResult result = Script.Run("demo", ["--console", "--fast"], s_bound, ("TMPDIR", _folder.FullPath));

        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        Assert.Matches(@"counted to [1-9]\d+; lost: 0;", result.Output);
        AssertNothingIsLeft();
    }

    [Fact, Trait("Category", "Drill")]
    public void Drill_TwoEpisodes_LosesNothing_AndLeavesNothingBehind()
    {
        CommandResult result = Script.Run("drill", ["--episodes", "2", "--seed", "3", "--overlap", "1"], s_bound, ("TMPDIR", _folder.FullPath));

        // Without namespaces and TAPs there is no drill, and it says so.
        if (result.ExitCode == 3) Assert.Contains("cannot make network namespaces", result.Errors, StringComparison.Ordinal);
        else Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        if (result.ExitCode == 0) Assert.Matches(@"2 episodes in [\d:]+, every one ended whole; verdict acknowledged [1-9]\d* lost 0 duplicated 0 invented 0 resets 0 ", result.Output);
        AssertNothingIsLeft();
    }

    [Theory]
    [InlineData("demo", " boots the machine")]
    [InlineData("drill", "seed ")]
    public async Task Script_Interrupted_RemovesEverything(string script, string untilItSays)
    {
        // A session of its own, as a terminal gives: Ctrl-C goes to every process in it.
        ProcessStartInfo start = new("setsid", [Path.Combine(Script.Root, "scripts", script)]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Script.Root };
        start.Environment["TMPDIR"] = _folder.FullPath;
        using Process running = Process.Start(start)!;
        Task<string> errors = running.StandardError.ReadToEndAsync();
        string? line;
        while ((line = running.StandardOutput.ReadLine()) is not null && !line.Contains(untilItSays, StringComparison.Ordinal)) { }
        // Without namespaces and TAPs there is no drill, and it says so.
        if (script == "drill" && line is null && (await errors).Contains("cannot make network namespaces", StringComparison.Ordinal)) return;
        Assert.NotEmpty(Processes());

        Assert.Equal(0, Signal.Send(-running.Id, Signal.Interrupt));
        running.StandardOutput.ReadToEnd();

        Assert.True(running.WaitForExit(60_000), $"scripts/{script} did not end within a minute of its interrupt");
        Assert.Equal(128 + Signal.Interrupt, running.ExitCode);
        AssertNothingIsLeft();
    }

    [Fact, Trait("Category", "Drill")]
    public async Task Drill_ThatFailsInTheMiddle_LeavesNothingButItsLogs()
    {
        ProcessStartInfo start = new("setsid", [Path.Combine(Script.Root, "scripts", "drill")]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Script.Root };
        start.Environment["TMPDIR"] = _folder.FullPath;
        using Process running = Process.Start(start)!;
        Task<string> errors = running.StandardError.ReadToEndAsync();
        while (running.StandardOutput.ReadLine() is { } line && !line.Contains("episode 1", StringComparison.Ordinal)) { }
        foreach (string episodes in Processes(" drill --script ")) Assert.Equal(0, Signal.Send(int.Parse(episodes.Split(' ')[0], null), Signal.Kill));
        running.StandardOutput.ReadToEnd();

        Assert.True(running.WaitForExit(60_000), "the drill did not end within a minute of its failure");
        Assert.True(running.ExitCode == 1, (await errors));
        Assert.Contains("logs and ledger are kept in", (await errors), StringComparison.Ordinal);
        Wait.Until(() => Processes().Length == 0, () => $"every process to be gone: {string.Join("; ", Processes())}", 20);
    }

    private void AssertNothingIsLeft()
    {
        Wait.Until(() => Processes().Length == 0, () => $"every process to be gone: {string.Join("; ", Processes())}", 20);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.FullPath, "*actorft*"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.FullPath, "dotnet-diagnostic*")); // killed nodes leave none
    }

    // Those whose command lines name the demo's folder, as all of its nodes, its client and its lab do: id and command line.
    private string[] Processes(string with = "") => [.. Directory.EnumerateDirectories("/proc").Select(process => $"{Path.GetFileName(process)} {CommandLine(process)}")
        .Where(line => line.Contains(_folder.FullPath, StringComparison.Ordinal) && line.Contains(with, StringComparison.Ordinal))];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // no process, or one that has just ended
        }
    }
}
