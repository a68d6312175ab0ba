using System.CommandLine;
using ActorFT.Node.Operate;

namespace ActorFT.Node.Commands;

/// <summary><c>actorft completion SHELL</c>: prints a script that completes commands, options and values in a shell.</summary>
internal static class CompletionCommand
{
    // The program completes itself: "[suggest:POSITION]" "LINE" gives a word a line. The other spellings of --help (/h, -?) only stand in the way.
    private const string Bash = """
        # actorft: completion for bash. Use it: source <(actorft completion bash)
        _actorft() {
            local word=${COMP_WORDS[COMP_CWORD]} found
            mapfile -t found < <(actorft "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null | grep -v -e '^/' -e '^-?$')
            mapfile -t COMPREPLY < <(compgen -W "${found[*]}" -- "$word")
        }
        complete -o default -F _actorft actorft
        """;

    private const string Zsh = """
        #compdef actorft
        # actorft: completion for zsh. Use it: source <(actorft completion zsh)
        _actorft() {
            local -a found
            found=("${(@f)$(actorft "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null | grep -v -e '^/' -e '^-?$')}")
            compadd -a found
        }
        # As a file in fpath it is itself the function; sourced, it only defines it.
        if [[ $funcstack[1] == _actorft ]]; then _actorft "$@"; else compdef _actorft actorft; fi
        """;

    private const string Fish = """
        # actorft: completion for fish. Use it: actorft completion fish | source
        complete -c actorft -f -a '(actorft "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null | string match -v -r "^(/|-\\?\$)")'
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        Argument<string> shell = new("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        Command command = new("completion", "Prints a script that completes actorft's commands in a shell.\n\nExamples:\n  source <(actorft completion bash)\n  actorft completion zsh > /usr/local/share/zsh/site-functions/_actorft") { shell };
        command.SetAction(result =>
        {
            OperateCommand.Print(result.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return ExitCode.Success;
        });
        return command;
    }
}
