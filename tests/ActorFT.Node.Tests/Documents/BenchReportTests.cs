using System.Text;
using ActorFT.BenchReport;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Documents;

/// <summary>docs/benchmarks.md says what was measured, and nothing else.</summary>
public sealed class BenchReportTests
{
    [Fact]
    public void Report_OfTheRepository_IsMadeOfItsMeasurements()
    {
        string docs = Path.Combine(Repository.Root, "docs");
        foreach ((string path, string text) in Report.Of(docs))
            Assert.True(File.ReadAllText(Path.Combine(docs, path)) == text, $"docs/{path} differs from what scripts/bench report makes: run it.");
    }

    [Fact]
    public void Report_ShowsEveryFigure_AndMarksWhatWasMissed()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(Path.Combine(folder.Root, "benchmarks"));
        File.WriteAllText(Path.Combine(folder.Root, "benchmarks", "lockstep.json"), """
            { "part": "lockstep", "date": "2026-01-02T03:04:05Z", "cores": 2, "cpu": "a cpu", "load": "0.10", "rows": [
              { "name": "failover, first output", "unit": "ms", "median": 141.5, "p99": 1200, "target": 300, "keeps": true, "values": [120, 141.5, 1200] },
              { "name": "output held", "unit": "ms", "median": 9.25, "p99": 50, "target": 2, "keeps": false, "values": [9.25] } ] }
            """);
        Dictionary<string, string> files = Report.Of(folder.Root).ToDictionary(file => file.Path, file => file.Text);
        Assert.Contains("| failover, first output | ms | 141.5 | 1200 | 300 | kept | 3 |\n", files["benchmarks.md"], StringComparison.Ordinal);
        Assert.Contains("| output held | ms | 9.25 | 50 | 2 | **missed** | 1 |\n", files["benchmarks.md"], StringComparison.Ordinal);
        Assert.Contains("2026-01-02 on 2 cores (a cpu); load average when it ended: 0.10.", files["benchmarks.md"], StringComparison.Ordinal);
        // Three values make a distribution, one does not.
        Assert.Equal(["benchmarks.md", "benchmarks/lockstep-pauses.svg"], files.Keys.Order(StringComparer.Ordinal));
        System.Xml.Linq.XDocument.Parse(files["benchmarks/lockstep-pauses.svg"]);
    }

    [Fact]
    public void Report_OfAFileThatIsNoPart_IsRefusedByName()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(Path.Combine(folder.Root, "benchmarks"));
        File.WriteAllText(Path.Combine(folder.Root, "benchmarks", "guess.json"), "{}", Encoding.UTF8);
        Assert.Contains("guess.json is no part", Assert.Throws<InvalidDataException>(() => Report.Of(folder.Root).ToArray()).Message, StringComparison.Ordinal);
        File.Move(Path.Combine(folder.Root, "benchmarks", "guess.json"), Path.Combine(folder.Root, "benchmarks", "disk.json"));
        File.WriteAllText(Path.Combine(folder.Root, "benchmarks", "disk.json"), "{", Encoding.UTF8);
        Assert.Contains("is no JSON", Assert.Throws<InvalidDataException>(() => Report.Of(folder.Root).ToArray()).Message, StringComparison.Ordinal);
    }
}
