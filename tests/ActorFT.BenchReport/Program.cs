using ActorFT.BenchReport;

// scripts/bench report runs it: bench-report DOCS-FOLDER
if (args is not [string docs])
{
    Console.Error.WriteLine("usage: bench-report DOCS-FOLDER");
    return 2;
}

try
{
    foreach ((string path, string text) in Report.Of(docs)) File.WriteAllText(Path.Combine(docs, path), text);
    return 0;
}
catch (Exception e) when (e is IOException or InvalidDataException)
{
    Console.Error.WriteLine($"bench-report: {e.Message}");
    return 2;
}
