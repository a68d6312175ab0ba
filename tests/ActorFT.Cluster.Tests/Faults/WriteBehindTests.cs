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
        using ManualResetEventSlim goesOn = new();
        WriteBehind behind = new("test");
        for (int i = 0; i < 2000; i++)
        {
            int number = i;
            behind.Do(() =>
            {
                goesOn.Wait();
                written.Add(number);
            });
        }

        Assert.InRange(behind.Lost, 999, 1000); // one may be in the writer's hands
        goesOn.Set();
        behind.Dispose();
        Assert.Equal(Enumerable.Range(0, written.Count), written);

        WriteBehind full = new("test");
        for (int i = 0; i < 2; i++) full.Do(() => throw new IOException("No space left on device"));
        full.Dispose();
        Assert.Equal(2, full.Lost);
    }
}
