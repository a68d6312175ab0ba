using System.CommandLine;
using ActorFT.Cluster.Configuration;
using ActorFT.Machine;
using ActorFT.Node;
using ActorFT.Node.Commands;
using ActorFT.Node.Commands.Operate;
using ActorFT.Node.Operate;
using ActorFT.Node.Terminal;

var root = new RootCommand("ActorFT: software fault tolerance. One machine on two servers, in lockstep.")
{
    RunCommand.Create(CreateMachine),
    ReplayCommand.Create(CreateMachine),
    NodeCommand.Create(CreateMachine),
};
Command[] operating =
[
    StatusCommands.Status(), StatusCommands.Machines(), StatusCommands.Events("events"), StatusCommands.Top(), ConsoleCommand.Create(),
    ActionCommands.FailOver(), ActionCommands.Protect(), ActionCommands.ForceStart(), ActionCommands.Server(), ActionCommands.Fault(), ActionCommands.Disk(),
    ActionCommands.Nic(), ActionCommands.Link(), ConfigCommands.Create(), CompletionCommand.Create(),
];
foreach (Command command in operating) root.Subcommands.Add(command);
ParseResult result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (result.Errors.Count != 0)
{
    Command command = result.CommandResult.Command;
    IEnumerable<string> known = [.. command.Options.Select(option => option.Name), .. command.Subcommands.Select(sub => sub.Name)];
    string? nearest = result.UnmatchedTokens.Count != 0 ? NearestName.Find(result.UnmatchedTokens[0], known) : null;
    string advice = nearest is not null ? $"did you mean {nearest}?" : $"see actorft {(command == root ? "" : PathOf(command) + " ")}--help.";
    Notices.Say($"{result.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.')}; {advice}");
    // Commands that ask a running pair end with the pair's health, so their wrong use has a code of its own.
    return args.Length != 0 && operating.Any(one => one.Name == args[0]) ? OperateExitCode.Usage : ExitCode.OperatorMistake;
}
return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });

static string PathOf(Command command) =>
    command.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{PathOf(parent)} {command.Name}" : command.Name;

static IMachine CreateMachine(MachineDefinition definition) => new Machine(definition);
