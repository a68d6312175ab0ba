using System.Diagnostics;
using System.Text;
using ActorFT.Node.Tests.Support;

namespace ActorFT.Network.Tests.Lab;

/// <summary>Runs scripts/lab on a run folder of its own, and looks for what it may have left behind.</summary>
internal sealed class LabScript : IDisposable
{
    internal LabScript() => Folder = Path.Combine(Path.GetTempPath(), $"actorft-lab-test-{Guid.NewGuid():N}");

    internal string Folder { get; }

    internal static string LabTool => typeof(ActorFT.LabTool.PortRun).Assembly.Location;

    /// <summary>Runs a subcommand that must succeed, and returns what it printed.</summary>
    internal string Do(params string[] arguments)
    {
        (int code, string output, string error) = Try(arguments);
        Assert.True(code == 0, $"scripts/lab {string.Join(' ', arguments)}: exit {code}: {error}{output}");
        return output;
    }

    /// <summary>Runs a subcommand.</summary>
    internal (int Code, string Output, string Error) Try(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(60_000)) throw new TimeoutException($"scripts/lab {string.Join(' ', arguments)} does not end");
        return (process.ExitCode, output, error.Result);
    }

    internal Process Start(params string[] arguments) => StartCommand("", [Script, "--lab", Folder, .. arguments]);

    /// <summary>Starts it in a session of its own: what is sent to the group of its process reaches every process that it waits for.</summary>
    /// <param name="programs">A folder of programs that come before the host's own.</param>
    /// <param name="arguments">The subcommand.</param>
    internal Process StartSession(string programs, string[] arguments) => StartCommand(programs, ["setsid", Script, "--lab", Folder, .. arguments]);

    private static string Script => Path.Combine(Repository.Root, "scripts", "lab");

    private static Process StartCommand(string programs, string[] command)
    {
        ProcessStartInfo info = new(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        info.Environment["ACTORFT_LABTOOL"] = LabTool;
        if (programs.Length != 0) info.Environment["PATH"] = $"{programs}:{Environment.GetEnvironmentVariable("PATH")}";
        return Process.Start(info)!;
    }

    /// <summary>
    /// A packet from one role reaches an address and an answer returns. Says how long it took. A neighbour resolution that began
    /// while a cable was cut (RFC 4861 §7.2.2: one probe a second, three of them) still ends with "no route to host" after the
    /// heal, and takes a connection begun meanwhile with it: whoever connects then connects again.
    /// </summary>
    internal double AssertReaches(string role, string address)
    {
        long start = Stopwatch.GetTimestamp();
        string answer;
        do
        {
            answer = Connect(role, address, "10");
        }
        while (answer.Contains("No route to host", StringComparison.Ordinal) && Stopwatch.GetElapsedTime(start).TotalSeconds < 10);
        Assert.True(IsAnswer(answer), $"{role} reaches {address}: {answer}");
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>No answer returns.</summary>
    internal void AssertCutOff(string role, string address)
    {
        string answer = Connect(role, address, "0.7");
        Assert.False(IsAnswer(answer), $"{role} does not reach {address}: {answer}");
    }

    // A closed port answers with a reset.
    private static bool IsAnswer(string answer) => answer.Contains("Connection refused", StringComparison.Ordinal);

    private string Connect(string role, string address, string withinSeconds) =>
        Try("exec", role, "--", "timeout", withinSeconds, "bash", "-c", $"exec 3<>/dev/tcp/{address}/9").Error;

    /// <summary>Processes that carry this lab's folder in their environment or command line.</summary>
    internal IReadOnlyList<string> Leftovers()
    {
        List<string> found = [];
        foreach (string directory in Directory.EnumerateDirectories("/proc").Where(d => int.TryParse(Path.GetFileName(d), out _)))
        {
            try
            {
                string text = Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(directory, "environ")))
                    + Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(directory, "cmdline")));
                if (text.Contains(Folder, StringComparison.Ordinal)) found.Add($"{Path.GetFileName(directory)}: {text.Replace('\0', ' ')}");
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile.
            }
        }

        return found;
    }

    /// <summary>The processes that hold the lab's namespaces.</summary>
    internal int[] Holders() => [.. Directory.GetFiles(Path.Combine(Folder, "ns")).Select(file => int.Parse(File.ReadAllText(file).Split(' ')[0], null))];

    public void Dispose()
    {
        if (Directory.Exists(Folder)) Do("cleanup");
    }
}
