using System.Text.RegularExpressions;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Documents;

/// <summary>What README and docs name is there: pages, headings, files, tests.</summary>
public sealed partial class DocumentTests
{
    private static readonly string s_root = Repository.Root;

    // Sources only: a build's output has copies.
    private static readonly string[] s_tests =
        [.. Directory.EnumerateFiles(Path.Combine(s_root, "tests"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/bin/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal))];

    public static TheoryData<string> Pages =>
        ["README.md", .. Directory.EnumerateFiles(Path.Combine(s_root, "docs"), "*.md").Select(file => Path.GetRelativePath(s_root, file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_NamesOnlyWhatIsThere(string page)
    {
        string text = File.ReadAllText(Path.Combine(s_root, page));
        string[] missing =
        [
            .. Links().Matches(text).Select(link => link.Groups[1].Value).Where(target => !IsThere(page, target)).Select(target => $"link {target}"),
            .. Paths().Matches(text).Select(path => path.Groups[1].Value).Where(path => !Exists(path)),
            .. TestClasses().Matches(text).Select(match => match.Groups[1].Value).Distinct().Where(name => !IsTestClass(name)),
        ];
        Assert.True(missing.Length == 0, $"{page} names what is not there: {string.Join("; ", missing)}");
    }

    [Fact]
    public void EveryClaimOfTheReadme_NamesAHolder_InTheDefaultSuite_UnlessItSaysDrill()
    {
        string text = File.ReadAllText(Path.Combine(s_root, "README.md"));
        string table = text[text.IndexOf("| claim | held by |", StringComparison.Ordinal)..];
        string[] rows = [.. table[..table.IndexOf("\n\n", StringComparison.Ordinal)].Split('\n').Skip(2)];
        Assert.True(rows.Length > 10, "README's table of claims is not read as it should be.");
        foreach (string row in rows)
        {
            string held = row.Split('|')[2];
            if (held.Contains("benchmarks", StringComparison.Ordinal)) continue; // BenchReportTests
            string[] holders = [.. held.Split(';').Where(part => !part.Contains("(drill)", StringComparison.Ordinal)).SelectMany(part => Quoted().Matches(part)).Select(match => match.Groups[1].Value)];
            Assert.True(holders.Length > 0, $"nothing that is run by default holds: {row}");
            Assert.All(holders, holder => Assert.True(Files(holder).Any(HasDefaultTest), $"{holder} has no test that is run by default: {row}"));
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"`((?:src|tests|scripts|config|docs)/[\w./-]+)")]
    private static partial Regex Paths();

    [GeneratedRegex(@"\b([A-Z]\w+Tests)\b(?![/.](?:cs|Documents))")]
    private static partial Regex TestClasses();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\[(?:Lab|Root)?(?:Fact|Theory)\b[^\n]*")]
    private static partial Regex Tests();

    private static bool IsThere(string page, string target)
    {
        if (target.StartsWith("http", StringComparison.Ordinal)) return true;
        string[] parts = target.Split('#');
        string file = parts[0].Length == 0 ? Path.Combine(s_root, page) : Path.Combine(s_root, Path.GetDirectoryName(page)!, parts[0]);
        if (parts.Length == 1) return File.Exists(file) || Directory.Exists(file);
        return File.Exists(file) && File.ReadLines(file).Where(line => line.StartsWith('#')).Any(line => Anchor(line) == parts[1]);
    }

    private static string Anchor(string heading) =>
        string.Concat(heading.TrimStart('#').Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')).Replace(' ', '-');

    // A test class without its ending is meant too; what is written in capitals stands for a name.
    private static bool Exists(string path)
    {
        string name = Path.Combine(s_root, path.TrimEnd('.', '/'));
        return File.Exists(name) || File.Exists(name + ".cs") || Directory.Exists(name) || Path.GetFileName(name).All(char.IsUpper);
    }

    private static bool IsTestClass(string name) => s_tests.Any(file => Path.GetFileNameWithoutExtension(file).Split('.')[0] == name);

    // "EndToEnd/Pairs/FailoverTests", "TransferTests", "Machine.Tests/Determinism", "tests/ActorFT.Simulation": a file or a folder.
    private static IEnumerable<string> Files(string holder)
    {
        string name = holder.StartsWith("tests/", StringComparison.Ordinal) ? holder["tests/".Length..] : holder.Contains('/', StringComparison.Ordinal) ? "ActorFT." + holder : holder;
        if (name == "contracts") name = "ContractTests"; // held by the tests of that name
        return s_tests.Where(file => Path.GetRelativePath(Path.Combine(s_root, "tests"), file) is var path
            && (path.StartsWith(name + "/", StringComparison.Ordinal) || path == name + ".cs" || (!name.Contains('/', StringComparison.Ordinal) && path.EndsWith(name + ".cs", StringComparison.Ordinal))));
    }

    private static bool HasDefaultTest(string file)
    {
        string[] lines = File.ReadAllLines(file);
        for (int i = 0; i < lines.Length; i++)
        {
            // Its other attributes follow, up to the method.
            if (Tests().IsMatch(lines[i]) && !lines.Skip(i).TakeWhile((line, at) => at == 0 || line.TrimStart().StartsWith('[')).Any(line => line.Contains("\"Drill\"", StringComparison.Ordinal))) return true;
        }

        return false;
    }
}
