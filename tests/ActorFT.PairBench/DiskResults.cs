using System.Globalization;
using System.Text.Json;

namespace ActorFT.PairBench;

/// <summary>What the disk bench measured: rows of medians, and what issue 4 asks beside them.</summary>
internal sealed class DiskResults
{
    /// <summary>The loads of scripts/guest/disk-bench.</summary>
    public static readonly string[] Loads = ["randread", "randwrite", "fsync", "seqread", "seqwrite"];

    private static readonly string[] s_kinds = ["simplex", "alone", "duplex", "mirrored", "rebuild", "qemu"];

    private readonly Dictionary<(string Kind, string Load), List<DiskSample>> _samples = [];

    // With each run in duplex: how long the machine waited for a flush, what the slower copy took for one itself, and what a message over the FT link and back took; microseconds.
    private readonly List<(double Machine, double Flush, double RoundTrip)> _flushes = [];

    // Resync and plain copy, MB/s, and the ratio.
    private readonly List<(double Resync, double Copy, double First)> _resyncs = [];

    public required string Disk { get; init; }

    public required string ResyncDisk { get; init; }

    public required int SecondsOfALoad { get; init; }

    public required string RebuildRate { get; init; }

    /// <summary>Cores that idle machines used, of simplex and of duplex; not a number when it was not measured.</summary>
    public (double Simplex, double Duplex) IdleCores { get; set; } = (double.NaN, double.NaN);

    public void Add(string kind, string load, DiskSample sample)
    {
        if (!_samples.TryGetValue((kind, load), out List<DiskSample>? samples)) _samples[(kind, load)] = samples = [];
        samples.Add(sample);
    }

    public void AddFlush(double machineUs, double ownUs, double roundTripUs) => _flushes.Add((machineUs, ownUs, roundTripUs));

    /// <summary>A resync, the mean of the plain copies before and after it, and the first fill, which .NET compiles beside; MB/s.</summary>
    public void AddResync(double resync, double copy, double first) => _resyncs.Add((resync, copy, first));

    private static double Median(IEnumerable<double> values) => new Measurement("", "", [.. values]).Median;

    private double Median(string kind, string load, Func<DiskSample, double> of) => Median(_samples[(kind, load)].Select(of));

    private IEnumerable<(string Kind, string Load)> Measured() => s_kinds.SelectMany(kind => Loads.Select(load => (kind, load))).Where(_samples.ContainsKey);

    private IEnumerable<object> Rows() => Measured().Select(one => new
    {
        kind = one.Kind,
        load = one.Load,
        iops = Math.Round(Median(one.Kind, one.Load, s => s.Iops), 1),
        mbPerS = Math.Round(Median(one.Kind, one.Load, s => s.MegabytesPerSecond), 2),
        p50Us = Math.Round(Median(one.Kind, one.Load, s => s.P50Us)),
        p99Us = Math.Round(Median(one.Kind, one.Load, s => s.P99Us)),
        hostCores = Math.Round(Median(one.Kind, one.Load, s => s.Cores), 2),
        count = _samples[(one.Kind, one.Load)].Count,
    });

    /// <summary>One thing that is asked.</summary>
    private readonly record struct Limit(string What, double Value, string Asked, bool Keeps)
    {
        public static Limit AtLeast(double bound, string what, double value) =>
            new(what, Math.Round(value, 2), string.Create(CultureInfo.InvariantCulture, $"at least {bound}"), Math.Round(value, 2) >= bound);
    }

    // Ratios are of neighbours in time, then medians: the host is not equally fast for long.
    private IEnumerable<Limit> Limits()
    {
        foreach (string load in Loads)
        {
            // A flush waits for both copies: its latency has a limit of its own, below.
            if (load != "fsync" && Pairs("duplex", "simplex", load) is { Count: > 0 } turns)
                yield return Limit.AtLeast(0.8, $"{load}, duplex / simplex", Median(turns.Select(turn => turn.First.Iops / turn.Second.Iops)));
            if (_samples.TryGetValue(("rebuild", load), out List<DiskSample>? rebuilds) && _samples.TryGetValue(("mirrored", load), out List<DiskSample>? mirrored))
                yield return Limit.AtLeast(0.7, $"{load}, during a resync at {RebuildRate}/s / duplex", Median(rebuilds.Select((rebuild, i) => rebuild.Iops / ((mirrored[i].Iops + mirrored[i + 1].Iops) / 2))));
        }

        // The disk by itself: from the flush that the machine makes to its end.
        if (_flushes.Count != 0)
        {
            double ratio = Math.Round(Median(_flushes.Select(one => one.Machine / (2 * one.Flush + one.RoundTrip))), 2);
            yield return new("a flush of the machine (median), duplex / (twice the slower copy's own and a round trip)", ratio, "at most 1", ratio <= 1);
        }

        // As the guest sees it, each with all that a guest's fsync takes besides.
        if (_flushes.Count != 0 && Pairs("duplex", "simplex", "fsync") is { Count: > 0 } flushes)
        {
            double roundTrip = Median(_flushes.Select(one => one.RoundTrip));
            double bound = Math.Round(Median(flushes.Select(turn => turn.First.P50Us / (2 * turn.Second.P50Us + roundTrip))), 2);
            yield return new("fsync latency (median), duplex / (twice simplex and a round trip)", bound, "at most 1", bound <= 1);
        }

        if (_resyncs.Count != 0) yield return Limit.AtLeast(0.6, "resync without a limit / plain copy with fsync", Median(_resyncs.Select(one => one.Resync / one.Copy)));
    }

    private List<(DiskSample First, DiskSample Second)> Pairs(string first, string second, string load) =>
        _samples.TryGetValue((first, load), out List<DiskSample>? ones) && _samples.TryGetValue((second, load), out List<DiskSample>? others) ? [.. ones.Zip(others)] : [];

    /// <summary>Fields of a part's JSON (scripts/bench).</summary>
    public string Json()
    {
        JsonSerializerOptions options = new(JsonSerializerDefaults.Web);
        List<object> tables = [new { disk = Disk, secondsOfALoad = SecondsOfALoad, rows = Rows().ToArray() }, new { limits = "issue 4", rows = Limits().ToArray() }];
        if (_flushes.Count != 0) tables.Add(new { flushes = "in duplex", rows = _flushes.Select(one => new { machineFlushUs = Math.Round(one.Machine), slowerCopysOwnFlushUs = Math.Round(one.Flush), roundTripUs = Math.Round(one.RoundTrip) }).ToArray() });
        if (_resyncs.Count != 0)
        {
            var rows = _resyncs.Select(one => new { resyncMbPerS = Math.Round(one.Resync, 1), copyMbPerS = Math.Round(one.Copy, 1), firstFillMbPerS = Math.Round(one.First, 1) });
            tables.Add(new { resync = "a copy filled from nothing", disk = ResyncDisk, rows = rows.ToArray() });
        }

        string idle = double.IsNaN(IdleCores.Duplex) ? "" : string.Create(CultureInfo.InvariantCulture, $", \"idleCores\": {{ \"simplex\": {IdleCores.Simplex:F3}, \"duplex\": {IdleCores.Duplex:F3} }}");
        return $"\"tables\": {JsonSerializer.Serialize(tables, options)}{idle}";
    }

    public void Print()
    {
        Console.WriteLine($"{"",-10}{"load",-12}{"/s",10}{"MB/s",10}{"p50 us",10}{"p99 us",10}{"cores",8}");
        foreach ((string kind, string load) in Measured())
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind,-10}{load,-12}{Median(kind, load, s => s.Iops),10:F0}{Median(kind, load, s => s.MegabytesPerSecond),10:F1}{Median(kind, load, s => s.P50Us),10:F0}{Median(kind, load, s => s.P99Us),10:F0}{Median(kind, load, s => s.Cores),8:F2}"));
        foreach (Limit limit in Limits()) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{limit.What}: {limit.Value:F2} ({limit.Asked}: {(limit.Keeps ? "kept" : "missed")})"));
        foreach ((double resync, double copy, double first) in _resyncs) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"resync {resync:F1} MB/s, plain copy {copy:F1} MB/s, first fill {first:F1} MB/s"));
    }
}
