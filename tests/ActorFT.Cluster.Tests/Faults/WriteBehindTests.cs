using ActorFT.Cluster.Faults;
using Xunit;

namespace ActorFT.Cluster.Tests.Faults;

public sealed class WriteBehindTests
{
    // A disk that stalls for minutes (or a full one) must not keep a server from saying anything.
    [Fact]
    public void Disk_ThatStalls_HoldsNobodyUp_AndOneThatIsFullLosesWritesOnly()
    {
        List<int> written = [];
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
            });
        }

        Assert.Equal(1000, behind.Lost);
        goesOn.Set();
        behind.Dispose();
        Assert.Equal(Enumerable.Range(0, 1001), written);

        WriteBehind full = new("test");
        for (int i = 0; i < 2; i++) full.Do(() => throw new IOException("No space left on device"));
        full.Dispose();
        Assert.Equal(2, full.Lost);
    }
}
