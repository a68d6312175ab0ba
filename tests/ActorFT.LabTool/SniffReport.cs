using System.Globalization;

namespace ActorFT.LabTool;

/// <summary>
/// Reads a sniffer's file and prints through which port a MAC's frames came, run by run. "Never two leaders" means: the
/// MAC moves from one port to another once per change of leader and never back and forth.
/// </summary>
internal static class SniffReport
{
    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--mac", "--max-moves", "--ports");
        if (arguments.Words.Count != 1) throw new ArgumentException("report needs one file");
        string mac = Sniffer.Mac(Sniffer.ParseMac(arguments.Required("--mac")));
        string[]? ports = arguments.Text("--ports")?.Split(',');
        IReadOnlyList<PortRun> runs = Runs(File.ReadLines(arguments.Words[0]), mac, ports, out long dropped);
        foreach (PortRun run in runs)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{run.Port}\t{run.FirstNs}\t{run.LastNs}\t{run.Frames}"));
        }

        int moves = Math.Max(0, runs.Count - 1);
        if (dropped > 0) Console.Error.WriteLine($"the sniffer missed {dropped} frames: the report proves less");
        if (moves <= arguments.Number("--max-moves", double.MaxValue, 0, double.MaxValue)) return 0;
        Console.Error.WriteLine($"{mac} moved {moves} times between ports; at most {arguments.Text("--max-moves")} are allowed");
        return 1;
    }

    /// <summary>Consecutive frames of one MAC through one port.</summary>
    internal static IReadOnlyList<PortRun> Runs(IEnumerable<string> lines, string mac, string[]? ports, out long dropped)
    {
        List<PortRun> runs = [];
        dropped = 0;
        foreach (string line in lines)
        {
            if (line.StartsWith("# dropped ", StringComparison.Ordinal))
            {
                dropped += long.Parse(line.AsSpan(10), CultureInfo.InvariantCulture);
                continue;
            }

            string[] fields = line.Split('\t');
            if (fields.Length != 6 || fields[2] != mac || (ports is not null && !ports.Contains(fields[1]))) continue;
            long timeNs = long.Parse(fields[0], CultureInfo.InvariantCulture);
            if (runs.Count > 0 && runs[^1].Port == fields[1]) runs[^1] = runs[^1] with { LastNs = timeNs, Frames = runs[^1].Frames + 1 };
            else runs.Add(new PortRun(fields[1], timeNs, timeNs, 1));
        }

        return runs;
    }
}

/// <summary>Consecutive frames through one port: its name, times of the first and last (ns since 1970), count.</summary>
internal sealed record PortRun(string Port, long FirstNs, long LastNs, long Frames);
