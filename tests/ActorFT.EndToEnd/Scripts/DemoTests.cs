using System.Diagnostics;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>scripts/demo and scripts/drill as a user runs them. Where this host gives no namespaces and TAPs, it shows the rest, and says so.</summary>
[Collection("pairs")]
public sealed class DemoTests : IDisposable
{
    private const int SigInt = 2;

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

    [Fact]
    public void Demo_Interrupted_RemovesEverything()
    {
        // A session of its own, as a terminal gives: Ctrl-C goes to every process in it.
        ProcessStartInfo start = new("setsid", [Path.Combine(Script.Root, "scripts", "demo")]) { RedirectStandardOutput = true, WorkingDirectory = Script.Root };
        start.Environment["TMPDIR"] = _folder.FullPath;
        using Process demo = Process.Start(start)!;
        while (demo.StandardOutput.ReadLine() is { } line && !line.Contains(" boots the machine", StringComparison.Ordinal)) { }
        Assert.NotEmpty(Processes());

        Script.RunCommand("kill", ["-INT", "--", $"-{demo.Id}"], TimeSpan.FromSeconds(30));
        demo.StandardOutput.ReadToEnd();

        Assert.True(demo.WaitForExit(60_000), "the demo did not end within a minute of its interrupt");
        Assert.Equal(128 + SigInt, demo.ExitCode);
        AssertNothingIsLeft();
    }

    private void AssertNothingIsLeft()
    {
        Wait.Until(() => Processes().Length == 0, "every process of the demo to be gone", 20);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.FullPath, "*actorft*"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.FullPath, "dotnet-diagnostic*")); // killed nodes leave none
    }

    // Command lines that name the demo's folder: all of its nodes, its client and its lab do.
    private string[] Processes() =>
        [.. Directory.EnumerateDirectories("/proc").Select(CommandLine).Where(line => line.Contains(_folder.FullPath, StringComparison.Ordinal))];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // no process, or one that has just ended
        }
    }
}
