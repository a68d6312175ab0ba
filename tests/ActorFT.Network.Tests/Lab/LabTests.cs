using System.Text.RegularExpressions;
using ActorFT.Network.Tests.Support;

namespace ActorFT.Network.Tests.Lab;

/// <summary>What the lab promises while it stands.</summary>
public sealed class LabTests
{
    private const string Mac = "02:00:00:00:00:07";

    [RootFact]
    public void Lab_CutAndHealed_CarriesExactlyWhatItShould()
    {
        using LabScript lab = new();
        lab.Do("start");
        foreach ((string role, string address) in ((string, string)[])[("a", "10.77.1.2"), ("b", "10.77.2.1"), ("a", "10.77.0.3"), ("client", "10.77.0.2")])
        {
            lab.AssertReaches(role, address);
        }

        lab.Do("cut", "ft0");
        lab.AssertCutOff("a", "10.77.1.2");
        lab.AssertReaches("a", "10.77.2.2");
        Assert.Contains("NO-CARRIER", lab.Do("exec", "a", "--", "ip", "-o", "link", "show", "ft0"), StringComparison.Ordinal);
        lab.Do("cut", "--silent", "a.ft1");
        lab.AssertCutOff("a", "10.77.2.2");
        Assert.Contains("LOWER_UP", lab.Do("exec", "a", "--", "ip", "-o", "link", "show", "ft1"), StringComparison.Ordinal);
        Assert.Matches("ft0-a +cut", lab.Do("status"));
        Assert.Matches("ft1-a +silent", lab.Do("status"));
        lab.Do("heal");
        lab.AssertReaches("a", "10.77.1.2");
        lab.AssertReaches("a", "10.77.2.2");
        lab.Do("cut", "b");
        lab.AssertCutOff("a", "10.77.1.2");
        lab.AssertCutOff("a", "10.77.0.2");
        lab.Do("heal", "b");
        lab.AssertReaches("a", "10.77.1.2");
        lab.AssertReaches("a", "10.77.0.2");
    }

    [RootFact]
    public void Roles_KilledFrozenAndStartedAgain_AreWhatStatusSays()
    {
        using LabScript lab = new();
        lab.Do("start", "--run", "a=sleep 1000", "--run", "b=while sleep 0.05; do echo tick; done", "--run", "arbiter=trap '' TERM; sleep 1000 & wait");
        Assert.Matches("a +running", lab.Do("status"));
        lab.Do("kill", "a");
        Assert.Matches("a +stopped", lab.Do("status"));
        string[] killed = Assert.Single(File.ReadLines(Path.Combine(lab.Folder, "log", "events.tsv")), line => line.EndsWith("\tkill a", StringComparison.Ordinal)).Split('\t');
        Assert.True(long.Parse(killed[0], null) < long.Parse(killed[1], null), "the events tell when");
        lab.Do("start", "a");
        Assert.Matches("a +running", lab.Do("status"));

        string log = Path.Combine(lab.Folder, "log", "b.log");
        Eventually.Holds(() => new FileInfo(log).Length > 0, "b runs");
        lab.Do("freeze", "b");
        // A process stops when it next runs, which on a busy host may be after the signal's sender has ended.
        Eventually.Holds(() => Regex.IsMatch(lab.Do("status"), "b +frozen"), "b stands");
        long frozenAt = new FileInfo(log).Length;
        lab.AssertCutOff("a", "10.77.9.9");
        Assert.InRange(new FileInfo(log).Length, frozenAt, frozenAt + 5);
        lab.Do("thaw", "b");
        Eventually.Holds(() => new FileInfo(log).Length > frozenAt + 5, "b goes on");
        lab.Do("stop", "b");
        Assert.Matches("b +stopped", lab.Do("status"));
        (int code, _, string error) = lab.Try("start", "a");
        Assert.Equal(2, code);
        Assert.Contains("'a' runs already", error, StringComparison.Ordinal);
    }

    // A server that is stopped while the arbiter is away ends when the arbiter is back: whoever waits for the one must be able to start the other.
    [RootFact]
    public async Task RoleThatTakesLongToStop_KeepsNoOtherFromBeingStarted()
    {
        using LabScript lab = new();
        lab.Do("start", "--run", $"a=trap 'touch {lab.Folder}/log/asked; until [ -e {lab.Folder}/log/go ]; do sleep 0.02; done; exit' TERM; while :; do sleep 0.02; done", "--run", "arbiter=sleep 1000");
        lab.Do("kill", "arbiter");
        Task stop = Task.Run(() => lab.Do("stop", "a"));
        Eventually.Holds(() => File.Exists(Path.Combine(lab.Folder, "log", "asked")), "a is asked to stop");
        lab.Do("start", "arbiter");
        Assert.Matches("a +running", lab.Do("status"));
        File.WriteAllText(Path.Combine(lab.Folder, "log", "go"), "");
        await stop;
        Assert.Matches("a +stopped", lab.Do("status"));
    }

    [RootFact]
    public void Cable_Degraded_IsSlowOrLossyUntilHealed()
    {
        using LabScript lab = new();
        lab.Do("start");
        lab.AssertReaches("a", "10.77.1.2");
        lab.Do("degrade", "ft0", "--delay-ms", "150");
        Assert.Matches("ft0-a +degraded", lab.Do("status"));
        // ARP and the connection: there and back, twice.
        double tookMs = lab.AssertReaches("a", "10.77.1.2");
        Assert.True(tookMs >= 300, $"took {tookMs} ms");
        lab.Do("degrade", "ft0", "--loss-percent", "100");
        lab.AssertCutOff("a", "10.77.1.2");
        lab.AssertReaches("a", "10.77.2.2");
        lab.Do("heal", "ft0");
        lab.AssertReaches("a", "10.77.1.2");
        (int code, _, string error) = lab.Try("degrade", "ft0", "--delay-ms", "100000");
        Assert.Equal(2, code);
        Assert.Contains("--delay-ms 100000 is not allowed: a number from 0 to 1000", error, StringComparison.Ordinal);
        Assert.Matches("ft0-a +good", lab.Do("status"));
    }

    [RootFact]
    public void FtLink_EachPathCutSilencedAndLossy_LosesNothingAndHeals()
    {
        using LabScript lab = new();
        lab.Do("start", "--run", "a=" + Probe("a", "b", 1, 2), "--run", "b=" + Probe("b", "a", 2, 1));
        string logA = Path.Combine(lab.Folder, "log", "a.log"), logB = Path.Combine(lab.Folder, "log", "b.log");
        // Waits until a line comes that was not there when the wait began; a busy computer may add some of its own.
        void Expect(string log, string start, Action action)
        {
            int before = Count(log, start);
            action();
            Eventually.Holds(() => Count(log, start) > before, $"{Path.GetFileName(log)} says '{start}'", withinMs: 20_000);
        }

        Eventually.Holds(() => Count(logA, "path 0 Up") > 0 && Count(logA, "path 1 Up") > 0, "both paths are up");
        Expect(logA, "path 0 Down Silence", () => Expect(logB, "path 0 Silent Silence", () => lab.Do("cut", "ft0")));
        Expect(logA, "path 0 Up", () => lab.Do("heal", "ft0"));
        // Both ends: each hears the silence at its own heartbeat, and an end that is healed before that never was down, so never says that it is up again.
        Expect(logA, "path 1 Silent Silence", () => Expect(logB, "path 1 Silent Silence", () => lab.Do("cut", "--silent", "a.ft1")));
        Expect(logA, "path 1 Up", () => lab.Do("heal", "ft1"));
        lab.Do("degrade", "ft1", "--delay-ms", "10", "--loss-percent", "20");
        Eventually.Holds(() => Loss(logA, "ft1") > 0.01 && Loss(logB, "ft1") > 0.01, "both ends measure the loss of path 1", withinMs: 20_000);
        lab.Do("stop", "a");
        lab.Do("stop", "b");
        foreach (string log in (string[])[logA, logB])
        {
            string summary = Assert.Single(File.ReadLines(log), line => line.StartsWith("sent ", StringComparison.Ordinal));
            Assert.Contains(" missing 0 ", summary, StringComparison.Ordinal);
        }
    }

    [RootFact]
    public void Sniffer_MacMovesBetweenServers_ReportShowsEachRunAndCanFail()
    {
        using LabScript lab = new();
        lab.Do("start");
        lab.Do("sniff", "start");
        Speak(lab, "a", 2);
        Speak(lab, "b", 3);
        string[] lines = [];
        Eventually.Holds(
            () => (lines = lab.Do("sniff", "report", "--mac", Mac).Split('\n', StringSplitOptions.RemoveEmptyEntries)).Length == 2 && lines[1].EndsWith("\t6", StringComparison.Ordinal),
            "the report shows all frames");
        Assert.StartsWith("sw-a\t", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("\t4", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("sw-b\t", lines[1], StringComparison.Ordinal);
        lab.Do("sniff", "report", "--mac", Mac, "--max-moves", "1");
        Speak(lab, "a", 1);
        Eventually.Holds(() => lab.Try("sniff", "report", "--mac", Mac, "--max-moves", "1").Code == 1, "a second move is found");
        lab.Do("sniff", "stop");
    }

    private static string Probe(string name, string peer, int mine, int peers) =>
        $"exec dotnet {LabScript.LabTool} link-probe --name {name} --peer {peer} 10.77.1.{mine}:7400=10.77.1.{peers}:7400 10.77.2.{mine}:7400=10.77.2.{peers}:7400";

    private static double Loss(string log, string path) => ReadShared(log)
        .Where(line => line.StartsWith($"measured {path} ", StringComparison.Ordinal))
        .Select(line => double.Parse(line.Split("loss ")[1], System.Globalization.CultureInfo.InvariantCulture))
        .DefaultIfEmpty().Max();

    private static int Count(string log, string start) => File.Exists(log) ? ReadShared(log).Count(line => line.StartsWith(start, StringComparison.Ordinal)) : 0;

    private static List<string> ReadShared(string log)
    {
        using StreamReader reader = new(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return [.. reader.ReadToEnd().Split('\n')[..^1]]; // without a line that is being written
    }

    private static void Speak(LabScript lab, string role, int count) => lab.Do(
        "exec", role, "--", "dotnet", LabScript.LabTool, "announce", "--mac", Mac, "--ip", "10.77.10.2", "--bridge", "br0", "--count", count.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
