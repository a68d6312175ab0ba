using System.Globalization;
using System.Text.Json;
using ActorFT.PairBench;
using ActorFT.PairBench.Parts;

// Measures a pair of real processes with the real guest. scripts/bench lockstep runs it.
if (args is ["disk", .. string[] diskArguments]) return DiskBench.Run(diskArguments, Say);
if (Options.Read(args) is not { } options) return 2;
List<Measurement> measured = [];
foreach (string part in options.Parts)
{
    Say($"{part}: starting");
    try
    {
        measured.AddRange(part switch
        {
            "actors" => ActorsPart.Measure(Say),
            "hold" => HoldPart.Measure(options, Say),
            "idle" => IdlePart.Measure(options, Say),
            "throughput" => ThroughputPart.Measure(options, Say),
            "failover" => FailoverPart.Measure(options, Say),
            _ => ReprotectPart.Measure(options, Say),
        });
    }
    catch (TimeoutException e)
    {
        Console.Error.WriteLine($"{part} failed: {e.Message}");
        return 1;
    }
}

if (options.IsJson)
{
    Console.WriteLine(JsonSerializer.Serialize(
        measured.Select(one => new { one.Name, one.Unit, one.Median, one.P99, one.Target, one.TailTarget, one.Keeps, one.Values }),
        new JsonSerializerOptions(JsonSerializerDefaults.Web)));
    return 0;
}

Console.WriteLine($"{"what",-84} {"unit",-12} {"median",9} {"p99",9} {"count",6}  asked");
foreach (Measurement one in measured)
{
    string asked = one.Keeps is { } keeps ? $"{Bound(one.Target, "median")}{Bound(one.TailTarget, "p99")} {(keeps ? "kept" : "missed")}" : "";
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Name,-84} {one.Unit,-12} {one.Median,9:G4} {one.P99,9:G4} {one.Values.Count,6}  {asked}"));

    string Bound(double? bound, string of) => bound is { } value ? string.Create(CultureInfo.InvariantCulture, $"{of} {(one.IsMoreBetter ? "≥" : "<")} {value:G4} ") : "";
}

return 0;

static void Say(string line) => Console.Error.WriteLine(line);
