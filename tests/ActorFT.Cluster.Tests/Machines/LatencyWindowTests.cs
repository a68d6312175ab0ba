using System.Diagnostics.Metrics;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Status;
using ActorFT.Machine.IO;
using ActorFT.Storage.Metadata;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>What a disk's copy took lately, as operators are told it.</summary>
public sealed class LatencyWindowTests
{
    private readonly LatencyWindow _window = new();

    [Fact]
    public void Percentiles_of_short_times_are_exact()
    {
        Assert.Null(_window.At(0));
        for (int us = 1; us <= 31; us++) _window.Note(us / 1e3 + 1e-6, 0);
        Assert.Equal(new LatencyStatus(31, 16, 31), _window.At(0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Percentiles_are_never_too_short_and_at_most_a_sixteenth_too_long(int seed)
    {
        Random random = new(seed);
        long[] us = [.. Enumerable.Range(0, 1 + random.Next(3_000)).Select(_ => (long)Math.Pow(2, random.NextDouble() * 25.9))];
        foreach (long one in us) _window.Note((one + 0.5) / 1e3, 0);
        Array.Sort(us);
        LatencyStatus told = _window.At(0)!;
        Assert.Equal(us.Length, told.Requests);
        foreach ((long found, int percent) in new[] { (told.P50Us, 50), (told.P99Us, 99) })
        {
            long exact = us[(us.Length * percent + 99) / 100 - 1];
            Assert.InRange(found, exact, exact + exact / 16);
        }
    }

    [Fact]
    public void One_slow_request_in_a_hundred_is_not_the_99th_percentile_and_two_are()
    {
        for (int i = 0; i < 99; i++) _window.Note(0.0205, 0);
        _window.Note(900, 0);
        Assert.Equal(new LatencyStatus(100, 20, 20), _window.At(0));
        _window.Note(900, 0);
        Assert.InRange(_window.At(0)!.P99Us, 900_000, 957_000);
    }

    [Fact]
    public void What_is_older_than_a_minute_is_forgotten_and_nothing_younger_than_half_a_minute()
    {
        const long start = 17 * LatencyWindow.HalfMs;
        _window.Note(1, start);
        _window.Note(1, start + LatencyWindow.HalfMs - 1);
        Assert.Equal(2, _window.At(start + 2 * LatencyWindow.HalfMs - 1)!.Requests);
        _window.Note(1, start + 2 * LatencyWindow.HalfMs - 1);
        Assert.Equal(1, _window.At(start + 2 * LatencyWindow.HalfMs)!.Requests);
        Assert.Equal(1, _window.At(start + 3 * LatencyWindow.HalfMs - 1)!.Requests);
        Assert.Null(_window.At(start + 3 * LatencyWindow.HalfMs));
        _window.Note(1, start + 4 * LatencyWindow.HalfMs);
        Assert.Null(_window.At(start + 99 * LatencyWindow.HalfMs));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 0)]
    [InlineData(1e9, (1 << 26) - 1)]
    [InlineData(double.PositiveInfinity, (1 << 26) - 1)]
    public void Times_beyond_the_ends_are_the_ends(double latencyMs, long toldUs)
    {
        _window.Note(latencyMs, 0);
        Assert.Equal(new LatencyStatus(1, toldUs, toldUs), _window.At(0));
    }

    [Fact]
    public void A_copy_tells_each_kind_by_itself_and_both_who_asks_and_who_listens_and_a_request_allocates_nothing()
    {
        List<string> heard = [];
        bool isKept = true;
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if ((instrument.Meter.Name, instrument.Name) == (ClusterMeters.Name, "actorft.disk.request")) self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, labels, _) =>
        {
            if (isKept && labels[2].Value is "of-this-test") heard.Add($"{seconds} {string.Join(' ', labels.ToArray())}");
        });
        listener.Start();
        CopyLatencies latencies = new("server-a", new DiskName("m", "of-this-test"));
        latencies.Note(BlockOperation.Read, 1, 0);
        latencies.Note(BlockOperation.Write, 2, 0);
        latencies.Note(BlockOperation.Flush, 4, 0);
        latencies.Note(BlockOperation.Discard, 8, 0);
        latencies.Note(BlockOperation.WriteZeroes, 16, 0);
        Assert.Equal([("0.001", "read"), ("0.002", "write"), ("0.004", "flush"), ("0.008", "zero"), ("0.016", "zero")], heard.Select(line => (line.Split(' ')[0], line.Split(", ")[^1].TrimEnd(']'))));
        Assert.StartsWith("0.001 [server, server-a] [machine, m] [disk, of-this-test] [operation, read]", heard[0], StringComparison.Ordinal);
        Assert.Equal((1, 3, 1), (latencies.ReadsAt(0)!.Requests, latencies.WritesAt(0)!.Requests, latencies.FlushesAt(0)!.Requests));
        isKept = false;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10_000; i++) latencies.Note((BlockOperation)(i % 5), i / 100.0, i * 10L);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
