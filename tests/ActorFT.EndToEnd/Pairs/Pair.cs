using System.Net;
using System.Net.Sockets;
using ActorFT.EndToEnd.Machines;
using ActorFT.Node.Tests.Support;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>Two servers and an arbiter as real processes on loopback, each with its endpoint and the token, with the stock guest as their machine.</summary>
internal class Pair : IDisposable
{
    public const string ServerA = "server-a", ServerB = "server-b", Arbiter = "arbiter";

    /// <summary>Bound for becoming protected: two boots of the programs, the guest's, and a transfer, on a busy host.</summary>
    public const double ProtectSeconds = 180;

    /// <summary>What a machine with the disk that <see cref="MakeDisk"/> makes has in its part of the file.</summary>
    public const string DiskKeys = """disks = [ { name = data, path = "@.img" } ]""";

    // A host that gives a server no processor for more than half a second must not change who leads in a test that says who does. Whoever is killed is
    // missed at once all the same, by its links.
    private const string Patient = "silence = 2 s";

    private const int SigKill = 9, SigStop = 19, SigCont = 18;

    private readonly string _memory, _node, _machine;
    private readonly Dictionary<string, int> _endpoints; // ports
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, ActorftProcess> _nodes = [];
    private readonly Dictionary<string, string> _ended = []; // what former processes of a node wrote

    /// <summary>Writes the three nodes' files.</summary>
    /// <param name="vcpus">vCPUs of the machine.</param>
    /// <param name="guestDoes">What the guest does: words of its kernel's command line.</param>
    /// <param name="lockstep">Keys of actorft.lockstep.</param>
    /// <param name="memory">The machine's memory.</param>
    /// <param name="node">More keys of actorft, on the servers.</param>
    /// <param name="machine">More keys of the machine; @ stands for the server's name.</param>
    public Pair(int vcpus, string guestDoes, string lockstep = "", string memory = "256 MiB", string node = "", string machine = "")
    {
        (_memory, _node, _machine) = (memory, node, machine);
        int[] ports = FreePorts(10);
        // Of two servers the one with the later name listens.
        ListeningLink = new IPEndPoint(IPAddress.Loopback, ports[4]);
        File.SetUnixFileMode(_folder.Write("token", Guid.NewGuid().ToString("N")), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _endpoints = new() { [ServerA] = ports[7], [ServerB] = ports[8], [Arbiter] = ports[9] };
        Write(ServerA, ServerB, ports[0], ports[1], ports[2], ports[3], ports[4], ports[5], ports[6], vcpus, guestDoes, lockstep);
        Write(ServerB, ServerA, ports[1], ports[0], ports[2], ports[4], ports[3], ports[6], ports[5], vcpus, guestDoes, lockstep);
        _folder.Write(Arbiter + ".conf", $$"""
            actorft { role = arbiter, pair = test, name = arbiter, address = "127.0.0.1:{{ports[2]}}", data = "arbiter", servers = ["127.0.0.1:{{ports[0]}}", "127.0.0.1:{{ports[1]}}"] }
            {{Endpoint(Arbiter)}}
            """);
    }

    /// <summary>The folder of everything.</summary>
    public string Folder => _folder.Root;

    /// <summary>Where one of the servers listens for the other's FT link.</summary>
    public IPEndPoint ListeningLink { get; }

    /// <summary>The file of a node, to be changed before it is started.</summary>
    public string ConfigurationPath(string node) => Path.Combine(_folder.Root, node + ".conf");

    /// <summary>A node's endpoint.</summary>
    public string Url(string node) => $"http://127.0.0.1:{_endpoints[node]}";

    /// <summary>Runs an operator's command against one node; gives its exit code and what it said.</summary>
    public (int ExitCode, string Output) Operate(string node, params string[] arguments)
    {
        (int code, string output, string errors) = ActorftProcess.Run(_folder.Root, [.. arguments, "--token-file", "token", "--url", Url(node)]);
        return (code, output + errors);
    }

    /// <summary>Runs an operator's command against all three nodes.</summary>
    public (int ExitCode, string Output, string Errors) Run(params string[] arguments) =>
        ActorftProcess.Run(_folder.Root, [.. arguments, "--token-file", "token", "--url", string.Join(',', _endpoints.Keys.Select(Url))]);

    /// <summary>The same, which must succeed; gives what it said.</summary>
    public string Ask(params string[] arguments)
    {
        (int code, string output, string errors) = Run(arguments);
        return code == 0 ? output : throw new InvalidOperationException($"actorft {string.Join(' ', arguments)} ended with {code}: {output}{errors}");
    }

    /// <summary>A node's process.</summary>
    public int ProcessId(string node) => _nodes[node].Id;

    /// <summary>Whether a node's process has been started and not ended by us.</summary>
    public bool Runs(string node) => _nodes.ContainsKey(node);

    /// <summary>Processor time that a node's process has used so far, seconds; 0 when it does not run.</summary>
    public double ProcessorSeconds(string node) => _nodes.TryGetValue(node, out ActorftProcess? process) ? process.ProcessorTime.TotalSeconds : 0;

    /// <summary>The file of the machine's console on a server.</summary>
    public string ConsolePath(string server) => Path.Combine(_folder.Root, server + ".console");

    public static string Other(string server) => server == ServerA ? ServerB : ServerA;

    public Pair StartAll()
    {
        Start(Arbiter);
        Start(ServerA);
        Start(ServerB);
        return this;
    }

    public void Start(string node) => _nodes[node] = ActorftProcess.Start(_folder.Root, "node", "--config", node + ".conf");

    /// <summary>SIGKILL.</summary>
    public void Kill(string node)
    {
        _nodes[node].Signal(SigKill);
        WaitForEnd(node);
    }

    /// <summary>SIGTERM; gives the exit code.</summary>
    public int Stop(string node)
    {
        _nodes[node].Signal(ActorftProcess.SigTerm);
        return WaitForEnd(node);
    }

    /// <summary>Waits until a node's process has ended, by itself or not; gives its exit code.</summary>
    public int WaitForEnd(string node)
    {
        ActorftProcess process = _nodes[node];
        int code = process.WaitForEnd(120).ExitCode;
        _ended[node] = Log(node);
        process.Dispose();
        _nodes.Remove(node);
        return code;
    }

    /// <summary>SIGSTOP; returns when no thread runs any more, which on a busy host is later than the signal.</summary>
    public void Freeze(string node)
    {
        _nodes[node].Signal(SigStop);
        string tasks = $"/proc/{ProcessId(node)}/task";
        Wait.Until(() => Directory.GetDirectories(tasks).All(IsStopped), () => $"{node} to stop; {Threads(ProcessId(node))}");
    }

    private static bool IsStopped(string task)
    {
        try
        {
            return File.ReadAllText(task + "/stat").Split(") ")[^1][0] == 'T';
        }
        catch (IOException)
        {
            return false; // a thread that just ended: look again
        }
    }

    public void Thaw(string node) => _nodes[node].Signal(SigCont);

    /// <summary>Everything that a node's processes wrote.</summary>
    public string Log(string node) => _ended.GetValueOrDefault(node, "") + (_nodes.TryGetValue(node, out ActorftProcess? process) ? process.Errors : "");

    /// <summary>What a node's present process wrote.</summary>
    public string LogOfThisRun(string node) => _nodes[node].Errors;

    /// <summary>What is known of all three nodes, for the message of a test that fails.</summary>
    public string Describe() => string.Concat(((string[])[ServerA, ServerB, Arbiter]).Select(node =>
        $"\n{node} {(_nodes.TryGetValue(node, out ActorftProcess? process) ? process.HasEnded ? "ended by itself" : $"runs as {process.Id}, {process.ProcessorTime.TotalSeconds:F1} s, {Threads(process.Id)}" : "was ended")}:\n{Log(node)}"));

    // What the kernel knows of a process's threads: one that hangs shows where.
    private static string Threads(int process)
    {
        try
        {
            return string.Join(", ", Directory.GetDirectories($"/proc/{process}/task").Select(task =>
                $"{File.ReadAllText(task + "/comm").Trim()} {File.ReadAllText(task + "/stat").Split(") ")[^1][0]} {File.ReadAllText(task + "/wchan")}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"threads not to be had: {e.Message}";
        }
    }

    /// <summary>What the machine wrote on its console while a server led.</summary>
    public byte[] Console(string server)
    {
        string path = ConsolePath(server);
        if (!File.Exists(path)) return [];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Lines of one kind in a server's log so far: a mark to wait beyond.</summary>
    public int CountOf(string server, string kind) => Log(server).Split($"[{kind}]").Length - 1;

    /// <summary>Waits until a server says, beyond what it has said before, that it leads and the machine is protected.</summary>
    public void WaitUntilProtectedBy(string server, (int A, int B) before) =>
        Wait.Until(() => CountOf(server, "protected") > (server == ServerA ? before.A : before.B),
            () => $"the machine to be protected with {server} leading; {Describe()}", ProtectSeconds);

    /// <summary>Waits until one of the servers says, for the n-th time since <paramref name="before"/>, that the machine is protected; gives that server, the leader.</summary>
    public string WaitUntilProtected((int A, int B) before)
    {
        string? leader = null;
        Wait.Until(() => (leader = CountOf(ServerA, "protected") > before.A ? ServerA : CountOf(ServerB, "protected") > before.B ? ServerB : null) is not null,
            () => $"the machine to be protected; {Describe()}", ProtectSeconds);
        return leader!;
    }

    public (int A, int B) ProtectedCounts => (CountOf(ServerA, "protected"), CountOf(ServerB, "protected"));

    /// <summary>The leader of a machine that has just been started.</summary>
    public string WaitUntilProtected() => WaitUntilProtected((0, 0));

    public virtual void Dispose()
    {
        foreach (ActorftProcess process in _nodes.Values)
        {
            if (!process.HasEnded) process.Signal(SigCont);
            process.Dispose();
        }

        _folder.Dispose();
    }

    private void Write(string name, string peer, int own, int other, int arbiter, int own0, int other0, int own1, int other1, int vcpus, string guestDoes, string lockstep) =>
        _folder.Write(name + ".conf", $$"""
            actorft {
              role = server, pair = test, name = {{name}}, address = "127.0.0.1:{{own}}", arbiter = "127.0.0.1:{{arbiter}}", data = "{{name}}", fault-injection = on
              {{_node}}
              peer { name = {{peer}}, address = "127.0.0.1:{{other}}" }
              links = [
                { name = ft0, local = "127.0.0.1:{{own0}}", peer = "127.0.0.1:{{other0}}" }
                { name = ft1, local = "127.0.0.1:{{own1}}", peer = "127.0.0.1:{{other1}}" }
              ]
              lockstep {
                {{(lockstep.Contains("silence", StringComparison.Ordinal) ? "" : Patient)}}
                {{lockstep}}
              }
              machines = [ {
                name = guest, vcpus = {{vcpus}}, memory = {{_memory}}, kernel = "{{Guest.Kernel}}", initrd = "{{Guest.Initrd}}"
                append = "console=ttyS0 quiet loglevel=3 {{Guest.BootsSooner}} {{guestDoes}}", console = "file:{{name}}.console"
                {{_machine.Replace("@", name, StringComparison.Ordinal)}}
              } ]
            }
            {{Endpoint(name)}}
            """);

    private string Endpoint(string node) => $$"""akka.management.http { hostname = "127.0.0.1", port = {{_endpoints[node]}}, token-file = "token" }""";

    /// <summary>The image of the disk's copy on a server.</summary>
    public string ImagePath(string server) => Path.Combine(_folder.Root, server + ".img");

    /// <summary>Makes the disk's copies: an ext4 file system on the first server, nothing on the second.</summary>
    public Pair MakeDisk(string size)
    {
        (int code, _, string errors) = ActorftProcess.RunShell(_folder.Root, $"""
            set -e; PATH=$PATH:/usr/sbin:/sbin
            truncate -s {size} {ServerA}.img; mke2fs -q -F -t ext4 {ServerA}.img
            $ACTORFT disk create --config {ServerA}.conf; $ACTORFT disk create --config {ServerB}.conf --replacement --size {size}iB
            """);
        return code == 0 ? this : throw new InvalidOperationException($"The disks could not be made: {errors}");
    }

    // Below the ports that the kernel gives to whoever connects (net.ipv4.ip_local_port_range): while a node is dead its port must stay free.
    // Else another connection takes it, even one to that very port, which TCP connects with itself, and the node cannot start again.
    private const int FirstPort = 12_000, PortCount = 18_000;

    private static int[] FreePorts(int count)
    {
        // All are held open until all are known, so that no two are the same.
        List<TcpListener> held = [];
        while (held.Count < count)
        {
            TcpListener listener = new(IPAddress.Loopback, FirstPort + Random.Shared.Next(PortCount));
            try
            {
                listener.Start();
                held.Add(listener);
            }
            catch (SocketException)
            {
                listener.Dispose(); // in use
            }
        }

        int[] ports = [.. held.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in held) listener.Dispose();
        return ports;
    }
}
