using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ActorFT.BenchReport;

/// <summary>What a part measured, as Markdown tables. A part's JSON has "rows", "tables" of rows, or "results" by kind (scripts/bench).</summary>
internal static class Tables
{
    internal static void Write(StringBuilder text, JsonElement part)
    {
        text.Append(CultureInfo.InvariantCulture, $"Measured {Text(part, "date")[..Math.Min(10, Text(part, "date").Length)]} on {Text(part, "cores")} cores ({Text(part, "cpu")}); load average when it ended: {Text(part, "load")}.");
        foreach (string extra in (string[])["qemu", "guest", "runs"])
            if (part.TryGetProperty(extra, out JsonElement value)) text.Append(CultureInfo.InvariantCulture, $" {char.ToUpperInvariant(extra[0])}{extra[1..]}: {value}.");
        text.Append("\n\n");
        if (part.TryGetProperty("tables", out JsonElement tables))
        {
            foreach (JsonElement table in tables.EnumerateArray())
            {
                string title = string.Join(", ", table.EnumerateObject().Where(field => IsScalar(field.Value)).Select(field => $"{field.Name}: {field.Value}"));
                text.Append(CultureInfo.InvariantCulture, $"**{title}**\n\n");
                Rows(text, table.GetProperty("rows"));
                text.Append('\n');
            }
        }

        if (part.TryGetProperty("rows", out JsonElement rows)) Rows(text, rows);
        if (part.TryGetProperty("results", out JsonElement results)) Matrix(text, results);
    }

    private static string Text(JsonElement part, string name) => part.TryGetProperty(name, out JsonElement value) ? value.ToString() : "unknown";

    private static bool IsScalar(JsonElement value) => value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object);

    // Columns: every scalar field of the rows, in the order it first comes; of lists only how long they are.
    private static void Rows(StringBuilder text, JsonElement rows)
    {
        List<string> columns = [];
        foreach (JsonProperty field in rows.EnumerateArray().SelectMany(row => row.EnumerateObject()))
            if (!columns.Contains(field.Name) && (IsScalar(field.Value) || field.Name == "values")) columns.Add(field.Name);
        Line(text, columns.Select(Heading));
        Line(text, columns.Select(_ => "---"));
        foreach (JsonElement row in rows.EnumerateArray())
            Line(text, columns.Select(column => row.TryGetProperty(column, out JsonElement value) ? Cell(value) : ""));
    }

    private static void Matrix(StringBuilder text, JsonElement results)
    {
        string[] columns = [.. results.EnumerateObject().SelectMany(kind => kind.Value.EnumerateObject()).Select(field => field.Name).Distinct()];
        Line(text, ["", .. columns.Select(Heading)]);
        Line(text, ["---", .. columns.Select(_ => "---")]);
        foreach (JsonProperty kind in results.EnumerateObject())
            Line(text, [kind.Name, .. columns.Select(column => kind.Value.TryGetProperty(column, out JsonElement value) ? Cell(value) : "")]);
    }

    private static void Line(StringBuilder text, IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");

    // "qemuMedianMs" and "ping_p50" in words.
    private static string Heading(string name)
    {
        if (name == "values") return "count";
        StringBuilder words = new();
        foreach (char letter in name)
        {
            if (char.IsUpper(letter) && words.Length != 0 && char.IsLower(words[^1])) words.Append(' ');
            words.Append(letter == '_' ? ' ' : char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }

    private static string Cell(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength().ToString(CultureInfo.InvariantCulture),
        JsonValueKind.Number => Number(value.GetDouble()),
        JsonValueKind.True => "kept",
        JsonValueKind.False => "**missed**",
        JsonValueKind.Null => "",
        _ => value.ToString(),
    };

    internal static string Number(double value) => Math.Abs(value) >= 1_000 || value == Math.Floor(value)
        ? value.ToString("0", CultureInfo.InvariantCulture)
        : value.ToString(Math.Abs(value) >= 100 ? "0.0" : Math.Abs(value) >= 1 ? "0.00" : "0.000", CultureInfo.InvariantCulture);
}
