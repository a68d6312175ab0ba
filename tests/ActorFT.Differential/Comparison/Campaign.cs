using ActorFT.Differential.Generation;
using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Comparison;

/// <summary>A random comparison of one extension: from a seed, until enough of its instructions were compared.</summary>
internal static class Campaign
{
    // A guess: traps, jumps and auxiliary instructions leave some out. A shortfall is made up with more chunks.
    private const int ExpectedPerChunk = 16;

    public static ComparisonResult Run(Extension extension, ulong seed, long instructions, Comparer comparer, Action<long>? progress = null)
    {
        var generator = new StreamGenerator(extension, seed);
        long compared = 0, trapped = 0;
        int next = 0;
        while (compared < instructions)
        {
            int count = (int)Math.Clamp((instructions - compared) / ExpectedPerChunk + 1, 16, Comparer.ChunksInProgram(extension));
            ComparisonResult part = comparer.Compare(Enumerable.Range(next, count).Select(generator.Make), extension, $"extension {extension}, seed {seed}");
            next += count;
            compared += part.Compared;
            trapped += part.Trapped;
            if (part.Reports.Count != 0) return new ComparisonResult(compared, trapped, part.Reports);
            progress?.Invoke(compared);
        }

        return new ComparisonResult(compared, trapped, []);
    }
}
