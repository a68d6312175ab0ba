using System.Text;
using System.Text.RegularExpressions;
using ActorFT.Node.Tests.Support;
using static ActorFT.EndToEnd.Pairs.Pair;

namespace ActorFT.EndToEnd.Operate;

/// <summary>The table's lines about disks: everything that a copy can be made to do. Each breaks one server's copy; the other one answers.</summary>
internal static partial class DiskFaults
{
    /// <summary>Keys of actorft for a pair whose copies are broken one after the other: no policy leaves one out, and one that failed stays so for a while.</summary>
    /// <param name="stallSeconds">After how long a copy that does not answer counts as failed: short where a stall is one of the faults, else so long that a busy host's disk never does.</param>
    public static string NodeKeys(int stallSeconds) => $$"""
        disks { stall = {{stallSeconds}} s, stall-behind = {{stallSeconds}} s, restarts = 1000, restart-window = 1 s, restart-delay = 5 s, mean-time-between-faults = 0 s, sync-interval = 500 ms }
        faults { policies { disk { action = alert } } }
        """;

    /// <summary>What the guest does so that copies are used: five blocks a second, each flushed.</summary>
    public const string GuestDoes = "actorft.run=diskwrite actorft.pace=200000";

    [GeneratedRegex(@"actorft-guest: stable (\d+)\r?\n")]
    private static partial Regex Stable();

    private static (string Word, string Does)[] Kinds =>
    [
        ("eio", "answers with errors"), ("stall", "stalls"), ("nospace", "is full"), ("vanish", "vanishes"), ("flip", "flips a bit"), ("torn", "tears a write"), ("lost", "loses a write"),
    ];

    private static FaultCase Make(string name, string kind, Func<string, string> on) => (kind is "flip" or "torn" or "lost" ? WritesWrongly(name, kind, on) : Fails(name, kind, on)) with { Injects = "disk " + kind };

    public static FaultCase[] All { get; } =
    [
        .. Kinds.SelectMany(kind => (FaultCase[])[Make($"the leader's disk copy {kind.Does}", kind.Word, leader => leader), Make($"the follower's disk copy {kind.Does}", kind.Word, Other)]),
        IsIsolated("the leader's disk copy is isolated", leader => leader),
        IsIsolated("the follower's disk copy is isolated", Other),
    ];

    private static (string, string, string) State(string server, int state) => (server, $$"""actorft_disk_state{disk="data",machine="guest",server="{{server}}"}""", $"{state}");

    // It is opened again by policy, or sooner by command; a command that comes later than the policy is refused and not needed.
    private static FaultCase Fails(string name, string kind, Func<string, string> on) =>
        new(name, (pair, leader) => pair.Do("fault", "inject", "disk-data", "--set", "kind=" + kind, "--server", on(leader)), (pair, leader) =>
        {
            pair.Do("fault", "clear", "disk-data", "--server", on(leader));
            pair.Run("disk", "repair", "data", "--server", on(leader));
        })
        {
            Event = "disk-failed", Also = ["disk-served-by-peer"], Problem = leader => $"Disk data of guest on {on(leader)}: Failed", Metric = leader => State(on(leader), 2), Tile = leader => (on(leader), "disk data", "Failed"),
        };

    // Nobody notices before the block is read: a scrub does that, and replaces it from the other copy.
    private static FaultCase WritesWrongly(string name, string kind, Func<string, string> on) =>
        new(name, (pair, leader) =>
        {
            pair.Do("fault", "inject", "disk-data", "--set", "kind=" + kind, "--set", "count=1", "--server", on(leader));
            long wanted = Written(pair) + 5; // one of them is the wrong one
            Wait.Until(() => Written(pair) >= wanted, () => $"the guest to write; {pair.Describe()}", OperatedPair.BoundSeconds, everyMs: 20);
            pair.Do("disk", "scrub", "data", "--server", on(leader));
        }, (_, _) => { })
        {
            Event = "disk-bad-blocks", Problem = _ => "", IsBrief = true, Tile = leader => (on(leader), "disk data", ""),
            Metric = leader => (on(leader), $$"""actorft_disk_checksum_mismatches_total{disk="data",machine="guest",server="{{on(leader)}}"}""", ""),
        };

    private static FaultCase IsIsolated(string name, Func<string, string> on) =>
        new(name, (pair, leader) => pair.Do("disk", "isolate", "data", "--server", on(leader)), (pair, leader) => pair.Do("disk", "repair", "data", "--server", on(leader)))
        {
            Event = "disk-isolated", Problem = leader => $"Disk data of guest on {on(leader)}: Isolated", Metric = leader => State(on(leader), 3), Tile = leader => (on(leader), "disk data", "Isolated"),
        };

    private static long Written(OperatedPair pair) => ((string[])[ServerA, ServerB]).SelectMany(server => Stable().Matches(Encoding.Latin1.GetString(pair.Console(server))))
        .Select(match => long.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();
}
