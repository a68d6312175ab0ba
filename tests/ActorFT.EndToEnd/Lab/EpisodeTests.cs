using System.Diagnostics;
using System.Globalization;
using ActorFT.EndToEnd.Pairs;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Lab;

/// <summary>
/// The guest counts on its console. Its leader is killed, stopped, cut off from everything; then its follower and the arbiter are killed; again and
/// again: no number is ever missing or wrong, and every episode ends with a whole pair. A drill: ACTORFT_EPISODES sets how often (default 1
/// of each), ACTORFT_VICTIMS which of kill,stop,cut,follower,arbiter.
/// </summary>
public sealed class EpisodeTests(ITestOutputHelper output)
{
    private static readonly int s_episodes = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_EPISODES"), CultureInfo.InvariantCulture, out int count) ? count : 1;
    private static readonly string[] s_victims = (Environment.GetEnvironmentVariable("ACTORFT_VICTIMS") ?? "kill,stop,cut,follower,arbiter").Split(',');

    [LabFact]
    [Trait("Category", "Drill")]
    public void EveryVictim_AgainAndAgain_CounterGoesOn_AndThePairIsWholeAgain()
    {
        using LabPair pair = new LabPair(does: "actorft.run=counter actorft.pace=200").Start();
        CounterObserver counter = new(pair.Console, () => pair.AllLogs);
        string leader = pair.WaitUntilProtected();
        counter.WaitUntilItRises(leader);
        Random random = new(20);
        Dictionary<string, List<double>> pausesMs = [];
        for (int episode = 0; episode < s_episodes; episode++)
        {
            foreach (string victim in s_victims)
            {
                Thread.Sleep(random.Next(300)); // at a random moment of the machine's life, not of a transfer's
                double pause = Strike(pair, counter, victim, ref leader);
                if (!pausesMs.TryGetValue(victim, out List<double>? pauses)) pausesMs[victim] = pauses = [];
                pauses.Add(pause);
            }
        }

        foreach ((string victim, List<double> pauses) in pausesMs)
            output.WriteLine($"{victim}: {pauses.Count} episodes, next new number after {string.Join(", ", pauses.Select(pause => pause.ToString("F0", CultureInfo.InvariantCulture)))} ms");
        output.WriteLine($"counter at {counter.Last}, {counter.Repeated} lines repeated");
        Assert.True(counter.Last > 1000, $"the counter is at {counter.Last} only");
    }

    private static double Strike(LabPair pair, CounterObserver counter, string victim, ref string leader)
    {
        string other = LabPair.Other(leader), struck = victim switch { "follower" => other, "arbiter" => "arbiter", _ => leader };
        bool leads = struck == leader;
        string survivor = leads ? other : leader;
        int before = pair.CountOf(survivor, "protected"), led = pair.CountOf(survivor, "leading");
        counter.Read(leader);
        long since = Stopwatch.GetTimestamp();
        pair.Lab([victim switch { "stop" => "freeze", "cut" => "cut", _ => "kill" }, struck]);
        if (leads) pair.Until(() => pair.CountOf(survivor, "leading") > led, $"{survivor} to lead");
        int written = victim == "cut" ? pair.Console(leader).Length : 0;
        counter.Read(leader);
        counter.WaitUntilItRises(survivor);
        double pauseMs = Stopwatch.GetElapsedTime(since).TotalMilliseconds;
        pair.Lab(victim switch { "stop" => ["thaw", struck], "cut" => ["heal"], _ => ["start", struck] });
        if (struck != "arbiter") pair.WaitUntilSaid(survivor, "protected", before);
        pair.WaitUntilGood();
        if (victim == "cut") Assert.Equal(written, pair.Console(leader).Length); // not a byte from the one that was replaced
        leader = survivor;
        counter.WaitUntilItRises(leader);
        return pauseMs;
    }
}
