using System.Globalization;

namespace ActorFT.PairBench;

/// <summary>What is measured, and how often.</summary>
internal sealed record Options
{
    public static readonly string[] AllParts = ["actors", "idle", "hold", "throughput", "failover", "reprotect"];

    public IReadOnlyList<string> Parts { get; init; } = AllParts;
    public int Episodes { get; init; } = 20;
    public int Silences { get; init; } = 5;
    public int Runs { get; init; } = 3;
    public double Seconds { get; init; } = 6;
    public int WarmUps { get; init; } = 2;
    public bool IsJson { get; init; }

    /// <summary>Reads arguments; null, with a sentence on standard error, when they are wrong.</summary>
    public static Options? Read(string[] args)
    {
        Options options = new();
        for (int i = 0; i < args.Length; i += 2)
        {
            string value = i + 1 < args.Length ? args[i + 1] : "";
            bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= 1000;
            Options? next = args[i] switch
            {
                "--episodes" when isNumber => options with { Episodes = number },
                "--silences" when isNumber => options with { Silences = number },
                "--runs" when isNumber => options with { Runs = number },
                "--seconds" when isNumber => options with { Seconds = number },
                "--warm-ups" when isNumber => options with { WarmUps = number },
                "--parts" when value.Split(',') is { } parts && parts.All(AllParts.Contains) => options with { Parts = parts },
                "--output" when value == "json" => options with { IsJson = true },
                _ => null,
            };
            if (next is null)
            {
                Console.Error.WriteLine($"{args[i]} {value}: allowed are --parts (of {string.Join(",", AllParts)}), --episodes, --silences, --runs, --seconds, --warm-ups (1 to 1000), --output json.");
                return null;
            }

            options = next;
        }

        return options;
    }
}
