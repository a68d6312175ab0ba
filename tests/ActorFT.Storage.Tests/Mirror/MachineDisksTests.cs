using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>One server, several disks, one mark.</summary>
public class MachineDisksTests
{
    private readonly MachineDisks _disks = new([CopyUse.Current, CopyUse.Current]);

    [Fact]
    public void Mark_SaysStale_AsLongAsOneDiskIs()
    {
        Assert.True(_disks.Mark(0, isStale: true));
        Assert.True(_disks.Mark(1, isStale: true));
        Assert.True(_disks.Mark(1, isStale: false));
        Assert.False(_disks.AreCurrent);
        Assert.False(_disks.Mark(0, isStale: false));
        Assert.True(_disks.AreCurrent);
    }

    [Fact]
    public void Server_IsWhole_OnlyWithEveryDisk()
    {
        _disks.Changed(1, CopyUse.Out, CopyUse.Current, "gone", -1);
        Assert.False(_disks.AreCurrent);
        _disks.Changed(1, CopyUse.Rebuilding, CopyUse.Current, "back", -1);
        Assert.False(_disks.AreCurrent);
        _disks.Changed(1, CopyUse.Current, CopyUse.Current, "", -1);
        Assert.True(_disks.AreCurrent);
    }

    [Fact]
    public void CopyThatWasStaleAtTheStart_KeepsTheMark()
    {
        Assert.True(new MachineDisks([CopyUse.Rebuilding, CopyUse.Current]).IsAnyStale);
        Assert.False(new MachineDisks([CopyUse.Out, CopyUse.Current]).IsAnyStale); // tried again as it is
    }

    [Fact]
    public void Term_IsMarkedBehindEveryCopy_InOrder()
    {
        _disks.BeginTerm(4);
        _disks.BeginTerm(5);
        Assert.Empty(_disks.TermMarked(0, 5));
        Assert.Empty(_disks.TermMarked(1, 5));
        Assert.Empty(_disks.TermMarked(0, 4));
        Assert.Equal([4UL, 5UL], _disks.TermMarked(1, 4));
    }

    [Fact]
    public void WordOfADisk_ThatHasNotHeardThatItsReplicaIsMadeAnew_DoesNotClearTheMark()
    {
        _disks.BeginPreparing((2, 1));
        Assert.True(_disks.Mark(0, isStale: false));
        Assert.False(_disks.PassedBarrier((2, 1)));
        Assert.False(_disks.Prepared(0, (2, 1)));
        Assert.True(_disks.Prepared(1, (2, 1)));
        Assert.True(_disks.Mark(0, isStale: false)); // the other is stale yet
        Assert.False(_disks.Mark(1, isStale: false));
    }
}
