using System.Globalization;

namespace ActorFT.LabTool;

/// <summary>Splits a command line into plain words and options with one value each.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _options = [];

    internal Arguments(string[] args, params string[] known)
    {
        List<string> words = [];
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                words.Add(args[i]);
                continue;
            }

            if (!known.Contains(args[i])) throw new ArgumentException($"unknown option {args[i]}: allowed are {string.Join(", ", known)}");
            if (i + 1 == args.Length) throw new ArgumentException($"{args[i]} needs a value");
            _options[args[i]] = args[++i];
        }

        Words = words;
    }

    internal IReadOnlyList<string> Words { get; }

    internal string? Text(string option) => _options.GetValueOrDefault(option);

    internal string Required(string option) => Text(option) ?? throw new ArgumentException($"{option} is missing");

    internal double Number(string option, double otherwise, double min, double max)
    {
        if (Text(option) is not { } text) return otherwise;
        bool isNumber = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value);
        return isNumber && value >= min && value <= max
            ? value
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{option} {text} is not allowed: a number from {min} to {max}"));
    }
}
