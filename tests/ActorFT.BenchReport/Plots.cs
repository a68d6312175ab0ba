using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ActorFT.BenchReport;

/// <summary>Distributions as SVG: each series' measured values in rising order over the part of them that is not larger. Readable in light and dark.</summary>
internal static class Plots
{
    private const int Width = 720, Height = 340, Left = 60, Right = 16, Top = 16, Bottom = 84;

    private static readonly string[] s_colors = ["#2a78c8", "#d1662b", "#3a9a4f", "#9b59b6", "#c0392b", "#7f8c8d"];

    /// <summary>The plots of a part: their names and drawings.</summary>
    internal static IEnumerable<(string Name, string Svg)> Of(string part, JsonElement json)
    {
        if (part != "lockstep" || !json.TryGetProperty("rows", out JsonElement rows)) yield break;
        (string Name, double[] Values)[] series = [.. rows.EnumerateArray()
            .Where(row => row.GetProperty("unit").GetString() == "ms" && row.GetProperty("values").GetArrayLength() >= 3)
            .Select(row => (row.GetProperty("name").GetString()!, row.GetProperty("values").EnumerateArray().Select(value => value.GetDouble()).Order().ToArray()))];
        (string, double[])[] pauses = [.. series.Where(one => one.Name.StartsWith("failover", StringComparison.Ordinal))];
        (string, double[])[] holds = [.. series.Where(one => one.Name.Contains("held", StringComparison.Ordinal))];
        if (pauses.Length != 0) yield return ("pauses", Draw(pauses, "pause, ms"));
        if (holds.Length != 0) yield return ("output latency", Draw(holds, "output held, ms"));
    }

    private static string Draw(IReadOnlyList<(string Name, double[] Values)> series, string unit)
    {
        double most = Ceiling(series.Max(one => one.Values[^1]));
        StringBuilder svg = new();
        int height = Height + 18 * Math.Max(0, series.Count - 2);
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" font-family="sans-serif" font-size="12" role="img" aria-label="distribution of {unit}">
            <style>text{"{"}fill:#333{"}"} .grid{"{"}stroke:#8884{"}"} @media (prefers-color-scheme: dark){"{"}text{"{"}fill:#ddd{"}"}{"}"}</style>

            """);
        for (int i = 0; i <= 5; i++)
        {
            double x = Left + (Width - Left - Right) * i / 5.0, y = Height - Bottom - (Height - Top - Bottom) * i / 5.0;
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{x:F1}\" y1=\"{Top}\" x2=\"{x:F1}\" y2=\"{Height - Bottom}\"/><text x=\"{x:F1}\" y=\"{Height - Bottom + 16}\" text-anchor=\"middle\">{Tables.Number(most * i / 5)}</text>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" y1=\"{y:F1}\" x2=\"{Width - Right}\" y2=\"{y:F1}\"/><text x=\"{Left - 6}\" y=\"{y + 4:F1}\" text-anchor=\"end\">{20 * i} %</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Width / 2}\" y=\"{Height - Bottom + 34}\" text-anchor=\"middle\">{unit}</text>\n");
        for (int i = 0; i < series.Count; i++)
        {
            (string name, double[] values) = series[i];
            string color = s_colors[i % s_colors.Length];
            string points = string.Join(' ', values.Select((value, at) => string.Create(CultureInfo.InvariantCulture,
                $"{Left + (Width - Left - Right) * value / most:F1},{Height - Bottom - (Height - Top - Bottom) * (at + 1.0) / values.Length:F1}")));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>\n");
            foreach (string point in points.Split(' ')) svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{point.Split(',')[0]}\" cy=\"{point.Split(',')[1]}\" r=\"2.2\" fill=\"{color}\"/>\n");
            int y = Height - Bottom + 52 + 18 * i;
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left}\" y=\"{y - 9}\" width=\"12\" height=\"10\" fill=\"{color}\"/><text x=\"{Left + 18}\" y=\"{y}\">{name.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)} ({values.Length})</text>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }

    // A round number not below.
    private static double Ceiling(double value)
    {
        if (value <= 0) return 1;
        double power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return new[] { 1, 2, 2.5, 5, 10 }.Select(step => step * power).First(bound => bound >= value);
    }
}
