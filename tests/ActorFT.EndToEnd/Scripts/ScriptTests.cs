using Xunit;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>What holds for every script.</summary>
[Trait("Category", Collections.Compute)]
public sealed class ScriptTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);

    [Fact]
    public void Scripts_AllOfThem_PassShellcheck()
    {
        string[] scripts =
        [
            .. Directory.EnumerateFiles(Path.Combine(Script.Root, "scripts")),
            .. Directory.EnumerateFiles(Path.Combine(Script.Root, "scripts", "lib"), "*.sh", SearchOption.AllDirectories),
            Path.Combine(Script.Root, "scripts", "guest", "init"),
            Path.Combine(Script.Root, ".ci", "run"),
        ];

        CommandResult result = Script.RunCommand("shellcheck", ["-x", "--severity=warning", .. scripts], TimeSpan.FromMinutes(3));

        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
    }

    [Theory]
    [InlineData("fetch-guest")]
    [InlineData("test")]
    [InlineData("bench")]
    [InlineData("demo")]
    [InlineData("install")]
    public void Script_AskedForHelp_PrintsItsUse(string name)
    {
        CommandResult result = Script.Run(name, ["--help"], s_bound);

        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith($"scripts/{name} ", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("shellcheck", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("test", "units", "'units' is not known")]
    [InlineData("test", "--timeout", "--timeout needs a number of seconds")]
    [InlineData("demo", "--quick", "'--quick' is not known")]
    [InlineData("bench", "engine", "'engine' is no part")]
    [InlineData("bench", "machine --vcpus 9", "--vcpus is '9'; allowed is 1 to 8")]
    [InlineData("bench", "machine --memory 111", "--memory is '111'; allowed is an even number")]
    [InlineData("bench", "machine --runs 0", "--runs is '0'; allowed is 1 to 99")]
    public void Script_UsedWrongly_NamesTheMistakeAndExits2(string name, string arguments, string sentence)
    {
        CommandResult result = Script.Run(name, arguments.Split(' '), s_bound);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(sentence, result.Errors, StringComparison.Ordinal);
    }
}
