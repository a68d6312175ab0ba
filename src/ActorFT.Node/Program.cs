using System.CommandLine;
using ActorFT.Machine;
using ActorFT.Node;
using ActorFT.Node.Commands;
using ActorFT.Node.Terminal;

var root = new RootCommand("ActorFT: software fault tolerance. One machine on two servers, in lockstep.")
{
    RunCommand.Create(CreateMachine),
    ReplayCommand.Create(CreateMachine),
};
ParseResult result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (result.Errors.Count != 0)
{
    string command = result.CommandResult.Command == root ? "" : result.CommandResult.Command.Name + " ";
    Notices.Say($"{result.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.')}; see actorft {command}--help.");
    return ExitCode.OperatorMistake;
}
return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });

static IMachine CreateMachine(MachineDefinition definition) => new Machine(definition);
