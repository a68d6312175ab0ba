using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>Cold starts, planned changes and the machine's own end, with real processes.</summary>
[Collection(Collections.Pairs)]
public sealed class StartTests
{
    private const double BoundSeconds = 120;

    // A drill for its length only: the program waits 3 s before it says what it waits for, three times.
    [Fact, Trait("Category", "Drill")]
    public void ColdStart_InWhateverOrder_BootsOnTheRightServer_AndSaysWhatItWaitsFor()
    {
        using Pair pair = new(1, "actorft.run=idle");
        // No arbiter: neither boots, both say why.
        pair.Start(Pair.ServerB);
        pair.Start(Pair.ServerA);
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB]) WaitFor(pair, server, "[waiting]", "the arbiter's answer");
        pair.Start(Pair.Arbiter);
        Assert.Equal(Pair.ServerA, pair.WaitUntilProtected()); // a machine that never ran boots on the first by name

        // Everything off; the one that only followed comes first: the other may have newer state. The arbiter goes first, so that
        // server-a cannot leave the dead server-b out: then it would be the only member, and the sentence another one.
        foreach (string node in (string[])[Pair.Arbiter, Pair.ServerB, Pair.ServerA]) pair.Kill(node);
        pair.Start(Pair.Arbiter);
        (int, int) before = pair.ProtectedCounts;
        pair.Start(Pair.ServerB);
        WaitFor(pair, Pair.ServerB, "[waiting]", "server-a, which may have the machine's state");
        pair.Start(Pair.ServerA);
        Assert.Equal(Pair.ServerA, pair.WaitUntilProtected(before)); // led last

        // The only member of the last configuration boots alone, without the other.
        int exposed = pair.CountOf(Pair.ServerA, "exposed");
        pair.Kill(Pair.ServerB);
        Wait.Until(() => pair.CountOf(Pair.ServerA, "exposed") > exposed, () => $"server-a to go on alone; {pair.Describe()}", BoundSeconds);
        pair.Kill(Pair.ServerA);
        pair.Start(Pair.ServerB);
        WaitFor(pair, Pair.ServerB, "[waiting]", "server-a, which has the current disks");
        before = pair.ProtectedCounts;
        pair.Start(Pair.ServerA);
        pair.WaitUntilProtectedBy(Pair.ServerA, before);
    }

    [Fact]
    public void FailoverCommand_LeaveAndReturn_LoseAndRepeatNothing()
    {
        using Pair pair = new Pair(2, "actorft.run=counter actorft.pace=2000").StartAll();
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected(), other = Pair.Other(leader);
        counter.WaitUntilItRises(leader);

        (int, int) before = pair.ProtectedCounts;
        Done(pair.Operate(other, "failover")); // asked of the server that follows: it passes it on
        RisesAcross(pair, counter, leader, other, 1);
        pair.WaitUntilProtectedBy(other, before);
        (leader, other) = (other, leader);

        int exposed = pair.CountOf(leader, "exposed");
        Done(pair.Operate(leader, "server", "leave", other)); // the follower goes
        Wait.Until(() => pair.CountOf(leader, "exposed") > exposed, () => $"{leader} to go on alone; {pair.Describe()}", BoundSeconds);
        counter.WaitUntilItRises(leader);
        (int refused, string why) = pair.Operate(leader, "server", "leave", leader); // nobody would be left
        Assert.True(refused == 2 && why.Contains($"{leader} cannot leave: it runs the only copy of machine guest.", StringComparison.Ordinal), $"{refused}: {why}");
        WaitFor(pair, leader, "[request-refused]", "the only copy");
        before = pair.ProtectedCounts;
        Done(pair.Operate(leader, "server", "return", other));
        pair.WaitUntilProtectedBy(leader, before);

        before = pair.ProtectedCounts;
        exposed = pair.CountOf(other, "exposed");
        Done(pair.Operate(leader, "server", "leave", leader)); // the leader goes: it hands over first
        RisesAcross(pair, counter, leader, other, 2);
        Wait.Until(() => pair.CountOf(other, "exposed") > exposed, () => $"{other} to go on alone; {pair.Describe()}", BoundSeconds);
        Done(pair.Operate(other, "server", "return", leader));
        pair.WaitUntilProtectedBy(other, before);
        counter.WaitUntilItRises(other);
        Assert.True(counter.Repeated == 0, $"{counter.Repeated} lines were repeated; {pair.Describe()}");
    }

    [Fact]
    public void PoweredOffMachine_StaysOff_ThroughAFailover_AndBootsWhenBothServersAreStartedAnew()
    {
        using Pair pair = new Pair(1, "actorft.run=poweroff").StartAll();
        string leader = pair.WaitUntilProtected(), other = Pair.Other(leader);
        WaitFor(pair, leader, "[power]", "shut down");
        pair.Kill(leader);
        WaitFor(pair, other, "[leading]", other);
        (int, int) before = pair.ProtectedCounts;
        pair.Start(leader);
        pair.WaitUntilProtectedBy(other, before); // a machine that is off is protected like any other
        Wait.Until(() => pair.Operate(other, "status", "--output", "json").Output.Contains("Offline", StringComparison.Ordinal), () => $"{other} to say that the machine is off; {pair.Describe()}", BoundSeconds, everyMs: 100);

        // Powered on again, as another machine: both services stopped, both files changed, both started (docs/operations.md).
        int exposed = pair.CountOf(other, "exposed");
        Assert.Equal(0, pair.Stop(leader));
        Wait.Until(() => pair.CountOf(other, "exposed") > exposed, () => $"{other} to go on alone; {pair.Describe()}", BoundSeconds);
        Assert.Equal(0, pair.Stop(other));
        foreach (string server in (string[])[leader, other])
        {
            string file = File.ReadAllText(pair.ConfigurationPath(server));
            File.WriteAllText(pair.ConfigurationPath(server), file.Replace("vcpus = 1", "vcpus = 2", StringComparison.Ordinal));
        }

        before = pair.ProtectedCounts;
        pair.Start(leader);
        pair.Start(other);
        pair.WaitUntilProtectedBy(other, before); // ran last
        WaitFor(pair, other, "[power]", "shut down"); // booted anew, and did what it does
    }

    // The counter goes on where the one that led stopped, once the other leads, for so many times in its run.
    private static void RisesAcross(Pair pair, CounterObserver counter, string former, string server, int times)
    {
        Wait.Until(() => pair.LogOfThisRun(server).Split("[leading]").Length > times, () => $"{server} to lead; {pair.Describe()}", BoundSeconds);
        counter.Read(former);
        counter.WaitUntilItRises(server);
    }

    private static void Done((int ExitCode, string Output) ran) => Assert.True(ran.ExitCode == 0, ran.Output);

    private static void WaitFor(Pair pair, string server, string kind, string words) => Wait.Until(
        () => pair.LogOfThisRun(server).Split('\n').Any(line => line.Contains(kind, StringComparison.Ordinal) && line.Contains(words, StringComparison.Ordinal)),
        () => $"{server} to say {kind} {words}; {pair.Describe()}", BoundSeconds);
}
