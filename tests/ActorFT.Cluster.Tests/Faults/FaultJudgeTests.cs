using System.Text.RegularExpressions;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Cluster.Tests.Faults;

/// <summary>Diagnosis, policies and alerts as plain decisions.</summary>
public sealed partial class FaultJudgeTests
{
    private const long HourMs = 3_600_000;

    private static FaultProtocol.Report Down(string nic = "nic-lan") => new("nic-down", FaultSeverity.Warning, "m", nic, "It is down.");

    private static FaultJudge Judge(int maxFaults = 2, double minBetweenSeconds = 0, PolicyAction action = PolicyAction.Isolate) => new(new FaultSettings
    {
        Policies = Enum.GetValues<FaultClass>().ToDictionary(one => one, _ => new FaultPolicy { MaxFaults = maxFaults, MinTimeBetween = TimeSpan.FromSeconds(minBetweenSeconds), Action = action }),
    });

    [Fact]
    public void Faults_ThatAreAnotherComponents_AreNotHeldAgainstThisOne()
    {
        FaultJudge judge = Judge();
        Assert.All(Enumerable.Range(0, 20), i => Assert.Null(judge.Judge(Down() with { IsOwn = false }, i).Policy));
        Assert.Null(judge.Judge(Down(), 21).Policy);
    }

    [Fact]
    public void The_fault_beyond_those_that_are_borne_within_the_window_brings_the_action()
    {
        FaultJudge judge = Judge();
        Assert.Equal([null, null, PolicyAction.Isolate], new[] { 0, 1_000, 2_000 }.Select(at => judge.Judge(Down(), at).Policy));
    }

    [Fact]
    public void Faults_that_the_window_has_left_behind_do_not_count()
    {
        FaultJudge judge = Judge();
        Assert.All(Enumerable.Range(0, 20), i => Assert.Null(judge.Judge(Down(), i * (HourMs / 2 + 1)).Policy));
    }

    [Fact]
    public void Each_component_has_its_own_count_and_begins_anew_when_it_is_forgotten()
    {
        FaultJudge judge = Judge();
        Assert.All(new[] { "nic-a", "nic-b", "nic-a", "nic-b" }, nic => Assert.Null(judge.Judge(Down(nic), 0).Policy));
        judge.Forget("m", "nic-a");
        Assert.Null(judge.Judge(Down("nic-a"), 1).Policy);
        Assert.NotNull(judge.Judge(Down("nic-b"), 1).Policy);
    }

    [Fact]
    public void Three_faults_that_follow_each_other_too_fast_bring_the_action_though_more_are_borne()
    {
        FaultJudge judge = Judge(maxFaults: 100, minBetweenSeconds: 60);
        Assert.Equal([null, null, PolicyAction.Isolate], new[] { 0, 50_000, 100_000 }.Select(at => judge.Judge(Down(), at).Policy));
        FaultJudge slow = Judge(maxFaults: 100, minBetweenSeconds: 60);
        Assert.Equal([null, null, null], new[] { 0, 70_000, 140_000 }.Select(at => slow.Judge(Down(), at).Policy));
    }

    [Fact]
    public void A_diagnosis_names_the_cause_and_how_often_it_came()
    {
        FaultJudge judge = Judge(5);
        Assert.DoesNotContain("fault of", judge.Judge(Down(), 0).Diagnosis, StringComparison.Ordinal);
        judge.Judge(Down(), 300_000);
        string third = judge.Judge(Down(), 600_000).Diagnosis;
        Assert.Contains("cable", third, StringComparison.Ordinal);
        Assert.Contains("3rd fault of nic-lan within 60 min, one every 5 min", third, StringComparison.Ordinal);
    }

    [Fact]
    public void Good_news_and_consequences_of_another_fault_do_not_count()
    {
        FaultJudge judge = Judge(maxFaults: 0);
        Assert.Null(judge.Judge(new FaultProtocol.Report("nic-repaired", FaultSeverity.Info, "m", "nic-lan", "Up."), 0).Policy);
        Assert.Null(judge.Judge(new FaultProtocol.Report("nic-rerouted", FaultSeverity.Warning, "m", "nic-lan", "Round."), 0).Policy);
        Assert.NotNull(judge.Judge(Down(), 0).Policy);
    }

    [Fact]
    public void A_flood_of_components_leaves_the_judge_bounded()
    {
        FaultJudge judge = Judge(maxFaults: 1);
        for (int i = 0; i < 10_000; i++) judge.Judge(Down("nic-" + i), i);
        Assert.NotNull(judge.Judge(Down("nic-9999"), 10_000).Policy); // the latest are remembered
    }

    [GeneratedRegex("""(?:Report|ReportEvent)\(\s*"([a-z-]+)",""")]
    private static partial Regex Reported();

    [Fact]
    public void Everything_that_the_program_reports_is_in_the_catalogue_with_a_diagnosis()
    {
        string[] inSource = [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(file => Reported().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))];
        string[] byProtocol = [.. Enum.GetNames<ProtocolFaultKind>().Select(name => Regex.Replace(name, "(?<!^)([A-Z])", "-$1").ToLowerInvariant())];
        Assert.Contains("vcpu-failed", inSource);
        Assert.Contains("peer-left-out", byProtocol);
        string[] known = [.. FaultCatalog.All.Select(kind => kind.Kind)];
        Assert.All([.. inSource, .. byProtocol], kind => Assert.Contains(kind, known));
        Assert.All(byProtocol, kind => Assert.NotEmpty(FaultCatalog.Find(kind).Diagnosis));
        Assert.All(FaultCatalog.All.SelectMany(kind => kind.EndedBy ?? []), end => Assert.Contains(end, known));
    }

    private static FaultProtocol.Entry Entry(string kind, long atMs, string server = "a", string component = "nic-lan", FaultSeverity severity = FaultSeverity.Warning) => new()
    {
        Id = $"{server}-{atMs}", AtUnixMs = atMs, Server = server, Report = new FaultProtocol.Report(kind, severity, "m", component, "It is down."),
    };

    private static AlertGate Gate(FaultSeverity least = FaultSeverity.Warning) => new(new AlertSettings { Syslog = "local", MinSeverity = least, RepeatAfter = TimeSpan.FromMinutes(10) });

    [Fact]
    public void The_same_fault_is_alerted_once_until_its_time_is_over_and_then_tells_how_many_were_kept_back()
    {
        AlertGate gate = Gate();
        Assert.True(gate.ShouldSend(Entry("nic-down", 0), 0, out _));
        Assert.False(gate.ShouldSend(Entry("nic-down", 1), 60_000, out _));
        Assert.False(gate.ShouldSend(Entry("nic-down", 2), 120_000, out _));
        Assert.True(gate.ShouldSend(Entry("nic-down", 3, component: "nic-b"), 120_000, out _));
        Assert.True(gate.ShouldSend(Entry("nic-down", 4), 600_000, out int suppressed));
        Assert.Equal(2, suppressed);
    }

    [Fact]
    public void What_both_servers_see_is_alerted_by_one_of_them()
    {
        AlertGate gate = Gate();
        gate.NoteToldByPeer(Entry("link-down", 0, "b", "link-ft0"));
        Assert.False(gate.ShouldSend(Entry("link-down", 100, "a", "link-ft0"), 100, out _));
        gate.NoteToldByPeer(Entry("nic-down", 0, "b"));
        Assert.True(gate.ShouldSend(Entry("nic-down", 100, "a"), 100, out _)); // each server's NIC is its own
    }

    [Fact]
    public void Only_what_is_severe_enough_is_alerted_and_never_a_failed_alert()
    {
        AlertGate gate = Gate(FaultSeverity.Error);
        Assert.False(gate.ShouldSend(Entry("nic-down", 0), 0, out _));
        Assert.True(gate.ShouldSend(Entry("divergence", 0, severity: FaultSeverity.Error), 0, out _));
        Assert.False(gate.ShouldSend(Entry("alert-failed", 0, severity: FaultSeverity.Critical), 0, out _));
        Assert.False(new AlertGate(new AlertSettings()).ShouldSend(Entry("divergence", 0, severity: FaultSeverity.Critical), 0, out _)); // no way is set
    }
}
