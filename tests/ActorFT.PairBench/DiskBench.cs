using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ActorFT.EndToEnd.Machines;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;

namespace ActorFT.PairBench;

/// <summary>
/// A machine's disk under the loads of scripts/guest/disk-bench: alone, in lockstep on two servers, while the other copy is rebuilt, and in QEMU with a copy of
/// the same image. scripts/bench disk runs it.
/// </summary>
internal sealed class DiskBench
{
    private static readonly string[] s_loads = ["randread", "randwrite", "fsync", "seqread", "seqwrite"];
    private static readonly string[] s_kinds = ["simplex", "alone", "duplex", "mirrored", "rebuild", "qemu"];
    private const string ThrottledRate = "8 MiB";

    // Both servers' processes together, when the guest has booted and waits.
    private const double IdleCores = 0.3;

    /// <summary>One load once: requests a second, MB/s, latencies in microseconds, and cores that the servers' processes used.</summary>
    private readonly record struct Sample(double Iops, double MegabytesPerSecond, double P50, double P99, double Cores);

    private readonly Dictionary<(string Kind, string Load), List<Sample>> _samples = [];
    private readonly List<(double Resync, double Copy, double First)> _resyncs = [];
    // With each sweep in duplex: what the slower copy took for a flush itself, and what a message over the FT link and back took; microseconds.
    private readonly List<(double Flush, double RoundTrip)> _flushes = [];
    private readonly Action<string> _say;
    private readonly string _initrd = Environment.GetEnvironmentVariable("ACTORFT_BENCH_INITRD") ?? throw new InvalidOperationException("ACTORFT_BENCH_INITRD is not set; scripts/bench disk sets it.");
    private int _runs = 3, _seconds = 3, _megabytes = 128;
    private string[] _only = ["duplex", "rebuild", "resync", "qemu"];

    private DiskBench(Action<string> say) => _say = say;

    internal static int Run(string[] args, Action<string> say)
    {
        DiskBench bench = new(say);
        bool isJson = false;
        for (int i = 0; i + 1 < args.Length; i += 2)
        {
            string value = args[i + 1];
            switch (args[i])
            {
                case "--runs": bench._runs = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "--seconds": bench._seconds = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "--size": bench._megabytes = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "--only": bench._only = value.Split(','); break;
                default: isJson |= args[i] == "--output"; break;
            }
        }

        try
        {
            if (bench.Wants("duplex")) bench.MeasurePair();
            if (bench.Wants("rebuild")) bench.MeasureRebuild();
            for (int run = 1; run <= bench._runs; run++)
            {
                if (bench.Wants("resync")) bench.MeasureResync();
                if (bench.Wants("qemu")) bench.MeasureQemu();
            }
        }
        catch (TimeoutException e)
        {
            Console.Error.WriteLine($"disk failed: {e.Message}");
            return 1;
        }

        if (isJson) Console.WriteLine(bench.Json());
        else bench.Print();
        return 0;
    }

    private bool Wants(string kind) => _only.Contains(kind);

    private string Does => Guest.Command($"/usr/bin/disk-bench {_seconds}");

    private Pair NewPair(string does, string disks)
    {
        Pair pair = new(1, does, machine: Pair.DiskKeys, node: $"disks {{ {disks}, restarts = 1000 }}\n  faults {{ policies {{ disk {{ action = alert }} }} }}");
        foreach (string server in (string[])[Pair.ServerA, Pair.ServerB])
            File.WriteAllText(pair.ConfigurationPath(server), File.ReadAllText(pair.ConfigurationPath(server)).Replace(Guest.Initrd, _initrd, StringComparison.Ordinal));
        return pair;
    }

    // One boot; duplex and simplex in turn, so that what the host does besides, and what .NET has compiled, is the same for both.
    private void MeasurePair()
    {
        // Two servers on one host share its caches, its memory and its disk, as they do not when each has a host. So simplex is measured beside a second machine, of its own,
        // that has the other core and the same loads, as in duplex the follower has; and once more with that core idle.
        using Pair beside = NewPair(Does, "resync-rate = 0").MakeDisk($"{_megabytes}M");
        FillWithNoise(beside.ImagePath(Pair.ServerA));
        Shell(beside.Folder, $"$ACTORFT disk create --config {Pair.ServerA}.conf --force");
        beside.Start(Pair.Arbiter);
        beside.Start(Pair.ServerA);
        BenchPair.PutOnCore(beside.ProcessId(Pair.ServerA), 1);
        ConsoleTail console2 = new(beside.ConsolePath(Pair.ServerA));
        SkipSweep(console2);
        SkipSweep(console2);
        beside.Freeze(Pair.ServerA);

        using Pair pair = BootWithLoads("resync-rate = 0");
        string leader = pair.WaitUntilProtected(), follower = Pair.Other(leader);
        ConsoleTail console = new(pair.ConsolePath(leader));
        Func<double> cores = OnCores(pair, leader, follower);
        SkipSweep(console); // .NET compiles meanwhile what is used much
        SkipSweep(console);
        for (int run = 1; run <= _runs; run++)
        {
            _say($"run {run} of {_runs}");
            TakeSweep("duplex", console, cores);
            TakeFlushes(pair);
            pair.Kill(follower);
            SkipSweep(console); // until it is told
            TakeSweep("alone", console, cores);
            beside.Thaw(Pair.ServerA);
            TakeSweep("simplex", console, cores);
            beside.Freeze(Pair.ServerA);
            if (run == _runs) return;
            (int, int) protectedBefore = pair.ProtectedCounts;
            int mirroredBefore = pair.CountOf(follower, "disk-mirrored");
            pair.Start(follower);
            pair.WaitUntilProtectedBy(leader, protectedBefore);
            Wait.Until(() => pair.CountOf(follower, "disk-mirrored") > mirroredBefore, () => $"both copies to be equal again; {pair.Describe()}", Pair.ProtectSeconds);
            OnCores(pair, leader, follower);
            SkipSweep(console); // the follower's .NET begins anew
        }
    }

    // Medians of the last half minute to minute, as the servers tell them.
    private void TakeFlushes(Pair pair)
    {
        using JsonDocument disks = JsonDocument.Parse(pair.Ask("disk", "list", "--output", "json")), links = JsonDocument.Parse(pair.Ask("link", "list", "--output", "json"));
        double flush = disks.RootElement.EnumerateArray().Max(copy => copy.GetProperty("disk").GetProperty("flushLatency").GetProperty("p50Us").GetDouble());
        double roundTrip = links.RootElement.EnumerateArray().Max(link => link.GetProperty("link").GetProperty("roundTripMs").GetDouble()) * 1e3;
        _flushes.Add((flush, roundTrip));
        _say(string.Create(CultureInfo.InvariantCulture, $"duplex: the slower copy's own flush takes {flush:F0} us, a round trip {roundTrip:F0} us"));
    }

    // A copy that lacks what the loads wrote everywhere is rebuilt at the rate that an operator set, and is not; in turn.
    private void MeasureRebuild()
    {
        using Pair pair = BootWithLoads($"resync-rate = {ThrottledRate}");
        string leader = pair.WaitUntilProtected(), follower = Pair.Other(leader);
        ConsoleTail console = new(pair.ConsolePath(leader));
        Func<double> cores = OnCores(pair, leader, follower);
        SkipSweep(console);
        SkipSweep(console);
        for (int run = 1; run <= _runs; run++)
        {
            _say($"run {run} of {_runs}, with a rebuild");
            TakeSweep("mirrored", console, cores);
            (int opened, int mirrored) = (pair.CountOf(follower, "disk-opened"), pair.CountOf(follower, "disk-mirrored"));
            pair.Ask("disk", "isolate", "data", "--server", follower);
            SkipSweep(console);
            pair.Ask("disk", "repair", "data", "--server", follower);
            Wait.Until(() => pair.CountOf(follower, "disk-opened") > opened, () => $"the copy to be opened; {pair.Describe()}", 60);
            TakeSweep("rebuild", console, cores);
            if (pair.CountOf(follower, "disk-mirrored") > mirrored) _say("the rebuild ended before the loads did: --size more");
            if (run < _runs) Wait.Until(() => pair.CountOf(follower, "disk-mirrored") > mirrored, () => $"both copies to be equal again; {pair.Describe()}", Guest.BoundSeconds);
        }
    }

    private Pair BootWithLoads(string disks)
    {
        Pair pair = NewPair(Does, disks).MakeDisk($"{_megabytes}M");
        FillWithNoise(pair.ImagePath(Pair.ServerA));
        Shell(pair.Folder, $"$ACTORFT disk create --config {Pair.ServerA}.conf --force");
        return pair.StartAll();
    }

    // Two hosts of one core each: in duplex both servers' work would else share what simplex has to itself.
    private static Func<double> OnCores(Pair pair, string leader, string follower)
    {
        BenchPair.PutOnCore(pair.ProcessId(leader), 0);
        BenchPair.PutOnCore(pair.ProcessId(follower), 1);
        return () => pair.ProcessorSeconds(Pair.ServerA) + pair.ProcessorSeconds(Pair.ServerB);
    }

    // A running pair with an idle guest, and a disk that was exchanged on the follower's server: isolated, made anew, filled from nothing. The first fill,
    // beside both programs' first seconds and the guest's boot, is told beside it.
    private void MeasureResync()
    {
        using Pair pair = NewPair("actorft.run=idle", "resync-rate = 0").MakeDisk($"{_megabytes}M");
        FillWithNoise(pair.ImagePath(Pair.ServerA));
        Shell(pair.Folder, $"$ACTORFT disk create --config {Pair.ServerA}.conf --force");
        pair.StartAll();
        double MegabytesPerSecond(double seconds) => _megabytes * 1.048576 / seconds;
        double Fill(string server, int began, int mirrored)
        {
            const int EveryMs = 5; // the logs that are looked through grow: not all the time
            Wait.Until(() => pair.CountOf(server, "disk-resync") > began, () => $"the resync to begin; {pair.Describe()}", Pair.ProtectSeconds, EveryMs);
            Stopwatch filling = Stopwatch.StartNew();
            Wait.Until(() => pair.CountOf(server, "disk-mirrored") > mirrored, () => $"the copy to be filled; {pair.Describe()}", Pair.ProtectSeconds, EveryMs);
            return filling.Elapsed.TotalSeconds;
        }

        string follower = Pair.ServerB;
        double first = Fill(follower, 0, 0);
        pair.WaitUntilProtected();
        WaitUntilIdle(pair);
        Stopwatch copying = Stopwatch.StartNew();
        Shell(pair.Folder, $"cp --sparse=never {Pair.ServerA}.img copy.img && sync copy.img && rm copy.img");
        double copy = copying.Elapsed.TotalSeconds;
        (int began, int mirrored) = (pair.CountOf(follower, "disk-resync"), pair.CountOf(follower, "disk-mirrored"));
        pair.Ask("disk", "isolate", "data", "--server", follower);
        WaitUntilIdle(pair); // by then it has closed its files
        File.Delete(pair.ImagePath(follower));
        Shell(pair.Folder, $"$ACTORFT disk create --config {follower}.conf --replacement --force --size {_megabytes}MiB");
        WaitUntilIdle(pair);
        pair.Ask("disk", "repair", "data", "--server", follower);
        double resync = Fill(follower, began, mirrored);
        _resyncs.Add((MegabytesPerSecond(resync), MegabytesPerSecond(copy), MegabytesPerSecond(first)));
        _say($"resync {_resyncs[^1].Resync:F1} MB/s, plain copy {_resyncs[^1].Copy:F1} MB/s, first fill {_resyncs[^1].First:F1} MB/s");
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

    private void MeasureQemu()
    {
        string folder = Directory.CreateTempSubdirectory("actorft-bench-").FullName;
        try
        {
            Shell(folder, $"truncate -s {_megabytes}M disk.img && PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext4 disk.img");
            FillWithNoise(Path.Combine(folder, "disk.img"));
            ProcessStartInfo start = new("taskset", ["-c", "0", "qemu-system-riscv64", "-M", "virt", "-accel", "tcg", "-smp", "1", "-m", "256M", "-display", "none", "-monitor", "none", "-no-reboot",
                "-serial", $"file:{folder}/console", "-kernel", Guest.Kernel, "-initrd", _initrd, "-append", $"console=ttyS0 quiet loglevel=3 {Does}",
                "-drive", $"file={folder}/disk.img,if=none,format=raw,id=d0", "-device", "virtio-blk-device,drive=d0"]);
            using Process qemu = Process.Start(start)!;
            try
            {
                TakeSweep("qemu", new ConsoleTail(Path.Combine(folder, "console")), () => qemu.TotalProcessorTime.TotalSeconds);
            }
            finally
            {
                qemu.Kill();
                qemu.WaitForExit();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Past the file system's beginning: the loads do not care, and a disk of zeroes would be a special case everywhere.
    private static void FillWithNoise(string image)
    {
        using FileStream file = new(image, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Random random = new(1);
        byte[] noise = new byte[1 << 20];
        for (long at = 0; at < file.Length; at += noise.Length)
        {
            random.NextBytes(noise);
            file.Write(noise, 0, (int)Math.Min(noise.Length, file.Length - at));
        }

        file.Flush(flushToDisk: true);
    }

    // To the first load of a sweep behind what the console has said so far.
    private void SkipSweep(ConsoleTail console)
    {
        console.ReadLines();
        Read(console, line => line.Contains("actorft-bench: begin randwrite", StringComparison.Ordinal), _ => { });
    }

    // From the next beginning of a sweep to its end.
    private void TakeSweep(string kind, ConsoleTail console, Func<double> processorSeconds)
    {
        Dictionary<string, (double Cpu, long At)> began = [];
        bool isIn = false;
        console.ReadLines();
        Read(console, line => isIn && line == "actorft-bench: sweep", line =>
        {
            string[] words = line.Split(' ');
            if (words is ["actorft-bench:", "begin", { } name])
            {
                isIn |= name == s_loads[0];
                began[name] = (processorSeconds(), Stopwatch.GetTimestamp());
            }
            else if (isIn && words is ["actorft-bench:", "end", { } load, { } count, { } total, { } p50, { } p99] && began.TryGetValue(load, out (double Cpu, long At) from))
            {
                double requests = double.Parse(count, CultureInfo.InvariantCulture), seconds = double.Parse(total, CultureInfo.InvariantCulture) / 1e9;
                double bytes = load.StartsWith("seq", StringComparison.Ordinal) ? 1 << 20 : 4096;
                Sample sample = new(requests / seconds, requests * bytes / seconds / 1e6, double.Parse(p50, CultureInfo.InvariantCulture) / 1e3, double.Parse(p99, CultureInfo.InvariantCulture) / 1e3,
                    (processorSeconds() - from.Cpu) / Stopwatch.GetElapsedTime(from.At).TotalSeconds);
                if (!_samples.TryGetValue((kind, load), out List<Sample>? samples)) _samples[(kind, load)] = samples = [];
                samples.Add(sample);
                _say(string.Create(CultureInfo.InvariantCulture, $"{kind} {load}: {sample.Iops:F0}/s, {sample.MegabytesPerSecond:F1} MB/s, p50 {sample.P50:F0} us, p99 {sample.P99:F0} us, {sample.Cores:F2} cores"));
            }
            else if (line.Contains("actorft-bench: failed", StringComparison.Ordinal)) throw new TimeoutException($"{kind}: {line}");
        });
    }

    private static void Read(ConsoleTail console, Func<string, bool> isEnd, Action<string> each)
    {
        bool isOver = false;
        Wait.Until(() =>
        {
            foreach (string line in console.ReadLines())
            {
                if (isOver) break;
                each(line);
                isOver = isEnd(line);
            }

            return isOver;
        }, () => "the guest's loads", Guest.BoundSeconds, everyMs: 50); // it shares the servers' cores
    }

    private static void Shell(string folder, string command)
    {
        (int code, _, string errors) = ActorftProcess.RunShell(folder, command);
        if (code != 0) throw new TimeoutException($"{command}: {errors}");
    }

    private double Median(string kind, string load, Func<Sample, double> of) =>
        _samples.TryGetValue((kind, load), out List<Sample>? samples) ? new Measurement("", "", [.. samples.Select(of)]).Median : double.NaN;

    private IEnumerable<object> Rows() => s_kinds.SelectMany(kind => s_loads.Where(load => _samples.ContainsKey((kind, load))).Select(load => new
    {
        kind,
        load,
        iops = Math.Round(Median(kind, load, s => s.Iops), 1),
        mbPerS = Math.Round(Median(kind, load, s => s.MegabytesPerSecond), 2),
        p50Us = Math.Round(Median(kind, load, s => s.P50)),
        p99Us = Math.Round(Median(kind, load, s => s.P99)),
        hostCores = Math.Round(Median(kind, load, s => s.Cores), 2),
    }));

    // What issue 4 asks.
    private IEnumerable<object> Limits()
    {
        foreach (string load in s_loads)
        {
            // A flush waits for both copies: its latency has a limit of its own, below.
            if (load != "fsync" && Ratio("duplex", load) is { } duplex) yield return new { what = $"{load}, duplex / simplex", value = duplex, asked = "at least 0.8", keeps = duplex >= 0.8 };
            if (Ratio("rebuild", load) is { } rebuild) yield return new { what = $"{load}, during a resync at {ThrottledRate}/s / duplex", value = rebuild, asked = "at least 0.7", keeps = rebuild >= 0.7 };
        }

        // What the guest waits for is two copies' flushes and the message that says so, each with all that a guest's fsync takes besides.
        if (_flushes.Count != 0 && _samples.TryGetValue(("duplex", "fsync"), out List<Sample>? both) && _samples.TryGetValue(("simplex", "fsync"), out List<Sample>? one))
        {
            double bound = Math.Round(new Measurement("", "", [.. both.Zip(one).Zip(_flushes, (samples, link) => samples.First.P50 / (2 * samples.Second.P50 + link.RoundTrip))]).Median, 2);
            yield return new { what = "fsync latency (median), duplex / (twice simplex and a round trip)", value = bound, asked = "at most 1", keeps = bound <= 1 };
        }

        if (_resyncs.Count == 0) yield break;
        double resync = Math.Round(new Measurement("", "", [.. _resyncs.Select(one => one.Resync / one.Copy)]).Median, 2);
        yield return new { what = "resync without a limit / plain copy with fsync", value = resync, asked = "at least 0.6", keeps = resync >= 0.6 };
    }

    // Of neighbours in time, then the median: the host is not equally fast for long.
    private double? Ratio(string kind, string load) =>
        _samples.TryGetValue((kind, load), out List<Sample>? ones) && _samples.TryGetValue((kind == "rebuild" ? "mirrored" : "simplex", load), out List<Sample>? others)
            ? Math.Round(new Measurement("", "", [.. ones.Zip(others, (one, two) => one.Iops / two.Iops)]).Median, 2) : null;

    private string Json()
    {
        JsonSerializerOptions options = new(JsonSerializerDefaults.Web);
        var tables = new object[]
        {
            new { disk = $"{_megabytes} MiB", secondsOfALoad = _seconds, rows = Rows().ToArray() },
            new { limits = "issue 4", rows = Limits().ToArray() },
        };
        string flushes = JsonSerializer.Serialize(_flushes.Select(one => new { ownFlushUs = Math.Round(one.Flush), roundTripUs = Math.Round(one.RoundTrip) }), options);
        string resync = JsonSerializer.Serialize(_resyncs.Select(one => new { resyncMbPerS = Math.Round(one.Resync, 1), copyMbPerS = Math.Round(one.Copy, 1), firstFillMbPerS = Math.Round(one.First, 1) }), options);
        return $"\"tables\": {JsonSerializer.Serialize(tables, options)}, \"flushes\": {flushes}, \"resyncs\": {resync}";
    }

    private void Print()
    {
        Console.WriteLine($"{"",-10}{"load",-12}{"/s",10}{"MB/s",10}{"p50 us",10}{"p99 us",10}{"cores",8}");
        foreach (string kind in s_kinds)
            foreach (string load in s_loads.Where(load => _samples.ContainsKey((kind, load))))
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind,-10}{load,-12}{Median(kind, load, s => s.Iops),10:F0}{Median(kind, load, s => s.MegabytesPerSecond),10:F1}{Median(kind, load, s => s.P50),10:F0}{Median(kind, load, s => s.P99),10:F0}{Median(kind, load, s => s.Cores),8:F2}"));
        foreach (object limit in Limits()) Console.WriteLine(limit);
        foreach ((double resync, double copy, double first) in _resyncs) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"resync {resync:F1} MB/s, plain copy {copy:F1} MB/s, first fill {first:F1} MB/s"));
    }
}
