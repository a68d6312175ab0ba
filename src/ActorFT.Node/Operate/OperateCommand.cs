using System.CommandLine;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Management;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Operate;

/// <summary>What the commands that ask a running pair have in common: --url, --output, --token-file, and how they end.</summary>
internal sealed class OperateCommand
{
    /// <summary>Where nodes are looked for when nobody says: the ports of config/*.conf, on this computer.</summary>
    public const string DefaultUrls = "http://127.0.0.1:8551,http://127.0.0.1:8552,http://127.0.0.1:8553";

    private readonly Option<string[]> _url = new("--url")
    {
        Description = $"A node's HTTP endpoint, or several (repeat, or separate with commas): whoever answers is used. Default: ACTORFT_URL, else {DefaultUrls}.", HelpName = "URL", AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string> _output = new("--output") { Description = "text or json.", HelpName = "FORMAT", DefaultValueFactory = _ => "text" };
    private readonly Option<string?> _token = new("--token-file") { Description = "The file with the token that changes need. Default: ACTORFT_TOKEN_FILE.", HelpName = "FILE" };

    private OperateCommand(string name, string help)
    {
        _output.AcceptOnlyFromAmong("text", "json");
        Command = new Command(name, help) { _url, _output, _token };
    }

    /// <summary>The command.</summary>
    public Command Command { get; }

    /// <summary>Makes a command whose action gets a client and whether JSON is wanted.</summary>
    public static Command Create(string name, string help, Symbol[] symbols, Func<NodeClient, bool, ParseResult, Task<int>> action)
    {
        OperateCommand operate = new(name, help);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument) operate.Command.Arguments.Add(argument);
            else operate.Command.Options.Add((Option)symbol);
        }

        operate.Command.SetAction(result => Run(result.GetValue(operate._output) == "json", () =>
        {
            using NodeClient client = new(ReadUrls(result.GetValue(operate._url) ?? []), result.GetValue(operate._token) ?? Environment.GetEnvironmentVariable("ACTORFT_TOKEN_FILE"));
            return action(client, result.GetValue(operate._output) == "json", result).GetAwaiter().GetResult();
        }));
        return operate.Command;
    }

    /// <summary>Runs an action; errors become a sentence and a code.</summary>
    public static int Run(bool isJson, Func<int> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is PairUnreachableException or OperatorException or EnvironmentException or IOException)
        {
            string sentence = HostFile.OneLine(e.Message);
            if (isJson) Print(JsonSerializer.Serialize(new Refusal(sentence), Json.Ft));
            Notices.Say(sentence);
            return e is PairUnreachableException ? OperateExitCode.Unreachable : OperateExitCode.Usage;
        }
    }

    /// <summary>A line on standard output.</summary>
    public static void Print(string line) => StandardStream.Write(StandardStream.Output, System.Text.Encoding.UTF8.GetBytes(line + "\n"));

    private static Uri[] ReadUrls(string[] options)
    {
        string[] texts = options.Length != 0 ? options : [Environment.GetEnvironmentVariable("ACTORFT_URL") is { Length: > 0 } variable ? variable : DefaultUrls];
        string[] urls = [.. texts.SelectMany(text => text.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Distinct()];
        return urls.Length is > 0 and <= 16 ? [.. urls.Select(ToUrl).Distinct()] : throw new OperatorException($"--url names {urls.Length} endpoints; allowed is 1 to 16.");
    }

    private static Uri ToUrl(string text)
    {
        string full = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        return Uri.TryCreate(full.EndsWith('/') ? full : full + "/", UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" && url.Host.Length != 0
            ? url : throw new OperatorException($"--url is {text}; allowed is http://ADDRESS:PORT, such as http://127.0.0.1:8551.");
    }
}
