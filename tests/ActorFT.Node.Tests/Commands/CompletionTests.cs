using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Commands;

/// <summary>The scripts that complete commands in shells. Bash is run; what needs a terminal (zsh, fish) is tried by hand.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("actorft sta", 1, "sta", "status")]
    [InlineData("actorft server lea", 2, "lea", "leave")]
    [InlineData("actorft completion ", 2, "", "--help -h bash fish zsh")]
    [InlineData("actorft status --outp", 2, "--outp", "--output")]
    public void Bash_completes_commands_options_and_values(string line, int word, string begun, string completed)
    {
        using TemporaryFolder folder = new();
        folder.Write("try.bash", $$"""
            actorft() { $ACTORFT "$@"; }
            source <(actorft completion bash)
            COMP_WORDS=({{line}}); COMP_WORDS[{{word}}]='{{begun}}'; COMP_CWORD={{word}}; COMP_LINE='{{line}}'; COMP_POINT={{line.Length}}
            _actorft
            echo "${COMPREPLY[*]}"
            """);
        (int code, string output, string errors) = ActorftProcess.RunShell(folder.Root, "bash try.bash");
        Assert.Equal((0, completed + "\n", ""), (code, output, errors));
    }
}
