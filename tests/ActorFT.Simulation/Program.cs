using System.Globalization;
using ActorFT.Lockstep.Protocol;
using ActorFT.Simulation.World;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Simulation;

/// <summary>
/// <c>scripts/simulate [--seed N] [--count N] [--trace] [--keep-going] [--disks] [--bug NAME]</c>: runs seeds until stopped, or so many; a seed that
/// fails is run again with its trace.
/// </summary>
internal static class Program
{
    private const int TraceLines = 150;

    private static int Main(string[] args)
    {
        ulong? seed = null;
        ulong count = ulong.MaxValue;
        bool traces = false, keepsGoing = false, hasDisks = false;
        PlantedBug bug = PlantedBug.None;
        MirrorBug mirrorBug = MirrorBug.None;
        for (int i = 0; i < args.Length; i++)
        {
            string? value = i + 1 < args.Length ? args[i + 1] : null;
            switch (args[i])
            {
                case "--seed" when ulong.TryParse(value, CultureInfo.InvariantCulture, out ulong number): (seed, i) = (number, i + 1); break;
                case "--count" when ulong.TryParse(value, CultureInfo.InvariantCulture, out ulong number): (count, i) = (number, i + 1); break;
                case "--bug" when Enum.TryParse(value, out PlantedBug planted): (bug, i) = (planted, i + 1); break;
                case "--bug" when Enum.TryParse(value, out MirrorBug planted): (mirrorBug, hasDisks, i) = (planted, true, i + 1); break;
                case "--disks": hasDisks = true; break;
                case "--trace": traces = true; break;
                case "--keep-going": keepsGoing = true; break;
                default:
                    Console.Error.WriteLine($"simulate: {args[i]} is not known or its value is missing; allowed are --seed NUMBER, --count NUMBER, --trace, --keep-going, --disks and --bug NAME.");
                    return 2;
            }
        }
        // Without a seed every run is a new one: that is the point of running on and on.
        if (seed is not null && count == ulong.MaxValue) count = 1;
        return Run(seed ?? (ulong)Environment.TickCount64, count, traces, keepsGoing,
            number => hasDisks ? SimOptions.OfDisks(number, bug, mirrorBug) : SimOptions.Of(number, bug),
            $"{(hasDisks ? " --disks" : "")}{(bug != PlantedBug.None ? $" --bug {bug}" : mirrorBug != MirrorBug.None ? $" --bug {mirrorBug}" : "")}");
    }

    private static int Run(ulong first, ulong count, bool traces, bool keepsGoing, Func<ulong, SimOptions> optionsOf, string how)
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        int failed = 0;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (ulong i = 0; i < count; i++)
        {
            ulong seed = first + i;
            SimulationResult result = Simulator.Run(optionsOf(seed), counts, traces ? Console.WriteLine : null);
            if (result.Rule is not null)
            {
                if (!traces && !keepsGoing) PrintTrace(optionsOf(seed));
                Console.WriteLine($"seed {seed} FAILED (trace {result.TraceHash:x16}{(optionsOf(seed).BreaksOnlyCopies ? ", breaks only copies" : "")}): {result.Message}");
                Console.WriteLine($"replay: scripts/simulate --seed {seed} --trace{how}");
                failed++;
                if (!keepsGoing) return 1;
            }
            else if (count == 1) Console.WriteLine($"seed {seed} held every rule (trace {result.TraceHash:x16})");
            else if ((i + 1) % 500 == 0) Console.WriteLine($"{i + 1} seeds held every rule, {(i + 1) / watch.Elapsed.TotalSeconds:F0} a second");
        }
        foreach ((string what, long number) in counts) Console.WriteLine($"{number,10} {what}");
        return failed == 0 ? 0 : 1;
    }

    private static void PrintTrace(SimOptions options)
    {
        var lines = new Queue<string>();
        Simulator.Run(options, [], line =>
        {
            lines.Enqueue(line);
            if (lines.Count > TraceLines) lines.Dequeue();
        });
        foreach (string line in lines) Console.WriteLine(line);
    }
}
