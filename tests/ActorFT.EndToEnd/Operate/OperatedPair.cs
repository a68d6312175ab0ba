using System.Diagnostics;
using System.Text.Json;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Operate;

/// <summary>A pair that is asked the way operators ask: HTTP and the program. Its machine has a NIC without a network behind it.</summary>
internal sealed class OperatedPair : Pair
{
    /// <summary>Bound for what the pair does by itself, on a busy host.</summary>
    public const double BoundSeconds = 120;

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(2) }) { Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Writes the three nodes' files.</summary>
    /// <param name="guestDoes">What the guest does.</param>
    /// <param name="node">More keys of actorft on the servers.</param>
    /// <param name="machine">More keys of the machine; @ stands for the server's name.</param>
    public OperatedPair(string guestDoes = "actorft.run=idle", string node = "", string machine = "")
        : base(2, guestDoes, "", "128 MiB", node, "nics = [ { name = lan, return-after = 1 s } ]\n" + machine)
    {
    }

    /// <summary>The three nodes.</summary>
    public static IReadOnlyList<string> Nodes { get; } = [ServerA, ServerB, Arbiter];

    public new OperatedPair StartAll() => (OperatedPair)base.StartAll();

    /// <summary>Path of the token's file.</summary>
    public string Token => Path.Combine(Folder, "token");

    /// <summary>A node's answer; null when it gives none.</summary>
    public string? TryGet(string node, string path)
    {
        try
        {
            return _client.GetStringAsync(Url(node) + path).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>The pair as a node tells it; null when it does not answer.</summary>
    public JsonElement? Status(string node) => TryGet(node, "/ft/status") is { } json ? JsonDocument.Parse(json).RootElement.Clone() : null;

    /// <summary>Runs a change that must succeed. On a host that is too busy to answer in the program's time it is asked again, as an operator would.</summary>
    public void Do(params string[] command)
    {
        (int code, string output, string errors) = RunUntil(0, command);
        Assert.True(code == 0, $"actorft {string.Join(' ', command)} ended with {code}: {output} {errors}; {Describe()}");
    }

    /// <summary>Runs the program until it ends with a code, within the bound; gives its last run.</summary>
    public (int ExitCode, string Output, string Errors) RunUntil(int code, params string[] command)
    {
        (int ExitCode, string Output, string Errors) last = default;
        for (long began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalSeconds < BoundSeconds;)
        {
            last = Run(command);
            if (last.ExitCode == code || (last.ExitCode != 4 && command[0] is not ("status" or "fault"))) break;
            Thread.Sleep(100); // the pair has use for the processor, too
        }

        return last;
    }

    /// <summary>Waits until all three nodes say that the pair is good; gives the leader.</summary>
    public string WaitUntilGood()
    {
        string leader = "";
        string last = "";
        Wait.Until(() => Nodes.All(node =>
        {
            if (Status(node) is not { } status) return false;
            last = status.ToString();
            leader = status.GetProperty("machines") is { } machines && machines.GetArrayLength() == 1 ? machines[0].GetProperty("leader").GetString()! : "";
            return status.GetProperty("health").GetString() == "Good" && leader.Length != 0;
        }), () => $"the pair to be good; the last word is {last}; {Describe()}", BoundSeconds, everyMs: 50);
        return leader;
    }

    public override void Dispose()
    {
        _client.Dispose();
        base.Dispose();
    }
}
