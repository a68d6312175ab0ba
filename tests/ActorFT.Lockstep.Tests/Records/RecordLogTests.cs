using System.Buffers;
using ActorFT.Lockstep.Frames;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.State;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Lockstep.Tests.Records;

public class RecordLogTests
{
    private static readonly Record First = Samples.Record(0, 1000), Second = Samples.Record(4, 2_000_000);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1 << 20)]
    public void Log_FedInPieces_GivesItsEntries(int pieceBytes)
    {
        (RecordLogReader reader, List<RecordLogEntry> entries) = Read(Samples.Log(First, Second), pieceBytes);
        Assert.Equal([First, Second], entries.Take(2).Select(entry => entry.Record));
        Assert.Equal(new RecordLogEnd(8, new Digest(5, 6), MachinePower.Off), entries[2].End);
        Assert.Null(reader.Problem);
    }

    [Fact]
    public void Header_CompletedWithTheSameKernel_GivesTheSameMachine()
    {
        var reader = new RecordLogReader();
        reader.Feed(Samples.Log(First));
        Assert.True(reader.TryReadHeader(out RecordLogHeader? header));
        Assert.Equal(("vmlinux", "initrd.img", BlockDataMode.Carried), (header!.KernelSource, header.InitrdSource, header.BlockData));
        MachineDefinition machine = header.Complete(Samples.Machine.Kernel, Samples.Machine.Initrd);
        Assert.Equal(MachineIdentity.Of(Samples.Machine), MachineIdentity.Of(machine));
        Assert.Contains("kernel", Assert.Throws<StateFormatException>(() => header.Complete(new byte[] { 1 }, Samples.Machine.Initrd)).Message);
    }

    [Fact]
    public void TornLog_AtEveryLength_KeepsWholeRecordsAndNamesTheOffset()
    {
        byte[] bytes = Samples.Log(First, Second);
        int startBytes = new RecordLogWriter(RecordLogHeader.Of(Samples.Machine, BlockDataMode.Carried, "vmlinux", "initrd.img")).Start.Length;
        for (int length = 0; length < bytes.Length; length++)
        {
            byte[] torn = bytes[..length];
            if (length < startBytes)
            {
                Assert.Throws<StateFormatException>(() => Read(torn, 64));
                continue;
            }
            (RecordLogReader reader, List<RecordLogEntry> entries) = Read(torn, 64);
            Assert.True(reader.Problem!.IsTorn);
            Assert.InRange(reader.Problem.OffsetBytes, startBytes, length);
            Assert.Contains($"offset {reader.Problem.OffsetBytes}", reader.Problem.Message);
            Assert.Equal(new[] { First, Second }.Take(entries.Count), entries.Select(entry => entry.Record));
        }
    }

    [Fact]
    public void DamagedLog_AtEveryByte_IsFoundAndNoFalseRecordIsGiven()
    {
        byte[] bytes = Samples.Log(First, Second);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] damaged = (byte[])bytes.Clone();
            damaged[i] ^= 0x10;
            try
            {
                (RecordLogReader reader, List<RecordLogEntry> entries) = Read(damaged, 4096);
                Assert.NotNull(reader.Problem);
                Assert.Equal(new[] { First, Second }.Take(entries.Count), entries.Select(entry => entry.Record));
            }
            catch (StateFormatException)
            {
                // The header or what is before it.
            }
        }
    }

    [Fact]
    public void ForeignFile_IsRefusedWithASentence()
    {
        Assert.Contains("not an ActorFT record log", Assert.Throws<StateFormatException>(() => Read("#!/bin/sh\nexit 0\n"u8.ToArray(), 64)).Message);
        byte[] other = Samples.Log(First);
        other[8] = 9;
        Assert.Contains("version 9", Assert.Throws<StateFormatException>(() => Read(other, 64)).Message);
    }

    [Fact]
    public void Records_ThatDoNotContinue_StopTheReader()
    {
        byte[] whole = Samples.Log(BlockDataMode.Carried, isEnded: false, First);
        byte[] other = Samples.Log(BlockDataMode.Carried, isEnded: false, Samples.Record(5));
        byte[] start = new RecordLogWriter(RecordLogHeader.Of(Samples.Machine, BlockDataMode.Carried, "vmlinux", "initrd.img")).Start.ToArray();
        (RecordLogReader reader, List<RecordLogEntry> entries) = Read([.. whole, .. other[start.Length..]], 4096);
        Assert.Single(entries);
        Assert.Contains("round 5, where 4 was expected", reader.Problem!.Message);
        Assert.False(reader.Problem.IsTorn);
        Assert.Equal(whole.Length, reader.Problem.OffsetBytes);
    }

    [Fact]
    public void Definition_ChangedInAnyPart_HasAnotherIdentity()
    {
        MachineDefinition machine = Samples.Machine;
        MachineDefinition[] others =
        [
            machine with { Name = "other" }, machine with { VcpuCount = 1 }, machine with { MemoryBytes = 128 << 20 },
            machine with { QuantumInstructions = 1 }, machine with { Kernel = new byte[] { 1, 2, 4 } }, machine with { Initrd = default },
            machine with { CommandLine = "" }, machine with { Disks = [] }, machine with { Nics = [] }, machine with { HasVirtioConsole = true },
            machine with { HasEntropy = false }, machine with { StartWallClockNs = 1 }, machine with { RngSeed = default },
        ];
        Assert.Equal(others.Length + 1, others.Append(machine).Select(MachineIdentity.Of).Distinct().Count());
    }

    private static (RecordLogReader Reader, List<RecordLogEntry> Entries) Read(byte[] bytes, int pieceBytes)
    {
        var reader = new RecordLogReader();
        var entries = new List<RecordLogEntry>();
        for (int offset = 0; offset < bytes.Length; offset += pieceBytes)
        {
            reader.Feed(bytes.AsSpan(offset, Math.Min(pieceBytes, bytes.Length - offset)));
            if (!reader.TryReadHeader(out _)) continue;
            while (reader.TryRead(out RecordLogEntry entry)) entries.Add(entry);
        }
        reader.Finish();
        return (reader, entries);
    }

    // Its outputs would be counted by a record that nobody may ever have written.
    [Fact]
    public void RecordWhoseLastRoundIsAhead_IsNeitherWrittenNorRead()
    {
        Record ahead = Samples.Record() with { DigestAtEnd = null, IsLastRoundAhead = true };
        Assert.Throws<InvariantViolatedException>(() => Samples.Log(ahead));

        var log = new ArrayBufferWriter<byte>();
        log.Write(new RecordLogWriter(RecordLogHeader.Of(Samples.Machine, BlockDataMode.Carried, "vmlinux", "initrd.img")).Start.Span);
        FrameCodec.Write(log, [(byte)'R', .. Samples.Encode(ahead, BlockDataMode.Carried)]);
        var reader = new RecordLogReader();
        reader.Feed(log.WrittenSpan);
        Assert.True(reader.TryReadHeader(out _));
        Assert.False(reader.TryRead(out _));
        Assert.Contains("still to be run", reader.Problem!.Message, StringComparison.Ordinal);
    }
}
