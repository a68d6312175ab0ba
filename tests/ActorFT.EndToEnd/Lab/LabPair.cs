using System.Diagnostics;
using System.Globalization;
using ActorFT.EndToEnd.Machines;
using ActorFT.EndToEnd.Scripts;
using ActorFT.Node.Tests.Support;

namespace ActorFT.EndToEnd.Lab;

/// <summary>The pair of config/lab in a lab of its own: two servers and an arbiter as processes in namespaces, cables between them, a client.</summary>
internal sealed class LabPair : IDisposable
{
    public const string MachineMac = "52:54:00:77:0a:32", MachineAddress = "10.77.10.50";

    /// <summary>Bound for whatever the pair does by itself: boots, transfers, claims, on a busy host.</summary>
    public const double BoundSeconds = 180;

    private readonly TemporaryFolder _folder = new();
    private readonly string _lab, _configs, _token;

    public LabPair()
    {
        _lab = Path.Combine(_folder.Root, "lab");
        _configs = Path.Combine(_folder.Root, "config");
        _token = Path.Combine(_folder.Root, "token");
        Directory.CreateDirectory(_configs);
        Directory.CreateDirectory(Path.Combine(_folder.Root, "data"));
        File.WriteAllText(_token, Guid.NewGuid().ToString("N"));
        string guest = Path.GetDirectoryName(Guest.Kernel)!;
        foreach (string source in Directory.GetFiles(Path.Combine(Script.Root, "config", "lab"), "*.conf"))
        {
            string text = File.ReadAllText(source).Replace("../../.guest", guest, StringComparison.Ordinal)
                .Replace("../../.cache/lab", Path.Combine(_folder.Root, "data"), StringComparison.Ordinal)
                .Replace("port = 8551", $"port = 8551, token-file = \"{_token}\"", StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(_configs, Path.GetFileName(source)), text);
        }
    }

    public static string Other(string role) => role == "a" ? "b" : "a";

    public LabPair Start()
    {
        Lab("start", "--owner", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
            "--run", $"arbiter={NodeCommand("arbiter")}", "--run", $"a={NodeCommand("server-a")}", "--run", $"b={NodeCommand("server-b")}");
        return this;
    }

    /// <summary>A command of scripts/lab; fails the test when it fails.</summary>
    public string Lab(params string[] arguments)
    {
        CommandResult result = TryLab(arguments);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"scripts/lab {string.Join(' ', arguments)}: {result.Errors} {result.Output}");
    }

    public CommandResult TryLab(params string[] arguments) =>
        Script.Run("lab", ["--lab", _lab, .. arguments], TimeSpan.FromSeconds(BoundSeconds), ("ACTORFT_LABTOOL", LabTool));

    /// <summary>A process inside a role, which the caller ends.</summary>
    public Process Run(string role, params string[] command)
    {
        ProcessStartInfo start = new(Path.Combine(Script.Root, "scripts", "lab"), ["--lab", _lab, "exec", role, "--", .. command])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Root,
        };
        return Process.Start(start)!;
    }

    /// <summary>A file in the pair's folder.</summary>
    public string PathOf(string name) => Path.Combine(_folder.Root, name);

    /// <summary>Path of the lab's helper program, built beside the tests.</summary>
    public static string LabTool => Path.Combine(AppContext.BaseDirectory, "ActorFT.LabTool.dll");

    public string Log(string role) => Read(role + ".log");

    private string Read(string name)
    {
        string path = Path.Combine(_lab, "log", name);
        if (!File.Exists(path)) return "";
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(file);
        return reader.ReadToEnd();
    }

    /// <summary>How often a server has said something of a kind.</summary>
    public int CountOf(string role, string kind) => Log(role).Split($"[{kind}]").Length - 1;

    public void WaitUntilSaid(string role, string kind, int before) =>
        Wait.Until(() => CountOf(role, kind) > before, $"{role} to say [{kind}]; the logs are:\n{AllLogs}", BoundSeconds);

    /// <summary>Waits until one of the servers says, beyond what was said before, that it leads a protected machine; gives its role.</summary>
    public string WaitUntilProtected((int A, int B) before)
    {
        string? leader = null;
        Wait.Until(() => (leader = CountOf("a", "protected") > before.A ? "a" : CountOf("b", "protected") > before.B ? "b" : null) is not null,
            $"the machine to be protected; the logs are:\n{AllLogs}", BoundSeconds);
        return leader!;
    }

    public (int A, int B) ProtectedCounts => (CountOf("a", "protected"), CountOf("b", "protected"));

    public string AllLogs => $"--- a\n{Log("a")}\n--- b\n{Log("b")}\n--- arbiter\n{Log("arbiter")}\n--- commands of the lab: begin, end (ns since 1970)\n{Read("events.tsv")}";

    /// <summary>Asks a server to hand the machine over.</summary>
    public CommandResult HandOver() => TryLab("exec", "client", "--", "dotnet", ActorftProcess.Program, "failover", "guest",
        "--url", "http://10.77.0.1:8551,http://10.77.0.2:8551", "--token-file", _token);

    public void Dispose()
    {
        CommandResult result = TryLab("cleanup");
        if (result.ExitCode == 0) _folder.Dispose();
    }

    private string NodeCommand(string name) => $"exec dotnet {ActorftProcess.Program} node --config {Path.Combine(_configs, name + ".conf")}";
}
