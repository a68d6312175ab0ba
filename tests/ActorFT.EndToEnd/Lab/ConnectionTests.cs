using ActorFT.EndToEnd.Scripts;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Lab;

/// <summary>
/// One established TCP connection to a service in the machine, through every fault that the pair survives.
/// </summary>
[Collection(Collections.Pairs)]
public sealed class ConnectionTests(ITestOutputHelper output)
{
    private static readonly string[] s_kinds =
        ["leader killed", "leader frozen", "leader cut off", "leader's NIC cut", "leader's network silent", "leader's NIC isolated", "link 0 cut", "link 1 cut", "arbiter killed", "follower killed", "hand-over"];

    private readonly Dictionary<string, List<double>> _pausesMs = [];
    private string _leader = "";

    [LabFact]
    public void EstablishedConnection_OutlivesTheLeaderItsCablesAndItsNic_NothingLostOrRepeated_AndOneServerSpeaksAtATime() =>
        Outlives(["leader killed", "leader's NIC cut", "leader cut off"]);

    /// <summary>
    /// Each kind once; ACTORFT_EPISODES=N: N times each, in random order (ACTORFT_SEED replays one), of which ACTORFT_RANGE=FIRST-LAST runs a part, counted
    /// from 1. ACTORFT_KINDS: only these, with commas between.
    /// </summary>
    [LabFact]
    [Trait("Category", "Drill")]
    public void EstablishedConnection_OutlivesEveryFault_NothingLostOrRepeated_AndOneServerSpeaksAtATime()
    {
        int times = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_EPISODES"), out int count) ? count : 1;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_SEED"), out int given) ? given : times == 1 ? 1 : Environment.TickCount;
        string[] wanted = Environment.GetEnvironmentVariable("ACTORFT_KINDS") is { Length: > 0 } some ? some.Split(',') : s_kinds;
        Assert.Subset(new HashSet<string>(s_kinds), new HashSet<string>(wanted));
        string[] episodes = [.. Enumerable.Repeat(wanted, times).SelectMany(kinds => kinds)];
        if (times > 1) new Random(seed).Shuffle(episodes);
        (int first, int last) = Range(episodes.Length);
        output.WriteLine($"seed {seed}: episodes {first} to {last} of {episodes.Length}");
        Outlives(episodes[(first - 1)..last]);
    }

    private static (int First, int Last) Range(int count)
    {
        if (Environment.GetEnvironmentVariable("ACTORFT_RANGE") is not { Length: > 0 } text) return (1, count);
        string[] parts = text.Split('-');
        if (parts.Length == 2 && int.TryParse(parts[0], out int first) && int.TryParse(parts[1], out int last) && 1 <= first && first <= last && last <= count) return (first, last);
        throw new ArgumentException($"ACTORFT_RANGE is '{text}'; allowed is FIRST-LAST within 1-{count}");
    }

    private void Outlives(string[] episodes)
    {
        using LabPair pair = new LabPair().Start();
        try
        {
            Talk(pair, episodes);
        }
        catch (Exception)
        {
            output.WriteLine(pair.AllLogs);
            throw;
        }
    }

    private void Talk(LabPair pair, string[] episodes)
    {
        pair.Lab("sniff", "start", "--mac", LabPair.MachineMac);
        pair.WaitUntilProtected();
        using Conversation conversation = new(pair, LabPair.MachineAddress + ":7777", output.WriteLine);
        conversation.GoesOn("before any fault");
        pair.WaitUntilGood();
        _leader = pair.Leader; // on a host that starves them while they start, another one than was protected first
        foreach (string kind in episodes)
        {
            int from = conversation.Count;
            Break(kind, pair, conversation);
            pair.WaitUntilGood();
            conversation.GoesOn("after " + kind);
            double longest = conversation.LongestMs(from);
            (_pausesMs.TryGetValue(kind, out List<double>? pauses) ? pauses : _pausesMs[kind] = []).Add(longest);
            output.WriteLine($"{kind}: {conversation.Count - from} responses, longest pause {longest:F0} ms; {_leader} leads");
        }

        int answered = conversation.End();
        pair.Lab("sniff", "stop");
        CommandResult report = pair.TryLab("sniff", "report", "--mac", LabPair.MachineMac);
        IReadOnlyList<string> allowed = PortHistory.Allowed(new Dictionary<string, string> { ["a"] = pair.Log("a"), ["b"] = pair.Log("b") });
        output.WriteLine($"{answered} responses on one connection; the machine's MAC at the switch (port, first, last, frames):\n{report.Output}");
        foreach ((string kind, List<double> pauses) in _pausesMs) output.WriteLine($"longest pause, {kind}: {pauses.Max():F0} ms of {pauses.Count}");
        Assert.True(report.ExitCode == 0, report.Errors);
        if (report.Errors.Length != 0) output.WriteLine(report.Errors); // a busy host's sniffer misses frames and says so: what it saw must be right all the same
        string[] seen = [.. report.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(run => run.Split('\t')[0])];
        Assert.NotEmpty(seen);
        Assert.True(PortHistory.Excess(allowed, seen).Length == 0, $"seen: {string.Join(' ', seen)}; by the logs: {string.Join(' ', allowed)}");
    }

    private void Break(string kind, LabPair pair, Conversation conversation)
    {
        string follower = LabPair.Other(_leader);
        switch (kind)
        {
            case "leader killed":
                TakesOver(pair, conversation, () => pair.Lab("kill", _leader), () => pair.Lab("start", _leader));
                break;
            case "leader frozen":
                TakesOver(pair, conversation, () => pair.Lab("freeze", _leader), () => pair.Lab("thaw", _leader));
                break;
            case "leader cut off":
                TakesOver(pair, conversation, () => pair.Lab("cut", _leader), () => pair.Lab("heal"));
                break;
            case "leader's NIC cut":
                NicOnly(pair, conversation, "Uplink 'lan' has no carrier", () => pair.Lab("cut", _leader + ".lan"), () => pair.Lab("heal", _leader + ".lan"));
                break;
            case "leader's network silent": // the cable is in, and nobody behind it answers: only the probe finds it
                NicOnly(pair, conversation, "does not answer", () => pair.Lab("cut", "--silent", _leader + ".lan"), () => pair.Lab("heal", _leader + ".lan"));
                break;
            case "leader's NIC isolated":
                NicOnly(pair, conversation, "taken out of service by an operator",
                    () => pair.Command("nic", "isolate", "lan", "--server", "server-" + _leader), () => pair.Command("nic", "repair", "lan", "--server", "server-" + _leader));
                break;
            case "link 0 cut" or "link 1 cut":
                string link = kind == "link 0 cut" ? "ft0" : "ft1";
                (int downs, int ups) = (pair.CountOf(_leader, "link-down"), pair.CountOf(_leader, "link-up"));
                pair.Lab("cut", link);
                pair.WaitUntilSaid(_leader, "link-down", downs);
                conversation.GoesOn(kind);
                pair.Lab("heal", link);
                pair.WaitUntilSaid(_leader, "link-up", ups);
                break;
            case "arbiter killed":
                pair.Lab("kill", "arbiter");
                conversation.GoesOn(kind);
                pair.Lab("start", "arbiter");
                break;
            case "follower killed":
                Exposed(pair, conversation, () => pair.Lab("kill", follower), () => pair.Lab("start", follower));
                break;
            case "hand-over":
                TakesOver(pair, conversation, () => pair.Command("failover", "guest"), () => { });
                break;
        }
    }

    // The other server leads, and the former leader follows once it may.
    private void TakesOver(LabPair pair, Conversation conversation, Action strike, Action repair)
    {
        string survivor = LabPair.Other(_leader);
        int led = pair.CountOf(survivor, "leading");
        int protections = pair.CountOf(survivor, "protected");
        strike();
        pair.WaitUntilSaid(survivor, "leading", led);
        conversation.GoesOn("while alone");
        repair();
        pair.WaitUntilSaid(survivor, "protected", protections);
        _leader = survivor;
    }

    private void Exposed(LabPair pair, Conversation conversation, Action strike, Action repair)
    {
        int exposures = pair.CountOf(_leader, "exposed"), protections = pair.CountOf(_leader, "protected");
        strike();
        pair.WaitUntilSaid(_leader, "exposed", exposures);
        conversation.GoesOn("while alone");
        repair();
        pair.WaitUntilSaid(_leader, "protected", protections);
    }

    // No failover: the frames go round by the other server, and come back; the screen tells why meanwhile.
    private void NicOnly(LabPair pair, Conversation conversation, string reason, Action strike, Action repair)
    {
        int rerouted = pair.CountOf(_leader, "nic-rerouted"), back = pair.CountOf(_leader, "nic-back"), led = pair.CountOf(LabPair.Other(_leader), "leading");
        strike();
        pair.WaitUntilSaid(_leader, "nic-rerouted", rerouted);
        conversation.GoesOn("while frames go round");
        pair.Until(() =>
        {
            CommandResult status = pair.Operate("status");
            return status.ExitCode == 1 && status.Output.Contains(reason, StringComparison.Ordinal)
                && status.Output.Contains($"Frames pass through server-{LabPair.Other(_leader)}", StringComparison.Ordinal);
        }, $"the status to tell of \"{reason}\"");
        repair();
        pair.WaitUntilSaid(_leader, "nic-back", back);
        Assert.Equal(led, pair.CountOf(LabPair.Other(_leader), "leading"));
    }
}
