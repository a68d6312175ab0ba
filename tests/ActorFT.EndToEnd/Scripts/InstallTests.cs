using Xunit;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>scripts/install, into a folder: what a server gets works, an upgrade keeps what is its own, and can be taken back.</summary>
public sealed class InstallTests : IDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(8);

    private readonly ScratchFolder _root = new();

    public void Dispose() => _root.Dispose();

    private CommandResult Install(params string[] arguments) => Script.Run("install", ["--root", _root.FullPath, .. arguments], s_bound);

    [Theory]
    [InlineData("", "no node is configured here yet")]
    [InlineData("--config /nowhere.conf", "/nowhere.conf: there is no such file")]
    [InlineData("--config config/arbiter.conf --version a/b", "--version is 'a/b'; allowed is a name without a slash")]
    [InlineData("--verbose", "'--verbose' is not known")]
    public void Install_UsedWrongly_NamesTheMistakeAndChangesNothing(string arguments, string sentence)
    {
        CommandResult result = Install(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(sentence, result.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root.FullPath));
    }

    [Fact]
    public void ServiceFile_IsWhatSystemdUnderstands()
    {
        string unit = File.ReadAllText(Path.Combine(Script.Root, "config", "systemd", "actorft.service"));
        Assert.Contains("Type=notify", unit, StringComparison.Ordinal);
        if (!File.Exists("/usr/bin/systemd-analyze")) return;
        // With a program that exists here in the place of the installed one.
        string path = Path.Combine(_root.FullPath, "actorft.service");
        File.WriteAllText(path, unit.Replace("/opt/actorft/bin/actorft", "/bin/true", StringComparison.Ordinal));
        CommandResult result = Script.RunCommand("systemd-analyze", ["verify", path], TimeSpan.FromMinutes(1));
        Assert.True(result.ExitCode == 0 && result.Errors.Length == 0, result.Errors + result.Output);
    }

    [Fact]
    [Trait("Category", "Drill")]
    public void Install_AndUpgrade_LeaveAProgramThatWorks_AndKeepConfigurationAndToken()
    {
        CommandResult first = Install("--config", "config/arbiter.conf", "--version", "one");
        Assert.True(first.ExitCode == 0, first.Errors + first.Output);
        string conf = Path.Combine(_root.FullPath, "etc/actorft/node.conf"), token = Path.Combine(_root.FullPath, "etc/actorft/token"), home = Path.Combine(_root.FullPath, "opt/actorft");
        string tokenBefore = File.ReadAllText(token);
        Assert.True(tokenBefore.Trim().Length >= 16);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(token) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite));
        File.AppendAllText(conf, "\n# mine\n");
        CommandResult second = Install("--config", "config/arbiter.conf", "--version", "two");
        Assert.True(second.ExitCode == 0, second.Errors + second.Output);
        Assert.Contains("was not changed", second.Errors, StringComparison.Ordinal);
        Assert.Equal(("two", "one", tokenBefore), (new FileInfo(Path.Combine(home, "current")).LinkTarget, new FileInfo(Path.Combine(home, "previous")).LinkTarget, File.ReadAllText(token)));
        Assert.EndsWith("# mine\n", File.ReadAllText(conf), StringComparison.Ordinal);
        foreach (string version in new[] { "current", "previous" })
        {
            CommandResult check = Script.RunCommand("dotnet", [Path.Combine(home, version, "actorft.dll"), "config", "check", conf], TimeSpan.FromMinutes(1));
            Assert.True(check.ExitCode == 0, check.Errors);
        }

        // Completion: bash itself asks the installed program.
        string script = $"PATH={_root.FullPath}/bin:$PATH; source {_root.FullPath}/etc/bash_completion.d/actorft; COMP_LINE='actorft fai'; COMP_POINT=11; COMP_WORDS=(actorft fai); COMP_CWORD=1; _actorft; echo \"${{COMPREPLY[*]}}\"";
        Directory.CreateDirectory(Path.Combine(_root.FullPath, "bin"));
        File.WriteAllText(Path.Combine(_root.FullPath, "bin/actorft"), $"#!/bin/sh\nexec dotnet {home}/current/actorft.dll \"$@\"\n");
        File.SetUnixFileMode(Path.Combine(_root.FullPath, "bin/actorft"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        CommandResult completed = Script.RunCommand("bash", ["-c", script], TimeSpan.FromMinutes(1));
        Assert.Equal("failover\n", completed.Output);
    }
}
