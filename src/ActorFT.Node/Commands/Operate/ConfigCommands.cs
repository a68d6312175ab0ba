using System.CommandLine;
using System.Text.Json;
using ActorFT.Cluster;
using ActorFT.Cluster.Configuration;
using ActorFT.Management;
using ActorFT.Node.Operate;
using Akka.Configuration;

namespace ActorFT.Node.Commands.Operate;

/// <summary><c>actorft config check|show FILE</c>: what a file means, without starting anything.</summary>
internal static class ConfigCommands
{
    public static Command Create() => new("config", "Checks a node's or a machine's file, or shows a node's settings with all defaults.")
    {
        Make("check", "Reads a file as `actorft node` or `actorft run` would, and says what is wrong with it.\n\nExamples:\n  actorft config check config/server-a.conf\n  actorft config check config/machines/debian.conf\n\nExit codes: 0 good, 3 a mistake in the file.", Check),
        Make("show", "Shows a node's settings with all defaults, as HOCON.\n\nExamples:\n  actorft config show config/server-a.conf\n\nExit codes: 0 shown, 3 a mistake in the file.", Show),
    };

    private static Command Make(string name, string help, Func<string, bool, int> action)
    {
        Argument<string> file = new("FILE") { Description = "The file." };
        Option<string> output = new("--output") { Description = "text or json.", HelpName = "FORMAT", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "json");
        Command command = new(name, help) { file, output };
        command.SetAction(result => OperateCommand.Run(result.GetValue(output) == "json", () => action(result.GetValue(file)!, result.GetValue(output) == "json")));
        return command;
    }

    private static int Check(string path, bool isJson)
    {
        string what;
        if (HoconSection.ReadFile(path).Has("machine"))
        {
            MachineConfig machine = MachineConfigReader.ReadFile(path);
            what = $"{path} is good: machine {machine.Name}.";
        }
        else
        {
            NodeConfig node = NodeConfigReader.ReadFile(path);
            string machines = node.Machines.Length == 0 ? "no machine" : "machines " + string.Join(", ", node.Machines.Select(machine => machine.Name));
            what = node.IsArbiter ? $"{path} is good: arbiter {node.Name} of pair {node.Pair}."
                : $"{path} is good: server {node.Name} of pair {node.Pair}, peer {node.PeerName}, {node.Links.Length} FT link(s), {machines}.";
        }

        OperateCommand.Print(isJson ? JsonSerializer.Serialize(new { isGood = true, sentence = what }, Json.Ft) : what);
        return OperateExitCode.Healthy;
    }

    private static int Show(string path, bool isJson)
    {
        NodeConfig node = NodeConfigReader.ReadFile(path);
        Config all = ConfigurationFactory.ParseString(node.Text).WithFallback(NodeRuntime.ReferenceConfig);
        string text = $"actorft {all.GetConfig("actorft").ToString(true)}\nakka {all.GetConfig("akka").ToString(true)}";
        OperateCommand.Print(isJson ? JsonSerializer.Serialize(new { file = path, hocon = text }, Json.Ft) : text);
        return OperateExitCode.Healthy;
    }
}
