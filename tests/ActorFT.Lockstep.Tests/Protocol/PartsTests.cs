using ActorFT.Lockstep.Leading;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Lockstep.Tests.Protocol;

public class PartsTests
{
    private const ulong Ms = 1_000_000;

    [Fact]
    public void Clock_OfAPromotedFollower_GoesOnInRealTimeAndNeverBack()
    {
        var clock = new RoundClock(goesBack: false);
        clock.Start(timeNs: 1000 * Ms, nowNs: 50_000 * Ms);
        for (ulong i = 0; i < 100; i++) clock.Observe(1000 * Ms + i * Ms, 50_000 * Ms + i * Ms + (i % 7 + 1) * Ms / 10); // 0.1 to 0.7 ms under way
        clock.Executed(1099 * Ms);
        clock.TakeOver(50_600 * Ms); // half a second of outage
        Assert.InRange(clock.Stamp(50_600 * Ms), 1599 * Ms, 1600 * Ms);
        Assert.InRange(clock.Stamp(50_700 * Ms), 1699 * Ms, 1700 * Ms);
    }

    [Fact]
    public void Clock_ThatWouldBeBehindTheLastRound_WaitsForItInstead()
    {
        var clock = new RoundClock(goesBack: false);
        clock.Start(0, 0);
        clock.Observe(100 * Ms, 200 * Ms);
        clock.Executed(300 * Ms); // its own clock says 200
        clock.TakeOver(300 * Ms);
        Assert.Equal(300 * Ms, clock.Stamp(300 * Ms));
        Assert.Equal(310 * Ms, clock.Stamp(310 * Ms));
    }

    [Fact]
    public void Reads_ActAtOnceUnlessAWriteTheyMustSeeWaits()
    {
        var order = new DiskOrder();
        Assert.False(order.MustWait(Block(1, BlockOperation.Read, 0)));
        BlockRequested write = Block(2, BlockOperation.Write, 512);
        Assert.True(order.MustWait(write));
        Assert.False(order.MustWait(Block(3, BlockOperation.Read, 0)));
        Assert.False(order.MustWait(Block(4, BlockOperation.Read, 512, disk: 1)));
        BlockRequested flush = Block(5, BlockOperation.Flush, 0);
        Assert.True(order.MustWait(flush)); // a write before it waits: what a flush covers is the same on both servers
        Assert.False(order.MustWait(Block(5, BlockOperation.Flush, 0, disk: 1)));
        BlockRequested read = Block(6, BlockOperation.Read, 512);
        Assert.True(order.MustWait(read));
        order.Performed(write);
        order.Performed(flush);
        order.Performed(read);
        Assert.False(order.MustWait(Block(6, BlockOperation.Flush, 0)));
        Assert.False(order.MustWait(Block(7, BlockOperation.Read, 512)));
        Assert.True(order.MustWait(Block(8, BlockOperation.Discard, 512)));
        Assert.True(order.MustWait(Block(9, BlockOperation.WriteZeroes, 512)));
    }

    [Fact]
    public void Gate_LetsGoInOrderAndOnlyBeforeTheCommitPoint()
    {
        var gate = new OutputGate(writesAtOnce: false);
        var immediate = new List<MachineOutput>();
        MachineOutput[] outputs = [new ConsoleWritten(0, new byte[100]), Block(1, BlockOperation.Write, 0), Block(2, BlockOperation.Read, 4096)];
        gate.Add(5, outputs, immediate);
        gate.Add(6, [new FrameTransmitted(0, new byte[60])], immediate);
        Assert.Equal([outputs[2]], immediate);
        var released = new List<MachineOutput>();
        gate.Release(5, released);
        Assert.Empty(released);
        gate.Release(6, released);
        Assert.Equal(outputs[..2], released);
        Assert.InRange(gate.HeldBytes, 60, 200);
        gate.Release(7, released);
        Assert.Equal((0L, true), (gate.HeldBytes, gate.IsEmpty));
    }

    [Fact]
    public void Window_RefusesAcknowledgementsOfWhatWasNeverSent()
    {
        var window = new SendWindow(10, 0);
        window.Add(new Record { FirstRound = 10, Rounds = [new Round(1), new Round(2)] }, 0);
        Assert.False(window.Acknowledge(13, 10, 0));
        Assert.False(window.Acknowledge(11, 12, 0));
        Assert.True(window.Acknowledge(12, 10, 0));
        Assert.True(window.Acknowledge(10, 10, 0)); // late, and harmless
        Assert.Equal((12UL, 10UL, 0), (window.StoredRound, window.ExecutedRound, window.UnstoredRecords));
        Assert.Throws<InvariantViolatedException>(() => window.Add(new Record { FirstRound = 13, Rounds = [new Round(3)] }, 0));
    }

    [Fact]
    public void Window_CountsSleepAsNoLag()
    {
        var window = new SendWindow(0, 0);
        window.Add(new Record { FirstRound = 0, Rounds = [new Round(3_600_000 * Ms), new Round(3_600_001 * Ms)] }, 0);
        Assert.InRange(window.UnexecutedNs, 1 * Ms, 6 * Ms);
        window.Acknowledge(2, 2, 0);
        Assert.Equal(0UL, window.UnexecutedNs);
    }

    private static BlockRequested Block(ulong id, BlockOperation operation, ulong offset, int disk = 0) =>
        new(disk, id, operation, offset, operation == BlockOperation.Flush ? 0UL : 512, operation == BlockOperation.Write ? new byte[512] : default);
}
