using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>A follower's copy that stalls goes out of service long before the deadline, when the leader's has ended the same request; and never for another reason.</summary>
public sealed class StallBehindTests
{
    private const int LimitMs = 2_000, TickMs = 20;

    private readonly Host _host = new();
    private readonly DiskMirror _mirror;
    private long _nowMs = 1_000;
    private ulong _told;

    public StallBehindTests() => _mirror = NewMirror(new MirrorSettings());

    private DiskMirror NewMirror(MirrorSettings settings, bool isSource = false, CopyUse peer = CopyUse.Current)
    {
        DiskMirror mirror = new(new DiskName("db", "data"), new DiskGeometry(1 << 20), settings, _host);
        mirror.Tick(_nowMs);
        mirror.CopyOpened(true, "");
        mirror.PeerIn(7, 1, isSource);
        if (isSource) mirror.MarkBase();
        MirrorHostBase.Hear(mirror, new RequestsEnded(0, []));
        MirrorHostBase.Hear(mirror, new CopyStands(peer, "as the test has it"));
        return mirror;
    }

    private void EndedThere(DiskMirror mirror, params ulong[] ids) => MirrorHostBase.Hear(mirror, new RequestsEnded(++_told, ids));

    private static BlockRequested Flush(ulong id) => new(0, id, BlockOperation.Flush, 0, 0, default);

    private void Run(DiskMirror mirror, long milliseconds, int everyMs = TickMs)
    {
        for (long end = _nowMs + milliseconds; _nowMs < end;) mirror.Tick(_nowMs += everyMs);
    }

    [Fact]
    public void Request_ThatTheLeaderEndedLongAgo_TakesTheFollowersCopyOutAndIsAnsweredByTheOther()
    {
        _mirror.Request(Flush(1));
        Run(_mirror, 3_000); // the leader's copy has not ended it either: both are slow, or one flush is long
        Assert.Null(_host.Failed);
        EndedThere(_mirror, 1);
        Run(_mirror, LimitMs - TickMs);
        Assert.Null(_host.Failed);
        Run(_mirror, 2 * TickMs);
        Assert.Equal(CopyFaultKind.Stalled, _host.Failed);
        Assert.Equal(CopyUse.Out, _mirror.Use);
        _host.End(CopyFaultKind.Stalled); // given up
        MirrorHostBase.HearAnswer(_mirror, PeerAnswer.Ok);
        Run(_mirror, 1_000);
        Assert.Contains(_host.Told.OfType<ResultWanted>(), wanted => wanted.RequestId == 1);
        MirrorHostBase.Hear(_mirror, new ResultTold(1, PeerAnswer.Ok, default));
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void Replica_ThatExecutesLate_DoesNotAccuseItsDisk()
    {
        EndedThere(_mirror, 1);
        Run(_mirror, 10_000);
        _mirror.Request(Flush(1));
        Run(_mirror, LimitMs - TickMs);
        Assert.Null(_host.Failed);
        _host.End(null);
        Run(_mirror, 10_000);
        Assert.Null(_host.Failed);
        Assert.Equal([(1UL, BlockStatus.Ok)], _host.Ended);
    }

    [Fact]
    public void Host_WithoutProcessorTime_DoesNotAccuseItsDisk()
    {
        _mirror.Request(Flush(1));
        EndedThere(_mirror, 1);
        Run(_mirror, 8_000, everyMs: 500); // sixteen ticks in eight seconds
        Assert.Null(_host.Failed);
    }

    [Fact]
    public void Copy_ThatTookLongBefore_HasFourTimesAsLong()
    {
        _mirror.Request(Flush(1));
        _host.End(null, latencyMs: 700);
        _mirror.Request(Flush(2));
        EndedThere(_mirror, 1, 2);
        Run(_mirror, 2_700);
        Assert.Null(_host.Failed);
        Run(_mirror, 200);
        Assert.Equal(CopyFaultKind.Stalled, _host.Failed);
    }

    [Fact]
    public void WhatTheCopyTook_IsToldOfRequestsThatItEndedWell()
    {
        _mirror.Request(Flush(1));
        _host.End(null, latencyMs: 7);
        _mirror.Request(Flush(2));
        _host.End(CopyFaultKind.BadRequest, latencyMs: 8); // by the machine's own fault: the device was not asked
        _mirror.Request(Flush(3));
        _host.End(CopyFaultKind.IoError, latencyMs: 9);
        Assert.Equal([(BlockOperation.Flush, 7)], _host.Took);
    }

    [Theory]
    [InlineData(true, CopyUse.Current, LimitMs)]     // the leader's copy is never taken out by comparing: both could be
    [InlineData(false, CopyUse.Rebuilding, LimitMs)] // the other copy could not answer
    [InlineData(false, CopyUse.Out, LimitMs)]
    [InlineData(false, CopyUse.Current, 0)]          // an operator wants it so
    public void Copy_ThatIsNeededOrNotToBeCompared_StaysInService(bool isSource, CopyUse peer, int limitMs)
    {
        DiskMirror mirror = NewMirror(new MirrorSettings { StallBehindMs = limitMs }, isSource, peer);
        mirror.Request(Flush(1));
        EndedThere(mirror, 1);
        Run(mirror, 60_000);
        Assert.Null(_host.Failed);
        Assert.Equal(CopyUse.Current, mirror.Use);
    }

    private sealed class Host : MirrorHostBase
    {
        internal List<MirrorMessage> Told { get; } = [];

        internal CopyFaultKind? Failed { get; private set; }

        public override void Send(ReadOnlySpan<byte> message, bool isRegion) => Told.Add(MirrorCodec.Read(message.ToArray()).Message);

        public override void OnCopyFailed(CopyFaultKind kind, string detail) => Failed = kind;

        public override void Record(Action<DiskCopy> change, Action<bool> ended)
        {
        }

        public override void MarkStale(Action ended) => ended();
    }
}
