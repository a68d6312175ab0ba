using ActorFT.Machine.IO;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>A fast reader ends more in the time that the other replica lags than is kept for it: that is no reason for an I/O error there alone.</summary>
public class ForgottenResultTests
{
    private readonly Host _host = new();
    private readonly DiskMirror _mirror;

    public ForgottenResultTests()
    {
        _mirror = new DiskMirror(new DiskName("db", "data"), new DiskGeometry(1 << 20), new MirrorSettings { KeptBytes = 4096 }, _host);
        _mirror.CopyOpened(true, "");
        _mirror.PeerIn(7, 1, isSource: true);
        MirrorHostBase.Hear(_mirror, new CopyStands(CopyUse.Rebuilding, "new"));
        for (ulong id = 1; id <= 3; id++)
        {
            _mirror.Request(Read(id));
            _host.End(null, (byte)id);
        }
    }

    [Fact]
    public void ReadThatIsNotKept_IsReadAgain_Once()
    {
        MirrorHostBase.Hear(_mirror, Wanted(1));
        MirrorHostBase.Hear(_mirror, Wanted(1)); // asked again meanwhile
        BlockRequested again = Assert.Single(_host.Submitted);
        Assert.Equal((BlockOperation.Read, 4096UL, 4096UL), (again.Operation, again.OffsetBytes, again.LengthBytes));
        _host.End(null, 1);
        Assert.Equal((PeerAnswer.Ok, (byte)1), Told(1));
        Assert.Empty(_host.Submitted);
    }

    [Fact]
    public void ReadThatIsKept_IsAnsweredAtOnce()
    {
        MirrorHostBase.Hear(_mirror, Wanted(3));
        Assert.Equal((PeerAnswer.Ok, (byte)3), Told(3));
        Assert.Empty(_host.Submitted);
    }

    [Fact]
    public void ReadThatIsNotKept_AndWhatItSawWasWrittenSince_IsGone()
    {
        _mirror.Request(new BlockRequested(0, 4, BlockOperation.Write, 8192, 512, new byte[512]));
        MirrorHostBase.Hear(_mirror, Wanted(1));
        Assert.Equal((PeerAnswer.Gone, default(byte)), Told(1));
        Assert.Single(_host.Submitted); // the write
    }

    [Fact]
    public void ReadAgain_ThatFails_IsBad()
    {
        MirrorHostBase.Hear(_mirror, Wanted(1));
        _host.End(CopyFaultKind.Corrupt);
        Assert.Equal((PeerAnswer.Bad, default(byte)), Told(1));
    }

    [Theory]
    [InlineData(4096UL, 0UL)]
    [InlineData(1UL << 20, 4096UL)]
    [InlineData(4096UL, 1UL << 40)]
    [InlineData(4097UL, 4096UL)]
    public void RangeThatIsNoneOfTheDisk_IsGone(ulong offset, ulong length)
    {
        MirrorHostBase.Hear(_mirror, new ResultWanted(1, offset, length));
        Assert.Equal((PeerAnswer.Gone, default(byte)), Told(1));
        Assert.Empty(_host.Submitted);
    }

    private static BlockRequested Read(ulong id) => new(0, id, BlockOperation.Read, 4096 * id, 4096, default);

    private static ResultWanted Wanted(ulong id) => new(id, 4096 * id, 4096);

    private (PeerAnswer, byte) Told(ulong id)
    {
        ResultTold told = Assert.Single(_host.Told, told => told.RequestId == id);
        return (told.Answer, told.Data.IsEmpty ? default : told.Data.Span[0]);
    }

    private sealed class Host : MirrorHostBase
    {
        internal List<ResultTold> Told { get; } = [];

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
            if (MirrorCodec.Read(message.ToArray()).Item3 is ResultTold told) Told.Add(told);
        }
    }
}
