using ActorFT.Lockstep.Frames;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Tests.Records;
using ActorFT.Machine;
using ActorFT.Machine.State;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Lockstep.Tests.Messages;

/// <summary>What servers say to each other over the FT link, and what is written to a record, has a version: nothing changes without it.</summary>
public sealed class LinkContractTests
{
    // Raised for reasons of its own, and compared by itself.
    private const ushort AnyRevision = 7;

    [Fact]
    public void MessagesOfTheFtLink_AreAsTheirVersionSays() =>
        Contract.Hold("link-messages", "Hello.ProtocolVersion", Hello.ProtocolVersion,
            LinkCodecTests.Samples.SelectMany(sample => Contract.Bytes(sample.GetType().Name,
                FrameCodec.Make(LinkCodecTests.Encode(sample is Hello hello ? hello with { ExecutionRevision = AnyRevision } : sample)))));

    [Theory]
    [InlineData(BlockDataMode.Hashed)]
    [InlineData(BlockDataMode.Carried)]
    public void Records_AreAsTheirVersionSays(BlockDataMode mode) =>
        Contract.Hold($"record-{mode}".ToLowerInvariant(), "RecordCodec.Version", RecordCodec.Version, Contract.Bytes("record", Samples.Encode(Samples.Record(), mode)));

    [Fact]
    public void RecordFile_IsAsItsVersionSays()
    {
        // The hash covers the execution revision.
        RecordLogWriter log = new(RecordLogHeader.Of(Samples.Machine, BlockDataMode.Carried, "vmlinux", "initrd.img") with { DefinitionHash = new Digest(1, 2) });
        Contract.Hold("record-file", "RecordLogWriter.Version", RecordLogWriter.Version,
        [
            .. Contract.Bytes("beginning", log.Start.Span),
            .. Contract.Bytes("end", log.End(new RecordLogEnd(9, new Digest(5, 6), MachinePower.Off)).Span),
        ]);
    }
}
