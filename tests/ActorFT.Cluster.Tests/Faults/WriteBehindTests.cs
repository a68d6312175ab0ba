using ActorFT.Cluster.Faults;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Cluster.Tests.Faults;

public sealed class WriteBehindTests
{
    // A disk that stalls for minutes (or a full one) must not keep a server from saying anything.
    [Fact]
    public void Disk_ThatStalls_HoldsNobodyUp_AndOneThatIsFullLosesWritesOnly()
    {
        List<int> written = [];
        int done = 0;
        using ManualResetEventSlim goesOn = new(), isWriting = new();
        WriteBehind behind = new("test");
        for (int i = 0; i < 2001; i++)
        {
            int number = i;
            if (i == 1) isWriting.Wait(); // the first is in the writer's hands, and the others' places are all free
            behind.Do(() =>
            {
                isWriting.Set();
                goesOn.Wait();
                written.Add(number);
                Interlocked.Increment(ref done);
            });
        }

        Assert.Equal(1000, behind.Lost);
        goesOn.Set();
        behind.Dispose();
        Wait.Until(() => Volatile.Read(ref done) == 1001, () => $"the writes to be done; {done} are"); // a host may hold the writer up for longer than Dispose waits
        Assert.Equal(Enumerable.Range(0, 1001), written);

        WriteBehind full = new("test");
        for (int i = 0; i < 2; i++) full.Do(() => throw new IOException("No space left on device"));
        full.Dispose();
        Wait.Until(() => full.Lost == 2, () => $"both writes to be lost; {full.Lost} are");
    }
}
