using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using Xunit;

namespace ActorFT.Lockstep.Tests.Records;

/// <summary>What a machine that executes a record is given for its own disk's answer. A replica that won against its leader must not lead another history than the one that clients saw (seed 2382 of scripts/simulate --disks).</summary>
public class BlockCompletionReferenceTests
{
    private static readonly BlockCompleted s_read = new(0, 7, BlockStatus.Ok, new byte[] { 1, 2 }), s_other = s_read with { Data = new byte[] { 1, 3 } }, s_write = new(0, 8, BlockStatus.Ok, default);

    private static BlockCompleted Failed(BlockCompleted completion) => completion with { Status = BlockStatus.IoError, Data = default };

    private static BlockCompleted? For(BlockCompleted leaders, BlockCompleted own, bool hasLeader) => BlockCompletionReference.Of(leaders).For(own, hasLeader, out _);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SameAnswer_AndTheLeadersError_AreTaken(bool hasLeader)
    {
        Assert.Equal(s_read, For(s_read, s_read, hasLeader));
        Assert.Equal(BlockStatus.IoError, For(Failed(s_read), s_read, hasLeader)!.Status);
        Assert.True(For(Failed(s_read), s_read, hasLeader)!.Data.IsEmpty);
    }

    [Fact]
    public void WhetherItDiffers_IsToldOfWhatEndedWellForTheLeader()
    {
        BlockCompletionReference read = BlockCompletionReference.Of(s_read), failed = BlockCompletionReference.Of(Failed(s_read));
        read.For(s_read, hasLeader: true, out bool same);
        read.For(s_other, hasLeader: true, out bool otherBytes);
        failed.For(s_read, hasLeader: true, out bool ofAnError);
        Assert.Equal((false, true, false), (same, otherBytes, ofAnError));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ReadThatFailedHereOnly_EndsTheReplica(bool hasLeader) => Assert.Null(For(s_read, Failed(s_read), hasLeader));

    [Fact]
    public void WithItsLeader_OtherBytesAreDigestsToJudge_AndAChangeThatFailedHereIsDone()
    {
        Assert.Equal(s_other, For(s_read, s_other, hasLeader: true));
        Assert.Equal(BlockStatus.Ok, For(s_write, Failed(s_write), hasLeader: true)!.Status);
    }

    [Fact]
    public void WithoutALeader_OtherBytesAndAChangeThatFailedHere_EndTheReplica()
    {
        Assert.Null(For(s_read, s_other, hasLeader: false));
        Assert.Null(For(s_write, Failed(s_write), hasLeader: false));
    }
}
