namespace ActorFT.PairBench;

/// <summary>One measured thing: all values, in the order they were measured.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Unit">Of each value.</param>
/// <param name="Values">The values.</param>
/// <param name="Target">What issue 3 asks of the median; null for nothing. A target is said, not enforced: a busy host misses it.</param>
/// <param name="TailTarget">What it asks of the 99th percentile.</param>
/// <param name="IsMoreBetter">Whether targets are lower bounds.</param>
internal sealed record Measurement(string Name, string Unit, IReadOnlyList<double> Values, double? Target = null, double? TailTarget = null, bool IsMoreBetter = false)
{
    /// <summary>The middle one; of an even count the mean of the middle two.</summary>
    public double Median
    {
        get
        {
            double[] sorted = [.. Values.Order()];
            return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        }
    }

    /// <summary>The value that 99 of 100 do not pass: of fewer than 100 values, the worst.</summary>
    public double P99
    {
        get
        {
            double[] sorted = [.. IsMoreBetter ? Values.OrderDescending() : Values.Order()];
            return sorted.Length == 0 ? double.NaN : sorted[(int)Math.Ceiling(sorted.Length * 0.99) - 1];
        }
    }

    /// <summary>Whether what is asked is kept; null when nothing is asked.</summary>
    public bool? Keeps => Target is null && TailTarget is null ? null
        : (Target is not { } median || IsKept(Median, median)) && (TailTarget is not { } tail || IsKept(P99, tail));

    private bool IsKept(double value, double bound) => IsMoreBetter ? value >= bound : value < bound;
}
