using ActorFT.Node.Terminal;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Terminal;

public sealed class NoticeQueueTests
{
    [Fact]
    public void Lines_ComeInOrder_AndAllBeforeTheEnd()
    {
        List<string> written = [];
        using (NoticeQueue notices = new(written.Add))
            for (int i = 0; i < 100; i++) notices.Say($"{i}");
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}"), written);
    }

    // A reader of the standard error that stopped reading, or a stopped terminal.
    [Fact]
    public void Writer_ThatIsStuck_HoldsNobodyUp_AndWhatWasDroppedIsTold()
    {
        List<string> written = [];
        using ManualResetEventSlim isRead = new();
        using NoticeQueue notices = new(line =>
        {
            isRead.Wait();
            lock (written) written.Add(line);
        }, maxLines: 10);
        for (int i = 0; i < 1000; i++) notices.Say($"{i}"); // returns, although nothing is written
        notices.Flush(TimeSpan.FromMilliseconds(1));
        isRead.Set();
        Wait.Until(() => { lock (written) return written.Count >= 10; }, "the lines that were kept", 30);
        notices.Flush(TimeSpan.FromSeconds(30));
        Assert.InRange(written.Count, 10, 11); // one may have been in the writer's hands
        Assert.Contains(written, line => line.Contains("lines were dropped", StringComparison.Ordinal));
    }
}
