using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>
/// Real processes, the real guest with two vCPUs: whoever is killed, stopped or taken away, the machine's counter goes on, and the pair
/// becomes whole again by itself. ACTORFT_EPISODES sets how many leaders are killed (default 3); all victims in turn: Lab/EpisodeTests.
/// </summary>
[Collection(Collections.Pairs)]
public sealed class FailoverTests(ITestOutputHelper output)
{
    private static readonly int s_episodes = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_EPISODES"), out int count) ? count : 3;

    [Fact]
    public void KilledLeader_Every_Time_CounterGoesOn_AndPairIsWholeAgain()
    {
        using Pair pair = new Pair(2, "actorft.run=counter").StartAll();
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected();
        counter.WaitUntilItRises(leader);
        List<double> pauses = [];
        for (int episode = 0; episode < s_episodes; episode++)
        {
            (int, int) before = pair.ProtectedCounts;
            pair.Kill(leader);
            counter.Read(leader);
            string survivor = Pair.Other(leader);
            pauses.Add(counter.WaitUntilItRises(survivor));
            pair.Start(leader);
            pair.WaitUntilProtectedBy(survivor, before);
            leader = survivor;
            counter.WaitUntilItRises(leader);
        }

        pauses.Sort();
        output.WriteLine($"{s_episodes} leaders killed; counter at {counter.Last}, {counter.Repeated} lines repeated; new output after {string.Join(", ", pauses.Select(p => $"{p * 1000:F0}"))} ms");
    }

    [Fact]
    public void FrozenLeader_IsFenced_AndComesBackAsFollower()
    {
        using Pair pair = new Pair(2, "actorft.run=counter", "silence = 600 ms").StartAll(); // the product's own
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected();
        counter.WaitUntilItRises(leader);
        for (int episode = 0; episode < Math.Max(1, s_episodes / 2); episode++)
        {
            (int, int) before = pair.ProtectedCounts;
            pair.Freeze(leader);
            counter.Read(leader);
            string survivor = Pair.Other(leader);
            output.WriteLine($"silence: new output after {counter.WaitUntilItRises(survivor) * 1000:F0} ms");
            int wroteBefore = pair.Console(leader).Length;
            pair.Thaw(leader);
            pair.WaitUntilProtectedBy(survivor, before);
            counter.WaitUntilItRises(survivor);
            Assert.Equal(wroteBefore, pair.Console(leader).Length); // not a byte from a fenced server
            string fenced = leader; // its word may come later than the other's
            Wait.Until(() => pair.Log(fenced).Contains("[fenced]", StringComparison.Ordinal), () => $"{fenced} to say that it was fenced; {pair.Describe()}", 60);
            leader = survivor;
        }
    }

    [Fact]
    public void KilledFollowerOrArbiter_IsNotNoticedByTheMachine()
    {
        using Pair pair = new Pair(2, "actorft.run=counter").StartAll();
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected();
        counter.WaitUntilItRises(leader);

        (int, int) before = pair.ProtectedCounts;
        pair.Kill(Pair.Other(leader));
        counter.WaitUntilItRises(leader);
        pair.Start(Pair.Other(leader));
        pair.WaitUntilProtectedBy(leader, before);

        pair.Kill(Pair.Arbiter);
        counter.WaitUntilItRises(leader);
        pair.Start(Pair.Arbiter);
        counter.WaitUntilItRises(leader);
        Assert.Equal(0, counter.Repeated);

        // The arbiter remembers: the next fault is survived.
        pair.Kill(leader);
        counter.Read(leader);
        counter.WaitUntilItRises(Pair.Other(leader));
    }

    [Fact]
    public void StoppedLeader_HandsOver_WithoutLosingOrRepeatingALine()
    {
        using Pair pair = new Pair(2, "actorft.run=counter actorft.pace=2000").StartAll();
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected();
        counter.WaitUntilItRises(leader);
        (int, int) before = pair.ProtectedCounts;
        Assert.Equal(0, pair.Stop(leader));
        counter.Read(leader);
        string other = Pair.Other(leader);
        output.WriteLine($"hand-over: new output after {counter.WaitUntilItRises(other) * 1000:F0} ms");
        Assert.True(counter.Repeated == 0, $"{counter.Repeated} lines were repeated; the logs are:\n{pair.Log(leader)}\n{pair.Log(other)}");
        pair.Start(leader);
        pair.WaitUntilProtectedBy(other, before);
        counter.WaitUntilItRises(other);
        Assert.Equal(0, counter.Repeated);
    }

    [Fact]
    public void Verified_Commit_SurvivesTheLeaderToo()
    {
        using Pair pair = new Pair(2, "actorft.run=counter", "commit = verified").StartAll();
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected();
        counter.WaitUntilItRises(leader);
        pair.Kill(leader);
        counter.Read(leader);
        counter.WaitUntilItRises(Pair.Other(leader));
    }
}
