using System.Globalization;
using System.Text.Json;
using ActorFT.Node.Running;
using ActorFT.Node.Terminal;
using Spectre.Console;

namespace ActorFT.Node.Commands;

/// <summary>Shows statistics: a table for people (on standard error, beside the guest's console), JSON for programs.</summary>
internal static class StatisticsReport
{
    /// <summary>Writes the table of <c>--stats</c>.</summary>
    public static void WriteTable(RunStatistics statistics)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("what").AddColumn(new TableColumn("value").RightAligned());
        foreach ((int vcpu, ulong retired) in statistics.Retired.Index()) table.AddRow(Text($"instructions of vCPU {vcpu}"), Text($"{retired:N0}"));
        table.AddRow(Text($"instructions"), Text($"{statistics.RetiredTotal:N0}"));
        table.AddRow(Text($"rounds"), Text($"{statistics.Rounds:N0}"));
        table.AddRow(Text($"seconds"), Text($"{statistics.WallSeconds:F3}"));
        table.AddRow(Text($"seconds in rounds"), Text($"{statistics.BusySeconds:F3}"));
        table.AddRow(Text($"MIPS in rounds"), Text($"{statistics.Mips:F1}"));
        table.AddRow(Text($"digest at round {statistics.EndRound}"), Text($"{statistics.Digest}"));
        var text = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = 100;
        console.Write(table);
        Notices.WriteLine(text.ToString().TrimEnd());
    }

    /// <summary>Writes one line of JSON to standard output.</summary>
    /// <param name="fields">Writes the command's own fields.</param>
    /// <param name="statistics">What it did.</param>
    public static void WriteJson(RunStatistics statistics, Action<Utf8JsonWriter> fields)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteNumber("rounds", statistics.Rounds);
            json.WriteNumber("endRound", statistics.EndRound);
            json.WriteNumber("machineTimeNs", statistics.MachineTimeNs);
            json.WriteNumber("seconds", Math.Round(statistics.WallSeconds, 6));
            json.WriteNumber("busySeconds", Math.Round(statistics.BusySeconds, 6));
            json.WriteStartArray("retired");
            foreach (ulong retired in statistics.Retired) json.WriteNumberValue(retired);
            json.WriteEndArray();
            json.WriteNumber("retiredTotal", statistics.RetiredTotal);
            json.WriteNumber("mips", Math.Round(statistics.Mips, 3));
            json.WriteString("digest", statistics.Digest.ToString());
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        StandardStream.Write(StandardStream.Output, buffer.ToArray());
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
