using System.Diagnostics;
using System.Globalization;
using System.Text;
using ActorFT.EndToEnd.Pairs;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Lab;

/// <summary>
/// The guest counts on its console. Its leader, its follower and the arbiter are killed, stopped, cut off from everything, again and again: no number
/// is ever missing or wrong, whoever was replaced says nothing any more, and every episode ends with a whole pair. A drill: ACTORFT_EPISODES
/// sets how many of each kind (default 1), ACTORFT_VICTIMS which kinds, ACTORFT_SEED the random moments, ACTORFT_SECONDS after how long no more is begun.
/// </summary>
public sealed class EpisodeTests(ITestOutputHelper output)
{
    private const string EveryKind = "leader-kill,leader-stop,leader-cut,follower-kill,follower-stop,follower-cut,arbiter-kill,arbiter-stop,arbiter-cut";

    private static readonly int s_episodes = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_EPISODES"), CultureInfo.InvariantCulture, out int count) ? count : 1;
    private static readonly int s_seed = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_SEED"), CultureInfo.InvariantCulture, out int seed) ? seed : 20;
    private static readonly double s_seconds = double.TryParse(Environment.GetEnvironmentVariable("ACTORFT_SECONDS"), CultureInfo.InvariantCulture, out double seconds) ? seconds : double.MaxValue;
    private static readonly string[] s_kinds = (Environment.GetEnvironmentVariable("ACTORFT_VICTIMS") ?? EveryKind).Split(',');

    [LabFact]
    [Trait("Category", "Drill")]
    public void EveryVictim_AgainAndAgain_CounterGoesOn_AndThePairIsWholeAgain()
    {
        Assert.All(s_kinds, kind => Assert.Contains(kind, EveryKind.Split(',')));
        long begun = Stopwatch.GetTimestamp();
        using LabPair pair = new LabPair(does: "actorft.run=counter actorft.pace=200").Start();
        CounterObserver counter = new(pair.Console, () => pair.Story);
        pair.WaitUntilProtected();
        pair.WaitUntilGood();
        string leader = pair.Leader; // on a host that starves them while they start, another one than was protected first
        counter.WaitUntilItRises(leader);
        Random random = new(s_seed);
        Dictionary<string, List<double>> pausesMs = s_kinds.ToDictionary(kind => kind, _ => new List<double>());
        string doing = "";
        try
        {
            for (int episode = 1; episode <= s_episodes; episode++)
            {
                foreach (string kind in s_kinds.TakeWhile(_ => Stopwatch.GetElapsedTime(begun).TotalSeconds < s_seconds))
                {
                    doing = $"Episode {episode}, {kind}, while {leader} leads";
                    pausesMs[kind].Add(Strike(pair, counter, random, kind, ref leader));
                }
            }
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{doing}, after {pausesMs.Values.Sum(pauses => pauses.Count)} good ones: {e.Message}\n{pair.Story}", e);
        }
        finally
        {
            foreach ((string kind, List<double> pauses) in pausesMs)
                output.WriteLine($"{kind}: {pauses.Count} episodes, next new number after {string.Join(", ", pauses.Select(pause => pause.ToString("F0", CultureInfo.InvariantCulture)))} ms");
            output.WriteLine($"counter at {counter.Last}, {counter.Repeated} lines repeated");
        }

        Assert.True(counter.Last > 1000, $"the counter is at {counter.Last} only");
    }

    // Gives the time from the fault to the next new number.
    private static double Strike(LabPair pair, CounterObserver counter, Random random, string kind, ref string leader)
    {
        Thread.Sleep(random.Next(300)); // at a random moment of the machine's life, not of a transfer's
        string[] words = kind.Split('-');
        string other = LabPair.Other(leader), fault = words[1], struck = words[0] switch { "leader" => leader, "follower" => other, _ => words[0] };
        bool leads = struck == leader;
        string survivor = leads ? other : leader;
        int before = pair.CountOf(survivor, "protected"), led = pair.CountOf(survivor, "leading"), alone = pair.CountOf(survivor, "exposed");
        counter.Read(leader);
        long since = Stopwatch.GetTimestamp();
        pair.Lab([fault switch { "stop" => "freeze", _ => fault }, struck]);
        if (leads) pair.WaitUntilSaid(survivor, "leading", led);
        int written = pair.Console(struck).Length;
        counter.Read(leader);
        counter.WaitUntilItRises(survivor);
        double pauseMs = Stopwatch.GetElapsedTime(since).TotalMilliseconds;
        if (struck == other) pair.WaitUntilSaid(survivor, "exposed", alone);
        pair.Lab(fault switch { "stop" => ["thaw", struck], "cut" => ["heal"], _ => ["start", struck] });
        if (struck != "arbiter") pair.WaitUntilSaid(survivor, "protected", before);
        pair.WaitUntilGood();
        byte[] said = pair.Console(struck);
        Assert.True(said.Length == written, $"{struck} wrote {said.Length - written} bytes beside the one that leads: {Encoding.Latin1.GetString(said.AsSpan(written))}");
        leader = survivor;
        counter.WaitUntilItRises(leader);
        return pauseMs;
    }
}
