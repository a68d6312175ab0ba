using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using Xunit;

namespace ActorFT.Storage.Tests.Copies;

/// <summary>What of a resync the machine's own requests pass, and what they do not.</summary>
public sealed class RequestOrderTests
{
    private const int Region = 65536;

    private readonly RequestOrder _order = new();
    private ulong _machine, _mirror = RequestOrder.MirrorIds, _background = RequestOrder.BackgroundIds;

    private RequestOrder.Item Add(ulong id, BlockOperation operation, int region)
    {
        RequestOrder.Item item = new(new BlockRequested(0, id, operation, (ulong)(region * Region), operation == BlockOperation.Flush ? 0UL : Region, default));
        _order.Add(item);
        return item;
    }

    private RequestOrder.Item Guest(BlockOperation operation, int region = 0) => Add(++_machine, operation, region);

    private RequestOrder.Item Mirror(BlockOperation operation, int region = 0) => Add(++_mirror, operation, region);

    private RequestOrder.Item Resync(BlockOperation operation, int region) => Add(++_background, operation, region);

    // One mutation after the other, to the end.
    private List<RequestOrder.Item> Mutations()
    {
        List<RequestOrder.Item> order = [];
        while (_order.StartMutation() is { } item)
        {
            order.Add(item);
            _order.Finish(item);
        }

        return order;
    }

    [Fact]
    public void Machine_WritesBesideAResync_GoesFirst()
    {
        RequestOrder.Item first = Resync(BlockOperation.Write, 0), second = Resync(BlockOperation.Write, 1), write = Guest(BlockOperation.Write, 2), flush = Guest(BlockOperation.Flush);
        Assert.Equal([write, flush, first, second], Mutations());
    }

    [Fact]
    public void Machine_WritesWhereAResyncWrites_KeepsTheOrderAndItsOwn()
    {
        RequestOrder.Item region = Resync(BlockOperation.Write, 0), over = Guest(BlockOperation.Write, 0), beside = Guest(BlockOperation.Write, 1), flush = Guest(BlockOperation.Flush);
        Assert.Equal([region, over, beside, flush], Mutations());
    }

    [Fact]
    public void Mutation_UnderWay_HoldsEveryOtherWhereverItIs()
    {
        Resync(BlockOperation.Write, 0);
        RequestOrder.Item write = Guest(BlockOperation.Write, 1);
        Assert.Equal(write, _order.StartMutation());
        Assert.Null(_order.StartMutation());
    }

    [Fact]
    public void FlushOfTheMirror_CoversWhatAResyncWroteBefore()
    {
        RequestOrder.Item region = Resync(BlockOperation.Write, 0), flush = Mirror(BlockOperation.Flush), later = Guest(BlockOperation.Write, 2);
        Assert.Equal([region, flush, later], Mutations());
    }

    [Fact]
    public void Machine_ReadsBesideAResync_GoesFirstAndNotWhereItIsWritten()
    {
        RequestOrder.Item background = Resync(BlockOperation.Read, 0), write = Resync(BlockOperation.Write, 1), behind = Guest(BlockOperation.Read, 1), beside = Guest(BlockOperation.Read, 2);
        Assert.Equal([beside, background], [_order.StartRead(), _order.StartRead()]);
        Assert.Null(_order.StartRead()); // what it reads is being written
        Assert.Equal(write, _order.StartMutation());
        _order.Finish(write);
        Assert.Equal(behind, _order.StartRead());
    }

    [Theory]
    [InlineData(BlockOperation.Read)]
    [InlineData(BlockOperation.Write)]
    public void Resync_BesideAMachineThatNeverRests_GoesOn(BlockOperation operation)
    {
        RequestOrder.Item background = Resync(operation, 0);
        int passed = 0;
        for (RequestOrder.Item? item = null; item != background; passed++)
        {
            Assert.InRange(passed, 0, 20);
            Guest(operation, 1 + passed);
            item = operation == BlockOperation.Read ? _order.StartRead() : _order.StartMutation();
            Assert.NotNull(item);
            _order.Finish(item);
        }
    }
}
