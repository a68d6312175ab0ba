using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// Usage: ActorFT.Benchmarks [--filter GLOB] [--runs K] [--output json]. scripts/bench micro runs it.
string filter = Option("--filter") ?? "*";
string? output = Option("--output");
if (!int.TryParse(Option("--runs") ?? "5", NumberStyles.None, CultureInfo.InvariantCulture, out int runs) || runs is < 1 or > 99)
    return Refuse("--runs allows 1 to 99.");
if (output is not (null or "json")) return Refuse("--output allows json.");

// In this process: nothing is built or restored, and the code measured is the code that was built. Enough warm-up for the
// runtime's own tiers to settle.
Job job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(6).WithIterationCount(runs)
    .WithIterationTime(Perfolizer.Horology.TimeInterval.FromMilliseconds(200));
DirectoryInfo artifacts = Directory.CreateTempSubdirectory("actorft-benchmarks-");
IConfig config = ManualConfig.CreateEmpty().AddJob(job).AddDiagnoser(MemoryDiagnoser.Default).AddColumnProvider(DefaultColumnProviders.Instance)
    .AddLogger(new ErrorLogger()).AddFilter(new BenchmarkDotNet.Filters.GlobFilter([filter]))
    .WithArtifactsPath(artifacts.FullName);
Summary[] summaries = BenchmarkRunner.Run(typeof(Program).Assembly, config);
artifacts.Delete(recursive: true);
Row[] rows = [.. summaries.SelectMany(summary => summary.Reports).Select(Row.From)];
if (rows.Length == 0) return Refuse($"--filter {filter} fits no benchmark.");
if (output == "json") Console.WriteLine(JsonSerializer.Serialize(rows, new JsonSerializerOptions(JsonSerializerDefaults.Web)));
else WriteTable(rows);
return rows.All(row => row.MedianNs is not null) ? 0 : 1;

string? Option(string name) => Array.IndexOf(args, name) is >= 0 and int at && at + 1 < args.Length ? args[at + 1] : null;

static int Refuse(string sentence)
{
    Console.Error.WriteLine(sentence);
    return 2;
}

static void WriteTable(Row[] rows)
{
    Console.WriteLine($"{"area",-12} {"one",-24} {"median ns",12} {"best ns",12} {"spread",8} {"bytes",8}");
    foreach (Row row in rows)
    {
        string median = row.MedianNs is { } ns ? ns.ToString("N2", CultureInfo.InvariantCulture) : "failed";
        string best = row.BestNs is { } least ? least.ToString("N2", CultureInfo.InvariantCulture) : "";
        string spread = row.SpreadPercent is { } percent ? percent.ToString("N0", CultureInfo.InvariantCulture) + " %" : "";
        Console.WriteLine($"{row.Area,-12} {row.Name,-24} {median,12} {best,12} {spread,8} {row.AllocatedBytes,8}");
    }
}

/// <summary>One cost centre's numbers, for one operation.</summary>
/// <param name="Area">The folder it stands in.</param>
/// <param name="Name">What one operation is.</param>
/// <param name="MedianNs">Median time; null when the benchmark failed.</param>
/// <param name="BestNs">The shortest: what a busy host spoils least.</param>
/// <param name="SpreadPercent">Standard deviation as a part of the mean.</param>
/// <param name="AllocatedBytes">Bytes of garbage.</param>
internal sealed record Row(string Area, string Name, double? MedianNs, double? BestNs, double? SpreadPercent, long? AllocatedBytes)
{
    public static Row From(BenchmarkReport report)
    {
        Type type = report.BenchmarkCase.Descriptor.Type;
        var statistics = report.ResultStatistics;
        return new Row(type.Namespace!.Split('.')[^1].ToLowerInvariant(), report.BenchmarkCase.Descriptor.WorkloadMethod.Name, statistics?.Median, statistics?.Min,
            statistics is { Mean: > 0 } ? 100 * statistics.StandardDeviation / statistics.Mean : null, report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase));
    }
}

/// <summary>Tells errors only: the table is the program's own.</summary>
internal sealed class ErrorLogger : ILogger
{
    public string Id => nameof(ErrorLogger);

    public int Priority => 0;

    public void Write(LogKind logKind, string text)
    {
        // Comments are about reports that nobody asked for; a class left out by --filter is no error.
        bool isNoise = text.StartsWith("//", StringComparison.Ordinal) || text.StartsWith("There are no benchmarks found", StringComparison.Ordinal) || text.Trim().Length == 0;
        if (logKind == LogKind.Error && !isNoise) Console.Error.Write(text);
    }

    public void WriteLine() { }

    public void WriteLine(LogKind logKind, string text) => Write(logKind, text + Environment.NewLine);

    public void Flush() { }
}
