using System.CommandLine;
using ActorFT.Cluster.Configuration;
using ActorFT.Machine;
using ActorFT.Node;
using ActorFT.Node.Commands;
using ActorFT.Node.Terminal;

var root = new RootCommand("ActorFT: software fault tolerance. One machine on two servers, in lockstep.")
{
    RunCommand.Create(CreateMachine),
    ReplayCommand.Create(CreateMachine),
    NodeCommand.Create(CreateMachine),
};
ParseResult result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (result.Errors.Count != 0)
{
    Command command = result.CommandResult.Command;
    IEnumerable<string> known = [.. command.Options.Select(option => option.Name), .. command.Subcommands.Select(sub => sub.Name)];
    string? nearest = result.UnmatchedTokens.Count != 0 ? NearestName.Find(result.UnmatchedTokens[0], known) : null;
    string advice = nearest is not null ? $"did you mean {nearest}?" : $"see actorft {(command == root ? "" : command.Name + " ")}--help.";
    Notices.Say($"{result.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.')}; {advice}");
    return ExitCode.OperatorMistake;
}
return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });

static IMachine CreateMachine(MachineDefinition definition) => new Machine(definition);
