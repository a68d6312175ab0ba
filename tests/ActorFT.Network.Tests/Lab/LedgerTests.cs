using ActorFT.LabTool.Ledger;

namespace ActorFT.Network.Tests.Lab;

/// <summary>The judge of demos and drills finds what it is there to find: a database that lost, repeated or changed something.</summary>
public sealed class LedgerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-ledger-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void HonestDatabase_IsFoundClean()
    {
        (int code, string output) = Run(ScriptedDatabase.Lie.None);

        Assert.Equal(0, code);
        Assert.Contains("verdict acknowledged 20 lost 0 duplicated 0 invented 0 resets 0 ", output, StringComparison.Ordinal);
        Assert.Contains("episode start acknowledged 20 longest_ms ", output, StringComparison.Ordinal);
        string[] ledger = File.ReadAllLines(Path.Combine(_folder, "ledger"));
        Assert.Equal(40, ledger.Length);
        Assert.Equal("acknowledged 20", ledger[^1]);
    }

    [Theory]
    [InlineData(nameof(ScriptedDatabase.Lie.Forgets), "verdict acknowledged 20 lost 1 duplicated 0 invented 0 resets 0 ", "contradiction transaction 7 was counted as 6")]
    [InlineData(nameof(ScriptedDatabase.Lie.Repeats), "verdict acknowledged 20 lost 0 duplicated 1 invented 0 resets 0 ", "contradiction transaction 7 was counted as 8")]
    [InlineData(nameof(ScriptedDatabase.Lie.Damages), "verdict acknowledged 20 lost 1 duplicated 0 invented 0 resets 0 ", "verdict")]
    [InlineData(nameof(ScriptedDatabase.Lie.Resets), "verdict acknowledged 6 lost unknown duplicated unknown invented unknown resets 1 ", "broken the connection ")]
    public void DatabaseThatBreaksItsWord_IsFoundOut(string lie, string verdict, string sign)
    {
        (int code, string output) = Run(Enum.Parse<ScriptedDatabase.Lie>(lie));

        Assert.Equal(1, code);
        Assert.Contains(verdict, output, StringComparison.Ordinal);
        Assert.Contains(sign, output, StringComparison.Ordinal);
    }

    private (int Code, string Output) Run(ScriptedDatabase.Lie lie)
    {
        using ScriptedDatabase database = new(lie, at: 7);
        using StringWriter output = new();
        using SilentReader orders = new();
        int code = LedgerClient.Run(["--address", database.Address, "--ledger", Path.Combine(_folder, "ledger"), "--count", "20", "--stall-seconds", "30"], orders, output);
        return (code, output.ToString());
    }

    /// <summary>Nobody gives orders, and nobody goes away.</summary>
    private sealed class SilentReader : TextReader
    {
        private readonly ManualResetEventSlim _ended = new();

        public override string? ReadLine()
        {
            _ended.Wait();
            return null;
        }

        protected override void Dispose(bool disposing) => _ended.Set();
    }
}
