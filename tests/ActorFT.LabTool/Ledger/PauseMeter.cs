namespace ActorFT.LabTool.Ledger;

/// <summary>The longest wait for an acknowledgement, in the whole run and since the last episode began. Times in ms.</summary>
internal sealed class PauseMeter
{
    private readonly List<double> _waits = [];

    /// <summary>The longest in the run.</summary>
    internal double LongestMs { get; private set; }

    /// <summary>The longest in the episode.</summary>
    internal double EpisodeMs { get; private set; }

    /// <summary>Acknowledgements in the episode.</summary>
    internal int EpisodeCount { get; private set; }

    /// <summary>The wait that half of all stayed below.</summary>
    internal double MedianMs
    {
        get
        {
            if (_waits.Count == 0) return 0;
            double[] sorted = [.. _waits];
            Array.Sort(sorted);
            return sorted[sorted.Length / 2];
        }
    }

    /// <summary>A transaction was acknowledged after so long.</summary>
    internal void Add(double ms)
    {
        _waits.Add(ms);
        LongestMs = Math.Max(LongestMs, ms);
        EpisodeMs = Math.Max(EpisodeMs, ms);
        EpisodeCount++;
    }

    /// <summary>An episode begins. A wait that is under way belongs to it.</summary>
    internal void Begin() => (EpisodeMs, EpisodeCount) = (0, 0);
}
