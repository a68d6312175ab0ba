using System.Diagnostics;
using System.Globalization;
using System.Text;
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

    private const double UnusualSeconds = 4;

    // A drill breaks the same component more often than the default policies bear.
    private const string Borne = "max-faults = 1000";

    private readonly TemporaryFolder _folder = new();
    private readonly string _lab, _configs, _token;

    /// <param name="memory">The machine's.</param>
    /// <param name="does">What its init does beside its services: words of its command line (scripts/guest/init).</param>
    public LabPair(string memory = "256 MiB", string does = "actorft.run=idle")
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
                .Replace("role = server", $"role = server\n  faults {{ policies {{ nic {{ {Borne} }}\nlink {{ {Borne} }}\nreplica {{ {Borne} }}\narbiter {{ {Borne} }} }} }}", StringComparison.Ordinal)
                .Replace("commit = received", "commit = received\nmax-isolations = 1000", StringComparison.Ordinal)
                .Replace("256 MiB", memory, StringComparison.Ordinal).Replace("actorft.run=idle", does, StringComparison.Ordinal)
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

    public void WaitUntilSaid(string role, string kind, int before) => Until(() => CountOf(role, kind) > before, $"{role} to say [{kind}]");

    /// <summary>Waits for something that the pair does by itself. What lasts is told with the pair's own status at that time.</summary>
    public void Until(Func<bool> condition, string what, Action<string>? tell = null, int everyMs = 20)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (tell is not null && Stopwatch.GetElapsedTime(started).TotalSeconds > UnusualSeconds)
            {
                CommandResult status = Operate("status", "--output", "json");
                tell($"{DateTime.UtcNow:HH:mm:ss.fff}: {UnusualSeconds} s already for {what}: {status.Output}{status.Errors}");
                tell = null;
            }

            // Each look reads files or starts processes: not as fast as it goes.
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > BoundSeconds) throw new TimeoutException($"Waited {BoundSeconds} s for {what}; {Story}");
            Thread.Sleep(everyMs);
        }
    }

    /// <summary>Waits until the pair says by itself that nothing is wrong: protected, links, NICs and arbiter good.</summary>
    public void WaitUntilGood()
    {
        string told = "";
        try
        {
            Until(() =>
            {
                CommandResult status = Operate("status");
                told = status.Output + status.Errors;
                return status.ExitCode == 0;
            }, "the pair to be in order", everyMs: 200);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{told}\n{e.Message}");
        }
    }

    /// <summary>After the start: waits until one of the servers says that it leads a protected machine; gives its role.</summary>
    public string WaitUntilProtected()
    {
        string? leader = null;
        Until(() => (leader = CountOf("a", "protected") > 0 ? "a" : CountOf("b", "protected") > 0 ? "b" : null) is not null, "the machine to be protected");
        return leader!;
    }

    /// <summary>The role that began to lead last.</summary>
    public string Leader => new[] { "a", "b" }.MaxBy(role => Log(role).Split('\n').LastOrDefault(line => line.Contains("[leading]", StringComparison.Ordinal)) ?? "", StringComparer.Ordinal)!;

    /// <summary>What the machine wrote on its console while a server led.</summary>
    public byte[] Console(string role)
    {
        string path = ConsolePath(role);
        if (!File.Exists(path)) return [];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private string ConsolePath(string role) => Path.Combine(_folder.Root, "data", $"server-{role}.console");

    public string AllLogs => $"--- a\n{Log("a")}\n--- b\n{Log("b")}\n--- arbiter\n{Log("arbiter")}\n--- commands of the lab: begin, end (ns since 1970)\n{Read("events.tsv")}";

    /// <summary>Everything that is known at this time, for the message of a test that fails: what the servers say, the ends of their consoles, all logs.</summary>
    public string Story
    {
        get
        {
            StringBuilder story = new($"it is {DateTime.UtcNow:HH:mm:ss.fff}\n");
            foreach ((string role, string address) in ((string, string)[])[("a", "10.77.0.1"), ("b", "10.77.0.2")])
            {
                CommandResult status = TryLab("exec", "client", "--", "timeout", "20", "dotnet", ActorftProcess.Program, "status", "--output", "json", "--url", $"http://{address}:8551");
                byte[] console = Console(role);
                story.Append(CultureInfo.InvariantCulture, $"--- {role} says: {status.Output}{status.Errors}\n--- {role} wrote {console.Length} bytes, the last at ")
                    .Append(CultureInfo.InvariantCulture, $"{File.GetLastWriteTimeUtc(ConsolePath(role)):HH:mm:ss.fff}: {Encoding.Latin1.GetString(console.AsSpan(Math.Max(0, console.Length - 200)))}\n");
            }

            return story.Append(TryLab("status").Output).Append(AllLogs).ToString();
        }
    }

    /// <summary>An operator's command that changes something; fails the test when it is refused.</summary>
    public void Command(params string[] arguments)
    {
        CommandResult result = Operate([.. arguments, "--token-file", _token]);
        if (result.ExitCode != 0) throw new InvalidOperationException($"actorft {string.Join(' ', arguments)}: {result.Errors} {result.Output}");
    }

    /// <summary>An operator's command, from the client's computer.</summary>
    public CommandResult Operate(params string[] arguments) => TryLab(
        ["exec", "client", "--", "dotnet", ActorftProcess.Program, .. arguments, "--url", "http://10.77.0.1:8551,http://10.77.0.2:8551"]);

    public void Dispose()
    {
        CommandResult result = TryLab("cleanup");
        if (result.ExitCode == 0) _folder.Dispose();
    }

    private string NodeCommand(string name) => $"exec dotnet {ActorftProcess.Program} node --config {Path.Combine(_configs, name + ".conf")}";
}
