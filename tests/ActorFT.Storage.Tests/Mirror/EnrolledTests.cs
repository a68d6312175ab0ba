using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// A server that is made from the other is no member before the arbiter says so: until then the other may go on alone, and whoever is no member boots from nothing. So its copy
/// does not count before, however equal it is: else the other's, failing in between, is left out for it, and then neither is of use (seed 1875 of scripts/simulate --disks).
/// </summary>
public class EnrolledTests
{
    private readonly Host _host = new();
    private readonly DiskMirror _mirror;
    private long _nowMs;
    private ulong _syncs;

    public EnrolledTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings(), _host);
        _mirror.CopyOpened(false, "new");
    }

    private void BecomeEqual(bool isMember = false, bool isIn = false)
    {
        if (!isIn) _mirror.PeerIn(7, 1, isSource: false);
        if (isMember) _mirror.Enrolled();
        // Nothing differs, and both flush at one place.
        Hear(new CopyStands(CopyUse.Current, ""));
        Hear(new Inventory(CopyUse.Current, Guid.Empty, 1 << 20, new DiskGeometry(1 << 20).RegionBytes, false, 0, 0, []));
        _mirror.Tick(_nowMs += 5_000);
        _host.End(null);
        Hear(new SyncTold(++_syncs, false, 0, []));
    }

    [Fact]
    public void EqualCopyOfAServerThatIsNoMember_IsNotCurrent()
    {
        BecomeEqual();
        _mirror.Tick(_nowMs += 5_000);
        Assert.Null(_host.Marked);
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
    }

    [Fact]
    public void EqualCopy_IsCurrentOnceItsServerIsAMember()
    {
        BecomeEqual();
        _mirror.Enrolled();
        _host.Marked!(true);
        Assert.Equal(CopyUse.Current, _mirror.Use);
    }

    [Fact]
    public void CopyOfAMember_IsCurrentOnceItIsEqual()
    {
        BecomeEqual(isMember: true);
        _host.Marked!(true);
        Assert.Equal(CopyUse.Current, _mirror.Use);
    }

    [Fact]
    public void OtherCopyThatFailedBefore_IsNotReplacedByOneThatWasEqualThen()
    {
        BecomeEqual();
        Hear(new ResultWanted(0, 1, (ulong)CopyUse.Out));
        Hear(new CopyStands(CopyUse.Current, "")); // it serves again, without what was in its memory
        _mirror.Enrolled();
        Assert.Null(_host.Marked);
    }

    [Fact]
    public void ServerThatIsMadeAnew_IsAMemberAnew()
    {
        BecomeEqual();
        _mirror.Enrolled();
        _host.Marked!(true);
        _mirror.Reset();
        _mirror.CopyOpened(false, "being made equal to the other server's");
        _host.Forget();
        BecomeEqual();
        Assert.Null(_host.Marked);
    }

    // Told as lacking something while the read needs the other's copy, it must be told as whole when that has ended: else this server never leads (seed 894).
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CopyThatBecomesCurrentWhileAReadNeedsTheOthers_IsToldWholeWhenItHasEnded(bool isReset)
    {
        _host.OfMirror = _mirror;
        _mirror.Joined();
        _mirror.PeerIn(7, 1, isSource: false);
        Hear(new CopyStands(CopyUse.Current, ""));
        _mirror.Request(new BlockRequested(0, 1, BlockOperation.Read, 0, 512, default));
        BecomeEqual(isMember: true, isIn: true);
        _host.Marked!(true);
        Assert.Equal((CopyUse.Current, CopyUse.Rebuilding), (_mirror.Use, _host.Told));
        if (isReset) _mirror.Reset();
        else Hear(new ResultTold(1, PeerAnswer.Ok, new byte[512]));
        Assert.Equal(CopyUse.Current, _host.Told);
    }

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private sealed class Host : MirrorHostBase
    {
        /// <summary>Whom to tell that it is durable that the copy is current; null while nobody asked for that.</summary>
        internal Action<bool>? Marked { get; private set; }

        internal void Forget() => Marked = null;

        internal DiskMirror? OfMirror { get; set; }

        /// <summary>How the copy stands for what its server does by itself, as it was told last.</summary>
        internal CopyUse Told { get; private set; }

        public override void OnChanged()
        {
            if (OfMirror is not null) Told = OfMirror.UseAlone;
        }

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
        }

        public override void Record(Action<DiskCopy> change, Action<bool> ended) => ended(true); // of an empty plan

        public override void MarkCurrent(Action<bool> ended) => Marked = ended;
    }
}
