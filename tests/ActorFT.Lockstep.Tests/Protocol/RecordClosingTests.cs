using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using Xunit;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>When a record closes: at once if something waits for it, and not for a write, which has ended for the guest.</summary>
public sealed class RecordClosingTests
{
    private static BlockRequested Block(ulong id, BlockOperation operation, ulong offset = 0) =>
        new(0, id, operation, offset, operation == BlockOperation.Flush ? 0UL : 512, operation == BlockOperation.Write ? new byte[512] : default);

    private static int Closed(ScriptedReplica replica) => replica.Sent.OfType<RecordSent>().Count();

    [Fact]
    public void Write_ThatNoFlushFollows_WaitsForTheRecordsAge_AndIsHeldUntilItIsStored()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { MaxRecordNs = 3 * ScriptedReplica.Ms }).BootDuplex();
        replica.Run(Block(1, BlockOperation.Write));
        replica.Run(Block(2, BlockOperation.Write, 4096));
        replica.Run();
        Assert.Equal(0, Closed(replica));
        replica.Run();
        Assert.Equal(1, Closed(replica));
        Assert.Empty(replica.Performed);
        replica.Hear(replica.Progress(4, executed: 0));
        Assert.Equal(2, replica.Performed.Count());
    }

    [Fact]
    public void Write_OfAMachineThatIsIdleThen_LeavesByTheTick()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Block(1, BlockOperation.Write));
        Assert.Equal(0, Closed(replica));
        replica.Pass(4);
        Assert.Equal(1, Closed(replica));
    }

    [Theory]
    [InlineData(BlockOperation.Flush)]
    [InlineData(BlockOperation.Read)] // of what the write changes: it is held, and the guest waits for it
    [InlineData(BlockOperation.Discard)]
    public void RequestThatTheGuestWaitsFor_BehindAWrite_ClosesAtOnce(BlockOperation operation)
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Block(1, BlockOperation.Write));
        replica.Run(Block(2, operation));
        Assert.Equal(1, Closed(replica));
    }

    // Where the round itself was not told ahead: a digest was due.
    [Fact]
    public void Write_SoonAfterAFlush_ClosesAtOnce()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { FlushExpectedNs = 5 * ScriptedReplica.Ms, MaxRecordNs = 50 * ScriptedReplica.Ms, DigestIntervalNs = 0 }).BootDuplex();
        replica.Run(Block(1, BlockOperation.Flush));
        Assert.Equal(1, Closed(replica));
        replica.Run(Block(2, BlockOperation.Write));
        Assert.Equal(2, Closed(replica));
        for (int i = 0; i < 6; i++) replica.Run();
        replica.Run(Block(3, BlockOperation.Write));
        Assert.Equal(2, Closed(replica));
    }

    // A record that closes by its age has no digest: in verified the write would wait for another one's.
    [Fact]
    public void Write_InVerified_ClosesAtOnceWithADigest()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { Commit = CommitMode.Verified }).BootDuplex(CommitMode.Verified);
        replica.Run(Block(1, BlockOperation.Write));
        Assert.NotNull(Assert.Single(replica.Sent.OfType<RecordSent>()).Record.DigestAtEnd);
    }
}
