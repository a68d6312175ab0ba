using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ActorFT.EndToEnd.Machines;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>
/// Real processes, the real guest, ext4 on /dev/vda, mirrored: the guest writes numbered blocks with their SHA-256, each with fsync, and reports each on the
/// console as it is told stable. Leaders are killed and copies broken; afterwards nothing reported is missing, the file system is clean, and both images
/// are equal. ACTORFT_DISK_EPISODES sets how many episodes the drill runs (default 20), each of which ends with that.
/// </summary>
[Collection(Collections.Pairs)]
public sealed partial class DiskTests(ITestOutputHelper output)
{
    private const int DiskMegabytes = 48;

    private static readonly string[] s_faults = ["eio", "stall", "vanish", "nospace"];

    [GeneratedRegex(@"actorft-guest: stable (\d+)\r?\n")]
    private static partial Regex Stable();

    [Fact]
    public void KilledLeader_AndFailingCopies_LoseNoBlockThatWasReportedStable()
    {
        int seed = 7;
        Run(["hand-over", "kill-leader", "eio"], seed, stallSeconds: 20); // a busy host's disk is no stalled one
    }

    // A write ends for the guest at once, so many ends are in the record of their requests when nothing flushes: a follower that waited for its own disk, or left them out, would differ.
    [Fact]
    public void WritesWithoutFlushes_KeepBothReplicasEqual()
    {
        const string Writes = "n=0; while :; do dd if=/bin/busybox of=/dev/vda bs=4096 count=200 oflag=direct conv=notrunc 2>/dev/null; n=$((n+1)); echo pass $n; done";
        using Pair pair = new Pair(1, Guest.Command(Writes), machine: Pair.DiskKeys).MakeDisk($"{DiskMegabytes}M").StartAll();
        string leader = pair.WaitUntilProtected();
        int Passes() => Regex.Count(Encoding.Latin1.GetString(pair.Console(leader)), @"pass \d+\r?\n");
        int before = Passes();
        Wait.Until(() => Passes() >= before + 10, () => $"the guest to write; its console ends with \"{Tail(pair, leader)}\"; {pair.Describe()}", Pair.ProtectSeconds);
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB]) Assert.Equal((server, 0), (server, pair.CountOf(server, "divergence")));
        Assert.Equal(leader, pair.WaitUntilProtected());
    }

    [Fact, Trait("Category", "Drill")]
    public void Drill_ManyEpisodes()
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_DISK_EPISODES"), NumberStyles.None, CultureInfo.InvariantCulture, out int wanted) ? wanted : 20;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_DISK_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : Random.Shared.Next();
        Random random = new(seed);
        string[] kinds = ["kill-leader", "kill-follower", "hand-over", "isolate", "flip", "torn", "lost", "missing", .. s_faults];
        int first = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_DISK_FIRST"), NumberStyles.None, CultureInfo.InvariantCulture, out int skipped) ? skipped : 0;
        string[] episodes = [.. Enumerable.Range(0, first + count).Select(i => i < kinds.Length ? kinds[i] : kinds[random.Next(kinds.Length)])];
        // Each with a disk and servers of its own, to the end: what one leaves behind is seen there, and not hidden by the next one's writes.
        for (int i = first; i < episodes.Length; i++)
        {
            output.WriteLine($"episode {i} of seed {seed}");
            Run([episodes[i]], seed + i, stallSeconds: 2);
        }
    }

    private void Run(string[] episodes, int seed, int stallSeconds)
    {
        Random random = new(seed);
        // Quick restarts, and no limit to them: each episode breaks something anew.
        using Pair pair = new Pair(1, "actorft.run=diskwrite actorft.disk=ext4 actorft.pace=20000", machine: Pair.DiskKeys, node:
            $"disks {{ stall = {stallSeconds} s, stall-behind = {stallSeconds * 500} ms, restarts = 1000, restart-window = 1 s, restart-delay = 500 ms, mean-time-between-faults = 0 s, sync-interval = 500 ms }}\n  faults {{ policies {{ disk {{ action = alert }} }} }}").MakeDisk($"{DiskMegabytes}M").StartAll();
        string leader = pair.WaitUntilProtected();
        WaitForBlocks(pair, leader, 5);
        EachCopyTellsWhatItTakes(pair);
        foreach (string episode in episodes)
        {
            string server = random.Next(2) == 0 ? leader : Pair.Other(leader);
            output.WriteLine($"{episode} on {server}; {leader} leads; {Reported(pair)} blocks");
            switch (episode)
            {
                case "kill-leader":
                    {
                        (int, int) before = pair.ProtectedCounts;
                        pair.Kill(leader);
                        string survivor = Pair.Other(leader);
                        WaitForBlocks(pair, survivor, 3);
                        pair.Start(leader);
                        pair.WaitUntilProtectedBy(survivor, before);
                        leader = survivor;
                        break;
                    }
                case "kill-follower":
                    {
                        (int, int) before = pair.ProtectedCounts;
                        pair.Kill(Pair.Other(leader));
                        WaitForBlocks(pair, leader, 3);
                        pair.Start(Pair.Other(leader));
                        pair.WaitUntilProtectedBy(leader, before);
                        break;
                    }
                case "hand-over":
                    // With requests under way each time: what their copies answer while no server runs rounds must reach the guest from the new leader.
                    for (int i = 0; i < 4; i++)
                    {
                        (int, int) before = pair.ProtectedCounts;
                        pair.Ask("failover");
                        leader = Pair.Other(leader);
                        pair.WaitUntilProtectedBy(leader, before);
                        WaitForBlocks(pair, leader, 2);
                    }

                    break;
                case "missing":
                    {
                        // The follower comes back without its image: it joins all the same, served by the other copy, and a new one is filled.
                        string follower = Pair.Other(leader);
                        int before = pair.CountOf(follower, "disk-mirrored"), failed = pair.CountOf(follower, "disk-failed");
                        pair.Stop(follower);
                        File.Delete(pair.ImagePath(follower));
                        pair.Start(follower);
                        Wait.Until(() => pair.CountOf(follower, "disk-failed") > failed, () => $"the missing copy to be told; {pair.Describe()}", Pair.ProtectSeconds);
                        WaitForBlocks(pair, leader, 5);
                        (int code, string text, string errors) = ActorftProcess.Run(pair.Folder, "disk", "create", "--config", follower + ".conf", "--replacement", "--force", "--size", $"{DiskMegabytes} MiB");
                        Assert.True(code == 0, $"disk create on {follower}: {text}{errors}");
                        WaitUntilMirrored(pair, follower, before);
                        break;
                    }
                case "isolate":
                    {
                        int before = pair.CountOf(server, "disk-mirrored");
                        pair.Ask("disk", "isolate", "data", "--server", server);
                        WaitForBlocks(pair, leader, 5);
                        pair.Ask("disk", "repair", "data", "--server", server);
                        WaitUntilMirrored(pair, server, before);
                        break;
                    }
                case "flip" or "torn" or "lost":
                    {
                        // The device says that it wrote and did not, or wrote something else: found by a scrub, attributed to this copy, repaired from the other.
                        pair.Ask("fault", "inject", "disk-data", "--server", server, "--set", $"kind={episode}", "--set", "count=3");
                        WaitForBlocks(pair, leader, 4);
                        pair.Ask("fault", "clear", "disk-data", "--server", server);
                        ScrubUntilClean(pair, server);
                        break;
                    }
                default:
                    {
                        int before = pair.CountOf(server, "disk-mirrored"), failed = pair.CountOf(server, "disk-failed");
                        pair.Ask("fault", "inject", "disk-data", "--server", server, "--set", $"kind={episode}");
                        Wait.Until(() => pair.CountOf(server, "disk-failed") > failed, () => $"the copy to fail; {pair.Describe()}", Pair.ProtectSeconds);
                        WaitForBlocks(pair, leader, 5); // served by the other copy, no failover
                        pair.Ask("fault", "clear", "disk-data", "--server", server);
                        WaitUntilMirrored(pair, server, before);
                        break;
                    }
            }

            WaitForBlocks(pair, leader, 3);
        }

        Assert.True(Log(pair, "disk-data-lost") == 0, $"The guest got an I/O error; {pair.Describe()}");
        if (episodes.Any(episode => episode is "flip" or "torn" or "lost"))
            Assert.True(Log(pair, "disk-repaired") > 0, $"No wrong block was found; {pair.Describe()}");
        StopAndCompare(pair, leader);
    }

    private void EachCopyTellsWhatItTakes(Pair pair)
    {
        string[] servers = [Pair.ServerA, Pair.ServerB];
        string told = "";
        Wait.Until(() =>
        {
            told = pair.Run("disk").Output;
            return servers.All(server => Regex.IsMatch(told, $@"disk data on {server}: read .+, write .+ \(p99 .+, flush .+ \(p99 .+\), errors 0"));
        }, () => $"what each copy takes, told by \"actorft disk\": {told}; {pair.Describe()}", Pair.ProtectSeconds);
        output.WriteLine(told);
        using HttpClient client = new();
        string all = "";
        foreach (string server in servers)
        {
            string metrics = client.GetStringAsync(pair.Url(server) + "/metrics").GetAwaiter().GetResult();
            all += metrics;
            Assert.Matches($$"""actorft_disk_request_seconds_count\{(?=[^}]*server="{{server}}")(?=[^}]*disk="data")(?=[^}]*operation="flush")[^}]*\} [1-9]""", metrics);
        }

        Assert.Matches("""actorft_disk_machine_flush_seconds_count\{[^}]*disk="data"[^}]*\} [1-9]""", all); // of whoever leads
    }

    private void StopAndCompare(Pair pair, string leader)
    {
        long reported = Reported(pair);
        // Both copies are flushed together every half second; then the leader's end is followed at once by the other's.
        pair.Stop(Pair.Other(leader));
        pair.Kill(leader); // a power cut of the last one: what was reported stable must be there all the same
        reported = Math.Max(reported, Reported(pair));
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB])
        {
            (int code, string text, string errors) = ActorftProcess.Run(pair.Folder, "disk", "verify", "--config", server + ".conf");
            Assert.True(code == 0, $"disk verify on {server}: {text}{errors}");
        }

        // As the power cut left it, before any system has had it.
        (int judged, string verdict, string complaints) = ActorftProcess.RunShell(pair.Folder, JudgeFileSystem(leader));
        Assert.True(judged == 0, $"The file system of {leader} after the power cut: {verdict}{complaints}; {pair.Describe()}");
        VerifyInGuest(pair, leader, reported);
    }

    // "e2fsck -fn" is the judge, and nothing repairs before it. It opens read-only and so skips the journal's replay (e2fsck(8), -n), and a file system that was
    // mounted to the end has its truth there: what every mount does first is done first, and that alone (-E journal_only: "only replay the journal if
    // required, but do not perform any further checks or repairs").
    private static string JudgeFileSystem(string server) => $$"""
        set -e; PATH=$PATH:/usr/sbin:/sbin
        cp --sparse=always {{server}}.img copy.img
        e2fsck -y -E journal_only copy.img || [ $? -eq 1 ]
        e2fsck -fn copy.img
        """;

    // The last leader boots the machine from its disk again, and the guest reads every block back.
    private void VerifyInGuest(Pair pair, string leader, long reported)
    {
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB])
        {
            string path = Path.Combine(pair.Folder, server + ".conf");
            File.WriteAllText(path, File.ReadAllText(path).Replace("actorft.run=diskwrite", "actorft.run=diskverify", StringComparison.Ordinal));
        }

        int before = Encoding.Latin1.GetString(pair.Console(leader)).Length;
        pair.Start(leader);
        Match verified = Match.Empty;
        Wait.Until(() => (verified = Regex.Match(Encoding.Latin1.GetString(pair.Console(leader))[before..], @"verified (\d+) bad (\d+)")).Success, () => $"the guest to read its blocks back; {pair.Describe()}", Pair.ProtectSeconds);
        Assert.Equal("0", verified.Groups[2].Value);
        Assert.True(long.Parse(verified.Groups[1].Value, CultureInfo.InvariantCulture) >= reported, $"{reported} blocks were reported stable, {verified.Value} are there; {pair.Describe()}");
        // The other one comes back and is made equal.
        int mirrored = pair.CountOf(Pair.Other(leader), "disk-mirrored");
        pair.Start(Pair.Other(leader));
        WaitUntilMirrored(pair, Pair.Other(leader), mirrored);
        pair.Stop(Pair.Other(leader));
        pair.Stop(leader);
        (int code, string text, string errors) = ActorftProcess.RunShell(pair.Folder, $"cmp {Pair.ServerA}.img {Pair.ServerB}.img || exit 1; {JudgeFileSystem(Pair.ServerA)}");
        Assert.True(code == 0, $"The images after the end: {text}{errors}; {pair.Describe()}");
        output.WriteLine($"{reported} blocks reported stable, {verified.Value}; both images are equal and clean");
    }

    private static void ScrubUntilClean(Pair pair, string server)
    {
        int Clean() => Regex.Count(pair.Log(server), @"regions: 0 bad block\(s\), 0 block");
        int clean = Clean(), scrubs = pair.CountOf(server, "disk-scrubbed");
        pair.Ask("disk", "scrub", "data", "--server", server);
        Wait.Until(() =>
        {
            if (Clean() > clean) return true;
            int ended = pair.CountOf(server, "disk-scrubbed");
            if (ended > scrubs)
            {
                scrubs = ended;
                pair.Ask("disk", "scrub", "data", "--server", server);
            }

            return false;
        }, () => $"a scrub that finds nothing any more; {pair.Describe()}", Pair.ProtectSeconds);
    }

    private static void WaitUntilMirrored(Pair pair, string server, int before) =>
        Wait.Until(() => pair.CountOf(server, "disk-mirrored") > before, () => $"both copies to be equal again; {pair.Describe()}", Pair.ProtectSeconds);

    private static void WaitForBlocks(Pair pair, string leader, int count)
    {
        long wanted = Reported(pair) + count;
        Wait.Until(() => Reported(pair) >= wanted, () => $"the guest to write {count} more blocks with {leader} leading ({Reported(pair)} so far); its console ends with \"{Tail(pair, leader)}\"; {Asked(pair)}; {pair.Describe()}", Pair.ProtectSeconds);
    }

    private static string Tail(Pair pair, string server)
    {
        string console = Encoding.Latin1.GetString(pair.Console(server));
        return console[Math.Max(0, console.Length - 300)..];
    }

    private static string Asked(Pair pair) => string.Concat(((string[])[Pair.ServerA, Pair.ServerB]).Where(pair.Runs).Select(server => $"\nas {server} says:\n{pair.Operate(server, "status").Output}\n{pair.Operate(server, "disk", "list").Output}"));

    // The highest number told stable, on either console.
    private static long Reported(Pair pair)
    {
        long highest = 0;
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB])
            foreach (Match match in Stable().Matches(Encoding.Latin1.GetString(pair.Console(server))))
                highest = Math.Max(highest, long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        return highest;
    }

    private static int Log(Pair pair, string kind) => pair.CountOf(Pair.ServerA, kind) + pair.CountOf(Pair.ServerB, kind);
}
