using System.Globalization;

namespace ActorFT.LabTool;

/// <summary>Latencies, and how they are told: count, median, 99th percentile, longest, in microseconds.</summary>
internal sealed class Latencies
{
    private readonly List<double> _us = [];

    internal int Count => _us.Count;

    internal void Add(TimeSpan took) => _us.Add(took.TotalMicroseconds);

    internal string Tell()
    {
        if (_us.Count == 0) return "count 0";
        List<double> sorted = [.. _us.Order()];
        // Nearest rank: the smallest value that so many percent do not exceed.
        double At(double part) => sorted[Math.Max(0, (int)Math.Ceiling(part * sorted.Count) - 1)];
        return string.Create(CultureInfo.InvariantCulture, $"count {sorted.Count} p50_us {At(0.5):F0} p99_us {At(0.99):F0} max_us {sorted[^1]:F0}");
    }
}
