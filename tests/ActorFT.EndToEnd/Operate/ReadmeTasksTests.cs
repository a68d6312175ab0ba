using System.Diagnostics;
using ActorFT.EndToEnd.Scripts;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Operate;

/// <summary>The three tasks of the README, as it says them, on a real pair, each within minutes: is it healthy; what failed last night; take server B down and bring it back.</summary>
[Collection(Collections.Pairs)]
public sealed class ReadmeTasksTests(ITestOutputHelper output)
{
    private const int MostMinutes = 5;

    private long _began;

    [Fact]
    public void A_person_with_the_README_does_the_three_tasks()
    {
        string readme = File.ReadAllText(Path.Combine(Script.Root, "README.md"));
        Assert.All(new[] { "actorft status", "actorft fault list", "actorft server leave server-b" }, command => Assert.Contains(command, readme, StringComparison.Ordinal));
        using OperatedPair pair = new OperatedPair().StartAll();
        string leader = pair.WaitUntilGood();

        // Is it healthy?
        _began = Stopwatch.GetTimestamp();
        (int code, string text, _) = pair.RunUntil(0, "status");
        Assert.Equal(0, code);
        Assert.StartsWith("GOOD", text, StringComparison.Ordinal);
        Assert.Contains("Nothing needs doing.", text, StringComparison.Ordinal);

        IsDone("is it healthy");

        // What failed last night? A server did, came back, and went again: the other one knows both.
        pair.Kill(leader);
        string survivor = OperatedPair.Other(leader);
        Wait.Until(() => pair.Run("fault", "list").Output.Contains("taken-over:", StringComparison.Ordinal), "the fault to be in the list", OperatedPair.BoundSeconds);
        pair.Start(leader);
        Assert.Equal(survivor, pair.WaitUntilGood());
        string list = "";
        Wait.Until(() => (list = pair.Run("fault", "list").Output).Contains("over after", StringComparison.Ordinal), "its end to be told", OperatedPair.BoundSeconds);
        Assert.Contains($"{survivor} took machine guest over from {leader}", list, StringComparison.Ordinal);
        Assert.Contains("likely cause: The other server led and was lost", list, StringComparison.Ordinal);

        IsDone("what failed last night"); // the fault and the server's way back are in that

        // Take server B down for a memory upgrade and bring it back.
        pair.Do("server", "leave", "server-b");
        Wait.Until(() => pair.Run("status") is { ExitCode: 1 } status && status.Output.Contains("NOT protected, leader server-a", StringComparison.Ordinal), "server-a to lead alone", OperatedPair.BoundSeconds);
        Assert.Equal(0, pair.Stop("server-b"));
        (int alone, string told, _) = pair.RunUntil(1, "status");
        Assert.Equal(1, alone);
        Assert.Contains("NOT protected", told, StringComparison.Ordinal);
        pair.Start("server-b");
        Assert.Equal("server-a", pair.WaitUntilGood());
        Assert.Equal(0, pair.RunUntil(0, "status").ExitCode);
        IsDone("take server-b down and bring it back");
    }

    private void IsDone(string task)
    {
        TimeSpan took = Stopwatch.GetElapsedTime(_began);
        output.WriteLine($"{task}: {took.TotalSeconds:F1} s");
        Assert.InRange(took.TotalMinutes, 0, MostMinutes);
        _began = Stopwatch.GetTimestamp();
    }
}
