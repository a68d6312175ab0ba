using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Lockstep.Tests.Messages;

public sealed class CopyFilterTests
{
    private static byte[] Bytes(ulong incarnation, ulong sequence, LinkMessage? message = null)
    {
        StateWriter writer = new();
        LinkCodec.Encode(writer, new LinkEnvelope(incarnation, sequence, message ?? new PeerRefused("no")));
        return writer.Written.ToArray();
    }

    [Fact]
    public void Copy_OfAnEnvelopeTaken_IsTold()
    {
        CopyFilter filter = new();
        Assert.True(filter.TryTake(Bytes(7, 1)));
        Assert.True(filter.TryTake(Bytes(7, 2)));
        Assert.False(filter.TryTake(Bytes(7, 1)));
        Assert.False(filter.TryTake(Bytes(7, 2)));
    }

    [Fact]
    public void Envelope_OfAnotherRun_IsTaken()
    {
        CopyFilter filter = new();
        Assert.True(filter.TryTake(Bytes(7, 5)));
        Assert.True(filter.TryTake(Bytes(8, 5)));
        Assert.False(filter.TryTake(Bytes(8, 5)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Envelopes_OnTwoPathsThatLoseAndLag_EachPassAtLeastOnce_AndNoneIsCalledACopyThatDidNotPass(int seed)
    {
        Random random = new(seed);
        CopyFilter filter = new();
        HashSet<ulong> arrived = [], taken = [];
        Queue<ulong> slow = new();
        void Offer(ulong sequence)
        {
            arrived.Add(sequence);
            if (filter.TryTake(Bytes(3, sequence))) taken.Add(sequence);
            else Assert.Contains(sequence, taken);
        }

        ulong next = 1;
        for (int step = 0; step < 20_000; step++)
        {
            ulong sequence = next;
            next += random.Next(1000) == 0 ? (ulong)random.Next(1, 6000) : 1; // messages of other kinds and a path of their own leave gaps
            if (random.Next(10) != 0) Offer(sequence);
            if (random.Next(10) != 0) slow.Enqueue(sequence);
            while (slow.Count > (step % 5000 < 2500 ? 10 : 5000)) Offer(slow.Dequeue());
        }

        Assert.Equal(arrived, taken);
    }

    [Fact]
    public void Hello_AndBulkState_AreNeverCalledCopies()
    {
        CopyFilter filter = new();
        byte[] batch = Bytes(7, 0, new StateBatch(new StreamId(1, 0), 3, StateKind.Pages, new byte[] { 1 }));
        byte[] hello = Bytes(7, 9, new Hello { Server = "a", Machine = "m", DefinitionHash = default, Commit = CommitMode.Received });
        for (int i = 0; i < 3; i++)
        {
            Assert.True(filter.TryTake(batch));
            Assert.True(filter.TryTake(hello));
        }
    }

    [Fact]
    public void Bytes_ThatAreNoEnvelope_AreLeftToTheDecoder()
    {
        CopyFilter filter = new();
        for (int i = 0; i < 2; i++)
        {
            Assert.True(filter.TryTake([]));
            Assert.True(filter.TryTake([11, 1, 2]));
            Assert.True(filter.TryTake([11, 1, 2, 3, 4, 5, 6, 7, 8, 0xFF, 0xFF]));
        }
    }
}
