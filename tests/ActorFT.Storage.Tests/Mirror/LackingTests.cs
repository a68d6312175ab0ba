using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// What failed on the only copy, or was lost with its memory, the other replica makes too, perhaps later: it gets those regions from the only copy, once it has made it
/// (seed 1496 of scripts/simulate --disks).
/// </summary>
public class LackingTests
{
    private const int RegionBytes = DiskGeometry.MinRegionBytes;

    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public LackingTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(8 * RegionBytes, RegionBytes), new MirrorSettings(), _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: true);
        Hear(new CopyStands(CopyUse.Rebuilding, "new"));
    }

    private void FailAndServeAgain()
    {
        _mirror.Request(Write(1, region: 2)); // done, not flushed
        _host.End(null);
        _mirror.Request(Write(2, region: 3)); // fails, and the copy with it
        _host.End(CopyFaultKind.IoError);
        _mirror.Request(Write(3, region: 4)); // no copy at all
        _mirror.CopyOpened(true, "");
        MirrorHostBase.HearAnswer(_mirror, PeerAnswer.Bad);
        Assert.Equal(CopyUse.Current, _mirror.Use);
        _host.Sent.Clear();
    }

    [Fact]
    public void OnlyCopyThatFailed_ServesAgainOnlyWhenTheOtherHasHeardThatItWasOut()
    {
        _mirror.Request(Write(1, region: 2));
        _host.End(CopyFaultKind.IoError);
        _mirror.CopyOpened(true, "");
        Assert.NotEqual(CopyUse.Current, _mirror.Use);
        Assert.Contains(_host.Sent, message => message is ResultWanted { RequestId: 0, LengthBytes: (ulong)CopyUse.Out });
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    public void RegionOfALostChange_IsRefusedUntilTheOtherReplicaHasMadeIt(int region, ulong change)
    {
        FailAndServeAgain();
        Hear(new RegionWanted(region, change - 1, new ulong[RegionBytes / DiskGeometry.BlockBytes]));
        Assert.True(Assert.Single(_host.Sent.OfType<RegionTold>()).IsRefused);
        Assert.Empty(_host.Submitted);
        Hear(new RegionWanted(region, change, new ulong[RegionBytes / DiskGeometry.BlockBytes]));
        Assert.Single(_host.Submitted); // read, to be sent
    }

    [Fact]
    public void RegionThatLacksNothing_IsGivenAtOnce()
    {
        FailAndServeAgain();
        Hear(new RegionWanted(6, 0, new ulong[RegionBytes / DiskGeometry.BlockBytes]));
        Assert.Single(_host.Submitted);
    }

    [Fact]
    public void OnceTheOtherIsComplete_WhatFailedHereComesFromIt()
    {
        // It may have made the changes behind the regions that came from here (seed 889).
        FailAndServeAgain();
        Hear(new CopyStands(CopyUse.Current, ""));
        Assert.Equal(CopyUse.Rebuilding, _mirror.Use);
        Assert.Equal([2, 3, 4], _host.Sent.OfType<RegionWanted>().Select(wanted => wanted.Region));
        Assert.True(_host.IsStale);
    }

    private void Hear(MirrorMessage message) => MirrorHostBase.Hear(_mirror, message);

    private static BlockRequested Write(ulong id, int region) => new(0, id, BlockOperation.Write, (ulong)region * RegionBytes, 512, new byte[512]);

    private sealed class Host : MirrorHostBase
    {
        internal List<MirrorMessage> Sent { get; } = [];

        internal bool IsStale { get; private set; }

        public override void MarkStale(Action ended) => IsStale = true;

        public override void Check(int region, Action<BlockCheck[]?> ended) => ended(null);

        public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Sent.Add(MirrorCodec.Read(message.ToArray()).Message);

        public override void Record(Action<DiskCopy> change, Action<bool> ended)
        {
        }

        public override void OnCopyFailed(CopyFaultKind kind, string detail)
        {
        }
    }
}
