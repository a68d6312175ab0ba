using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ActorFT.EndToEnd.Machines;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;

namespace ActorFT.PairBench;

/// <summary>
/// A machine's disk under the loads of scripts/guest/disk-bench: alone, in lockstep on two servers, while the other copy is rebuilt, and in QEMU. All machines of a
/// comparison run at once, and one of them at a time does a load, the others idle: so that a host which is not equally fast for long is the same for neighbours.
/// scripts/bench disk runs it.
/// </summary>
internal sealed class DiskBench
{
    private const string ThrottledRate = "8 MiB";

    // Both servers' processes together, when the guest has booted and waits.
    private const double IdleCores = 0.3;

    private const int WarmUps = 3, IdleSeconds = 3;

    private readonly Action<string> _say;
    private readonly int _runs, _seconds, _megabytes, _resyncMegabytes;
    private readonly string[] _only;
    private readonly DiskResults _results;
    private readonly string _initrd = Environment.GetEnvironmentVariable("ACTORFT_BENCH_INITRD") ?? throw new InvalidOperationException("ACTORFT_BENCH_INITRD is not set; scripts/bench disk sets it.");

    private DiskBench(Dictionary<string, string> options, Action<string> say)
    {
        int Number(string name, int otherwise) => options.TryGetValue(name, out string? value) ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;
        _say = say;
        (_runs, _seconds, _megabytes, _resyncMegabytes) = (Number("--runs", 3), Number("--seconds", 3), Number("--size", 256), Number("--resync-size", 1024));
        _only = options.GetValueOrDefault("--only", "duplex,rebuild,resync,qemu").Split(',');
        _results = new DiskResults { Disk = $"{_megabytes} MiB", ResyncDisk = $"{_resyncMegabytes} MiB", SecondsOfALoad = _seconds, RebuildRate = ThrottledRate };
    }

    internal static int Run(string[] args, Action<string> say)
    {
        Dictionary<string, string> options = args.Chunk(2).ToDictionary(pair => pair[0], pair => pair[^1]);
        DiskBench bench = new(options, say);
        try
        {
            if (bench.Wants("duplex") || bench.Wants("rebuild") || bench.Wants("qemu")) bench.MeasureLoads();
            if (bench.Wants("resync")) bench.MeasureResyncs();
        }
        catch (Exception e) when (e is TimeoutException or HttpRequestException)
        {
            Console.Error.WriteLine($"disk failed: {e.Message}");
            return 1;
        }

        if (options.ContainsKey("--output")) Console.WriteLine(bench._results.Json());
        else bench._results.Print();
        return 0;
    }

    private bool Wants(string kind) => _only.Contains(kind);

    private static string Does => Guest.Command("/usr/bin/disk-bench");

    // A machine whose first server has a disk full of noise; nothing runs yet.
    private Pair NewPair(string does, string disks, int megabytes)
    {
        Pair pair = new(1, does, machine: Pair.DiskKeys, node: $"disks {{ {disks}, restarts = 1000 }}\n  faults {{ policies {{ disk {{ action = alert }} }} }}");
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB])
            File.WriteAllText(pair.ConfigurationPath(server), File.ReadAllText(pair.ConfigurationPath(server)).Replace(Guest.Initrd, _initrd, StringComparison.Ordinal));
        pair.MakeDisk($"{megabytes}M");
        DiskImages.FillWithNoise(pair, megabytes);
        return pair;
    }

    // One server of two, and the arbiter: a machine without a second copy.
    private Pair NewSimplex(int core)
    {
        Pair pair = NewPair(Does, "resync-rate = 0", _megabytes);
        pair.Start(Pair.Arbiter);
        pair.Start(Pair.ServerA);
        BenchPair.PutOnCore(pair.ProcessId(Pair.ServerA), core);
        return pair;
    }

    private void MeasureLoads()
    {
        using Pair? pair = Wants("duplex") || Wants("rebuild") ? NewPair(Does, $"resync-rate = {ThrottledRate}", _megabytes).StartAll() : null;
        BenchGuest? duplex = null;
        string follower = "";
        if (pair is not null)
        {
            // Two hosts of one core each: both servers' work would else share what simplex has to itself.
            string leader = pair.WaitUntilProtected();
            follower = Pair.Other(leader);
            BenchPair.PutOnCore(pair.ProcessId(leader), 0);
            BenchPair.PutOnCore(pair.ProcessId(follower), 1);
            duplex = BenchGuest.Of("duplex", pair, leader);
            duplex.WaitUntilBooted();
            WaitUntilMirrored(pair, follower, 0);
            _say("a pair has booted, both copies are equal");
        }

        if (Wants("duplex") || Wants("qemu")) MeasureKinds(pair, duplex);
        if (Wants("rebuild")) MeasureRebuilds(pair!, duplex!, follower);
    }

    // Simplex is two machines, one on each core, that do the same load at the same time, as leader and follower do in duplex: two servers on one host share its caches, its memory and its
    // disk, as they do not when each has a host. The slower one counts: a host's cores are not equally fast, and no pair can be faster than the slower of its servers. "alone" is the
    // first one while the other core is idle.
    private void MeasureKinds(Pair? pair, BenchGuest? duplex)
    {
        using Pair? simplexPair = Wants("duplex") ? NewSimplex(core: 0) : null, besidePair = Wants("duplex") ? NewSimplex(core: 1) : null;
        using QemuGuest? qemu = Wants("qemu") ? new QemuGuest(_initrd, Does, _megabytes) : null;
        List<(string Kind, BenchGuest[] Guests)> kinds = [];
        if (simplexPair is not null && besidePair is not null)
        {
            BenchGuest simplex = BenchGuest.Of("simplex", simplexPair, Pair.ServerA), beside = BenchGuest.Of("the machine beside simplex", besidePair, Pair.ServerA);
            kinds.AddRange([("duplex", [duplex!]), ("simplex", [simplex, beside]), ("alone", [simplex])]);
        }

        if (qemu is not null) kinds.Add(("qemu", [qemu.Loads]));
        foreach (BenchGuest guest in kinds.SelectMany(kind => kind.Guests).Distinct().Where(guest => guest != duplex)) guest.WaitUntilBooted();
        for (int i = 0; i < WarmUps; i++)
        {
            _say($"warming up, {i + 1} of {WarmUps}"); // .NET compiles meanwhile what is used much
            foreach (string load in DiskResults.Loads)
                foreach ((_, BenchGuest[] guests) in kinds) Take(guests, load);
        }

        if (simplexPair is not null)
        {
            _results.IdleCores = (Idle(kinds[1].Guests[0]), Idle(duplex!));
            _say(string.Create(CultureInfo.InvariantCulture, $"idle: simplex {_results.IdleCores.Simplex:F3} cores, duplex {_results.IdleCores.Duplex:F3} cores"));
        }

        for (int turn = 0; turn < 2 * _runs; turn++)
        {
            // Now in one order, now in the other: a host that becomes faster favours neither of two neighbours.
            _say($"turn {turn + 1} of {2 * _runs}");
            foreach (string load in DiskResults.Loads)
            {
                foreach ((string kind, BenchGuest[] guests) in turn % 2 == 0 ? kinds : kinds.AsEnumerable().Reverse()) Add(kind, load, Take(guests, load));
                if (load == "fsync" && Wants("duplex")) TakeFlushes(pair!);
            }
        }
    }

    private static double Idle(BenchGuest guest)
    {
        double before = guest.ProcessorSeconds;
        Thread.Sleep(TimeSpan.FromSeconds(IdleSeconds));
        return (guest.ProcessorSeconds - before) / IdleSeconds;
    }

    // All at once; what the slowest one saw. What others have left to be written is written before.
    private DiskSample Take(BenchGuest[] guests, string load)
    {
        DiskImages.Shell(".", "sync");
        foreach (BenchGuest guest in guests) guest.Begin(load, _seconds);
        return guests.Select(guest => guest.End()).ToArray().MinBy(sample => sample.Iops);
    }

    private void Add(string kind, string load, DiskSample sample)
    {
        _results.Add(kind, load, sample);
        _say(string.Create(CultureInfo.InvariantCulture, $"{kind} {load}: {sample.Iops:F0}/s, {sample.MegabytesPerSecond:F1} MB/s, p50 {sample.P50Us:F0} us, p99 {sample.P99Us:F0} us, {sample.Cores:F2} cores"));
    }

    // Medians of the last half minute to minute, as the servers tell them.
    private void TakeFlushes(Pair pair)
    {
        using JsonDocument disks = JsonDocument.Parse(pair.Ask("disk", "list", "--output", "json")), links = JsonDocument.Parse(pair.Ask("link", "list", "--output", "json"));
        double flush = disks.RootElement.EnumerateArray().Max(copy => copy.GetProperty("disk").GetProperty("flushLatency").GetProperty("p50Us").GetDouble());
        double roundTrip = links.RootElement.EnumerateArray().Max(link => link.GetProperty("link").GetProperty("roundTripMs").GetDouble()) * 1e3;
        double machine = MachineFlushUs(pair);
        _results.AddFlush(machine, flush, roundTrip);
        _say(string.Create(CultureInfo.InvariantCulture, $"duplex: the machine waits {machine:F0} us for a flush, the slower copy's own takes {flush:F0} us, a round trip {roundTrip:F0} us"));
    }

    private readonly SortedDictionary<double, double> _flushesSeen = [];

    // The median of those since the last time, from the leader's histogram.
    private double MachineFlushUs(Pair pair)
    {
        using HttpClient client = new();
        string text = string.Concat(((string[])[Pair.ServerA, Pair.ServerB]).Select(server => client.GetStringAsync(pair.Url(server) + "/metrics").GetAwaiter().GetResult()));
        SortedDictionary<double, double> since = [];
        foreach (Match bucket in Regex.Matches(text, """^actorft_disk_machine_flush_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)""", RegexOptions.Multiline))
        {
            double below = bucket.Groups[1].Value == "+Inf" ? double.PositiveInfinity : double.Parse(bucket.Groups[1].Value, CultureInfo.InvariantCulture), count = double.Parse(bucket.Groups[2].Value, CultureInfo.InvariantCulture);
            since[below] = count - _flushesSeen.GetValueOrDefault(below);
            _flushesSeen[below] = count;
        }

        (double lastBelow, double lastCount) = (0, 0);
        double half = since[double.PositiveInfinity] / 2;
        foreach ((double below, double count) in since)
        {
            if (count >= half) return 1e6 * (lastBelow + (below - lastBelow) * (half - lastCount) / (count - lastCount));
            (lastBelow, lastCount) = (below, count);
        }

        throw new InvalidOperationException("No server told how long the machine waited for a flush.");
    }

    // A copy that lacks what was written everywhere is rebuilt at the rate that an operator set, between two sweeps in which it is not.
    private void MeasureRebuilds(Pair pair, BenchGuest guest, string follower)
    {
        for (int i = 0; i < (Wants("duplex") ? 0 : WarmUps); i++) Sweep(null);
        Sweep("mirrored");
        for (int run = 1; run <= _runs; run++)
        {
            _say($"rebuild {run} of {_runs}");
            (int opened, int mirrored) = (pair.CountOf(follower, "disk-opened"), pair.CountOf(follower, "disk-mirrored"));
            pair.Ask("disk", "isolate", "data", "--server", follower);
            foreach (string load in (string[])["randwrite", "seqwrite"]) Take([guest], load);
            pair.Ask("disk", "repair", "data", "--server", follower);
            Wait.Until(() => pair.CountOf(follower, "disk-opened") > opened, () => $"the copy to be opened; {pair.Describe()}", 60);
            Sweep("rebuild");
            if (pair.CountOf(follower, "disk-mirrored") > mirrored) throw new TimeoutException($"a rebuild of {_megabytes} MiB ended before the loads beside it did: --size more");
            WaitUntilMirrored(pair, follower, mirrored);
            Sweep("mirrored");
        }

        void Sweep(string? kind)
        {
            foreach (string load in DiskResults.Loads)
            {
                DiskSample sample = Take([guest], load);
                if (kind is not null) Add(kind, load, sample);
            }
        }
    }

    private static void WaitUntilMirrored(Pair pair, string follower, int before) =>
        Wait.Until(() => pair.CountOf(follower, "disk-mirrored") > before, () => $"both copies to be equal; {pair.Describe()}", Guest.BoundSeconds, everyMs: 20);

    // A running pair with an idle guest, and a disk that was exchanged on the follower's server: isolated, made anew, filled from nothing. The first fill,
    // beside both programs' first seconds and the guest's boot, is told beside it.
    private void MeasureResyncs()
    {
        const int EveryMs = 5; // the logs that are looked through grow: not all the time
        using Pair pair = NewPair("actorft.run=idle", "resync-rate = 0", _resyncMegabytes).StartAll();
        string follower = Pair.ServerB;
        double first = Fill(0, 0);
        pair.WaitUntilProtected();
        double before = Copy();
        for (int run = 1; run <= _runs; run++)
        {
            (int began, int mirrored) = (pair.CountOf(follower, "disk-resync"), pair.CountOf(follower, "disk-mirrored"));
            pair.Ask("disk", "isolate", "data", "--server", follower);
            WaitUntilIdle(pair); // by then it has closed its files
            File.Delete(pair.ImagePath(follower));
            DiskImages.Shell(pair.Folder, $"$ACTORFT disk create --config {follower}.conf --replacement --force --size {_resyncMegabytes}MiB");
            WaitUntilIdle(pair);
            pair.Ask("disk", "repair", "data", "--server", follower);
            double resync = Fill(began, mirrored), after = Copy();
            _results.AddResync(resync, (before + after) / 2, first);
            _say(string.Create(CultureInfo.InvariantCulture, $"resync {resync:F1} MB/s, plain copy {before:F1} MB/s before and {after:F1} MB/s after it, first fill {first:F1} MB/s"));
            before = after;
        }

        double Rate(Stopwatch since) => _resyncMegabytes * 1.048576 / since.Elapsed.TotalSeconds;

        double Fill(int began, int mirrored)
        {
            Wait.Until(() => pair.CountOf(follower, "disk-resync") > began, () => $"the resync to begin; {pair.Describe()}", Pair.ProtectSeconds, EveryMs);
            Stopwatch filling = Stopwatch.StartNew();
            Wait.Until(() => pair.CountOf(follower, "disk-mirrored") > mirrored, () => $"the copy to be filled; {pair.Describe()}", Pair.ProtectSeconds, EveryMs);
            return Rate(filling);
        }

        double Copy()
        {
            WaitUntilIdle(pair);
            Stopwatch copying = Stopwatch.StartNew();
            DiskImages.Shell(pair.Folder, $"cp --sparse=never {Pair.ServerA}.img copy.img && sync copy.img");
            double copy = Rate(copying);
            File.Delete(Path.Combine(pair.Folder, "copy.img"));
            return copy;
        }
    }

    private static void WaitUntilIdle(Pair pair)
    {
        double Used() => pair.ProcessorSeconds(Pair.ServerA) + pair.ProcessorSeconds(Pair.ServerB);
        (double before, long since) = (Used(), Stopwatch.GetTimestamp());
        Wait.Until(() =>
        {
            double seconds = Stopwatch.GetElapsedTime(since).TotalSeconds, used = Used();
            if (seconds < 1) return false;
            bool isIdle = (used - before) / seconds < IdleCores;
            (before, since) = (used, Stopwatch.GetTimestamp());
            return isIdle;
        }, () => $"an idle guest; {pair.Describe()}", Guest.BoundSeconds, everyMs: 100);
    }
}
