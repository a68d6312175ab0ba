using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ActorFT.BenchReport;

/// <summary>
/// Makes docs/benchmarks.md and its plots out of what scripts/bench measured (docs/benchmarks/PART.json) and what a person wrote about the
/// method (docs/benchmarks/PART.md). Pure: the same files give the same report, so a test can hold that no figure in it was invented.
/// </summary>
internal static class Report
{
    /// <summary>The parts, in the report's order.</summary>
    private static readonly (string Part, string Title)[] s_parts =
    [
        ("machine", "One machine beside QEMU"), ("micro", "What one thing costs the machine"), ("lockstep", "Two servers in lockstep"), ("network", "The network"), ("disk", "Disks"),
    ];

    /// <summary>The report's files: paths inside the docs folder, and texts.</summary>
    /// <exception cref="InvalidDataException">A part's file is no such JSON.</exception>
    internal static IEnumerable<(string Path, string Text)> Of(string docs)
    {
        StringBuilder text = new();
        text.Append("""
            # Benchmarks

            Every figure here was measured by a command of this repository; run it to have your own. This page is made by
            `scripts/bench report` out of `docs/benchmarks/*.json`, which `scripts/bench all` measures anew. Hosts differ and other
            programs disturb: ratios say more than times, and each table says what its host was and how busy.

            """);
        string[] known = [.. s_parts.Select(part => part.Part)];
        string folder = Path.Combine(docs, "benchmarks");
        foreach ((string part, string title) in s_parts)
        {
            string measured = Path.Combine(folder, part + ".json"), method = Path.Combine(folder, part + ".md");
            if (!File.Exists(method) && !File.Exists(measured)) continue;
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}: `scripts/bench {part}`\n\n");
            if (File.Exists(method)) text.Append(File.ReadAllText(method).Trim()).Append("\n\n");
            if (!File.Exists(measured))
            {
                text.Append("Not measured yet.\n");
                continue;
            }

            using JsonDocument json = Parse(measured);
            Tables.Write(text, json.RootElement);
            foreach ((string name, string svg) in Plots.Of(part, json.RootElement))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n![{name}](benchmarks/{part}-{name.Replace(' ', '-')}.svg)\n");
                yield return ($"benchmarks/{part}-{name.Replace(' ', '-')}.svg", svg);
            }
        }

        string others = Path.Combine(folder, "others.md");
        if (File.Exists(others)) text.Append("\n## Beside others\n\n").Append(File.ReadAllText(others).Trim()).Append('\n');
        string[] strangers = [.. Directory.Exists(folder) ? Directory.GetFiles(folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Except(known) : []];
        if (strangers.Length != 0) throw new InvalidDataException($"docs/benchmarks/{strangers[0]}.json is no part; known are {string.Join(", ", known)}.");
        yield return ("benchmarks.md", text.ToString());
    }

    private static JsonDocument Parse(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllText(path));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is no JSON: {e.Message}");
        }
    }
}
